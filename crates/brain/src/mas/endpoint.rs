//! Which of MAS's interfaces is asked, and what its answer means for the others.
//!
//! A turn may call one model. An interface hands over to the next only where it is certain that it has not called
//! any, and that follows from how MAS is built:
//!
//! - a path that it does not have (404, 405, 410, 501), and a request that FastAPI refuses before its handler runs
//!   (406, 415, 422);
//! - 500 and 503 of the stream. The status goes out before the generator runs that calls the model, in every known
//!   build, and what fails after that is told inside the stream. 502 and 504 are a proxy's, which may have lost an
//!   answer.
//!
//! 500 of the two others comes after the model as well as before it, so it is the end of the turn.

use std::time::Instant;

use super::missing::MISSING;

/// An interface that answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// The brain, word by word. Tells of nothing else.
    Stream,
    /// The brain, in one piece, with what it remembered.
    Chat,
    /// The orchestrator: a workflow, or else a prepared sentence, and it does not say which.
    Orchestrator,
}

/// All of them, the best first.
const ALL: [Endpoint; 3] = [Endpoint::Stream, Endpoint::Chat, Endpoint::Orchestrator];

/// What the status of an answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Here is the answer.
    Answer,
    /// This one does not answer and has called no model. `lasting`: and it will not do so the next time.
    Next {
        /// Whether the interface is missing, and not only failing.
        lasting: bool,
    },
    /// Ask again later.
    Wait,
    /// The turn ends here.
    End,
}

impl Endpoint {
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Stream => "/voice/brain/stream",
            Self::Chat => "/voice/brain/chat",
            Self::Orchestrator => "/voice/orchestrator/chat",
        }
    }

    /// What a status means.
    pub(super) fn judge(self, status: u16) -> Verdict {
        match status {
            200..=299 => Verdict::Answer,
            404 | 405 | 410 | 501 => Verdict::Next { lasting: true },
            406 | 415 | 422 => Verdict::Next { lasting: false },
            429 => Verdict::Wait,
            500 | 503 if self == Self::Stream => Verdict::Next { lasting: false },
            _ => Verdict::End,
        }
    }
}

/// Which interfaces are known to be missing, and since when.
#[derive(Debug, Default)]
pub(super) struct Known {
    missing: [Option<Instant>; ALL.len()],
}

impl Known {
    /// In which order to ask. Those that are missing come last rather than never: they cost one request, and only
    /// where nothing else answers.
    pub(super) fn order(&self, now: Instant) -> Vec<Endpoint> {
        let is_missing = |endpoint: &Endpoint| {
            self.missing[*endpoint as usize]
                .is_some_and(|since| now.saturating_duration_since(since) < MISSING)
        };
        let (last, mut order): (Vec<_>, Vec<_>) = ALL.into_iter().partition(is_missing);
        order.extend(last);
        order
    }

    /// An interface is missing.
    pub(super) fn missing(&mut self, endpoint: Endpoint, now: Instant) {
        self.missing[endpoint as usize] = Some(now);
    }

    /// An interface answers.
    pub(super) fn answers(&mut self, endpoint: Endpoint) {
        self.missing[endpoint as usize] = None;
    }

    /// MAS went away, and whatever comes back may be another build.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Endpoint::{Chat, Orchestrator, Stream};

    #[test]
    fn only_what_cannot_have_called_a_model_hands_over() {
        for endpoint in ALL {
            for status in [404, 405, 410, 501] {
                assert_eq!(endpoint.judge(status), Verdict::Next { lasting: true }, "{endpoint:?} {status}");
            }
            for status in [406, 415, 422] {
                assert_eq!(endpoint.judge(status), Verdict::Next { lasting: false }, "{endpoint:?} {status}");
            }
            for status in [301, 307, 400, 401, 403, 408, 413, 502, 504, 599] {
                assert_eq!(endpoint.judge(status), Verdict::End, "{endpoint:?} {status}");
            }
            assert_eq!(endpoint.judge(200), Verdict::Answer);
            assert_eq!(endpoint.judge(429), Verdict::Wait);
        }
        for status in [500, 503] {
            assert_eq!(Stream.judge(status), Verdict::Next { lasting: false });
            assert_eq!(Chat.judge(status), Verdict::End);
            assert_eq!(Orchestrator.judge(status), Verdict::End);
        }
    }

    #[test]
    fn what_is_missing_comes_last_until_it_may_have_come_back() {
        let now = Instant::now();
        let mut known = Known::default();
        assert_eq!(known.order(now), [Stream, Chat, Orchestrator]);
        known.missing(Stream, now);
        assert_eq!(known.order(now), [Chat, Orchestrator, Stream]);
        known.missing(Chat, now);
        assert_eq!(known.order(now), [Orchestrator, Stream, Chat]);
        known.answers(Chat);
        assert_eq!(known.order(now), [Chat, Orchestrator, Stream]);
        assert_eq!(known.order(now + MISSING), [Stream, Chat, Orchestrator]);
        known.forget();
        assert_eq!(known.order(now), [Stream, Chat, Orchestrator]);
    }
}
