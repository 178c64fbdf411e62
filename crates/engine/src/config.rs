//! The model description that Kyutai publishes beside the weights: `config.json`, in the form that their Python code
//! reads (`moshi/models/loaders.py`, `configs/moshi_7b_202409.json`).

mod keys;

use std::path::{Path, PathBuf};

use candle_nn::Activation;
use moshi::NormType;
use moshi::transformer::{Config as Transformer, PositionalEmbedding};
use weights::layout::Depformer;

use self::keys::{GenerationKeys, Keys, RecogniserKeys};
use crate::{Error, Sampling, TokenSampling, personaplex};

/// Steps in a second.
const STEPS: f64 = 12.5;

/// The most seconds that a recogniser may be late, or hear silence first. Kyutai's are 2.5 seconds late at most.
const LATEST: f64 = 60.0;

/// The largest extent that any dimension may have. Those of the 7B model are below 40,000.
const MAX_EXTENT: usize = 1 << 20;

/// What a language model looks like, checked: every extent is positive and bounded, and they fit together.
#[derive(Debug, Clone)]
pub struct LmConfig {
    /// The temporal transformer: one step for each 80 ms.
    pub transformer: Transformer,
    /// The transformer over the codebooks of one step.
    pub depformer: DepformerConfig,
    /// Text tokens that can be said. As an input there is one more, which stands for the start.
    pub text_vocabulary: usize,
    /// Text tokens that can come out; the same but for a few models.
    pub text_vocabulary_out: usize,
    /// Entries of a codebook. As an input there is one more, which stands for the start.
    pub codebook_size: usize,
    /// Codebooks that go in: those of both speakers, Moshi's first.
    pub codebooks: usize,
    /// Steps by which each stream is late: text, then each codebook.
    pub delays: Vec<usize>,
    /// The text token for "nothing is said here".
    pub padding: u32,
    /// The text token for "a word begins at the next step".
    pub end_of_padding: u32,
    /// Small outputs beside the text: how many, and of how many classes.
    pub extra_heads: Option<(usize, usize)>,
    /// How tokens are picked unless somebody asks for something else.
    pub sampling: Sampling,
    /// Whether it is one of PersonaPlex, which takes a role and a voice, and hears each code a step later. What is
    /// different in its shape is so in this description already.
    pub personaplex: bool,
    /// Of a recogniser of speech, which holds no conversation: how it tells words.
    pub recogniser: Option<RecogniserConfig>,
}

/// How a recogniser tells words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecogniserConfig {
    /// Steps by which words are later than their sound. Parts of a step do not count, as in Kyutai's programs
    /// (`stt-rs/src/main.rs` of kyutai-labs/delayed-streams-modeling): half a second is six.
    pub delay: u32,
    /// Frames of silence that it is to hear before the sound.
    pub prefix: u32,
}

/// The transformer over the codebooks of one step; its slices are steps with weights of their own.
#[derive(Debug, Clone)]
pub struct DepformerConfig {
    /// Shape of each slice.
    pub transformer: Transformer,
    /// Which weights each slice has. There are as many slices as codebooks that Moshi generates.
    pub slices: Depformer,
    /// Width of embeddings that are stored as a product of two matrices.
    pub low_rank_embeddings: Option<usize>,
}

/// Names of the other files, where the description gives them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileNames {
    /// Weights of the language model.
    pub moshi: Option<String>,
    /// Weights of the codec.
    pub mimi: Option<String>,
    /// Shape of the codec.
    pub mimi_config: Option<String>,
    /// The text tokenizer.
    pub tokenizer: Option<String>,
}

impl LmConfig {
    /// Reads a description; `{}` describes Moshi 7B. `path` is for errors only.
    ///
    /// # Errors
    /// [`Error::Config`] where it makes no sense, [`Error::Unsupported`] for kinds of models that are not run here.
    pub fn parse(json: &[u8], path: &Path) -> Result<(Self, FileNames), Error> {
        // Through a map, because a structure alone would also be read from a JSON array.
        let map = serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(json);
        let keys: Keys = map
            .and_then(|map| serde_json::from_value(map.into()))
            .map_err(|error| Error::Config { path: path.into(), reason: error.to_string() })?;
        let names = FileNames {
            moshi: keys.moshi_name.clone(),
            mimi: keys.mimi_name.clone(),
            mimi_config: keys.mimi_config_name.clone(),
            tokenizer: keys.tokenizer_name.clone(),
        };
        let declared = personaplex::is_declared(keys.model_type.as_deref(), keys.n_q, keys.dep_q);
        let reader = Reader { path };
        let mut config = reader.config(keys)?;
        if declared {
            config = config.into_personaplex().map_err(|reason| reader.wrong(reason))?;
        }
        Ok((config, names))
    }

