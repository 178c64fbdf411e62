//! The voices of PersonaPlex: files that say how it is to sound.
//!
//! A voice is a recording (`.wav`), or what PersonaPlex made of one before (`.pt`, or the same two tensors as
//! `.safetensors`): the inputs of its temporal transformer for each frame, and the tokens that stand behind them.

mod folder;
mod loudness;
mod pickle;
mod pt;
mod tgz;
mod wav;
mod zip;

use std::path::Path;

use candle_core::safetensors::BufferedSafetensors;
use candle_core::{DType, Device, Tensor};

pub use self::folder::Voices;
use crate::codec::FRAME;
use crate::{Error, LmConfig};

/// Largest file with the states of a voice, in bytes. A minute of the 7B model in float32 has 12 MB.
const MAX_STATES: u64 = 32 << 20;

/// Largest recording, in bytes: a minute of stereo at 192 kHz in 32 bits has 92 MB.
const MAX_RECORDING: u64 = 128 << 20;

/// Longest voice, in frames: one minute.
const MOST_FRAMES: usize = 750;

/// How PersonaPlex is to sound.
#[derive(Debug, Clone, PartialEq)]
pub enum Voice {
    /// What it made of a recording before.
    States(States),
    /// A recording: 24 kHz mono in whole frames, as loud as PersonaPlex has its voices.
    Sound(Vec<f32>),
}

/// Inputs of the temporal transformer that leave a model with a voice.
#[derive(Debug, Clone, PartialEq)]
pub struct States {
    dim: usize,
    embeddings: Vec<f32>,
    cache: Vec<Vec<Option<u32>>>,
}

impl States {
    /// One row for each frame, as wide as the model.
    pub fn frames(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.embeddings.chunks_exact(self.dim)
    }

    /// The last tokens of each stream, text first, in the order of the ring that PersonaPlex keeps them in: a token
    /// that goes in at step `n` is in column `n` modulo the number of columns.
    #[must_use]
    pub fn cache(&self) -> &[Vec<Option<u32>>] {
        &self.cache
    }
}

/// What a file of states holds.
#[derive(Debug)]
struct Saved {
    embeddings: Array<f32>,
    cache: Array<i64>,
}

#[derive(Debug)]
struct Array<T> {
    shape: Vec<usize>,
    /// Row by row.
    numbers: Vec<T>,
}

impl Voice {
    /// Reads a voice for the model that `config` describes.
    ///
    /// # Errors
    /// [`Error::Voice`] for a file that is none, is too long, or belongs to another model. The sentence has the
    /// file's name in it, but not its folder, and may be shown to whoever asked for the voice.
    pub fn load(path: &Path, config: &LmConfig) -> Result<Self, Error> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match file(path, Self::longest_file(&name)) {
            Ok(bytes) => Self::parse(&name, bytes, config),
            Err(reason) => Err(Error::Voice { name, reason }),
        }
    }

    /// Bytes that a voice of this name has at most.
    fn longest_file(name: &str) -> u64 {
        if name.to_ascii_lowercase().ends_with(".wav") { MAX_RECORDING } else { MAX_STATES }
    }

    /// Reads all of a file of this name.
    fn parse(name: &str, bytes: Vec<u8>, config: &LmConfig) -> Result<Self, Error> {
        let states = |saved| States::check(saved, config).map(Self::States);
        let voice = match name.to_ascii_lowercase().rsplit_once('.') {
            _ if bytes.len() as u64 > Self::longest_file(name) => Err("it is too large for a voice".into()),
            Some((_, "pt")) => pt::read(&bytes).and_then(states),
            Some((_, "safetensors")) => safetensors(bytes).and_then(states),
            Some((_, "wav")) => wav::read(&bytes, MOST_FRAMES).map(Self::Sound),
            _ => Err("voices are .pt, .safetensors or .wav files".into()),
        };
        voice.map_err(|reason| Error::Voice { name: name.into(), reason })
    }

    /// Frames of 80 ms that it has.
    #[must_use]
    pub fn frames(&self) -> usize {
        match self {
            Self::States(states) => states.frames().len(),
            Self::Sound(sound) => sound.len() / FRAME,
        }
    }
}

