//! The interface itself, and what every implementation of it needs.

use std::time::{Instant, SystemTime};

use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use crate::{Event, Turn, What};

/// Events of one turn that may wait to be taken. When there are more, the turn waits, and with it the connection that
/// they come from.
pub const EVENTS: usize = 256;

/// Decisions of one turn that may wait to be taken.
const DECISIONS: usize = 4;

/// Somebody who answers.
pub trait Brain: Send + Sync {
    /// Begins a turn. It goes on by itself, in the Tokio runtime that this is called in.
    fn begin(&self, turn: Turn) -> Answer;
}

/// A turn that was begun. Dropping it cancels the turn.
#[derive(Debug)]
pub struct Answer {
    turn: Uuid,
    events: mpsc::Receiver<Event>,
    decisions: mpsc::Sender<Decision>,
    cancel: CancellationToken,
    _when_dropped: DropGuard,
}

/// What a person decided about a call that waits for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// The call, as [`crate::ToolCall::id`] says.
    pub call: Uuid,
    /// Whether it may be made.
    pub allowed: bool,
}

/// Something with which others can act on a turn that is under way.
#[derive(Debug, Clone)]
pub struct Reins {
    decisions: mpsc::Sender<Decision>,
    cancel: CancellationToken,
}

impl Reins {
    /// Decides about a call that waits for it. Nothing comes of a decision that nobody waits for.
    pub fn decide(&self, decision: Decision) {
        // A turn waits for one decision at a time: what does not fit was not asked for.
        let _ = self.decisions.try_send(decision);
    }

    /// Ends the turn soon, as [`Answer::cancel`] does.
    pub fn cancel(&self) {
        self.cancel.cancel();
    }
}

impl Answer {
    /// The turn, as [`Turn::id`] said.
    #[must_use]
    pub fn turn(&self) -> Uuid {
        self.turn
    }

    /// The next event; none after [`What::Done`].
    pub async fn next(&mut self) -> Option<Event> {
        self.events.recv().await
    }

    /// Ends the turn soon. What has happened already can still be taken, and [`What::Done`] follows.
    pub fn cancel(&self) {
        self.cancel.cancel();
    }

    /// Something with which others can act on the turn.
    #[must_use]
    pub fn reins(&self) -> Reins {
        Reins { decisions: self.decisions.clone(), cancel: self.cancel.clone() }
    }
}

/// Nobody takes events any more.
#[derive(Debug)]
pub(crate) struct Gone;

/// The side of a turn on which events are made.
#[derive(Debug)]
pub(crate) struct Teller {
    turn: Uuid,
    number: u64,
    began: Instant,
    events: mpsc::Sender<Event>,
    decisions: mpsc::Receiver<Decision>,
}

impl Teller {
    /// Both ends of a turn that begins now, and what tells the making end that it is no longer wanted.
    pub(crate) fn begin(turn: &Turn) -> (Self, Answer, CancellationToken) {
        let (sender, events) = mpsc::channel(EVENTS);
        let (decide, decisions) = mpsc::channel(DECISIONS);
        let cancel = CancellationToken::new();
        let teller = Self { turn: turn.id(), number: 0, began: Instant::now(), events: sender, decisions };
        let when_dropped = cancel.clone().drop_guard();
        let answer = Answer {
            turn: turn.id(),
            events,
            decisions: decide,
            cancel: cancel.clone(),
            _when_dropped: when_dropped,
        };
        (teller, answer, cancel)
    }

    /// Tells of something, when there is room. A number is only used up by an event that went out.
    pub(crate) async fn tell(&mut self, what: What) -> Result<(), Gone> {
        let room = self.events.reserve().await.map_err(|_| Gone)?;
        let (at, after) = (SystemTime::now(), self.began.elapsed());
        room.send(Event { turn: self.turn, number: self.number, at, after, what });
        self.number += 1;
        Ok(())
    }

    /// Waits until the person has decided about a call. What was decided about others does not count.
    pub(crate) async fn decision(&mut self, call: Uuid) -> Result<bool, Gone> {
        loop {
            let decision = self.decisions.recv().await.ok_or(Gone)?;
            if decision.call == call {
                return Ok(decision.allowed);
            }
        }
    }
}
