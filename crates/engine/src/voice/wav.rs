//! A voice out of a recording.

use std::io::Cursor;

use audioadapter_buffers::direct::InterleavedSlice;
use hound::{SampleFormat, WavReader, WavSpec};
use rubato::{
    Async, FixedAsync, Resampler as _, SincInterpolationParameters, SincInterpolationType, WindowFunction,
};

use super::loudness;
use crate::codec::FRAME;

/// How loud PersonaPlex has its voices, in LUFS.
const LOUDNESS: f64 = -24.0;

/// Sample rates that are read.
const RATES: std::ops::RangeInclusive<u32> = 8_000..=192_000;

/// Most channels that are mixed into one.
const MOST_CHANNELS: u16 = 8;

/// Reads a WAV file: 24 kHz mono at PersonaPlex's loudness, silence behind it up to a whole frame, at most `frames` of
/// them. Fails with a reason in words.
pub(super) fn read(bytes: &[u8], frames: usize) -> Result<Vec<f32>, String> {
    let failed = |error: hound::Error| match error {
        hound::Error::IoError(_) => "it is cut off, or no WAV file".to_owned(),
        hound::Error::FormatError(reason) => format!("it is no WAV file ({reason})"),
        _ => "its samples are in a form that is not read here; save it with 16 bits".into(),
    };
    let reader = WavReader::new(Cursor::new(bytes)).map_err(failed)?;
    let WavSpec { channels, sample_rate, bits_per_sample, sample_format } = reader.spec();
    if !RATES.contains(&sample_rate) || !(1..=MOST_CHANNELS).contains(&channels) {
        return Err(format!("it has {channels} channels at {sample_rate} Hz"));
    }
    let seconds = (frames * FRAME / wire::SAMPLE_RATE as usize) as u64;
    if u64::from(reader.duration()) > u64::from(sample_rate) * seconds {
        return Err(format!("it is longer than {seconds} s; cut it"));
    }
    // The largest number of so many bits is one.
    let scale = match bits_per_sample {
        1..=32 => (-f32::from(bits_per_sample - 1)).exp2(),
        _ => return Err(format!("its samples have {bits_per_sample} bits")),
    };
    let samples: Vec<f32> = match sample_format {
        SampleFormat::Float => reader.into_samples::<f32>().collect::<Result<_, _>>().map_err(failed)?,
        SampleFormat::Int => {
            let samples = reader.into_samples::<i32>();
            samples.map(|sample| Ok(sample? as f32 * scale)).collect::<Result<_, _>>().map_err(failed)?
        }
    };
    let mono = samples.chunks_exact(channels.into());
    let mono: Vec<f32> = mono.map(|frame| frame.iter().sum::<f32>() / f32::from(channels)).collect();
    if !mono.iter().all(|sample| sample.is_finite()) {
        return Err("its samples are not all numbers".into());
    }
    let mut voice = resample(mono, sample_rate)?;
    if !loudness::normalize(&mut voice, LOUDNESS) {
        return Err("it is silent, or shorter than 0.4 s".into());
    }
    voice.resize(voice.len().next_multiple_of(FRAME), 0.0);
    Ok(voice)
}

