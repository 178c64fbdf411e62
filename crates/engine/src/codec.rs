//! The Mimi codec: 80 ms of sound into a few codes, and back.

use std::path::Path;

use candle_core::{Device, Tensor};
use moshi::StreamTensor;
use moshi::mimi::{Config, Mimi};

use crate::candle_weights::SharedWeights;
use crate::tensors::FileTensors;
use crate::{Error, LmConfig, mimi_config};

/// Samples in one frame: 80 ms at 24 kHz.
pub const FRAME: usize = wire::MODEL_FRAME;

/// Sound into codes.
#[derive(Debug)]
pub struct Encoder {
    mimi: Mimi,
    /// What it was built of.
    weights: SharedWeights,
}

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
    let mimi = weights.build(|tensors| Mimi::new(config, tensors))?;
    // A copy shares the weights and has a state of its own.
    Ok((Encoder { mimi: mimi.clone(), weights }, Decoder { mimi }))
}

impl Encoder {
    /// Another encoder of the same codec at the start of time, of which so many codebooks are used. The weights are the
    /// same memory. Fewer codebooks are the first of more.
    ///
    /// # Errors
    /// [`Error`] where the codec does not have as many.
    pub fn with_codebooks(&self, codebooks: usize) -> Result<Self, Error> {
        let config = Config { quantizer_n_q: codebooks, ..self.mimi.config().clone() };
        let mimi = self.weights.build(|tensors| Mimi::new(config, tensors))?;
        Ok(Self { mimi, weights: self.weights.clone() })
    }

    /// Another encoder like this one, at the start of time.
    #[must_use]
    pub fn another(&self) -> Self {
        let mut another = Self { mimi: self.mimi.clone(), weights: self.weights.clone() };
        another.reset();
        another
    }

    /// Codebooks of which a frame has a code.
    #[must_use]
    pub fn codebooks(&self) -> usize {
        self.mimi.config().quantizer_n_q
    }

    /// Entries of each codebook.
    #[must_use]
    pub fn codebook_size(&self) -> usize {
        self.mimi.config().quantizer_bins
    }

    /// Codes of the next frame, one for each codebook.
    ///
    /// # Errors
    /// [`Error::Input`] for anything but [`FRAME`] samples.
    pub fn encode(&mut self, pcm: &[f32]) -> Result<Vec<u32>, Error> {
        if pcm.len() != FRAME {
            return Err(Error::Input { what: format!("a frame of {} samples", pcm.len()) });
        }
        let pcm = Tensor::from_slice(pcm, (1, 1, FRAME), &Device::Cpu)?;
        let codes = self.mimi.encode_step(&pcm.into(), &().into())?;
        let codes = codes.as_option().ok_or(Error::Stopped { stage: "encoder" })?;
        Ok(codes.flatten_all()?.to_vec1()?)
    }

    /// What stands before the codes, a row for each frame, of as many frames as its transformer sees at once: later ones
    /// can not be had as they are in a conversation. It is at the start of time before and after.
    pub(crate) fn latents(&mut self, pcm: &[f32]) -> Result<Vec<Vec<f32>>, Error> {
        let config = self.mimi.config();
        let positions = FRAME / config.seanet.ratios.iter().product::<usize>().max(1);
        let frames = (pcm.len() / FRAME).min(config.transformer.context / positions.max(1));
        let Some(pcm) = pcm.get(..frames * FRAME).filter(|pcm| !pcm.is_empty()) else {
            return Ok(Vec::new());
        };
        let pcm = Tensor::from_slice(pcm, (1, 1, pcm.len()), &Device::Cpu)?;
        let latents = self.mimi.encode_pre_quantize(&pcm);
        self.reset();
        Ok(latents?.squeeze(0)?.transpose(0, 1)?.to_vec2()?)
    }

    /// Goes back to the start of time.
    pub fn reset(&mut self) {
        self.mimi.reset_state();
    }
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
