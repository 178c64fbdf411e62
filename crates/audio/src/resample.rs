//! Between the devices' sample rates and the 24 kHz inside.
//!
//! Both directions use rubato's windowed-sinc interpolation with short filters, because a filter's length is delay:
//! 64 taps at the lower rate cost 1.3 ms. The ratio towards a loudspeaker can be bent by a few tenths of a percent,
//! which is how a drifting clock is followed without anybody hearing it.

use audioadapter_buffers::direct::InterleavedSlice;
use rubato::{
    Adjustable, Async, FixedAsync, Resampler as _, Resizable, SincInterpolationParameters,
    SincInterpolationType, WindowFunction,
};

use crate::RATE;

/// Filter length in samples of the lower of the two rates.
const TAPS: usize = 64;
/// Largest piece that is converted at once, in input samples; longer input is cut.
const LARGEST: usize = 4096;
/// How far the ratio may be bent.
const BEND: f64 = 1.02;

/// A mono sample-rate converter for pieces of any length.
pub(crate) struct Resampler {
    inner: Option<Async<f32>>,
    out: Vec<f32>,
    /// Output rate over input rate.
    ratio: f64,
}

impl Resampler {
    /// A converter between two rates in hertz. Where rates are equal it copies, unless the ratio is to be bent.
    #[must_use]
    pub(crate) fn new(from: u32, to: u32, bendable: bool) -> Self {
        let ratio = f64::from(to) / f64::from(from);
        if from == to && !bendable {
            return Self { inner: None, out: Vec::new(), ratio };
        }
        let sinc_len = if ratio < 1.0 { (TAPS as f64 / ratio).round() as usize } else { TAPS };
        let parameters = SincInterpolationParameters {
            sinc_len,
            f_cutoff: None,
            oversampling_factor: 128,
            interpolation: SincInterpolationType::Linear,
            window: WindowFunction::Blackman2,
        };
        let inner = Async::new_sinc(ratio, BEND, &parameters, LARGEST, 1, FixedAsync::Input);
        if let Err(error) = &inner {
            tracing::error!(%error, from, to, "no converter between these sample rates");
        }
        Self { inner: inner.ok(), out: Vec::new(), ratio }
    }

    /// Delay of the filter, in seconds.
    #[must_use]
    pub(crate) fn delay(&self, output_rate: u32) -> f64 {
        self.inner.as_ref().map_or(0.0, |inner| inner.output_delay() as f64 / f64::from(output_rate))
    }

    /// Bends the ratio: `1.001` makes one thousandth more output from the same input.
    pub(crate) fn bend(&mut self, factor: f64) {
        if let Some(inner) = &mut self.inner {
            let factor = factor.clamp(1.0 / BEND, BEND);
            if let Err(error) = inner.set_resample_ratio_relative(factor, true) {
                tracing::debug!(%error, factor, "the ratio stays as it is");
            }
        }
    }

    /// Converts `input` and hands the output to `sink`, in as many pieces as it takes.
    pub(crate) fn push(&mut self, input: &[f32], mut sink: impl FnMut(&[f32])) {
        let Some(inner) = &mut self.inner else { return sink(input) };
        for piece in input.chunks(LARGEST) {
            if let Err(error) = inner.set_chunk_size(piece.len()) {
                tracing::debug!(%error, "a piece was not converted");
                continue;
            }
            let frames = inner.output_frames_next();
            self.out.resize(frames.max(self.out.len()), 0.0);
            let (Ok(from), Ok(mut to)) = (
                InterleavedSlice::new(piece, 1, piece.len()),
                InterleavedSlice::new_mut(&mut self.out, 1, frames),
            ) else {
                continue;
            };
            match inner.process_into_buffer(&from, &mut to, None) {
                Ok((_, written)) => sink(&self.out[..written]),
                Err(error) => tracing::debug!(%error, "a piece was not converted"),
            }
        }
    }

    /// Output rate over input rate, unbent.
    #[must_use]
    pub(crate) fn ratio(&self) -> f64 {
        self.ratio
    }
}

/// A converter from a device to the inside.
#[must_use]
pub(crate) fn inward(device_rate: u32) -> Resampler {
    Resampler::new(device_rate, RATE, false)
}