/// Converts to the model's sample rate.
fn resample(samples: Vec<f32>, rate: u32) -> Result<Vec<f32>, String> {
    if rate == wire::SAMPLE_RATE || samples.is_empty() {
        return Ok(samples);
    }
    let parameters = SincInterpolationParameters {
        sinc_len: 256,
        f_cutoff: None,
        oversampling_factor: 256,
        interpolation: SincInterpolationType::Cubic,
        window: WindowFunction::BlackmanHarris2,
    };
    let convert = || {
        let ratio = f64::from(wire::SAMPLE_RATE) / f64::from(rate);
        let mut resampler = Async::new_sinc(ratio, 1.0, &parameters, 1024, 1, FixedAsync::Input).ok()?;
        let input = InterleavedSlice::new(&samples, 1, samples.len()).ok()?;
        let mut output = vec![0.0; resampler.process_all_needed_output_len(samples.len())];
        let room = output.len();
        let mut into = InterleavedSlice::new_mut(&mut output, 1, room).ok()?;
        let (_, written) = resampler.process_all_into_buffer(&input, &mut into, samples.len(), None).ok()?;
        output.truncate(written);
        Some(output)
    };
    convert().ok_or_else(|| format!("it can not be converted from {rate} Hz"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hound::WavWriter;
    use proptest::prelude::*;

    /// Two seconds of 440 Hz, the same in all channels.
    fn wav(spec: WavSpec, seconds: f64) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        let mut writer = WavWriter::new(&mut bytes, spec).unwrap();
        for i in 0..(f64::from(spec.sample_rate) * seconds) as usize {
            let sample =
                0.25 * (std::f64::consts::TAU * 440.0 * i as f64 / f64::from(spec.sample_rate)).sin();
            for _ in 0..spec.channels {
                match spec.sample_format {
                    SampleFormat::Float => writer.write_sample(sample as f32).unwrap(),
                    SampleFormat::Int => {
                        let most = (f64::from(spec.bits_per_sample) - 1.0).exp2();
                        writer.write_sample((sample * most) as i32).unwrap();
                    }
                }
            }
        }
        writer.finalize().unwrap();
        bytes.into_inner()
    }

    fn spec(sample_rate: u32, channels: u16, bits_per_sample: u16, sample_format: SampleFormat) -> WavSpec {
        WavSpec { channels, sample_rate, bits_per_sample, sample_format }
    }

    /// Amplitude of 440 Hz, and of all that is something else. The phase is left open, as a filter's delay need not be
    /// a whole number of samples.
    fn tone_and_rest(sound: &[f32]) -> (f64, f64) {
        let angle = |i: usize| std::f64::consts::TAU * 440.0 * i as f64 / 24_000.0;
        let project = |f: fn(f64) -> f64| {
            let sum: f64 = sound.iter().enumerate().map(|(i, &s)| f64::from(s) * f(angle(i))).sum();
            sum * 2.0 / sound.len() as f64
        };
        let (sine, cosine) = (project(f64::sin), project(f64::cos));
        let rest = sound
            .iter()
            .enumerate()
            .map(|(i, &s)| (f64::from(s) - sine * angle(i).sin() - cosine * angle(i).cos()).powi(2));
        (sine.hypot(cosine), (2.0 * rest.sum::<f64>() / sound.len() as f64).sqrt())
    }

    #[test]
    fn all_common_recordings_are_the_same_voice() {
        let plain = read(&wav(spec(24_000, 1, 32, SampleFormat::Float), 2.0), 750).unwrap();
        assert_eq!(plain.len(), 25 * FRAME, "whole frames");
        for form in [
            spec(24_000, 1, 16, SampleFormat::Int),
            spec(48_000, 2, 24, SampleFormat::Int),
            spec(44_100, 2, 32, SampleFormat::Int),
            spec(96_000, 6, 32, SampleFormat::Float),
            spec(16_000, 1, 16, SampleFormat::Int),
            spec(8_000, 1, 8, SampleFormat::Int),
        ] {
            let voice = read(&wav(form, 2.0), 750).unwrap();
            assert!(voice.len().abs_diff(plain.len()) <= FRAME, "{form:?}: {}", voice.len());
            let (amplitude, rest) = tone_and_rest(&voice[4_800..38_400]);
            let (expected, _) = tone_and_rest(&plain[4_800..38_400]);
            assert!((amplitude / expected - 1.0).abs() < 0.01, "{form:?}: {amplitude} {expected}");
            assert!(rest < 0.02 * amplitude, "{form:?}: {rest} beside {amplitude}");
        }
    }

    #[test]
    fn what_is_no_voice_is_refused_in_words() {
        let good = spec(24_000, 1, 16, SampleFormat::Int);
        let refused = |bytes: &[u8]| read(bytes, 750).unwrap_err();
        assert!(refused(&wav(good, 61.0)).contains("longer than 60 s"));
        assert!(refused(&wav(good, 0.3)).contains("shorter than 0.4 s"));
        assert!(refused(&wav(spec(4_000, 1, 16, SampleFormat::Int), 1.0)).contains("4000 Hz"));
        assert!(refused(&wav(spec(24_000, 9, 16, SampleFormat::Int), 1.0)).contains("9 channels"));
        let whole = wav(good, 1.0);
        assert!(refused(&whole[..whole.len() - 1000]).contains("cut off"));
        assert!(refused(b"RIFF\0\0\0\0WAVE").contains("no WAV file"));
        let mut endless = wav(spec(24_000, 1, 32, SampleFormat::Float), 1.0);
        let last = endless.len() - 4;
        endless[last..].copy_from_slice(&f32::INFINITY.to_le_bytes());
        assert!(refused(&endless).contains("not all numbers"));
    }

    proptest! {
        #[test]
        fn any_change_of_a_file_is_read_or_refused(at in 0_usize..60, byte: u8, cut in 0_usize..3000) {
            let mut bytes = wav(spec(24_000, 2, 16, SampleFormat::Int), 0.05);
            bytes[at] = byte;
            bytes.truncate(bytes.len().saturating_sub(cut));
            let _ = read(&bytes, 750);
        }
    }
}
