//! The shape of the Mimi codec: the published one, or one that a file describes in the form of Kyutai's Python code.

use std::path::Path;

use candle_nn::Activation;
use moshi::conv::{Norm, PadMode};
use moshi::{mimi, seanet};
use serde::Deserialize;

use crate::Error;
use crate::config::{Reader, TransformerKeys};

/// Samples in one frame of the model: 80 ms at 24 kHz.
const FRAME: usize = wire::MODEL_FRAME;

#[derive(Debug, Deserialize)]
struct Keys {
    sample_rate: f64,
    channels: usize,
    frame_rate: f64,
    seanet: Seanet,
    quantizer: Quantizer,
    transformer: TransformerPart,
}

#[derive(Debug, Deserialize)]
struct Seanet {
    dimension: usize,
    n_filters: usize,
    n_residual_layers: usize,
    activation: String,
    compress: usize,
    dilation_base: usize,
    disable_norm_outer_blocks: usize,
    kernel_size: usize,
    residual_kernel_size: usize,
    last_kernel_size: usize,
    norm: String,
    pad_mode: String,
    ratios: Vec<usize>,
    true_skip: bool,
}

#[derive(Debug, Deserialize)]
struct Quantizer {
    dimension: usize,
    n_q: usize,
    bins: usize,
}

#[derive(Debug, Deserialize)]
struct TransformerPart {
    d_model: usize,
    num_heads: usize,
    num_layers: usize,
    layer_scale: Option<f64>,
    context: usize,
    max_period: f64,
    gating: String,
    norm: String,
    positional_embedding: String,
    dim_feedforward: usize,
}

/// Mimi as it is published (`tokenizer-e351c8d8-checkpoint125.safetensors`), with so many of its 32 codebooks.
pub(crate) fn published(codebooks: usize) -> mimi::Config {
    mimi::Config::v0_1(Some(codebooks))
}

/// Reads a description. `path` is for errors only.
pub(crate) fn parse(json: &[u8], path: &Path, codebooks: usize) -> Result<mimi::Config, Error> {
    let reader = Reader { path };
    let keys: Keys = serde_json::from_slice(json).map_err(|error| reader.wrong(error.to_string()))?;
    let Keys { seanet, quantizer, transformer, .. } = &keys;
    if keys.sample_rate != 24_000.0 || keys.channels != 1 || keys.frame_rate != 12.5 {
        return Err(reader.unsupported("a codec for another sound than 24 kHz mono at 12.5 frames a second"));
    }
    for (what, usual) in [
        ("an activation other than ELU", seanet.activation == "ELU"),
        ("a norm in the convolutions", seanet.norm == "none"),
        ("a padding other than zeros", seanet.pad_mode == "constant"),
        ("convolutions around the residual blocks", seanet.true_skip),
        ("projections around the transformers", transformer.d_model == seanet.dimension),
    ] {
        if !usual {
            return Err(reader.unsupported(what));
        }
    }
    for (key, value, most) in [
        ("seanet.dimension", seanet.dimension, 1 << 14),
        ("seanet.n_filters", seanet.n_filters, 1 << 10),
        ("seanet.n_residual_layers", seanet.n_residual_layers, 8),
        ("seanet.compress", seanet.compress, seanet.n_filters),
        ("seanet.dilation_base", seanet.dilation_base, 8),
        ("seanet.kernel_size", seanet.kernel_size, 64),
        ("seanet.residual_kernel_size", seanet.residual_kernel_size, 64),
        ("seanet.last_kernel_size", seanet.last_kernel_size, 64),
        ("quantizer.dimension", quantizer.dimension, 1 << 14),
        ("quantizer.bins", quantizer.bins, 1 << 20),
    ] {
        reader.extent(key, value, 1, most)?;
    }
    reader.extent("quantizer.n_q", quantizer.n_q, codebooks, 64)?;
    reader.extent("seanet.disable_norm_outer_blocks", seanet.disable_norm_outer_blocks, 0, 16)?;
    let hop = seanet.ratios.iter().try_fold(1_usize, |all, &ratio| all.checked_mul(ratio)).unwrap_or(0);
    if seanet.ratios.len() > 8 || hop == 0 || !FRAME.is_multiple_of(hop) || hop == FRAME {
        return Err(reader.wrong(format!("seanet.ratios {:?} do not divide a frame", seanet.ratios)));
    }
    let mut of_transformer = reader.transformer(&TransformerKeys {
        name: "transformer.",
        dim: transformer.d_model,
        heads: transformer.num_heads,
        layers: transformer.num_layers,
        feedforward: transformer.dim_feedforward,
        layer_scale: transformer.layer_scale,
        context: transformer.context,
        max_period: transformer.max_period,
        gating: &transformer.gating,
        norm: &transformer.norm,
        positions: &transformer.positional_embedding,
    })?;
    of_transformer.conv_layout = true;
    Ok(mimi::Config {
        channels: 1,
        sample_rate: keys.sample_rate,
        frame_rate: keys.frame_rate,
        renormalize: true,
        resample_method: mimi::ResampleMethod::Conv,
        seanet: seanet::Config {
            dimension: seanet.dimension,
            channels: 1,
            causal: true,
            n_filters: seanet.n_filters,
            n_residual_layers: seanet.n_residual_layers,
            activation: Activation::Elu(1.0),
            compress: seanet.compress,
            dilation_base: seanet.dilation_base,
            disable_norm_outer_blocks: seanet.disable_norm_outer_blocks,
            final_activation: None,
            kernel_size: seanet.kernel_size,
            residual_kernel_size: seanet.residual_kernel_size,
            last_kernel_size: seanet.last_kernel_size,
            lstm: 0,
            // Published weights have their weight norm multiplied in, which is what the crate expects of this one.
            norm: Norm::WeightNorm,
            pad_mode: PadMode::Constant,
            ratios: seanet.ratios.clone(),
            true_skip: true,
        },
        transformer: of_transformer,
        quantizer_n_q: codebooks,
        quantizer_bins: quantizer.bins,
        quantizer_dim: quantizer.dimension,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_codecs_are_refused() {
        let good = include_str!("../tests/golden/mimi_small_config.json");
        let parse =
            |json: &str| parse(json.as_bytes(), Path::new("mimi.json"), 8).map(|_| ()).map_err(|e| e.code());
        assert_eq!(parse(good), Ok(()));
        for (from, to, code) in [
            ("24000", "16000", "engine.unsupported"),
            ("\"ELU\"", "\"ReLU\"", "engine.unsupported"),
            ("\"n_q\": 32", "\"n_q\": 4", "engine.config"),
            ("\"n_filters\": 4", "\"n_filters\": 0", "engine.config"),
            ("   8,\n   6", "   8,\n   7", "engine.config"),
            ("\"disable_norm_outer_blocks\": 0", "\"disable_norm_outer_blocks\": 17", "engine.config"),
            ("\"d_model\": 64", "\"d_model\": 32", "engine.unsupported"),
            ("\"num_heads\": 4", "\"num_heads\": 5", "engine.config"),
            ("{", "", "engine.config"),
        ] {
            assert!(good.contains(from), "{from}");
            assert_eq!(parse(&good.replacen(from, to, 1)), Err(code), "{from} -> {to}");
        }
    }
}
