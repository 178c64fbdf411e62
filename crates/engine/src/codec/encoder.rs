//! Sound into codes. The search in codebooks is that of the moshi crate; what comes before it is this crate's, which does not
//! put its weights into another order for each frame.

use std::sync::Arc;

use candle_core::{Device, Tensor};
use moshi::conv::ConvDownsample1d;
use moshi::mimi::{Config, Mimi};
use moshi::quantization::SplitResidualVectorQuantizer;
use moshi::{StreamTensor, StreamingModule};

use super::FRAME;
use super::network::Network;
use crate::Error;
use crate::candle_weights::SharedWeights;
use crate::cpu::layers::{Place, Scratch, Transformer, Workbench};

/// Sound into codes.
#[derive(Debug)]
pub struct Encoder {
    config: Config,
    /// What it was built of.
    weights: SharedWeights,
    network: Network,
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
        let network = Network::load(weights.tensors(), &config.seanet)?;
        Self::with(weights, config, network, Arc::new(transformer))
    }

    fn with(
        weights: &SharedWeights,
        config: Config,
        network: Network,
        transformer: Arc<Transformer>,
    ) -> Result<Self, Error> {
        let seanet = &config.seanet;
        let hop = hop(&config);
        let (downsample, quantizer) = weights.build(|tensors| {
            let stride = (config.sample_rate / hop as f64 / config.frame_rate) as usize;
            Ok((
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
        let mut another =
            Self::with(&self.weights, config, self.network.clone(), Arc::clone(&self.transformer))?;
        another.reset();
        Ok(another)
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
        let (bench, dim) = (&mut self.bench, self.config.seanet.dimension);
        let mut x = self.network.step(bench, pcm);
        self.transformer.forward(bench, &mut self.place, &mut self.scratch, &mut x);
        let positions = x.len() / dim;
        let seen = Tensor::from_vec(x, (positions, dim), &Device::Cpu)?.t()?.contiguous()?.unsqueeze(0)?;
        let latent = self.downsample.step(&StreamTensor::from_tensor(seen), &().into())?;
        let codes = self.quantizer.encode(latent.as_option().ok_or(Error::Stopped { stage: "encoder" })?)?;
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
        self.network.reset();
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