/// A converter from the inside to a device, with a ratio that can be bent.
#[must_use]
pub(crate) fn outward(device_rate: u32) -> Resampler {
    Resampler::new(RATE, device_rate, true)
}

/// Converts a whole recording, without the filter's delay at its beginning.
#[must_use]
pub(crate) fn whole(samples: &[f32], from: u32, to: u32) -> Vec<f32> {
    if from == to {
        return samples.to_vec();
    }
    let mut resampler = Resampler::new(from, to, false);
    let delay = (resampler.delay(to) * f64::from(to)).round() as usize;
    let wanted = (samples.len() as f64 * resampler.ratio()).round() as usize;
    let mut out = Vec::with_capacity(wanted + delay + LARGEST);
    resampler.push(samples, |piece| out.extend_from_slice(piece));
    let tail = vec![0.0; (delay as f64 / resampler.ratio()).ceil() as usize + 16];
    resampler.push(&tail, |piece| out.extend_from_slice(piece));
    out.drain(..delay.min(out.len()));
    out.truncate(wanted);
    out
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;

    fn tone(rate: u32, hz: f64, seconds: f64) -> Vec<f32> {
        (0..(f64::from(rate) * seconds) as usize)
            .map(|i| (TAU * hz * i as f64 / f64::from(rate)).sin() as f32 * 0.5)
            .collect()
    }

    /// Amplitude of the tone of `hz` in the middle of `sound`, and the RMS of all that is not that tone. The phase is
    /// left open, because a filter's delay need not be a whole number of samples.
    fn tone_and_rest(sound: &[f32], hz: f64) -> (f64, f64) {
        let middle = &sound[400..400 + 24_000 / 4];
        let angle = |i: usize| TAU * hz * i as f64 / f64::from(RATE);
        let project = |f: fn(f64) -> f64| {
            let sum: f64 = middle.iter().enumerate().map(|(i, s)| f64::from(*s) * f(angle(i))).sum();
            sum * 2.0 / middle.len() as f64
        };
        let (sine, cosine) = (project(f64::sin), project(f64::cos));
        let rest: f64 = middle
            .iter()
            .enumerate()
            .map(|(i, s)| (f64::from(*s) - sine * angle(i).sin() - cosine * angle(i).cos()).powi(2))
            .sum();
        (sine.hypot(cosine), (rest / middle.len() as f64).sqrt())
    }

    #[test]
    fn a_tone_keeps_its_shape_at_every_common_rate() {
        for rate in [8_000, 16_000, 32_000, 44_100, 48_000, 96_000] {
            let here = whole(&tone(rate, 1_000.0, 0.5), rate, RATE);
            assert_eq!(here.len(), 12_000, "{rate} Hz");
            let (amplitude, rest) = tone_and_rest(&here, 1_000.0);
            assert!((amplitude - 0.5).abs() < 0.003, "{rate} Hz: the tone comes out at {amplitude}");
            assert!(rest < 0.001, "{rate} Hz: {rest} of something else");
        }
    }

    #[test]
    fn twenty_ms_in_are_twenty_ms_out() {
        let mut resampler = inward(48_000);
        let mut counts = Vec::new();
        for _ in 0..50 {
            let mut count = 0;
            resampler.push(&[0.0; 960], |out| count += out.len());
            counts.push(count);
        }
        assert!(counts[1..].iter().all(|c| *c == 480), "20 ms in are 20 ms out: {counts:?}");
    }

    #[test]
    fn what_a_voice_does_not_have_is_filtered_out() {
        let aliased = whole(&tone(48_000, 17_000.0, 0.5), 48_000, RATE);
        let middle = &aliased[500..aliased.len() - 500];
        let loudest = middle.iter().fold(0.0_f32, |m, s| m.max(s.abs()));
        assert!(loudest < 0.005, "a tone above the Nyquist frequency comes out at {loudest}");
    }

    #[test]
    fn a_bent_ratio_makes_that_much_more_output() {
        let mut resampler = outward(48_000);
        resampler.bend(1.005);
        let mut count = 0;
        for _ in 0..1_000 {
            resampler.push(&[0.0; 240], |out| count += out.len());
        }
        let expected = 480_000.0 * 1.005;
        assert!((count as f64 - expected).abs() < 20.0, "{count} samples, expected about {expected}");
    }
}
