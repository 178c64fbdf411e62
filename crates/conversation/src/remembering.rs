//! Moshi's words on their way to the brain, which is to remember them and not to answer.

use brain::Came;
use tokio::sync::mpsc;

use crate::{handle::Thinker, task::Happening};

/// Words that wait while the brain takes those before. Beyond that they are not sent: the history has them anyway.
const WAITING: usize = 32;

/// The queue, and the task that empties it one by one. The task ends with it.
pub(crate) struct Remembering {
    queue: mpsc::Sender<(Thinker, String, String)>,
    /// Words that did not fit.
    left_out: u64,
}

impl Remembering {
    /// What the brain tells meanwhile is reported as [`Happening::Remembered`].
    pub(crate) fn new(report: &mpsc::Sender<Happening>) -> Self {
        let (queue, mut waiting) = mpsc::channel::<(Thinker, String, String)>(WAITING);
        let report = report.clone();
        tokio::spawn(async move {
            while let Some((thinker, conversation, text)) = waiting.recv().await {
                let Ok(turn) = brain::Turn::new(&conversation, &thinker.person, &text, Came::Spoken) else {
                    continue;
                };
                let mut answer = thinker.brain.begin(turn);
                loop {
                    let event = tokio::select! {
                        event = answer.next() => event,
                        // The conversation has ended: a brain that is slow is not waited for.
                        () = report.closed() => return,
                    };
                    let Some(event) = event else { break };
                    if report.send(Happening::Remembered(Box::new(event))).await.is_err() {
                        return;
                    }
                }
            }
        });
        Self { queue, left_out: 0 }
    }

    /// Adds words of a conversation.
    pub(crate) fn put(&mut self, thinker: Thinker, conversation: String, text: String) {
        if self.queue.try_send((thinker, conversation, text)).is_err() {
            self.left_out += 1;
            tracing::warn!(left_out = self.left_out, "the brain is too slow to remember what Moshi says");
        }
    }
}
