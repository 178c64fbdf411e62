//! How loud a recording is, by ITU-R BS.1770-4, as the Python package pyloudnorm measures it.
//!
//! PersonaPlex makes its voices equally loud with that package. Its filters are those of Robert Bristow-Johnson's
//! *Audio EQ Cookbook* (a high shelf of +4 dB at 1500 Hz and a high pass at 38 Hz), which are near to the standard's
//! but not the same; measured otherwise, a voice would be louder or softer than the one that the model knows.

use std::f64::consts::{FRAC_1_SQRT_2, TAU};

/// Samples a second.
const RATE: f64 = wire::SAMPLE_RATE as f64;

/// Seconds of a block.
const BLOCK: f64 = 0.4;

/// Which part of a block is new: three quarters overlap with the one before.
const STEP: f64 = 0.25;

/// Loudness below which a block does not count, in LUFS.
const SILENT: f64 = -70.0;

/// How far below the rest a block may be and still count, in LU.
const FAR_BELOW: f64 = 10.0;

/// A filter of second order, the first coefficient of its denominator being 1.
struct Biquad {
    numerator: [f64; 3],
    denominator: [f64; 2],
}

impl Biquad {
    fn high_shelf(hertz: f64, q: f64, decibels: f64) -> Self {
        let a = 10_f64.powf(decibels / 40.0);
        let (sin, cos) = (TAU * hertz / RATE).sin_cos();
        let slope = 2.0 * a.sqrt() * sin / (2.0 * q);
        let (plus, minus) = (a + 1.0, a - 1.0);
        Self::new(
            [
                a * (plus + minus * cos + slope),
                -2.0 * a * (minus + plus * cos),
                a * (plus + minus * cos - slope),
            ],
            [plus - minus * cos + slope, 2.0 * (minus - plus * cos), plus - minus * cos - slope],
        )
    }

    fn high_pass(hertz: f64, q: f64) -> Self {
        let (sin, cos) = (TAU * hertz / RATE).sin_cos();
        let alpha = sin / (2.0 * q);
        let outer = (1.0 + cos) / 2.0;
        Self::new([outer, -(1.0 + cos), outer], [1.0 + alpha, -2.0 * cos, 1.0 - alpha])
    }

    fn new(numerator: [f64; 3], [a0, a1, a2]: [f64; 3]) -> Self {
        Self { numerator: numerator.map(|b| b / a0), denominator: [a1 / a0, a2 / a0] }
    }

    /// Filters in place, in the transposed direct form. What is between two filters is a 32-bit number, as there.
    fn apply(&self, samples: &mut [f32]) {
        let ([b0, b1, b2], [a1, a2]) = (self.numerator, self.denominator);
        let (mut first, mut second) = (0.0, 0.0);
        for sample in samples {
            let x = f64::from(*sample);
            let y = b0 * x + first;
            first = b1 * x - a1 * y + second;
            second = b2 * x - a2 * y;
            *sample = y as f32;
        }
    }
}

/// Loudness of 24 kHz mono in LUFS; `None` for less than 400 ms, and for silence.
pub(super) fn integrated(samples: &[f32]) -> Option<f64> {
    let seconds = samples.len() as f64 / RATE;
    if seconds < BLOCK {
        return None;
    }
    let mut weighted = samples.to_vec();
    Biquad::high_shelf(1500.0, FRAC_1_SQRT_2, 4.0).apply(&mut weighted);
    Biquad::high_pass(38.0, 0.5).apply(&mut weighted);
    // A last block that is more than half there counts as a whole one.
    let blocks = ((seconds - BLOCK) / (BLOCK * STEP)).round_ties_even() as usize + 1;
    let at = |position: f64| ((BLOCK * position * RATE) as usize).min(weighted.len());
    let powers = (0..blocks).map(|block| {
        let start = block as f64 * STEP;
        let samples = weighted.get(at(start)..at(start + 1.0)).unwrap_or_default();
        samples.iter().map(|&sample| f64::from(sample).powi(2)).sum::<f64>() / (BLOCK * RATE)
    });
    let loud: Vec<f64> = powers.filter(|&power| lufs(power) >= SILENT).collect();
    let relative = lufs(mean(loud.iter().copied())?) - FAR_BELOW;
    mean(loud.into_iter().filter(|&power| lufs(power) > relative && lufs(power) > SILENT)).map(lufs)
}

/// Loudness of a mean square of weighted samples.
fn lufs(power: f64) -> f64 {
    -0.691 + 10.0 * power.log10()
}

fn mean(numbers: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = numbers.fold((0.0, 0.0), |(sum, count), number| (sum + number, count + 1.0));
    (count > 0.0).then_some(sum / count)
}

/// Makes 24 kHz mono as loud as `target`, in LUFS. Returns whether it could be done: not where [`integrated`] has
/// nothing to measure.
pub(super) fn normalize(samples: &mut [f32], target: f64) -> bool {
    let Some(loudness) = integrated(samples) else { return false };
    let gain = 10_f64.powf((target - loudness) / 20.0);
    samples.iter_mut().for_each(|sample| *sample = (f64::from(*sample) * gain) as f32);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hertz: f64, amplitude: f64, samples: usize) -> Vec<f32> {
        (0..samples).map(|i| (amplitude * (TAU * hertz * i as f64 / RATE).sin()) as f32).collect()
    }

    #[test]
    fn a_tone_of_1_khz_is_as_loud_as_the_standard_says() {
        // ITU-R BS.1770: 0 dBFS at 997 Hz in one channel is -3.01 LUFS, so -20 dB less is -23.01.
        let loudness = integrated(&tone(997.0, 0.1, 48_000)).unwrap();
        assert!((loudness + 23.01).abs() < 0.2, "{loudness}");
        let bass = integrated(&tone(20.0, 0.1, 48_000)).unwrap();
        assert!(bass < loudness - 10.0, "what is hardly heard counts little: {bass}");
    }

    #[test]
    fn pauses_do_not_make_a_recording_softer() {
        let mut samples = tone(997.0, 0.1, 48_000);
        let loudness = integrated(&samples).unwrap();
        samples.extend(vec![0.0; 480_000]);
        samples.extend(tone(997.0, 0.001, 480_000));
        let with_pauses = integrated(&samples).unwrap();
        assert!((with_pauses - loudness).abs() < 0.5, "{loudness} {with_pauses}");
    }

    #[test]
    fn what_was_normalized_is_as_loud_as_was_asked_for() {
        let mut samples = tone(500.0, 0.7, 30_000);
        assert!(normalize(&mut samples, -24.0));
        assert!((integrated(&samples).unwrap() + 24.0).abs() < 1e-4);
        assert!(!normalize(&mut tone(500.0, 0.7, 9_599), -24.0), "too short");
        assert!(!normalize(&mut vec![0.0; 48_000], -24.0), "silence");
    }
}