/// Body of [`crate::fuzzing::voice`].
#[allow(clippy::panic, reason = "a fuzz target reports by panicking")]
pub(crate) fn fuzz(data: &[u8]) {
    // Most changes of a file end at a checksum; the pickle alone has none.
    let _ = pickle::tensors(data);
    if let Ok(Saved { embeddings, cache }) = pt::read(data) {
        let bytes = embeddings.numbers.len() * 2 + cache.numbers.len() * 4;
        assert!(bytes <= data.len() * 2, "numbers are said once each");
    }
}

/// All of a file, if it is not too large for a voice.
fn file(path: &Path, most: u64) -> Result<Vec<u8>, String> {
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such voice".to_owned(),
        kind => format!("the system does not let it be read ({kind})"),
    };
    let length = std::fs::metadata(path).map_err(failed)?.len();
    if length > most {
        return Err(format!("it has {} MB, which is too much for a voice", length >> 20));
    }
    std::fs::read(path).map_err(failed)
}

/// The tensors of a voice in a safetensors file.
fn safetensors(bytes: Vec<u8>) -> Result<Saved, String> {
    let file =
        BufferedSafetensors::new(bytes).map_err(|error| format!("it is no safetensors file ({error})"))?;
    let load = |name: &str| file.load(name, &Device::Cpu).map_err(|_| format!("it has no tensor {name}"));
    let numbers = |tensor: Tensor, dtype| tensor.to_dtype(dtype)?.flatten_all();
    let failed = |error: candle_core::Error| format!("its numbers can not be read ({error})");
    let (embeddings, cache) = (load("embeddings")?, load("cache")?);
    if !embeddings.dtype().is_float() || !cache.dtype().is_int() {
        return Err("its embeddings are no fractions, or its cache holds no tokens".into());
    }
    let (of_embeddings, of_cache) = (embeddings.dims().to_vec(), cache.dims().to_vec());
    Ok(Saved {
        embeddings: Array {
            shape: of_embeddings,
            numbers: numbers(embeddings, DType::F32).and_then(|all| all.to_vec1()).map_err(failed)?,
        },
        cache: Array {
            shape: of_cache,
            numbers: numbers(cache, DType::I64).and_then(|all| all.to_vec1()).map_err(failed)?,
        },
    })
}

impl States {
    /// Holds what was read against the model; fails with a reason in words.
    fn check(saved: Saved, config: &LmConfig) -> Result<Self, String> {
        let Saved { embeddings, cache } = saved;
        let dim = config.transformer.d_model;
        let frames = match *embeddings.shape {
            [frames, 1, 1, width] if width == dim => frames,
            _ => {
                return Err(format!(
                    "its embeddings have shape {:?}, the model is {dim} wide",
                    embeddings.shape
                ));
            }
        };
        if !(1..=MOST_FRAMES).contains(&frames) {
            return Err(format!("it has {frames} frames, of at most {MOST_FRAMES}"));
        }
        if !embeddings.numbers.iter().all(|number| number.is_finite()) {
            return Err("its embeddings are not all numbers".into());
        }
        let columns = config.delays.iter().max().copied().unwrap_or(0) + 3;
        if *cache.shape != [1, config.streams(), columns] {
            let expected = [1, config.streams(), columns];
            return Err(format!("its cache has shape {:?} where the model has {expected:?}", cache.shape));
        }
        let token = |stream: usize, token: i64| match u32::try_from(token) {
            // What is before the start stands there as a negative number.
            Err(_) => (token < 0).then_some(None),
            Ok(id) => {
                let most = if stream == 0 { config.initial_text() } else { config.initial_audio() };
                (id <= most).then_some(Some(id))
            }
        };
        let streams = cache.numbers.chunks_exact(columns).enumerate();
        let cache = streams.map(|(stream, row)| row.iter().map(|&id| token(stream, id)).collect());
        let cache: Option<Vec<Vec<_>>> = cache.collect();
        let cache = cache.ok_or("it has tokens that the model does not know")?;
        Ok(Self { dim, embeddings: embeddings.numbers, cache })
    }
}
