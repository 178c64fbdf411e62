//! One turn's way through MAS.

mod asking;

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use net::{HttpError, Kind, Response};
use serde_json::Value;
use tokio::select;
use tokio_util::sync::CancellationToken;
use wire::Fields;

use self::asking::Asked;
use super::{
    Inner,
    answer::{self, Part},
    aside::{Answered, Asides},
    endpoint::Endpoint,
    error::MasError,
    found::Found,
};
use crate::{
    Came, Canned, Notice, Outcome, Reply, Turn, What,
    bounded::{CUT_MARK, DOCUMENT, REPLY},
    interface::{Gone, Teller},
    sse::{SseEvent, SseReader},
};

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
    let ended = select! {
        biased;
        () = cancel.cancelled() => Ok(Outcome::Cancelled),
        ended = course.go() => ended,
    };
    // Nothing is left to do about a listener who has left.
    let _ = course.end(ended).await;
}

/// Where a turn stands.
struct Course<'a> {
    mas: &'a Arc<Inner>,
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
    fn new(mas: &'a Arc<Inner>, turn: &'a Turn, teller: Teller) -> Self {
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
            return asking::remember(self.mas, self.turn, &mut self.teller).await;
        }
        let Asked { endpoint, response, at } = asking::answer(self.mas, self.turn, &mut self.teller).await?;
        (self.endpoint, self.asked) = (endpoint, at);
        self.answer(response).await
    }

    async fn answer(&mut self, response: Response) -> Result<Outcome, Stop> {
        let streamed = match response.kind() {
            Kind::Events => true,
            Kind::Json => false,
            Kind::Page => return Err(MasError::NotMas("it serves a page there".into()).into()),
            Kind::Unsaid => self.endpoint == Endpoint::Stream,
        };
        self.mas.known(|known| known.answers(self.endpoint));
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
        let mut asides = Asides::default();
        let flow = loop {
            let piece = select! {
                piece = response.piece() => piece?,
                Some(answered) = asides.next() => {
                    self.aside(&answered).await?;
                    continue;
                }
            };
            let events = match &piece {
                Some(piece) => reader.push(piece),
                None => reader.finish().into_iter().collect(),
            };
            let flow = self.events(events).await?;
            // The other interfaces tell of all that themselves.
            if !self.text.is_empty() && self.endpoint == Endpoint::Stream {
                asides.begin(self.mas, self.turn);
            }
            if piece.is_none() || flow != Flow::More {
                break flow;
            }
        };
        // A stream that is full is let go of, and MAS stops.
        drop(response);
        if self.text.is_empty() {
            return Err(self.no_words(None).into());
        }
        let outcome = self.answered(flow).await?;
        let until = Instant::now() + self.mas.limits.aside;
        while let Some(answered) = asides.next_until(until, self.mas).await {
            self.aside(&answered).await?;
        }
        Ok(outcome)
    }

    async fn aside(&mut self, answered: &Answered) -> Result<(), Stop> {
        for what in answered.read(&mut self.found) {
            self.teller.tell(what).await?;
        }
        Ok(())
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
