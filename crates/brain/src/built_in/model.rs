//! A language model behind an OpenAI-compatible server: Ollama, llama.cpp's server, vLLM.

mod address;
mod answer;
mod error;
mod request;
mod thinking;

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use net::{Client, HttpError, Kind, Limits, Response, Token};
use serde_json::Value;

pub use self::address::ModelAddress;
pub(super) use self::{
    answer::{Assembled, Finish, WantedCall},
    error::ModelError,
    request::{Messages, offer},
};
use crate::bounded::{DOCUMENT, ERROR_DOCUMENT, NAME, cut};

/// Where Ollama listens unless it is told otherwise. By number: a name may lead to ::1, where it does not.
const OLLAMA: &str = "http://127.0.0.1:11434";
/// How long a server on this computer, of which nobody said that it is there, may take to say so.
const LOOK: Duration = Duration::from_millis(500);
/// How long it is not looked for again.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// How long a server that was set up may take to say which models it has.
const LIST: Duration = Duration::from_secs(10);
/// How long an answer may take: a model may have to be loaded before its first word.
const ANSWER: Limits = Limits { whole: Duration::from_secs(600), pause: Duration::from_secs(120) };

/// Which model is asked.
#[derive(Debug, Clone, Default)]
pub struct ModelOptions {
    /// Where its server is. None: an Ollama on this computer is looked for.
    pub address: Option<ModelAddress>,
    /// Its name. None: the first one that the server has.
    pub name: Option<String>,
    /// A key that the server wants. It goes to the address above only, and nowhere without one.
    pub key: Option<Token>,
}

/// A model, or the place where one may be.
#[derive(Debug)]
pub(super) struct Model {
    address: ModelAddress,
    client: Client,
    /// Whether a person said that it is there.
    set: bool,
    name: Option<String>,
    learnt: Mutex<Learnt>,
}

#[derive(Debug, Default)]
struct Learnt {
    /// A model that the server has.
    name: Option<String>,
    /// Until when there is none.
    nowhere_until: Option<Instant>,
    /// Whether it cannot use tools.
    lacks_tools: bool,
}

/// What came of a look for the model.
#[derive(Debug)]
pub(super) enum Found {
    /// It is probably there, and called so.
    Named(String),
    /// There is none, and nobody said that there is one.
    Nowhere,
    /// Somebody said that there is one, and there is not.
    Lost(ModelError),
}

impl Model {
    pub(super) fn new(options: ModelOptions) -> Option<Self> {
        let set = options.address.is_some();
        let address = options.address.or_else(|| ModelAddress::parse(OLLAMA).ok())?;
        let client = Client::new(address.origin().clone());
        let client = match options.key {
            Some(key) if set => client.with_bearer(key),
            _ => client,
        };
        Some(Self { address, client, set, name: options.name, learnt: Mutex::default() })
    }

