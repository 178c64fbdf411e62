//! What a streamed turn does not tell of itself.
//!
//! The stream carries words and nothing else, where an answer in one piece also tells which agents the words match and
//! what the brain found in its memory. Two paths of MAS tell the same, and neither calls a model:
//!
//! - For each turn, streamed or not, the brain looks into its memory with the words of the turn. The context path makes
//!   that look again, and so does the chat itself for what it tells. So what is told is true of this turn: a look with
//!   these words finds so much.
//! - The route path compares the words with what agents are for, as the orchestrator does before it answers. The stream
//!   calls none of them. So an agent is told as one that matches, and never as one that was called.
//!
//! They are asked when the first words are here, so that MAS, which does everything in one process, is not kept from
//! them. A turn may last longer for them by [`Limits::aside`](super::Limits::aside), and they end with it. None of it is
//! needed: what fails is not told, and then nothing is asked for a while.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::{task::JoinSet, time::timeout_at};
use url::form_urlencoded::byte_serialize;
use wire::Fields;

use super::{Inner, Mas, found::Found, missing::Missing};
use crate::{Turn, What};

/// How long nothing is asked after a failure, and after MAS has had too many requests from anybody here.
const PAUSE: Duration = Duration::from_mins(1);
/// As many memories are looked for as the brain looks for in a turn.
const MEMORIES: u32 = 5;
/// As much of a turn's words is looked for, in bytes. They are part of an address, and not every server takes a long one.
const QUERY: usize = 1 << 10;

/// Something to ask.
#[derive(Debug, Clone, Copy)]
enum Aside {
    /// Which agents the words match.
    Agents,
    /// What they bring up from memory.
    Memory,
}

/// All of them.
const ALL: [Aside; 2] = [Aside::Agents, Aside::Memory];

impl Aside {
    /// Without what is in it of the turn.
    fn path(self) -> &'static str {
        match self {
            Self::Agents => "/agents/registry/route/voice",
            Self::Memory => "/voice/brain/context",
        }
    }

    /// Path and query, and what is posted; none where this cannot be asked for.
    fn request(self, turn: &Turn) -> Option<(String, Option<Value>)> {
        let path = self.path();
        match self {
            Self::Agents => {
                Some((path.to_owned(), Some(json!({ "transcript": turn.text(), "actor": turn.who() }))))
            }
            // These names would be steps in a path, however they are written.
            Self::Memory if matches!(turn.who(), "." | "..") => None,
            Self::Memory => {
                let query = &turn.text()[..turn.text().floor_char_boundary(QUERY)];
                let (who, query) = (encoded(turn.who()), encoded(query));
                Some((format!("{path}/{who}?query={query}&limit={MEMORIES}"), None))
            }
        }
    }

    async fn ask(self, mas: &Mas, target: &str, body: Option<&Value>) -> Option<Answered> {
        let (path, inner) = (self.path(), &mas.inner);
        match mas.look_at(target, body).await {
            Ok(Some(value)) => return Some(Answered { aside: self, value }),
            Ok(None) => {
                tracing::debug!(path, "this MAS has no such path");
                inner.aside(|known| known.missing.note(path, Instant::now()));
            }
            Err(error) => {
                tracing::debug!(code = error.code(), path, "what was asked beside a stream failed");
                inner.aside(|known| known.failed = Some(Instant::now()));
            }
        }
        None
    }
}

/// For any part of an address.
fn encoded(text: &str) -> String {
    // It writes a space as a plus sign, which is one only behind the question mark.
    byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

/// What is known of what may be asked.
#[derive(Debug, Default)]
pub(super) struct Known {
    missing: Missing,
    failed: Option<Instant>,
}

impl Known {
    /// MAS went away, and whatever comes back may be another build.
    pub(super) fn forget(&mut self) {
        self.missing.forget();
    }

    fn pauses(&self, now: Instant) -> bool {
        self.failed.is_some_and(|failed| now.saturating_duration_since(failed) < PAUSE)
    }
}

/// What is asked beside one stream. Dropping it ends that.
#[derive(Default)]
pub(super) struct Asides {
    begun: bool,
    asking: JoinSet<Option<Answered>>,
}

/// What came of it.
pub(super) struct Answered {
    aside: Aside,
    value: Value,
}

impl Answered {
    /// What it tells that the turn has not told yet.
    pub(super) fn read(&self, found: &mut Found) -> Vec<What> {
        let Some(object) = Fields::of(&self.value) else { return Vec::new() };
        match self.aside {
            Aside::Agents => found.matches(&object),
            Aside::Memory => found.recalled(&object),
        }
    }
}

impl Asides {
    /// Asks, unless that was done before, or is better left.
    pub(super) fn begin(&mut self, mas: &Arc<Inner>, turn: &Turn) {
        if std::mem::replace(&mut self.begun, true) {
            return;
        }
        let now = Instant::now();
        if mas.http.was_limited(PAUSE, now) || mas.aside(|known| known.pauses(now)) {
            return;
        }
        for aside in ALL {
            if !mas.aside(|known| known.missing.is(aside.path(), now))
                && let Some((target, body)) = aside.request(turn)
            {
                let mas = Mas { inner: Arc::clone(mas) };
                self.asking.spawn(async move { aside.ask(&mas, &target, body.as_ref()).await });
            }
        }
    }

    /// Waits for the next answer; none where no more will come. Nothing is lost where the waiting is given up.
    pub(super) async fn next(&mut self) -> Option<Answered> {
        while let Some(ended) = self.asking.join_next().await {
            if let Ok(Some(answered)) = ended {
                return Some(answered);
            }
        }
        None
    }

    /// The same until a moment. What takes longer has failed.
    pub(super) async fn next_until(&mut self, until: Instant, mas: &Inner) -> Option<Answered> {
        let next = timeout_at(until.into(), self.next()).await;
        next.unwrap_or_else(|_| {
            tracing::debug!("what was asked beside a stream took too long");
            mas.aside(|known| known.failed = Some(Instant::now()));
            None
        })
    }
}
