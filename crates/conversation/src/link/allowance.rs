//! How much a host may send.

use std::time::Instant;

/// An amount that may come at once, and what may come in each second on top.
#[derive(Debug)]
pub(super) struct Allowance {
    left: f64,
    most: f64,
    per_second: f64,
    at: Instant,
}

impl Allowance {
    /// The amount that may come at once and the amount for each second, from `now` on.
    pub(super) fn new((most, per_second): (u32, u32), now: Instant) -> Self {
        let most = f64::from(most);
        Self { left: most, most, per_second: f64::from(per_second), at: now }
    }

    /// Takes an amount at `now`. Returns `false` where that is more than is left.
    pub(super) fn take(&mut self, amount: usize, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = now;
        self.left = (self.left + passed * self.per_second).min(self.most) - amount as f64;
        self.left >= 0.0
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_used_up_comes_back_with_time_and_never_beyond_the_most() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut allowance = Allowance::new((100, 10), start);
        assert!(allowance.take(60, at(0)) && allowance.take(40, at(0)));
        assert!(allowance.take(50, at(5)), "five seconds are 50");
        assert!(!allowance.take(1, at(5)));
        assert!(!allowance.take(101, at(1_000)), "more than the most is never right");
        assert!(allowance.take(100, at(2_000)));
    }
}
