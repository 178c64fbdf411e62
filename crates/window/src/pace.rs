//! When a batch of events goes to the window: 15 times a second, and sooner where a person waits for what is in it.

use std::time::Duration;

use tokio::time::Instant;

/// Between two batches that nobody waits for: 15 a second.
const EVERY: Duration = Duration::from_nanos(1_000_000_000 / 15);
/// Between two batches that somebody waits for, when they come all the time.
const WAITED_FOR: Duration = Duration::from_millis(100);
/// How far they may run ahead of that: four at once, as for a turn that is shown, asked, and answered.
const AHEAD: Duration = Duration::from_millis(300);

/// The pace. A generic cell rate algorithm over the batches that somebody waits for.
#[derive(Debug)]
pub(crate) struct Pace {
    last: Instant,
    /// From when on a batch that somebody waits for may go before its time.
    early_from: Instant,
}

impl Pace {
    pub(crate) fn new(now: Instant) -> Self {
        Self { last: now, early_from: now }
    }

    /// When the next batch goes out. `waited_for`: somebody waits for something in it.
    pub(crate) fn due(&self, waited_for: bool) -> Instant {
        let regular = self.last + EVERY;
        if waited_for { regular.min(self.early_from) } else { regular }
    }

    /// A batch goes out.
    pub(crate) fn went(&mut self, now: Instant) {
        if now < self.last + EVERY {
            let idle = (now + WAITED_FOR).checked_sub(AHEAD).unwrap_or(now);
            self.early_from = (self.early_from + WAITED_FOR).max(idle);
        }
        self.last = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When batches go out in `span` if something is always there.
    fn batches(waited_for: bool, span: Duration) -> Vec<Duration> {
        let start = Instant::now();
        // Nothing has gone out for long.
        let mut pace = Pace::new(start);
        let mut now = start + Duration::from_secs(1);
        let mut all = Vec::new();
        while now < start + Duration::from_secs(1) + span {
            now = now.max(pace.due(waited_for));
            pace.went(now);
            all.push(now - start - Duration::from_secs(1));
        }
        all
    }

    #[test]
    fn what_nobody_waits_for_goes_out_15_times_a_second() {
        let count = batches(false, Duration::from_secs(2)).len();
        assert!((31..=32).contains(&count), "one at once, then 15 a second: {count}");
    }

    #[test]
    fn what_somebody_waits_for_goes_out_at_once_but_not_without_end() {
        let all = batches(true, Duration::from_secs(2));
        let at_once = all.iter().filter(|at| at.is_zero()).count();
        assert!((3..=6).contains(&at_once), "{all:?}");
        assert!(all.len() <= 31 + 20 + at_once, "{}", all.len());
    }
}
