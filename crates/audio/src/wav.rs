//! WAV files: what `myca talk` hears from and records to.

use std::{fs::File, io::BufWriter, path::Path};

use hound::{SampleFormat, WavReader, WavSpec};

use crate::resample;

/// Reads a whole WAV file as mono f32 at `rate` hertz. Integer and float files of any channel count are taken.
///
/// # Errors
/// The sentence of [`hound::Error`], for a file that is not there or is no WAV file.
pub fn read(path: &Path, rate: u32) -> Result<Vec<f32>, hound::Error> {
    let mut reader = WavReader::open(path)?;
    let spec = reader.spec();
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

    /// Appends samples. A file that can no longer be written is closed and the rest is lost, with a word in the log:
    /// a full disk must not end a conversation.
    pub fn write<'a>(&mut self, samples: impl IntoIterator<Item = &'a f32>) {
        let Some(writer) = &mut self.writer else { return };
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
        if let Err(error) = result {
            tracing::warn!(%error, "the recording could not be written; the rest of it is lost");
            self.writer = None;
        }
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