    fn learnt<R>(&self, look: impl FnOnce(&mut Learnt) -> R) -> R {
        look(&mut self.learnt.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Finds out which model is there. Asks the server only where that is not known.
    pub(super) async fn find(&self) -> Found {
        let (name, nowhere_until) = self.learnt(|learnt| (learnt.name.clone(), learnt.nowhere_until));
        if let Some(name) = name {
            return Found::Named(name);
        }
        match (&self.name, self.set) {
            (Some(name), true) => return Found::Named(name.clone()),
            (_, false) if nowhere_until.is_some_and(|until| Instant::now() < until) => return Found::Nowhere,
            _ => {}
        }
        match self.first().await {
            Ok(first) => {
                let name = self.name.clone().unwrap_or(first);
                self.learnt(|learnt| learnt.name = Some(name.clone()));
                Found::Named(name)
            }
            Err(error) if self.set => Found::Lost(error),
            Err(error) => {
                tracing::debug!(%error, "no language model is found on this computer");
                self.learnt(|learnt| learnt.nowhere_until = Some(Instant::now() + LOOK_AGAIN));
                Found::Nowhere
            }
        }
    }

    /// The first model of the server that can talk.
    async fn first(&self) -> Result<String, ModelError> {
        let limits = Limits::whole(if self.set { LIST } else { LOOK });
        let mut response = self.client.get(&self.address.target("/v1/models"), limits).await?;
        if response.status() != 200 {
            return Err(match self.refusal(&mut response, "").await {
                ModelError::NoInterface => ModelError::NoList,
                error => error,
            });
        }
        let document = response.document(DOCUMENT).await?;
        let list: Value = serde_json::from_slice(&document).map_err(|_| ModelError::NotModel)?;
        let models = list.get("data").and_then(Value::as_array).ok_or(ModelError::NotModel)?;
        let names = models.iter().filter_map(|model| model.get("id")?.as_str());
        let names = names.filter(|name| !name.is_empty() && name.len() <= NAME);
        // A server may have models that turn texts into numbers and cannot talk.
        let (embeds, talks): (Vec<_>, Vec<_>) = names.partition(|name| name.to_lowercase().contains("embed"));
        talks.first().or(embeds.first()).map(|name| (*name).to_owned()).ok_or(ModelError::NoModels)
    }

    /// Sends a request for an answer and waits for its head.
    ///
    /// # Errors
    /// [`ModelError::NoTools`] where the request offers tools and the model cannot use them.
    pub(super) async fn ask(&self, body: &Value, name: &str) -> Result<Response, ModelError> {
        let target = self.address.target("/v1/chat/completions");
        let mut response =
            self.client.post(&target, body.to_string(), ANSWER).await.inspect_err(|error| {
                if matches!(error, HttpError::Connect(_)) {
                    self.forget();
                }
            })?;
        match (response.status(), response.kind()) {
            (200, Kind::Page) => Err(ModelError::NotModel),
            (200, _) => Ok(response),
            _ => {
                let error = self.refusal(&mut response, name).await;
                let speaks_of_tools = error.said().is_some_and(|said| said.to_lowercase().contains("tool"));
                Err(if speaks_of_tools && body.get("tools").is_some() { ModelError::NoTools } else { error })
            }
        }
    }

    /// What a status means that is no answer.
    async fn refusal(&self, response: &mut Response, name: &str) -> ModelError {
        let status = response.status();
        match status {
            401 | 403 | 407 => return ModelError::Unauthorised(status),
            429 => return ModelError::Limited(response.retry_after()),
            300..=399 => return ModelError::Redirected(status),
            _ => {}
        }
        let said = answer::said(&response.beginning(ERROR_DOCUMENT).await);
        let said = said.map(|said| self.without_key(said));
        let of_model = said.as_ref().is_some_and(|said| said.to_lowercase().contains("model"));
        match status {
            404 if of_model => {
                self.forget();
                ModelError::NoSuchModel { name: cut(name, NAME), said }
            }
            404 | 405 => ModelError::NoInterface,
            400..=499 => ModelError::Rejected { status, said },
            _ => ModelError::Failed { status, said },
        }
    }

    /// A server's own words, without the key.
    pub(super) fn without_key(&self, said: String) -> String {
        self.client.without_token(said)
    }

    /// What was learnt may be true no more.
    fn forget(&self) {
        self.learnt(|learnt| *learnt = Learnt::default());
    }

    pub(super) fn address(&self) -> &ModelAddress {
        &self.address
    }

    /// Whether a person said that it is there.
    pub(super) fn is_set(&self) -> bool {
        self.set
    }

    /// Whether it is known to be unable to use tools.
    pub(super) fn lacks_tools(&self) -> bool {
        self.learnt(|learnt| learnt.lacks_tools)
    }

    /// It is known now.
    pub(super) fn has_no_tools(&self) {
        self.learnt(|learnt| learnt.lacks_tools = true);
    }
}
