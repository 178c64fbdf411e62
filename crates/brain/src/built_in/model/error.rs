//! What can go wrong with a language model.

use std::time::Duration;

use net::{ConnectError, HttpError};
use thiserror::Error;

use crate::Failure;

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(in super::super) enum ModelError {
    /// On the way to the server, or back.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// It wants to know who asks.
    #[error("it wants a key (HTTP {0})")]
    Unauthorised(u16),
    /// It sends everybody elsewhere. Nobody goes there, as the key must not.
    #[error("it sends visitors elsewhere (HTTP {0})")]
    Redirected(u16),
    /// It has had too many requests.
    #[error("it has had too many requests")]
    Limited(Option<Duration>),
    /// It does not say which models it has.
    #[error("it does not say which models it has")]
    NoList,
    /// It has no model.
    #[error("it has no model")]
    NoModels,
    /// It does not have this model.
    #[error("it has no model called {name}")]
    NoSuchModel { name: String, said: Option<String> },
    /// It has no interface for conversations.
    #[error("it has no interface for conversations")]
    NoInterface,
    /// The model cannot use tools.
    #[error("the model cannot use tools")]
    NoTools,
    /// It does not take this request.
    #[error("it does not take the request (HTTP {status})")]
    Rejected { status: u16, said: Option<String> },
    /// It, or something in front of it, failed.
    #[error("it failed (HTTP {status})")]
    Failed { status: u16, said: Option<String> },
    /// It began to answer and then said that it failed.
    #[error("it failed while it answered")]
    FailedLater { said: Option<String> },
    /// It is something else.
    #[error("it is no server of language models")]
    NotModel,
    /// It answered, and there is nothing in it.
    #[error("it answered with nothing")]
    Nothing,
}

impl ModelError {
    /// Stable, dotted, lower case.
    pub(in super::super) fn code(&self) -> &'static str {
        match self {
            Self::Http(HttpError::Connect(error)) => match error {
                ConnectError::UnknownName(_) => "model.unknown_name",
                ConnectError::Refused => "model.refused",
                ConnectError::Certificate(_) => "model.certificate",
                ConnectError::Tls(_) => "model.tls",
                _ => "model.unreachable",
            },
            Self::Http(HttpError::WantsTls) => "model.tls",
            Self::Http(HttpError::NotHttp) | Self::NotModel => "model.not_model",
            Self::Http(HttpError::Slow(_)) => "model.slow",
            Self::Http(HttpError::TooLong) => "model.too_long",
            Self::Http(HttpError::Broken | HttpError::Unsendable) => "model.broken",
            Self::Unauthorised(_) => "model.unauthorised",
            Self::Redirected(_) => "model.redirected",
            Self::Limited(_) => "model.limited",
            Self::NoList => "model.no_list",
            Self::NoModels => "model.none",
            Self::NoSuchModel { .. } => "model.no_such_model",
            Self::NoInterface => "model.no_interface",
            Self::NoTools => "model.no_tools",
            Self::Rejected { .. } => "model.rejected",
            Self::Failed { .. } => "model.failed",
            Self::FailedLater { .. } => "model.failed_later",
            Self::Nothing => "model.nothing",
        }
    }

    /// Whether the server was not even reached.
    pub(in super::super) fn is_unreached(&self) -> bool {
        matches!(self, Self::Http(HttpError::Connect(_) | HttpError::WantsTls))
    }

    /// The server's own words.
    pub(in super::super) fn said(&self) -> Option<&str> {
        match self {
            Self::NoSuchModel { said, .. }
            | Self::Rejected { said, .. }
            | Self::Failed { said, .. }
            | Self::FailedLater { said } => said.as_deref(),
            _ => None,
        }
    }

    /// What happened, and what to do. `server` is the address as it is shown.
    fn sentences(&self, server: &str) -> (String, &'static str) {
        match self {
            Self::Http(error) => http_sentences(error, server),
            Self::Unauthorised(status) => (
                format!("{server} wants a key (HTTP {status})."),
                "Give the key of this server, or check it.",
            ),
            Self::Redirected(status) => (
                format!("{server} sends visitors elsewhere (HTTP {status})."),
                "Enter the address at which the server itself answers; perhaps it begins with https://.",
            ),
            Self::Limited(Some(wait)) => (
                format!("{server} takes no more requests for {} seconds.", wait.as_secs_f64().ceil()),
                "Wait a little and send it again.",
            ),
            Self::Limited(None) => {
                (format!("{server} has had too many requests."), "Wait a little and send it again.")
            }
            Self::NoList => (
                format!("{server} does not say which models it has."),
                "Enter the name of the model in Settings > Brain, or check the address.",
            ),
            Self::NoModels => (
                format!("{server} has no language model."),
                "Load one there; with Ollama: ollama pull, and the name of a model.",
            ),
            Self::NoSuchModel { name, .. } => (
                format!("{server} has no model called {name}."),
                "Check its name in Settings > Brain, or load it there.",
            ),
            Self::NoInterface => (
                format!("{server} has no interface for conversations."),
                "Check the address: an OpenAI-compatible server is wanted, like Ollama, llama.cpp's, or vLLM.",
            ),
            Self::NoTools => (
                "This model cannot use tools.".to_owned(),
                "It still talks; for actions say plain requests, or choose another model.",
            ),
            Self::Rejected { status, .. } => (
                format!("{server} does not take this message (HTTP {status})."),
                "Say it differently, begin a new conversation, or look into the server's log.",
            ),
            Self::Failed { status, .. } => (
                format!("{server} failed at this message (HTTP {status})."),
                "Send it again, or look into the server's log.",
            ),
            Self::FailedLater { .. } => (
                format!("{server} failed while it answered."),
                "What came is shown; send it again if you like.",
            ),
            Self::NotModel => (
                format!("{server} answers, but not as a server of language models."),
                "Check address and port; Ollama's usual port is 11434.",
            ),
            Self::Nothing => {
                (format!("{server} answered with nothing."), "Send it again, or choose another model.")
            }
        }
    }

    /// What happened, as a sentence.
    pub(in super::super) fn what(&self, server: &str) -> String {
        self.sentences(server).0
    }

    /// For people.
    pub(in super::super) fn failure(&self, server: &str) -> Failure {
        let (what, next) = self.sentences(server);
        let said = self.said().map(str::to_owned);
        // A model keeps nothing: asking it twice does no harm.
        Failure { code: self.code(), what, next: next.to_owned(), said, repeatable: true }
    }
}

