//! Sound into codes. The convolutions and the search in codebooks are those of the moshi crate; the transformer between them
//! is this crate's, which does not put its weights into another order for each frame.

use std::sync::Arc;

use candle_core::{Device, Tensor};
use moshi::conv::ConvDownsample1d;
use moshi::mimi::{Config, Mimi};
use moshi::quantization::SplitResidualVectorQuantizer;
use moshi::seanet::SeaNetEncoder;
use moshi::{StreamTensor, StreamingModule};

use super::FRAME;
use crate::Error;
use crate::candle_weights::SharedWeights;
use crate::cpu::layers::{Place, Scratch, Transformer, Workbench};

/// Sound into codes.
#[derive(Debug)]
pub struct Encoder {
    config: Config,
    /// What it was built of.
    weights: SharedWeights,
    network: SeaNetEncoder,
    transformer: Arc<Transformer>,
    place: Place,
    bench: Workbench,
    scratch: Scratch,
    downsample: ConvDownsample1d,
    quantizer: SplitResidualVectorQuantizer,
}

impl Encoder {
    /// The encoder of a codec of this shape, at the start of time.
    pub(super) fn new(weights: &SharedWeights, config: Config) -> Result<Self, Error> {
        let transformer =
            Transformer::load(weights.tensors(), "encoder_transformer.transformer", &config.transformer)?;
        Self::with(weights, config, Arc::new(transformer))
    }

    fn with(weights: &SharedWeights, config: Config, transformer: Arc<Transformer>) -> Result<Self, Error> {
        let seanet = &config.seanet;
        let hop = hop(&config);
        let (network, downsample, quantizer) = weights.build(|tensors| {
            let stride = (config.sample_rate / hop as f64 / config.frame_rate) as usize;
            Ok((
                SeaNetEncoder::new(seanet, tensors.pp("encoder"))?,
                ConvDownsample1d::new(stride, seanet.dimension, true, true, tensors.pp("downsample"))?,
                SplitResidualVectorQuantizer::new(
                    config.quantizer_dim,
                    Some(seanet.dimension),
                    Some(seanet.dimension),
                    config.quantizer_n_q,
                    config.quantizer_bins,
                    tensors.pp("quantizer"),
                )?,
            ))
        })?;
        let place = place(&transformer, &config);
        Ok(Self {
            weights: weights.clone(),
            network,
            place,
            transformer,
            bench: Workbench::single()?,
            scratch: Scratch::default(),
            downsample,
            quantizer,
            config,
        })
    }

    /// Another encoder of the same codec at the start of time, of which so many codebooks are used. The weights are the
    /// same memory. Fewer codebooks are the first of more.
    ///
    /// # Errors
    /// [`Error`] where the codec does not have as many.
    pub fn with_codebooks(&self, codebooks: usize) -> Result<Self, Error> {
        let config = Config { quantizer_n_q: codebooks, ..self.config.clone() };
        Self::with(&self.weights, config, Arc::clone(&self.transformer))
    }

    /// Another encoder like this one, at the start of time. The weights are the same memory.
    ///
    /// # Errors
    /// [`Error::Thread`] where the system has no threads left.
    pub fn another(&self) -> Result<Self, Error> {
        let mut another = Self {
            config: self.config.clone(),
            weights: self.weights.clone(),
            // What they remember goes with them.
            network: self.network.clone(),
            downsample: self.downsample.clone(),
            quantizer: self.quantizer.clone(),
            transformer: Arc::clone(&self.transformer),
            place: place(&self.transformer, &self.config),
            bench: Workbench::single()?,
            scratch: Scratch::default(),
        };
        another.reset();
        Ok(another)
    }

    /// Codebooks of which a frame has a code.
    #[must_use]
    pub fn codebooks(&self) -> usize {
        self.config.quantizer_n_q
    }

    /// Entries of each codebook.
    #[must_use]
    pub fn codebook_size(&self) -> usize {
        self.config.quantizer_bins
    }

    /// Codes of the next frame, one for each codebook.
    ///
    /// # Errors
    /// [`Error::Input`] for anything but [`FRAME`] samples.
    pub fn encode(&mut self, pcm: &[f32]) -> Result<Vec<u32>, Error> {
        if pcm.len() != FRAME {
            return Err(Error::Input { what: format!("a frame of {} samples", pcm.len()) });
        }
        let stopped = || Error::Stopped { stage: "encoder" };
        let pcm = Tensor::from_slice(pcm, (1, 1, FRAME), &Device::Cpu)?;
        let heard = self.network.step(&pcm.into(), &().into())?;
        let heard = heard.as_option().ok_or_else(stopped)?;
        let (_, dim, positions) = heard.dims3()?;
        // The transformer has the numbers of a position side by side.
        let mut x: Vec<f32> = heard.squeeze(0)?.t()?.contiguous()?.flatten_all()?.to_vec1()?;
        self.transformer.forward(&mut self.bench, &mut self.place, &mut self.scratch, &mut x);
        let seen = Tensor::from_vec(x, (positions, dim), &Device::Cpu)?.t()?.contiguous()?.unsqueeze(0)?;
        let latent = self.downsample.step(&StreamTensor::from_tensor(seen), &().into())?;
        let codes = self.quantizer.encode(latent.as_option().ok_or_else(stopped)?)?;
        Ok(codes.flatten_all()?.to_vec1()?)
    }

    /// What stands before the codes, a row for each frame, of as many frames as its transformer sees at once: later ones
    /// can not be had as they are in a conversation. Computed by the moshi crate alone, for comparisons.
    pub(crate) fn latents(&mut self, pcm: &[f32]) -> Result<Vec<Vec<f32>>, Error> {
        let config = &self.config;
        let positions = FRAME / hop(config);
        let frames = (pcm.len() / FRAME).min(config.transformer.context / positions.max(1));
        let Some(pcm) = pcm.get(..frames * FRAME).filter(|pcm| !pcm.is_empty()) else {
            return Ok(Vec::new());
        };
        let pcm = Tensor::from_slice(pcm, (1, 1, pcm.len()), &Device::Cpu)?;
        let mut mimi = self.weights.build(|tensors| Mimi::new(config.clone(), tensors))?;
        Ok(mimi.encode_pre_quantize(&pcm)?.squeeze(0)?.transpose(0, 1)?.to_vec2()?)
    }

    /// Goes back to the start of time.
    pub fn reset(&mut self) {
        self.network.reset_state();
        self.place.position = 0;
        self.downsample.reset_state();
    }
}

/// Samples of a position of the transformer.
fn hop(config: &Config) -> usize {
    config.seanet.ratios.iter().product::<usize>().max(1)
}

/// The start of time. The positions of a frame are taken at once.
fn place(transformer: &Transformer, config: &Config) -> Place {
    Place::of_ring(transformer, config.transformer.context, FRAME / hop(config))
}
