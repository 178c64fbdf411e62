//! Levels and waveforms for eyes.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Samples behind one peak: 20 ms.
const STEP: usize = 480;
/// Peaks that wait to be fetched: 10 s. A window that does not look loses the oldest.
const MOST: usize = 500;
/// Level of silence in dBFS.
pub const FLOOR_DB: f32 = -90.0;
/// Peaks whose energy makes the RMS level: 300 ms, as level meters have it.
const RMS_STEPS: usize = 15;

/// A level in dBFS, where 0 is full scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Level {
    /// Highest sample of the last 20 ms.
    pub peak_db: f32,
    /// Energy of the last 300 ms.
    pub rms_db: f32,
}

impl Default for Level {
    fn default() -> Self {
        Self { peak_db: FLOOR_DB, rms_db: FLOOR_DB }
    }
}

/// Measures one stream. The worker feeds it, the window fetches from it.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    count: usize,
    peak: f32,
    energy: f32,
    peaks: VecDeque<f32>,
    energies: VecDeque<f32>,
    last_peak: f32,
}

impl Meter {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn feed(&self, samples: &[f32]) {
        let mut state = self.lock();
        for sample in samples {
            state.peak = state.peak.max(sample.abs());
            state.energy += sample * sample;
            state.count += 1;
            if state.count == STEP {
                state.close_step();
            }
        }
    }

    /// The peaks since the last call, one for every 20 ms in 0..=1, and the level now.
    pub(crate) fn fetch(&self) -> (Vec<f32>, Level) {
        let mut state = self.lock();
        let peaks = state.peaks.drain(..).collect();
        let energy: f32 = state.energies.iter().sum();
        let samples = (state.energies.len() * STEP).max(1) as f32;
        let rms_db = decibels((energy / samples).sqrt());
        (peaks, Level { peak_db: decibels(state.last_peak), rms_db })
    }
}

impl State {
    fn close_step(&mut self) {
        if self.peaks.len() == MOST {
            self.peaks.pop_front();
        }
        self.peaks.push_back(self.peak.min(1.0));
        if self.energies.len() == RMS_STEPS {
            self.energies.pop_front();
        }
        self.energies.push_back(self.energy);
        self.last_peak = self.peak;
        (self.count, self.peak, self.energy) = (0, 0.0, 0.0);
    }
}

fn decibels(amplitude: f32) -> f32 {
    (20.0 * amplitude.max(1e-6).log10()).max(FLOOR_DB)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_scale_square_wave_is_at_0_db_and_silence_at_the_floor() {
        let meter = Meter::default();
        meter.feed(&[0.0; STEP]);
        assert_eq!(meter.fetch(), (vec![0.0], Level { peak_db: FLOOR_DB, rms_db: FLOOR_DB }));
        let square: Vec<f32> = (0..STEP * RMS_STEPS).map(|i| if i % 20 < 10 { 1.0 } else { -1.0 }).collect();
        meter.feed(&square);
        let (peaks, level) = meter.fetch();
        assert_eq!(peaks, vec![1.0; RMS_STEPS]);
        assert!(level.peak_db.abs() < 0.01 && level.rms_db.abs() < 0.01, "{level:?}");
    }

    #[test]
    fn peaks_that_nobody_fetches_do_not_pile_up() {
        let meter = Meter::default();
        for _ in 0..MOST + 50 {
            meter.feed(&[0.5; STEP]);
        }
        assert_eq!(meter.fetch().0.len(), MOST);
        assert!(meter.fetch().0.is_empty());
    }
}
