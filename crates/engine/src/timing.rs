//! How long frames take, over the last few seconds.

use std::collections::VecDeque;
use std::time::Duration;

/// Frames that are looked at: ten seconds.
const WINDOW: usize = 125;

/// The last frames' times.
#[derive(Debug, Default)]
pub(crate) struct FrameTimes {
    last: VecDeque<f32>,
}

impl FrameTimes {
    pub(crate) fn add(&mut self, time: Duration) {
        if self.last.len() == WINDOW {
            self.last.pop_front();
        }
        self.last.push_back(time.as_secs_f32() * 1000.0);
    }

    /// Median and 99th percentile in milliseconds; 0 before the first frame.
    pub(crate) fn percentiles(&self) -> (f32, f32) {
        let [median, p99] = percentiles(self.last.iter().copied().collect(), [0.5, 0.99]);
        (median, p99)
    }
}

/// What these parts of the numbers do not exceed; 0 where there are none.
pub(crate) fn percentiles<const N: usize>(mut numbers: Vec<f32>, parts: [f32; N]) -> [f32; N] {
    numbers.sort_unstable_by(f32::total_cmp);
    parts.map(|part| {
        let rank = (part * numbers.len() as f32).ceil() as usize;
        numbers.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_window() {
        let mut times = FrameTimes::default();
        assert_eq!(times.percentiles(), (0.0, 0.0));
        times.add(Duration::from_millis(7));
        assert_eq!(times.percentiles(), (7.0, 7.0));
        for i in 0..1000_u64 {
            times.add(Duration::from_millis(if i % 25 == 0 { 200 } else { 10 + i % 3 }));
        }
        assert_eq!(times.percentiles(), (11.0, 200.0));
        for _ in 0..WINDOW {
            times.add(Duration::from_millis(5));
        }
        assert_eq!(times.percentiles(), (5.0, 5.0), "what was long ago does not count");
    }
}
