//! Looking at a MAS for as long as it is wanted: whether it is there, how it is, and what happens in it.
//!
//! What is asked, and how often, is held down so that turns have room beside it; `watch/budget.rs` has the numbers. A
//! MAS that is gone is only asked whether it is back. What nobody takes waits within bounds; what is beyond them is
//! counted.

mod budget;
mod gathered;
mod look;
mod pace;
mod push;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};

pub use self::pace::Pace;
use self::{budget::Budget, gathered::Gathered, look::Look};
use super::{Consciousness, Mas, MemoryHealth};
use crate::{Failure, What};

/// News that may wait to be taken. Where there are more, whatever makes them waits.
const NEWS: usize = 8;

/// What a watch has to tell.
#[derive(Debug, Clone, PartialEq)]
pub enum News {
    /// MAS answers. Told at each look.
    Reached {
        /// From the question to the head of the answer, measured here.
        after: Duration,
    },
    /// MAS does not answer, or not as it should. Told when that begins, and when the reason changes.
    Lost {
        /// Why.
        why: Failure,
        /// Since when.
        since: SystemTime,
    },
    /// What MAS says of itself; none where it has no such thing. Told when it changes.
    Consciousness(Option<Consciousness>),
    /// How its memory is, and after how long it said so; none where it has no such thing.
    MemoryHealth(Option<(MemoryHealth, Duration)>),
    /// What happened beside turns. Never empty.
    Happened(Vec<What>),
    /// So much more happened than is told. Never 0.
    LeftOut(u64),
}

/// A MAS is being looked at. Dropping this ends it.
#[derive(Debug)]
pub struct Watch {
    news: mpsc::Receiver<News>,
    busy: watch::Sender<bool>,
    /// They end with it.
    _tasks: JoinSet<()>,
}

/// What all that look have in common.
#[derive(Debug)]
struct Shared {
    budget: Mutex<Budget>,
    gathered: Gathered,
    there: watch::Sender<There>,
    /// When agents were last heard of without asking.
    pushed: Mutex<Option<Instant>>,
}

/// Whether MAS is there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct There {
    now: bool,
    /// How often it was gone and came back, perhaps as another build.
    returns: u64,
}

impl Watch {
    /// Begins to look, in the Tokio runtime that this is called in.
    #[must_use]
    pub fn start(mas: Mas) -> Self {
        Self::at_pace(mas, Pace::default())
    }

    /// The same at another pace. The budget of requests stays.
    #[must_use]
    pub fn at_pace(mas: Mas, pace: Pace) -> Self {
        let (tell, news) = mpsc::channel(NEWS);
        let (busy, is_busy) = watch::channel(false);
        let shared = Arc::new(Shared {
            budget: Mutex::new(Budget::new(Instant::now())),
            gathered: Gathered::default(),
            there: watch::Sender::default(),
            pushed: Mutex::default(),
        });
        let look = Look { mas, pace, shared, tell, busy: is_busy };
        let mut tasks = JoinSet::new();
        tasks.spawn(look.clone().whether_it_is_there());
        tasks.spawn(look.clone().at_its_consciousness());
        tasks.spawn(look.clone().at_its_memory());
        tasks.spawn(look.clone().at_what_happens());
        for path in push::PATHS {
            tasks.spawn(look.clone().listen(path));
        }
        tasks.spawn(look.hand_over());
        Self { news, busy, _tasks: tasks }
    }

    /// Waits for what there is to tell next. There is always more, as long as the runtime lives.
    pub async fn next(&mut self) -> Option<News> {
        self.news.recv().await
    }

    /// Whether a turn is under way, so that more is likely to happen.
    pub fn busy(&self, busy: bool) {
        self.busy.send_replace(busy);
    }
}

impl Shared {
    fn budget<R>(&self, change: impl FnOnce(&mut Budget) -> R) -> R {
        change(&mut self.budget.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Agents were heard of without asking.
    fn pushed(&self, now: Instant) {
        *self.pushed.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
    }

    /// Whether that was not long ago.
    fn is_pushed(&self, now: Instant) -> bool {
        const LONG: Duration = Duration::from_mins(2);
        let last = *self.pushed.lock().unwrap_or_else(PoisonError::into_inner);
        last.is_some_and(|last| now.saturating_duration_since(last) < LONG)
    }
}
