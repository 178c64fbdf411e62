//! How many requests a watch may make.
//!
//! MAS takes 60 requests in a minute and 1,000 in an hour, and turns need them too. A watch makes at most
//! [`BURST`] at once and one each [`EVERY`] on top: 32 in any minute and 740 in any hour, so that 28 and 260 are left.
//! A streamed turn takes up to three, one of them for its words.
//! What it would like, in a minute:
//!
//! | | nothing goes on | a turn is under way, or something has just happened |
//! |---|---|---|
//! | whether MAS is there | 4, which MAS does not count | the same |
//! | consciousness | 2 | 4 |
//! | memory | 1, which newer builds do not count | the same |
//! | events | 6 | 30, as long as some of the burst is left; else 6 |
//! | activity of agents | 2, or 1 where it is pushed too | the same |
//!
//! So it is 11 in quiet times, and the burst lasts for the first 50 seconds or so of a lively one.

use std::time::{Duration, Instant};

/// Requests that may be made at once after a quiet time.
pub(super) const BURST: u32 = 20;
/// How long until one more may be made.
pub(super) const EVERY: Duration = Duration::from_secs(5);
/// As many are left for the rest while events are looked at often.
const AMPLE: f64 = 4.0;

/// What is left of it.
#[derive(Debug)]
pub(super) struct Budget {
    left: f64,
    /// When that was so.
    at: Instant,
    /// Until when MAS wants no requests at all.
    held: Option<Instant>,
}

impl Budget {
    pub(super) fn new(now: Instant) -> Self {
        Self { left: f64::from(BURST), at: now, held: None }
    }

    /// Takes a request out of it, or says how long to wait until there may be one.
    pub(super) fn take(&mut self, now: Instant) -> Result<(), Duration> {
        if let Some(until) = self.held {
            let wait = until.saturating_duration_since(now);
            if !wait.is_zero() {
                return Err(wait);
            }
            self.held = None;
        }
        self.fill(now);
        if self.left >= 1.0 {
            self.left -= 1.0;
            return Ok(());
        }
        Err(EVERY.mul_f64(1.0 - self.left))
    }

    /// Whether there are more than those that are kept for the rest.
    pub(super) fn is_ample(&mut self, now: Instant) -> bool {
        self.fill(now);
        self.held.is_none_or(|until| until <= now) && self.left > AMPLE
    }

    /// MAS wants no requests until then.
    pub(super) fn hold(&mut self, until: Instant) {
        self.held = self.held.max(Some(until));
        // What was saved up before is what was too much.
        self.left = self.left.min(1.0);
    }

    fn fill(&mut self, now: Instant) {
        let more = now.saturating_duration_since(self.at).as_secs_f64() / EVERY.as_secs_f64();
        self.left = (self.left + more).min(f64::from(BURST));
        self.at = self.at.max(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(budget: &mut Budget, from: Instant, seconds: u64) -> u32 {
        let mut taken = 0;
        for second in 0..seconds {
            // As many as anybody could want.
            for _ in 0..10 {
                taken += u32::from(budget.take(from + Duration::from_secs(second)).is_ok());
            }
        }
        taken
    }

    #[test]
    fn however_much_is_wanted_there_is_room_for_turns() {
        let now = Instant::now();
        let minute = taken(&mut Budget::new(now), now, 60);
        assert!((30..=32).contains(&minute), "{minute} in the first minute");
        let hour = taken(&mut Budget::new(now), now, 3_600);
        assert!((730..=740).contains(&hour), "{hour} in the first hour");
    }

    #[test]
    fn a_wait_is_as_long_as_it_takes() {
        let now = Instant::now();
        let mut budget = Budget::new(now);
        while budget.take(now).is_ok() {}
        assert!(!budget.is_ample(now));
        assert_eq!(budget.take(now), Err(EVERY));
        assert_eq!(budget.take(now + EVERY / 2), Err(EVERY / 2));
        assert_eq!(budget.take(now + EVERY), Ok(()));
        assert!(budget.is_ample(now + EVERY * 7));
        assert_eq!(taken(&mut budget, now + EVERY * 1_000, 1), 10, "what is saved up has an end");
        assert_eq!(taken(&mut budget, now + EVERY * 1_000, 2), BURST - 10);
    }

    #[test]
    fn while_mas_wants_nothing_nothing_is_asked() {
        let now = Instant::now();
        let mut budget = Budget::new(now);
        let minute = Duration::from_secs(60);
        budget.hold(now + minute);
        budget.hold(now + EVERY);
        assert!(!budget.is_ample(now));
        assert_eq!(budget.take(now + EVERY), Err(minute - EVERY), "the longer wait counts");
        assert_eq!(budget.take(now + minute), Ok(()));
    }
}