    /// Whether it has the shape of Moshi 7B, where nearly all of a frame's time goes.
    #[must_use]
    pub fn is_full_size(&self) -> bool {
        (self.transformer.d_model, self.transformer.num_layers) == (4096, 32)
    }

    /// Codebooks that Moshi generates for itself.
    #[must_use]
    pub fn generated_codebooks(&self) -> usize {
        self.depformer.slices.schedule.len()
    }

    /// Codebooks of the other speaker.
    #[must_use]
    pub fn heard_codebooks(&self) -> usize {
        self.codebooks - self.generated_codebooks()
    }

    /// The audio token that stands for the start.
    #[must_use]
    pub fn initial_audio(&self) -> u32 {
        u32::try_from(self.codebook_size).unwrap_or(u32::MAX)
    }

    /// The text token that stands for the start.
    #[must_use]
    pub fn initial_text(&self) -> u32 {
        u32::try_from(self.text_vocabulary).unwrap_or(u32::MAX)
    }

    /// Streams that go in: text and all codebooks.
    #[must_use]
    pub fn streams(&self) -> usize {
        1 + self.codebooks
    }
}

/// Width of the hidden layer that the moshi crate builds for this description of a gated transformer.
pub(crate) fn gated_width(config: &Transformer) -> usize {
    let Transformer { d_model, dim_feedforward, .. } = *config;
    if dim_feedforward == 4 * d_model { 11 * d_model / 4 } else { 2 * dim_feedforward / 3 }
}

/// Turns keys into a checked description; knows the file for errors.
pub(crate) struct Reader<'a> {
    pub(crate) path: &'a Path,
}

