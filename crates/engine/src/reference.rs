//! The language model as Kyutai's `moshi` crate computes it, with candle: what the engine's own ways are held against,
//! in exactness and in time.

use std::path::Path;

use candle_core::{Device, Module, Tensor};
use candle_transformers::quantized_var_builder::VarBuilder as QuantizedVarBuilder;
use moshi::StreamingModule;
use moshi::nn::{MaybeQuantizedEmbedding, MaybeQuantizedLinear, MaybeQuantizedVarBuilder, linear};
use moshi::transformer::{Norm, StreamingTransformer};
use weights::File;

use crate::config::{DepformerConfig, LmConfig};
use crate::tensors::FileTensors;
use crate::{Backend, Error, Input, Picked, Request, Sampler, Trace, candle_weights};

/// A language model with its weights and its place in time.
#[derive(Debug)]
pub struct Reference {
    config: LmConfig,
    sampler: Sampler,
    text_embedding: MaybeQuantizedEmbedding,
    audio_embeddings: Vec<MaybeQuantizedEmbedding>,
    transformer: StreamingTransformer,
    out_norm: Norm,
    text_linear: MaybeQuantizedLinear,
    extra_heads: Vec<MaybeQuantizedLinear>,
    depformer: Vec<Slice>,
}

/// One codebook's share of the depformer.
#[derive(Debug)]
struct Slice {
    transformer: StreamingTransformer,
    embedding: MaybeQuantizedEmbedding,
    low_rank: Option<MaybeQuantizedLinear>,
    linear_in: MaybeQuantizedLinear,
    linear_out: MaybeQuantizedLinear,
}

impl Reference {
    /// Loads weights: safetensors in F32, F16 or BF16 with the names of PyTorch or of Kyutai's Rust crate, or GGUF
    /// with the latter. All arithmetic is in `f32`.
    ///
    /// # Errors
    /// [`Error`] where the file is missing, damaged, or of another model than `config`.
    pub fn load(path: &Path, config: LmConfig) -> Result<Self, Error> {
        let named = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gguf"));
        if named {
            // candle believes all lengths that stand in a file; here each is held against the file before.
            File::open(path)?;
            let tensors =
                MaybeQuantizedVarBuilder::Quantized(QuantizedVarBuilder::from_gguf(path, &Device::Cpu)?);
            // candle names the tensor in words only.
            return Self::new(config, &tensors)
                .map_err(|error| Error::Damaged { path: path.into(), reason: error.to_string() });
        }
        let tensors = FileTensors::of_lm(path, &config.depformer.slices)?;
        candle_weights::build(Box::new(tensors), |tensors| {
            Self::new(config, &MaybeQuantizedVarBuilder::Real(tensors))
        })
    }

    fn new(config: LmConfig, tensors: &MaybeQuantizedVarBuilder<'_>) -> candle_core::Result<Self> {
        let dim = config.transformer.d_model;
        let audio_embeddings = (0..config.codebooks)
            .map(|i| MaybeQuantizedEmbedding::new(config.codebook_size + 1, dim, tensors.pp("emb").pp(i)))
            .collect::<Result<_, _>>()?;
        let extra_heads = match config.extra_heads {
            None => Vec::new(),
            Some((heads, classes)) => (0..heads)
                .map(|i| linear(dim, classes, false, tensors.pp("extra_heads").pp(i)))
                .collect::<Result<_, _>>()?,
        };
        let depformer = (0..config.generated_codebooks())
            .map(|i| {
                let vocabulary = if i == 0 { config.text_vocabulary } else { config.codebook_size };
                let tensors = tensors.pp("depformer").pp(i);
                Slice::new(vocabulary + 1, config.codebook_size, dim, &config.depformer, &tensors)
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            text_embedding: MaybeQuantizedEmbedding::new(
                config.text_vocabulary + 1,
                dim,
                tensors.pp("text_emb"),
            )?,
            audio_embeddings,
            transformer: StreamingTransformer::new(&config.transformer, tensors.pp("transformer"))?,
            out_norm: Norm::new(dim, &config.transformer, tensors.pp("out_norm"))?,
            text_linear: linear(dim, config.text_vocabulary_out, false, tensors.pp("text_linear"))?,
            extra_heads,
            depformer,
            config,
            sampler: Sampler::new(0),
        })
    }

    fn embedded(&self, input: &Input<'_>) -> Result<Tensor, Error> {
        match *input {
            Input::Tokens(tokens) => self.embed(tokens),
            Input::Embedded(numbers) => {
                let dim = self.config.transformer.d_model;
                if numbers.len() != dim {
                    let what = format!("{} numbers as an embedding instead of {dim}", numbers.len());
                    return Err(Error::Input { what });
                }
                Ok(Tensor::from_slice(numbers, (1, 1, dim), &Device::Cpu)?)
            }
        }
    }

