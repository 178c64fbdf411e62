//! The Mimi codec: 80 ms of sound into a few codes, and back.

mod encoder;
mod network;

use std::path::Path;

use candle_core::{Device, Tensor};
use moshi::StreamTensor;
use moshi::mimi::{Config, Mimi};

pub use self::encoder::Encoder;
use crate::candle_weights::SharedWeights;
use crate::tensors::FileTensors;
use crate::{Error, LmConfig, mimi_config};

/// Samples in one frame: 80 ms at 24 kHz.
pub const FRAME: usize = wire::MODEL_FRAME;

/// Codes into sound.
#[derive(Debug)]
pub struct Decoder {
    mimi: Mimi,
}

/// Loads the codec's weights once for both directions.
///
/// `config` describes its shape; without one it is that of the published codec. Only the first `codebooks` of its
/// codebooks are used.
///
/// # Errors
/// [`Error`] where a file is missing, damaged, or of another model.
pub fn load_codec(
    weights: &Path,
    config: Option<&Path>,
    codebooks: usize,
) -> Result<(Encoder, Decoder), Error> {
    load_codec_as(weights, config, Use { codebooks, context: None, personaplex: false })
}

/// As [`load_codec`], as the model that `lm` describes uses it.
///
/// # Errors
/// As [`load_codec`].
pub fn load_codec_for(
    lm: &LmConfig,
    weights: &Path,
    config: Option<&Path>,
) -> Result<(Encoder, Decoder), Error> {
    let codebooks = lm.generated_codebooks();
    load_codec_as(weights, config, Use { codebooks, context: None, personaplex: lm.personaplex })
}

/// How a codec is used.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Use {
    /// Only so many of its codebooks.
    pub(crate) codebooks: usize,
    /// Positions that its transformers see, where that is not what its description says.
    pub(crate) context: Option<usize>,
    /// As PersonaPlex uses it.
    pub(crate) personaplex: bool,
}

/// As [`load_codec`], for any use.
pub(crate) fn load_codec_as(
    weights: &Path,
    config: Option<&Path>,
    Use { codebooks, context, personaplex }: Use,
) -> Result<(Encoder, Decoder), Error> {
    let mut shape = shape(config, codebooks)?;
    let mut seen = context.unwrap_or(shape.transformer.context);
    if personaplex {
        // Its ring of keys has the same flaw as that of its language model: once it is full, the oldest is not seen.
        seen = seen.saturating_sub(1).max(1);
    }
    if context.is_some() || personaplex {
        shape.transformer.context = seen;
        shape.transformer.max_seq_len = seen;
    }
    load(weights, shape)
}

fn shape(config: Option<&Path>, codebooks: usize) -> Result<Config, Error> {
    let Some(path) = config else { return Ok(mimi_config::published(codebooks)) };
    let json = std::fs::read(path).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => Error::MissingFile { path: path.into() },
        _ => Error::File { path: path.into(), source },
    })?;
    mimi_config::parse(&json, path, codebooks)
}

fn load(weights: &Path, config: Config) -> Result<(Encoder, Decoder), Error> {
    let weights = SharedWeights::new(Box::new(FileTensors::of_codec(weights)?));
    let encoder = Encoder::new(&weights, config.clone())?;
    let mimi = weights.build(|tensors| Mimi::new(config, tensors))?;
    Ok((encoder, Decoder { mimi }))
}

impl Decoder {
    /// Codebooks that a frame has.
    #[must_use]
    pub fn codebooks(&self) -> usize {
        self.mimi.config().quantizer_n_q
    }

    /// Entries of each codebook.
    #[must_use]
    pub fn codebook_size(&self) -> usize {
        self.mimi.config().quantizer_bins
    }

    /// The next frame of sound, [`FRAME`] samples, from one code for each codebook.
    ///
    /// # Errors
    /// [`Error::Input`] for another number of codes or a code outside of its codebook, [`Error::NotFinite`] where damaged
    /// weights make no sound.
    pub fn decode(&mut self, codes: &[u32]) -> Result<Vec<f32>, Error> {
        if codes.len() != self.codebooks() || codes.iter().any(|&code| code as usize >= self.codebook_size())
        {
            return Err(Error::Input { what: format!("the codes {codes:?}") });
        }
        let codes = Tensor::from_slice(codes, (1, codes.len(), 1), &Device::Cpu)?;
        let pcm = self.mimi.decode_step(&StreamTensor::from_tensor(codes), &().into())?;
        let pcm = pcm.as_option().ok_or(Error::Stopped { stage: "decoder" })?;
        let pcm: Vec<f32> = pcm.flatten_all()?.to_vec1()?;
        if pcm.iter().all(|sample| sample.is_finite()) { Ok(pcm) } else { Err(Error::NotFinite) }
    }

    /// Goes back to the start of time.
    pub fn reset(&mut self) {
        self.mimi.reset_state();
    }
}
