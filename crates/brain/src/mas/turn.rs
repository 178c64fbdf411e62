//! One turn's way through MAS.

use std::{
    sync::{Arc, PoisonError, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use net::{HttpError, Kind, Response};
use serde_json::Value;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{
    Inner,
    answer::{self, Part},
    endpoint::{Endpoint, Known, Verdict},
    error::MasError,
    fields::Fields,
    found::Found,
    question,
};
use crate::{
    Came, Canned, Memory, MemoryUse, Notice, Outcome, Reply, Turn, What,
    bounded::{CUT_MARK, DOCUMENT, ERROR_DOCUMENT, REPLY},
    interface::{Gone, Teller},
    sse::{SseEvent, SseReader},
};

/// How often a turn waits until it may ask again.
const WAITS: u32 = 3;
/// Where words are kept that ask for no answer.
const FEEDBACK: &str = "/voice/feedback";

/// Why a turn ends without an outcome.
enum Stop {
    /// It failed.
    Failed(MasError),
    /// Nobody listens any more.
    Gone,
}

impl From<MasError> for Stop {
    fn from(error: MasError) -> Self {
        Self::Failed(error)
    }
}

impl From<HttpError> for Stop {
    fn from(error: HttpError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<Gone> for Stop {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}

/// Goes through a turn and tells of it, to its end or until it is cancelled.
pub(super) async fn run(mas: Arc<Inner>, turn: Turn, teller: Teller, cancel: CancellationToken) {
    let mut course = Course::new(&mas, &turn, teller);
    let ended = tokio::select! {
        biased;
        () = cancel.cancelled() => Ok(Outcome::Cancelled),
        ended = course.go() => ended,
    };
    // Nothing is left to do about a listener who has left.
    let _ = course.end(ended).await;
}

/// Where a turn stands.
struct Course<'a> {
    mas: &'a Inner,
    turn: &'a Turn,
    teller: Teller,
    found: Found,
    /// The words that have come, and were told.
    text: String,
    /// Whether there will be no more of them.
    replied: bool,
    provider: Option<String>,
    agent: Option<String>,
    endpoint: Endpoint,
    /// When the request went out that may be answered.
    asked: Instant,
    first_token: Option<Duration>,
    waits: u32,
    waited: Duration,
    /// Parts of a stream that made no sense.
    unreadable: u64,
}

/// Whether a stream goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    More,
    /// It said that it is at its end.
    End,
    /// More words came than are taken.
    Full,
}

impl<'a> Course<'a> {
    fn new(mas: &'a Inner, turn: &'a Turn, teller: Teller) -> Self {
        Self {
            mas,
            turn,
            teller,
            found: Found::default(),
            text: String::new(),
            replied: false,
            provider: None,
            agent: None,
            endpoint: Endpoint::Stream,
            asked: Instant::now(),
            first_token: None,
            waits: 0,
            waited: Duration::ZERO,
            unreadable: 0,
        }
    }

    async fn go(&mut self) -> Result<Outcome, Stop> {
        if self.mas.http.shows_token() && !self.mas.said_that_it_shows.swap(true, Relaxed) {
            let address = self.mas.http.address();
            let what = format!(
                "The service token goes to {address} unencrypted: whoever is in between can read it."
            );
            self.teller.tell(What::Notice(Notice::new("mas.token_in_the_clear", what))).await?;
        }
        if self.turn.came() == Came::Spoken {
            return self.remember().await;
        }
        let order = self.known(|known| known.order(Instant::now()));
        let mut why = MasError::Unsupported;
        for endpoint in order {
            self.endpoint = endpoint;
            self.teller.tell(What::Thinking { asks: endpoint.path().to_owned() }).await?;
            let mut response =
                self.ask(endpoint.path(), &question::to(endpoint, self.turn, self.mas.session)).await?;
            match endpoint.judge(response.status()) {
                Verdict::Answer => return self.answer(response).await,
                Verdict::Next { lasting } => {
                    tracing::debug!(
                        status = response.status(),
                        path = endpoint.path(),
                        "the next one is asked"
                    );
                    if lasting {
                        self.known(|known| known.missing(endpoint, Instant::now()));
                    } else {
                        why = self.refusal(&mut response).await;
                    }
                }
                Verdict::Wait | Verdict::End => return Err(self.refusal(&mut response).await.into()),
            }
        }
        Err(why.into())
    }

    fn known<R>(&self, change: impl FnOnce(&mut Known) -> R) -> R {
        change(&mut self.mas.known.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Sends a request; as long as MAS has had too many, waits and sends it again. Those were not looked at.
    async fn ask(&mut self, path: &str, body: &Value) -> Result<Response, Stop> {
        loop {
            self.asked = Instant::now();
            let response = self.mas.http.ask(path, Some(body)).await.inspect_err(|error| {
                if error.is_unreached() {
                    self.known(Known::forget);
                }
            })?;
            if response.status() != 429 {
                return Ok(response);
            }
            let wait = response.retry_after().unwrap_or(self.mas.limits.unsaid_wait);
            drop(response);
            if self.waits == WAITS || self.waited.saturating_add(wait) > self.mas.limits.wait {
                return Err(MasError::Limited(wait).into());
            }
            self.waits += 1;
            self.waited += wait;
            let seconds = wait.as_secs_f64().ceil();
            let what = format!("MAS takes 60 requests a minute. Asking again in {seconds} s.");
            let notice = Notice { wait: Some(wait), ..Notice::new("mas.waits", what) };
            self.teller.tell(What::Notice(notice)).await?;
            sleep(wait).await;
        }
    }

    /// What a status means that is no answer.
    async fn refusal(&self, response: &mut Response) -> MasError {
        let status = response.status();
        match status {
            401 | 403 | 407 => return MasError::Unauthorised(status),
            300..=399 => return MasError::Redirected(status),
            _ => {}
        }
        let said = answer::said(&response.beginning(ERROR_DOCUMENT).await);
        let said = said.map(|said| self.mas.http.without_token(said));
        let refused = match status {
            // A request that timed out, or came too early, was not refused.
            408 | 425 => false,
            400..=499 => true,
            // See `endpoint`.
            500 | 503 => self.endpoint == Endpoint::Stream && self.turn.came() != Came::Spoken,
            501 => true,
            _ => false,
        };
        if refused { MasError::Rejected { status, said } } else { MasError::Failed { status, said } }
    }

    async fn answer(&mut self, response: Response) -> Result<Outcome, Stop> {
        let streamed = match response.kind() {
            Kind::Events => true,
            Kind::Json => false,
            Kind::Page => return Err(MasError::NotMas("it serves a page there".into()).into()),
            Kind::Unsaid => self.endpoint == Endpoint::Stream,
        };
        self.known(|known| known.answers(self.endpoint));
        if streamed { self.stream(response).await } else { self.document(response).await }
    }

    async fn document(&mut self, mut response: Response) -> Result<Outcome, Stop> {
        let document = response.document(DOCUMENT).await?;
        drop(response);
        let value: Value = serde_json::from_slice(&document)
            .map_err(|_| MasError::NotMas("what it answers is not JSON".into()))?;
        let object =
            Fields::of(&value).ok_or_else(|| MasError::NotMas("what it answers is no object".into()))?;
        self.facts(&object).await?;
        match answer::reply(&object) {
            Some(text) => {
                let flow = self.words(&text).await?;
                self.answered(if flow == Flow::Full { flow } else { Flow::End }).await
            }
            None => Err(self.no_words(answer::failure(&object)).into()),
        }
    }

    async fn stream(&mut self, mut response: Response) -> Result<Outcome, Stop> {
        let mut reader = SseReader::new();
        let mut flow = Flow::More;
        while flow == Flow::More {
            let Some(piece) = response.piece().await? else { break };
            flow = self.events(reader.push(&piece)).await?;
        }
        if flow == Flow::More {
            flow = self.events(reader.finish().into_iter().collect()).await?;
        }
        // A stream that is full is let go of, and MAS stops.
        drop(response);
        if self.text.is_empty() {
            return Err(self.no_words(None).into());
        }
        self.answered(flow).await
    }

    /// Tells the reply. `flow` is how it ended.
    async fn answered(&mut self, flow: Flow) -> Result<Outcome, Stop> {
        match flow {
            Flow::End => {}
            Flow::Full => {
                let notice = Notice::new("mas.long_reply", "The reply was too long and was cut.");
                self.teller.tell(What::Notice(notice)).await?;
            }
            Flow::More => {
                let notice = Notice::new("mas.no_end", "MAS did not say that this is the whole reply.");
                self.teller.tell(What::Notice(notice)).await?;
            }
        }
        self.reply(flow == Flow::End).await?;
        Ok(Outcome::Answered)
    }

    async fn events(&mut self, events: Vec<SseEvent>) -> Result<Flow, Stop> {
        for event in events {
            for part in answer::parts(&event.data) {
                let flow = match part {
                    Part::Object(value) => self.object(&value).await?,
                    Part::End => Flow::End,
                    Part::Unreadable => {
                        self.unreadable += 1;
                        Flow::More
                    }
                };
                if flow != Flow::More {
                    return Ok(flow);
                }
            }
        }
        Ok(Flow::More)
    }

    /// A part of a stream.
    async fn object(&mut self, value: &Value) -> Result<Flow, Stop> {
        let Some(object) = Fields::of(value) else { return Ok(Flow::More) };
        let flow = match object.get("token") {
            Some(Value::String(token)) => self.words(token).await?,
            Some(_) => {
                self.unreadable += 1;
                Flow::More
            }
            None => Flow::More,
        };
        if flow == Flow::Full {
            return Ok(flow);
        }
        self.facts(&object).await?;
        if let Some(said) = answer::failure(&object) {
            let said = Some(self.mas.http.without_token(said)).filter(|said| !said.is_empty());
            return Err(MasError::FailedLater { said }.into());
        }
        let ends = object.flag("done") == Some(true);
        if ends && self.text.is_empty() {
            // A build that sends all at once.
            if let Some(text) = answer::reply(&object)
                && self.words(&text).await? == Flow::Full
            {
                return Ok(Flow::Full);
            }
        }
        Ok(if ends { Flow::End } else { Flow::More })
    }

    /// Words of the reply, as many as are taken.
    async fn words(&mut self, words: &str) -> Result<Flow, Stop> {
        if words.is_empty() {
            return Ok(Flow::More);
        }
        self.first_token.get_or_insert_with(|| self.asked.elapsed());
        // There is always room for the mark.
        let room = (REPLY - CUT_MARK.len()).saturating_sub(self.text.len());
        let fits = words.len() <= room;
        let text = if fits {
            words.to_owned()
        } else {
            format!("{}{CUT_MARK}", &words[..words.floor_char_boundary(room)])
        };
        // In this order: where the turn is cancelled while there is no room, the words were not told.
        self.teller.tell(What::Token { text: text.clone() }).await?;
        self.text.push_str(&text);
        Ok(if fits { Flow::More } else { Flow::Full })
    }

    async fn facts(&mut self, object: &Fields<'_>) -> Result<(), Stop> {
        if let Some(provider) = answer::provider(object) {
            self.provider = Some(provider);
        }
        if let Some(agent) = answer::agent(object) {
            self.agent = Some(agent);
        }
        for what in self.found.read(object, Instant::now()) {
            self.teller.tell(what).await?;
        }
        Ok(())
    }

    fn no_words(&self, said: Option<String>) -> MasError {
        match said {
            Some(said) => MasError::FailedLater { said: Some(self.mas.http.without_token(said)) },
            None => MasError::Nothing,
        }
    }

    async fn reply(&mut self, whole: bool) -> Result<(), Gone> {
        let canned = match (answer::canned(&self.text), self.endpoint) {
            (Canned::No, Endpoint::Orchestrator) => Canned::Perhaps,
            (canned, _) => canned,
        };
        let reply = Reply {
            text: self.text.clone(),
            whole,
            provider: self.provider.clone(),
            agent: self.agent.clone(),
            canned,
            first_token: self.first_token,
            latency: self.asked.elapsed(),
        };
        self.teller.tell(What::Reply(reply)).await?;
        self.replied = true;
        Ok(())
    }

    /// Gives words to MAS that are not a question: they go into its memory, and no model is called.
    async fn remember(&mut self) -> Result<Outcome, Stop> {
        let body = question::words(self.turn, self.mas.session);
        let mut response = self.ask(FEEDBACK, &body).await?;
        match response.status() {
            200..=299 => {
                let memory = Memory { used: MemoryUse::Write, kind: "turn".to_owned(), count: 1, said: None };
                self.teller.tell(What::Memory(memory)).await?;
                Ok(Outcome::Remembered)
            }
            404 | 405 | 410 | 501 => Err(MasError::Unsupported.into()),
            _ => Err(self.refusal(&mut response).await.into()),
        }
    }

    /// Tells how it ended.
    async fn end(&mut self, ended: Result<Outcome, Stop>) -> Result<(), Gone> {
        let (outcome, error) = match ended {
            Ok(outcome) => (outcome, None),
            Err(Stop::Failed(error)) => (Outcome::Failed, Some(error)),
            Err(Stop::Gone) => return Err(Gone),
        };
        if !self.replied && !self.text.is_empty() {
            self.reply(false).await?;
        }
        if self.unreadable > 0 {
            let what = format!("{} parts of the answer could not be read.", self.unreadable);
            self.teller.tell(What::Notice(Notice::new("mas.unreadable", what))).await?;
        }
        if let Some(error) = error {
            tracing::debug!(code = error.code(), "a turn failed");
            let server = self.mas.http.address().to_string();
            self.teller.tell(What::Error(error.failure(&server))).await?;
        }
        self.teller.tell(What::Done { outcome, left_out: self.found.left_out() }).await
    }
}