    /// The sum of the embeddings of one step's tokens: `[1, 1, dim]`.
    fn embed(&self, tokens: &[Option<u32>]) -> Result<Tensor, Error> {
        let streams = self.config.streams();
        let (Some((&text, audio)), true) = (tokens.split_first(), tokens.len() == streams) else {
            return Err(Error::Input { what: format!("{} streams instead of {streams}", tokens.len()) });
        };
        // In the order of the Python code, as float sums depend on it.
        let audio = audio.iter().zip(&self.audio_embeddings).map(|(&token, table)| (token, table));
        let mut sum: Option<Tensor> = None;
        for (token, table) in audio.chain([(text, &self.text_embedding)]) {
            let Some(token) = token else { continue };
            let embedded = table.forward(&one_token(token, table)?)?;
            sum = Some(match sum {
                Some(sum) => (sum + embedded)?,
                None => embedded,
            });
        }
        match sum {
            Some(sum) => Ok(sum),
            None => Ok(Tensor::zeros(
                (1, 1, self.config.transformer.d_model),
                candle_core::DType::F32,
                &Device::Cpu,
            )?),
        }
    }

    /// Logits of one codebook of the step that `hidden` belongs to. The codebooks of a step have to be asked for in
    /// order; `previous` is the token before: the step's text for the first, the codebook before for all others.
    fn audio_logits(&mut self, codebook: usize, previous: u32, hidden: &Tensor) -> Result<Vec<f32>, Error> {
        let Some((before, [slice, ..])) = self.depformer.split_at_mut_checked(codebook) else {
            return Err(Error::Input { what: format!("codebook {codebook}, which it does not generate") });
        };
        match before.last() {
            None => slice.transformer.reset_state(),
            Some(before) => slice.transformer.copy_state(&before.transformer)?,
        }
        let mut embedded = slice.embedding.forward(&one_token(previous, &slice.embedding)?)?;
        if let Some(low_rank) = &slice.low_rank {
            embedded = embedded.apply(low_rank)?;
        }
        let input = (hidden.apply(&slice.linear_in)? + embedded)?;
        let output = slice.transformer.forward(&input)?;
        Ok(output.apply(&slice.linear_out)?.flatten_all()?.to_vec1()?)
    }

    /// Probabilities of the classes of each extra head for the step that `hidden` belongs to.
    fn extra_heads(&self, hidden: &Tensor) -> Result<Vec<Vec<f32>>, Error> {
        let probabilities =
            |head| candle_nn::ops::softmax_last_dim(&hidden.apply(head)?)?.flatten_all()?.to_vec1();
        Ok(self.extra_heads.iter().map(probabilities).collect::<candle_core::Result<_>>()?)
    }
}

impl Backend for Reference {
    fn config(&self) -> &LmConfig {
        &self.config
    }

    fn reset(&mut self, seed: u64) {
        self.transformer.reset_state();
        self.sampler = Sampler::new(seed);
    }

    fn prefill(&mut self, inputs: &[Input<'_>]) -> Result<(), Error> {
        for input in inputs {
            let embedded = self.embedded(input)?;
            self.transformer.forward(&embedded)?;
        }
        Ok(())
    }

    fn step(&mut self, request: &Request<'_>) -> Result<Picked, Error> {
        let embedded = self.embedded(&request.input)?;
        let hidden = self.transformer.forward(&embedded)?.apply(&self.out_norm)?;
        let text_logits: Vec<f32> = hidden.apply(&self.text_linear)?.flatten_all()?.to_vec1()?;
        let picked_text = self.sampler.pick(&text_logits, request.sampling.text);
        let text = request.text.apply(picked_text, &self.config);
        let (mut audio, mut audio_logits, mut previous) = (Vec::new(), Vec::new(), text);
        for codebook in 0..self.config.generated_codebooks() {
            let logits = self.audio_logits(codebook, previous, &hidden)?;
            let picked = self.sampler.pick(&logits, request.sampling.audio);
            previous = request.audio.get(codebook).copied().flatten().unwrap_or(picked);
            audio.push(picked);
            if request.trace {
                audio_logits.push(logits);
            }
        }
        let trace = match request.trace {
            false => None,
            true => Some(Trace { hidden: hidden.flatten_all()?.to_vec1()?, text_logits, audio_logits }),
        };
        Ok(Picked { text, picked_text, audio, extra_heads: self.extra_heads(&hidden)?, trace })
    }
}

impl Slice {
    fn new(
        vocabulary: usize,
        codebook_size: usize,
        temporal_dim: usize,
        config: &DepformerConfig,
        tensors: &MaybeQuantizedVarBuilder<'_>,
    ) -> candle_core::Result<Self> {
        let dim = config.transformer.d_model;
        let embedding = tensors.pp("emb");
        let low_rank = match config.low_rank_embeddings {
            None => None,
            Some(rank) => Some(linear(rank, dim, false, embedding.pp("low_rank"))?),
        };
        let width = config.low_rank_embeddings.unwrap_or(dim);
        Ok(Self {
            transformer: StreamingTransformer::new(&config.transformer, tensors.pp("transformer"))?,
            embedding: MaybeQuantizedEmbedding::new(vocabulary, width, embedding)?,
            low_rank,
            linear_in: linear(temporal_dim, dim, false, tensors.pp("linear_in"))?,
            linear_out: linear(dim, codebook_size, false, tensors.pp("linear_out"))?,
        })
    }
}

/// A tensor of one token, which has to be in the table that it will be looked up in.
fn one_token(token: u32, table: &MaybeQuantizedEmbedding) -> Result<Tensor, Error> {
    let tokens = table.embeddings().dim(0)?;
    if token as usize >= tokens {
        return Err(Error::Input { what: format!("token {token} of a vocabulary of {tokens}") });
    }
    Ok(Tensor::from_vec(vec![token], (1, 1), &Device::Cpu)?)
}
