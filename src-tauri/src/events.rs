//! Events on their way to the page, which asks for them.
//!
//! Tauri's channels hand small messages over as scripts, fifteen times a second, each of which the web view compiles. The
//! answer to a question is data and nothing more, and whoever asks is known to be there.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use window::Sink;
use window::view::{Problem, UiEvent};

/// Batches that wait for the page: four seconds. A page that is gone for longer begins anew with a snapshot.
const MOST: usize = 64;

/// Events that wait for the page. Only the latest subscription gets any.
#[derive(Debug, Default)]
pub(crate) struct Events {
    waiting: Mutex<Waiting>,
    more: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    subscription: u64,
    batches: VecDeque<Vec<UiEvent>>,
    /// Nothing comes after what waits: the page was too slow, or everything ends.
    over: bool,
}

impl Events {
    /// Begins a subscription: its number, and where its events go in.
    pub(crate) fn subscribe(self: &Arc<Self>) -> (u64, Sink) {
        let mut waiting = self.lock();
        let subscription = waiting.subscription + 1;
        *waiting = Waiting { subscription, ..Waiting::default() };
        drop(waiting);
        // Whoever waits in the name of an earlier one is told.
        self.more.notify_waiters();
        let end = End { events: Arc::clone(self), subscription };
        (subscription, Box::new(move |batch| end.events.push(end.subscription, batch)))
    }

    /// Waits for events and takes them.
    ///
    /// # Errors
    /// When this subscription gets no more: the page begins anew.
    pub(crate) async fn next(&self, subscription: u64) -> Result<Vec<UiEvent>, Problem> {
        loop {
            // From here on a notification is noticed, also one before the wait.
            let more = self.more.notified();
            {
                let mut waiting = self.lock();
                if waiting.subscription != subscription {
                    return Err(over());
                }
                if !waiting.batches.is_empty() {
                    return Ok(std::mem::take(&mut waiting.batches).into_iter().flatten().collect());
                }
                if waiting.over {
                    return Err(over());
                }
            }
            more.await;
        }
    }

    fn push(&self, subscription: u64, batch: Vec<UiEvent>) -> bool {
        let mut waiting = self.lock();
        if waiting.subscription != subscription || waiting.over {
            return false;
        }
        if waiting.batches.len() >= MOST {
            waiting.batches.clear();
            waiting.over = true;
        } else {
            waiting.batches.push_back(batch);
        }
        let goes_on = !waiting.over;
        drop(waiting);
        self.more.notify_waiters();
        goes_on
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells whoever waits when nobody sends any more.
struct End {
    events: Arc<Events>,
    subscription: u64,
}

impl Drop for End {
    fn drop(&mut self) {
        let mut waiting = self.events.lock();
        if waiting.subscription == self.subscription {
            waiting.over = true;
        }
        drop(waiting);
        self.events.more.notify_waiters();
    }
}

fn over() -> Problem {
    Problem {
        code: "window.events_over".into(),
        what: "The window has missed something.".into(),
        next: "It shows everything anew by itself.".into(),
        actions: Vec::new(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
mod tests {
    use super::*;

    fn event(id: &str) -> UiEvent {
        UiEvent::Conversation { id: id.into(), turns: Vec::new() }
    }

    #[tokio::test]
    async fn what_waits_is_taken_at_once_and_in_order() {
        let events = Arc::new(Events::default());
        let (subscription, sink) = events.subscribe();
        assert!(sink(vec![event("a"), event("b")]) && sink(vec![event("c")]));
        assert_eq!(events.next(subscription).await.unwrap(), [event("a"), event("b"), event("c")]);
        let next = tokio::spawn({
            let events = Arc::clone(&events);
            async move { events.next(subscription).await }
        });
        tokio::task::yield_now().await;
        assert!(sink(vec![event("d")]));
        assert_eq!(next.await.unwrap().unwrap(), [event("d")], "whoever waits is woken");
    }

    #[tokio::test]
    async fn a_page_that_does_not_ask_costs_a_bounded_amount_and_begins_anew() {
        let events = Arc::new(Events::default());
        let (subscription, sink) = events.subscribe();
        let taken = (0..1_000).take_while(|_| sink(vec![event("x")])).count();
        assert_eq!(taken, MOST);
        assert_eq!(events.next(subscription).await.unwrap_err().code, "window.events_over");
        let (again, sink) = events.subscribe();
        assert!(sink(vec![event("y")]));
        assert_eq!(events.next(again).await.unwrap(), [event("y")]);
        assert!(events.next(subscription).await.is_err(), "an earlier one gets nothing");
    }

    #[tokio::test]
    async fn the_end_is_told_behind_the_last_events() {
        let events = Arc::new(Events::default());
        let (subscription, sink) = events.subscribe();
        assert!(sink(vec![event("last")]));
        drop(sink);
        assert_eq!(events.next(subscription).await.unwrap(), [event("last")]);
        assert!(events.next(subscription).await.is_err());
    }
}