fn http_sentences(error: &HttpError, server: &str) -> (String, &'static str) {
    match error {
        HttpError::Connect(ConnectError::UnknownName(name)) => (
            format!("No computer called {name} can be found."),
            "Check the address of the model's server in Settings > Brain.",
        ),
        HttpError::Connect(ConnectError::Refused) => (
            format!("Nothing listens at {server}."),
            "Start the model's server there, or check the port; Ollama's usual one is 11434.",
        ),
        HttpError::Connect(ConnectError::Certificate(reason)) => (
            format!("The certificate of {server} is not trusted ({reason})."),
            "Install a certificate that this computer trusts, or add the host's own to the system's.",
        ),
        HttpError::Connect(ConnectError::Tls(reason)) => (
            format!("{server} does not speak TLS as it should ({reason})."),
            "If it is a plain server, write http:// instead of https://.",
        ),
        HttpError::Connect(error) => (
            format!("{server} does not answer ({error})."),
            "Check that the host is switched on, and that no firewall is in between.",
        ),
        HttpError::WantsTls => {
            (format!("{server} speaks TLS."), "Write https:// instead of http:// in its address.")
        }
        HttpError::NotHttp => (
            format!("{server} answers, but not as a server of language models."),
            "Check address and port; Ollama's usual port is 11434.",
        ),
        HttpError::Slow(limit) => (
            format!("{server} sent nothing more for {} seconds.", limit.as_secs()),
            "A large model may need longer to load: send it again, or choose a smaller one.",
        ),
        HttpError::TooLong => {
            (format!("The answer of {server} is longer than anything that is read."), "Ask for less.")
        }
        HttpError::Broken | HttpError::Unsendable => (
            format!("The connection to {server} ended before the answer did."),
            "Send it again; if that does not help, look into the server's log.",
        ),
    }
}