impl Reader<'_> {
    fn config(&self, keys: Keys) -> Result<LmConfig, Error> {
        self.refuse(&keys)?;
        self.extent("n_q", keys.n_q, 1, 64)?;
        self.extent("dep_q", keys.dep_q, 0, keys.n_q)?;
        for (name, value) in [("card", keys.card), ("text_card", keys.text_card)] {
            self.extent(name, value, 1, MAX_EXTENT)?;
        }
        let text_vocabulary_out = keys.text_card_out.unwrap_or(keys.text_card);
        self.extent("text_card_out", text_vocabulary_out, 1, MAX_EXTENT)?;
        if keys.delays.len() != keys.n_q + 1 || keys.delays.iter().any(|&delay| delay > 64) {
            return Err(self.wrong(format!("{} streams have delays {:?}", keys.n_q + 1, keys.delays)));
        }
        for (name, id) in [
            ("padding", keys.existing_text_padding_id),
            ("end of padding", keys.existing_text_end_padding_id),
        ] {
            if id as usize >= text_vocabulary_out {
                return Err(self.wrong(format!("token {id} for {name} is outside of the vocabulary")));
            }
        }
        let transformer = self.transformer(&TransformerKeys {
            name: "",
            dim: keys.dim,
            heads: keys.num_heads,
            layers: keys.num_layers,
            feedforward: (keys.hidden_scale * keys.dim as f64) as usize,
            layer_scale: keys.layer_scale,
            context: keys.context.ok_or_else(|| self.unsupported("attention without a bound"))?,
            max_period: keys.max_period,
            gating: &keys.gating,
            norm: &keys.norm,
            positions: &keys.positional_embedding,
        })?;
        let extra_heads = match keys.extra_heads_num_heads {
            0 => None,
            heads => {
                self.extent("extra_heads_num_heads", heads, 1, 64)?;
                self.extent("extra_heads_dim", keys.extra_heads_dim, 1, MAX_EXTENT)?;
                Some((heads, keys.extra_heads_dim))
            }
        };
        let recogniser = self.recogniser(&keys)?;
        Ok(LmConfig {
            transformer,
            depformer: self.depformer(&keys)?,
            text_vocabulary: keys.text_card,
            text_vocabulary_out,
            codebook_size: keys.card,
            codebooks: keys.n_q,
            delays: keys.delays,
            padding: keys.existing_text_padding_id,
            end_of_padding: keys.existing_text_end_padding_id,
            extra_heads,
            sampling: self.sampling(keys.lm_gen_config)?,
            personaplex: false,
            recogniser,
        })
    }

    /// Whether it is a recogniser: it says so, or it says no sound and how late it tells words.
    fn recogniser(&self, keys: &Keys) -> Result<Option<RecogniserConfig>, Error> {
        let declared = keys.model_type.as_deref() == Some("stt");
        if !declared && (keys.dep_q > 0 || keys.stt_config.is_none()) {
            return Ok(None);
        }
        if keys.dep_q > 0 || keys.delays.iter().any(|&delay| delay > 0) {
            return Err(
                self.unsupported("a recogniser that speaks, or that hears some codebooks later than others")
            );
        }
        let RecogniserKeys { audio_delay_seconds, audio_silence_prefix_seconds } =
            keys.stt_config.unwrap_or_default();
        for (key, seconds) in
            [("audio_delay", audio_delay_seconds), ("audio_silence_prefix", audio_silence_prefix_seconds)]
        {
            if !(0.0..=LATEST).contains(&seconds) {
                return Err(self.wrong(format!("stt_config.{key}_seconds is {seconds}")));
            }
        }
        let prefix = (audio_silence_prefix_seconds * STEPS).ceil() as u32;
        Ok(Some(RecogniserConfig { delay: (audio_delay_seconds * STEPS) as u32, prefix }))
    }

    fn depformer(&self, keys: &Keys) -> Result<DepformerConfig, Error> {
        let default = || (keys.hidden_scale * keys.depformer_dim as f64) as usize;
        let schedule =
            keys.depformer_weights_per_step_schedule.clone().unwrap_or_else(|| (0..keys.dep_q).collect());
        if schedule.len() != keys.dep_q || schedule.iter().any(|&weights| weights >= keys.dep_q) {
            return Err(self.wrong(format!("{} codebooks use weights {schedule:?}", keys.dep_q)));
        }
        if let Some(rank) = keys.depformer_low_rank_embeddings {
            self.extent("depformer_low_rank_embeddings", rank, 1, MAX_EXTENT)?;
        }
        let transformer = self.transformer(&TransformerKeys {
            name: "depformer_",
            dim: keys.depformer_dim,
            heads: keys.depformer_num_heads,
            layers: keys.depformer_num_layers,
            feedforward: keys.depformer_dim_feedforward.unwrap_or_else(default),
            layer_scale: keys.depformer_layer_scale,
            // Every slice sees all the slices before it, whatever `depformer_context` says.
            context: keys.dep_q.max(1),
            max_period: keys.depformer_max_period,
            gating: &keys.depformer_gating,
            norm: &keys.norm,
            positions: &keys.depformer_pos_emb,
        })?;
        Ok(DepformerConfig {
            transformer,
            slices: Depformer {
                schedule,
                multi_linear: keys.depformer_multi_linear,
                weights_per_step: keys.depformer_weights_per_step,
            },
            low_rank_embeddings: keys.depformer_low_rank_embeddings,
        })
    }

    fn refuse(&self, keys: &Keys) -> Result<(), Error> {
        let what = [
            (keys.quantize, "weights quantized by bitsandbytes"),
            (keys.lora || keys.lora_name.is_some(), "a LoRA adapter"),
            (keys.bias_proj, "output projections with a bias"),
            (keys.norm_emb, "normalised embeddings"),
            (keys.cross_attention, "cross attention"),
            (keys.demux_second_stream || keys.demux_second_text_stream, "two text streams in one"),
            (keys.kv_repeat != 1, "keys and values shared by several heads"),
            (keys.depformer_norm.is_some(), "a norm behind the depformer"),
            (keys.conditioners.as_ref().is_some_and(|map| !map.is_empty()), "conditioning"),
            (!keys.causal, "attention to the future"),
        ];
        match what.iter().find(|(asked, _)| *asked) {
            Some((_, what)) => Err(self.unsupported(what)),
            None => Ok(()),
        }
    }

    fn sampling(&self, keys: GenerationKeys) -> Result<Sampling, Error> {
        let default = Sampling::default();
        let pick = |temperature: Option<f32>, top_k: Option<usize>, default: TokenSampling| {
            let picked = TokenSampling {
                temperature: temperature.unwrap_or(default.temperature),
                top_k: top_k.unwrap_or(default.top_k),
            };
            picked.check().map_err(|reason| self.wrong(format!("lm_gen_config: {reason}")))
        };
        Ok(Sampling {
            text: pick(keys.temp_text, keys.top_k_text, default.text)?,
            audio: pick(keys.temp, keys.top_k, default.audio)?,
        })
    }

    pub(crate) fn transformer(&self, keys: &TransformerKeys<'_>) -> Result<Transformer, Error> {
        let TransformerKeys { name, dim, heads, layers, feedforward, .. } = *keys;
        for (key, value, most) in [
            ("dim", dim, 1 << 16),
            ("num_heads", heads, 1 << 10),
            ("num_layers", layers, 1 << 10),
            ("dim_feedforward", feedforward, MAX_EXTENT),
            ("context", keys.context, MAX_EXTENT),
        ] {
            self.extent(&format!("{name}{key}"), value, 1, most)?;
        }
        if !(keys.max_period >= 1.0 && keys.max_period <= 1e9) {
            return Err(self.wrong(format!("{name}max_period is {}", keys.max_period)));
        }
        let positional_embedding = match keys.positions {
            "rope" => PositionalEmbedding::Rope,
            "sin" => PositionalEmbedding::Sin,
            "none" => PositionalEmbedding::None,
            other => return Err(self.unsupported(&format!("position embedding {other:?}"))),
        };
        let rope_fits = positional_embedding != PositionalEmbedding::Rope || (dim / heads).is_multiple_of(2);
        let sin_fits =
            positional_embedding != PositionalEmbedding::Sin || (dim >= 4 && dim.is_multiple_of(2));
        if !dim.is_multiple_of(heads) || !rope_fits || !sin_fits {
            return Err(self.wrong(format!("{name}dim {dim} can not be divided among {heads} heads")));
        }
        let norm = match keys.norm {
            "rms_norm_f32" => NormType::RmsNorm,
            "layer_norm" => NormType::LayerNorm,
            other => return Err(self.unsupported(&format!("norm {other:?}"))),
        };
        let (gating, dim_feedforward) = match keys.gating {
            "none" => (None, feedforward),
            "silu" => (Some(Activation::Silu), self.gated_feedforward(dim, feedforward)?),
            other => return Err(self.unsupported(&format!("gating {other:?}"))),
        };
        Ok(Transformer {
            d_model: dim,
            num_heads: heads,
            num_layers: layers,
            causal: true,
            norm_first: true,
            bias_ff: false,
            bias_attn: false,
            layer_scale: keys.layer_scale,
            positional_embedding,
            use_conv_block: false,
            cross_attention: None,
            conv_kernel_size: 3,
            use_conv_bias: true,
            gating,
            norm,
            context: keys.context,
            max_period: keys.max_period as usize,
            max_seq_len: keys.context,
            kv_repeat: 1,
            dim_feedforward,
            conv_layout: false,
            shared_cross_attn: false,
        })
    }

    /// The number that makes the moshi crate build the hidden layer that Python builds for `feedforward`.
    ///
    /// Both take two thirds of it, and both make an exception for four times the width: 21/8 of the width in Python
    /// (`moshi/modules/gating.py`), 11/4 in the crate.
    fn gated_feedforward(&self, dim: usize, feedforward: usize) -> Result<usize, Error> {
        let hidden = if feedforward == 4 * dim { 21 * dim / 8 } else { 2 * feedforward / 3 };
        let of_crate = |ff: usize| if ff == 4 * dim { 11 * dim / 4 } else { 2 * ff / 3 };
        let least = (3 * hidden).div_ceil(2);
        [least, least + 1, 4 * dim]
            .into_iter()
            .find(|&ff| hidden > 0 && of_crate(ff) == hidden)
            .ok_or_else(|| self.unsupported(&format!("a gated layer of width {hidden}")))
    }

    pub(crate) fn extent(&self, key: &str, value: usize, least: usize, most: usize) -> Result<(), Error> {
        if (least..=most).contains(&value) {
            Ok(())
        } else {
            Err(self.wrong(format!("{key} is {value}, which is outside of {least} to {most}")))
        }
    }

    pub(crate) fn wrong(&self, reason: String) -> Error {
        Error::Config { path: PathBuf::from(self.path), reason }
    }

    pub(crate) fn unsupported(&self, what: &str) -> Error {
        Error::Unsupported { path: PathBuf::from(self.path), what: what.into() }
    }
}

/// What the keys say about one transformer.
pub(crate) struct TransformerKeys<'a> {
    /// What the keys begin with.
    pub(crate) name: &'a str,
    pub(crate) dim: usize,
    pub(crate) heads: usize,
    pub(crate) layers: usize,
    pub(crate) feedforward: usize,
    pub(crate) layer_scale: Option<f64>,
    pub(crate) context: usize,
    pub(crate) max_period: f64,
    pub(crate) gating: &'a str,
    pub(crate) norm: &'a str,
    pub(crate) positions: &'a str,
}

#[cfg(test)]
mod tests;
