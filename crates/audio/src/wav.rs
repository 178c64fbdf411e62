//! WAV files: what `myca talk` hears from and records to.

use std::{fs::File, io::BufWriter, ops::RangeInclusive, path::Path};

use hound::{SampleFormat, WavReader, WavSpec};

use crate::resample;

/// Sample rates and bits of a sample that a file can have; what says something else is damaged.
const RATES: RangeInclusive<u32> = 1_000..=768_000;
const BITS: RangeInclusive<u16> = 1..=32;

/// Reads a whole WAV file as mono f32 at `rate` hertz. Integer and float files of any channel count are taken.
///
/// # Errors
/// The sentence of [`hound::Error`], for a file that is not there, is damaged, or is no WAV file.
pub fn read(path: &Path, rate: u32) -> Result<Vec<f32>, hound::Error> {
    let mut reader = WavReader::open(path)?;
    let spec = reader.spec();
    if !RATES.contains(&spec.sample_rate) || !BITS.contains(&spec.bits_per_sample) {
        return Err(hound::Error::Unsupported);
    }
    let channels = usize::from(spec.channels.max(1));
    let samples: Vec<f32> = match spec.sample_format {
        SampleFormat::Float => reader.samples::<f32>().collect::<Result<_, _>>()?,
        SampleFormat::Int => {
            let scale = 1.0 / (1_i64 << (spec.bits_per_sample - 1)) as f32;
            reader.samples::<i32>().map(|s| s.map(|s| s as f32 * scale)).collect::<Result<_, _>>()?
        }
    };
    let mono: Vec<f32> =
        samples.chunks_exact(channels).map(|frame| frame.iter().sum::<f32>() / channels as f32).collect();
    Ok(resample::whole(&mono, spec.sample_rate, rate))
}

/// Writes mono 16-bit WAV files. What was written is readable after every second, also after a crash.
pub struct WavWriter {
    writer: Option<hound::WavWriter<BufWriter<File>>>,
    rate: u32,
    since_flush: u32,
}

impl WavWriter {
    /// Creates or overwrites a file.
    ///
    /// # Errors
    /// The sentence of [`hound::Error`].
    pub fn create(path: &Path, rate: u32) -> Result<Self, hound::Error> {
        let spec =
            WavSpec { channels: 1, sample_rate: rate, bits_per_sample: 16, sample_format: SampleFormat::Int };
        Ok(Self { writer: Some(hound::WavWriter::create(path, spec)?), rate, since_flush: 0 })
    }

    /// Appends samples.
    ///
    /// # Errors
    /// The sentence of [`hound::Error`], once, for a disk that is full: what was written before stays, the rest is
    /// lost, and nothing more is written.
    pub fn write<'a>(&mut self, samples: impl IntoIterator<Item = &'a f32>) -> Result<(), hound::Error> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        let mut result = Ok(());
        for sample in samples {
            let value = (sample.clamp(-1.0, 1.0) * f32::from(i16::MAX)).round() as i16;
            result = result.and_then(|()| writer.write_sample(value));
            self.since_flush += 1;
        }
        if self.since_flush >= self.rate {
            self.since_flush = 0;
            result = result.and_then(|()| writer.flush());
        }
        if result.is_err() {
            self.writer = None;
        }
        result
    }

    /// Makes what was written readable now.
    ///
    /// # Errors
    /// As [`WavWriter::write`].
    pub fn flush(&mut self) -> Result<(), hound::Error> {
        self.since_flush = 0;
        let result = self.writer.as_mut().map_or(Ok(()), hound::WavWriter::flush);
        if result.is_err() {
            self.writer = None;
        }
        result
    }
}

impl Drop for WavWriter {
    fn drop(&mut self) {
        if let Some(writer) = self.writer.take()
            && let Err(error) = writer.finalize()
        {
            tracing::warn!(%error, "the recording could not be finished");
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn file(samples: &[f32]) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        let mut writer = WavWriter::create(&path, 48_000).unwrap();
        writer.write(samples).unwrap();
        (folder, path)
    }

    #[test]
    fn what_is_flushed_can_be_read_while_the_file_is_still_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        let mut writer = WavWriter::create(&path, 48_000).unwrap();
        writer.write(&[0.5; 100]).unwrap();
        writer.flush().unwrap();
        assert_eq!(read(&path, 48_000).unwrap().len(), 100);
        writer.write(&[0.5; 50]).unwrap();
        drop(writer);
        assert_eq!(read(&path, 48_000).unwrap().len(), 150);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_said_once_and_costs_the_rest_only() {
        let mut writer = WavWriter::create(Path::new("/dev/full"), 48_000).unwrap();
        let errors: Vec<String> =
            (0..100).filter_map(|_| writer.write(&[0.5; 480]).err()).map(|e| e.to_string()).collect();
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert!(errors[0].contains("No space left"), "{errors:?}");
        writer.flush().unwrap();
    }

    proptest! {
        /// Whatever a header claims: the file is read or refused.
        #[test]
        fn a_damaged_header_is_read_or_refused(damage in prop::collection::vec((0_usize..60, any::<u8>()), 1..6)) {
            let (_folder, path) = file(&[0.5; 200]);
            let mut bytes = std::fs::read(&path).unwrap();
            for (at, byte) in damage {
                bytes[at] = byte;
            }
            std::fs::write(&path, bytes).unwrap();
            if let Ok(samples) = read(&path, 24_000) {
                prop_assert!(samples.len() < 10_000_000, "{}", samples.len());
            }
        }
    }

    #[test]
    fn a_rate_of_nothing_and_samples_of_a_thousand_bits_are_refused() {
        let extensible = |rate: u32, valid_bits: u16| {
            let mut bytes = b"RIFF\x54\0\0\0WAVEfmt \x28\0\0\0\xfe\xff\x01\0".to_vec();
            bytes.extend(rate.to_le_bytes());
            bytes.extend((rate * 2).to_le_bytes());
            bytes.extend(b"\x02\0\x10\0\x16\0");
            bytes.extend(valid_bits.to_le_bytes());
            bytes.extend(b"\x04\0\0\0\x01\0\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71data\x08\0\0\0\0\x40\0\x40\0\x40\0\x40");
            bytes
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        let outcome = |bytes: Vec<u8>| {
            std::fs::write(&path, bytes).unwrap();
            read(&path, 24_000)
        };
        assert_eq!(outcome(extensible(24_000, 16)).unwrap(), [0.5; 4]);
        for (rate, bits) in [(0, 16), (1, 16), (24_000, 1_000), (24_000, u16::MAX)] {
            assert!(outcome(extensible(rate, bits)).is_err(), "{rate} Hz, {bits} bits");
        }
    }
}
