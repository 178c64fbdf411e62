//! One turn's way through the built-in brain.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio_util::sync::CancellationToken;

use super::{Inner, calling::Open, model::ModelError};
use crate::{
    Came, Canned, Notice, Outcome, Reply, Turn, What,
    bounded::{CUT_MARK, REPLY},
    interface::{Gone, Teller},
};

/// Why a turn ends without an outcome.
pub(super) enum Stop {
    /// The language model failed.
    Model(ModelError),
    /// Nobody listens any more.
    Gone,
}

impl From<ModelError> for Stop {
    fn from(error: ModelError) -> Self {
        Self::Model(error)
    }
}

impl From<Gone> for Stop {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}

/// Whether more words are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    Some,
    None,
}

/// Goes through a turn and tells of it, to its end or until it is cancelled.
pub(super) async fn run(brain: Arc<Inner>, turn: Turn, teller: Teller, cancel: CancellationToken) {
    let mut course = Course::new(&brain, &turn, teller);
    let ended = tokio::select! {
        biased;
        () = cancel.cancelled() => Ok(Outcome::Cancelled),
        ended = course.go() => ended,
    };
    // Nothing is left to do about a listener who has left.
    let _ = course.end(ended).await;
}

/// Where a turn stands.
pub(super) struct Course<'a> {
    pub(super) brain: &'a Inner,
    pub(super) turn: &'a Turn,
    pub(super) teller: Teller,
    /// Calls of tools that were told of and have not ended.
    pub(super) open: Vec<Open>,
    /// Whether a tool was called.
    pub(super) called: bool,
    /// Who answers, as [`Reply::provider`] says.
    pub(super) provider: Option<String>,
    /// What was not taken of what came.
    pub(super) left_out: u64,
    /// The words that were told.
    text: String,
    /// Whether there will be no more of them.
    replied: bool,
    began: Instant,
    first_token: Option<Duration>,
    /// How long a person was waited for.
    pub(super) waited: Duration,
}

impl<'a> Course<'a> {
    fn new(brain: &'a Inner, turn: &'a Turn, teller: Teller) -> Self {
        Self {
            brain,
            turn,
            teller,
            open: Vec::new(),
            called: false,
            provider: None,
            left_out: 0,
            text: String::new(),
            replied: false,
            began: Instant::now(),
            first_token: None,
            waited: Duration::ZERO,
        }
    }

    async fn go(&mut self) -> Result<Outcome, Stop> {
        if self.turn.came() == Came::Spoken {
            // The history keeps it, and goes along with the next turn.
            return Ok(Outcome::Remembered);
        }
        self.answer().await
    }

    /// How long it has taken so far, without the time in which a person was waited for.
    fn taken(&self) -> Duration {
        self.began.elapsed().saturating_sub(self.waited)
    }

    /// Whether a person may have seen something of an answer.
    pub(super) fn has_begun(&self) -> bool {
        self.has_words() || self.called
    }

    /// Whether there are words already.
    pub(super) fn has_words(&self) -> bool {
        !self.text.is_empty()
    }

    /// Tells words of the reply, as many as are taken.
    pub(super) async fn words(&mut self, words: &str) -> Result<Room, Gone> {
        if words.is_empty() {
            return Ok(Room::Some);
        }
        if self.first_token.is_none() {
            self.first_token = Some(self.taken());
        }
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
        Ok(if fits { Room::Some } else { Room::None })
    }

    /// Tells the reply; the words were told already.
    pub(super) async fn reply(&mut self, whole: bool) -> Result<(), Gone> {
        let reply = Reply {
            text: self.text.clone(),
            whole,
            provider: self.provider.clone(),
            agent: None,
            canned: Canned::No,
            first_token: self.first_token,
            latency: self.taken(),
        };
        self.teller.tell(What::Reply(reply)).await?;
        self.replied = true;
        Ok(())
    }

    pub(super) async fn notice(&mut self, notice: Notice) -> Result<(), Gone> {
        self.teller.tell(What::Notice(notice)).await
    }

    /// Tells how it ended.
    async fn end(&mut self, ended: Result<Outcome, Stop>) -> Result<(), Gone> {
        let (outcome, error) = match ended {
            Ok(outcome) => (outcome, None),
            Err(Stop::Model(error)) => (Outcome::Failed, Some(error)),
            Err(Stop::Gone) => return Err(Gone),
        };
        self.close().await?;
        if !self.replied && self.has_words() {
            self.reply(false).await?;
        }
        if let (Some(error), Some(model)) = (error, &self.brain.model) {
            tracing::debug!(code = error.code(), "a turn failed");
            let failure = error.failure(&model.address().to_string());
            self.teller.tell(What::Error(failure)).await?;
        }
        self.teller.tell(What::Done { outcome, left_out: self.left_out }).await
    }
}
