//! A complete model of small size with random weights, in the files and layouts that Kyutai publishes.
//!
//! It says words and makes sound, neither of which means anything; it exists so that everything around a model can
//! be run and tested on a machine that could not run a real one.

mod hearing;
mod random;
mod words;

use std::path::{Path, PathBuf};

use hound::SampleFormat;
use moshi::mimi::Mimi;
use serde_json::json;
use weights::Format;
use weights::quantize::{Options, quantize};

pub use self::hearing::write_hearing;
pub(crate) use self::random::RandomWeights;
use crate::tokenizer::write_model;
use crate::{CONFIG, Cpu, CpuOptions, Error, LmConfig, MIMI, MOSHI, TOKENIZER, candle_weights, mimi_config};

/// Name of the codec's description. The published codec has none, as there is only one of it.
const MIMI_CONFIG: &str = "mimi_config.json";

/// Name of the quantized weights.
const QUANTIZED: &str = "model.q8.gguf";

/// Codebooks of the codec, as published codecs have them. Moshi takes the first eight.
const CODEBOOKS: usize = 32;

/// Entries of a codebook. PersonaPlex has as many as published models, as the tokens of its silence are fixed.
const CODEBOOK: usize = 128;
const CODEBOOK_OF_PERSONAPLEX: usize = 2048;

/// Name of the voice of a model of PersonaPlex: the one that clients ask for most.
const VOICE: &str = "voices/NATF2.wav";

/// What is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TinySettings {
    /// The same seed makes the same model, to the byte.
    pub seed: u64,
    /// Whether quantized weights are written, too.
    pub quantized: bool,
}

/// Writes a model into `folder`, which is made if need be, and returns the files.
///
/// # Errors
/// [`Error::Exists`] where one of the files is there already; nothing is written then. [`Error::File`] where the
/// system does not let us write.
pub fn write(folder: &Path, settings: TinySettings) -> Result<Vec<PathBuf>, Error> {
    write_files(folder, settings, false)
}

/// As [`write`], a model of PersonaPlex with a voice. Its depformer has no slices for the other speaker, which are not
/// computed here.
///
/// # Errors
/// As [`write`].
pub fn write_personaplex(folder: &Path, settings: TinySettings) -> Result<Vec<PathBuf>, Error> {
    write_files(folder, settings, true)
}

fn write_files(folder: &Path, settings: TinySettings, personaplex: bool) -> Result<Vec<PathBuf>, Error> {
    let vocabulary = words::vocabulary();
    let (mut lm, mut mimi) = (lm_json(vocabulary.len()), mimi_json(CODEBOOK, CODEBOOKS));
    let mut names = vec![CONFIG, MOSHI[0], MIMI, MIMI_CONFIG, TOKENIZER];
    names.extend(settings.quantized.then_some(QUANTIZED));
    if personaplex {
        names.push(VOICE);
        lm["model_type"] = json!("personaplex");
        lm["card"] = json!(CODEBOOK_OF_PERSONAPLEX);
        // It has to remember its role.
        lm["context"] = json!(1000);
        mimi = mimi_json(CODEBOOK_OF_PERSONAPLEX, 8);
    }
    let folder = Folder::new(folder, &names)?;
    let (config, _) = LmConfig::parse(lm.to_string().as_bytes(), &folder.path(CONFIG))?;
    let slices = config.depformer.slices.clone();
    let weights = RandomWeights::of_lm(settings.seed, slices.clone(), &vocabulary);
    Cpu::new(config, &weights, CpuOptions::default())?;
    let moshi = folder.path(MOSHI[0]);
    weights.save(&moshi)?;
    if settings.quantized {
        let (from, options) = (weights::File::open(&moshi)?, Options::new(Format::Q8_0));
        quantize(&from, &slices, &folder.path(QUANTIZED), &options, &mut |_| true)?;
    }
    folder.write_codec(MIMI, settings.seed, &mimi)?;
    let pieces = vocabulary.iter().map(|piece| (piece.text.as_str(), piece.kind));
    folder.write(TOKENIZER, &write_model(pieces))?;
    if personaplex {
        let path = folder.path(VOICE);
        voice(&path).map_err(|error| match error {
            hound::Error::IoError(source) => Error::File { path, source },
            other => Error::File { path, source: std::io::Error::other(other) },
        })?;
    }
    folder.write(CONFIG, format!("{lm:#}\n").as_bytes())?;
    Ok(folder.into_files())
}

/// Where a model is written to.
struct Folder {
    folder: PathBuf,
    files: Vec<PathBuf>,
}

impl Folder {
    /// A folder in which none of these files is.
    fn new(folder: &Path, names: &[&str]) -> Result<Self, Error> {
        let files: Vec<PathBuf> = names.iter().map(|name| folder.join(name)).collect();
        if let Some(path) = files.iter().find(|path| path.exists()) {
            return Err(Error::Exists { path: path.clone() });
        }
        for folder in files.iter().filter_map(|file| file.parent()) {
            std::fs::create_dir_all(folder).map_err(|source| Error::File { path: folder.into(), source })?;
        }
        Ok(Self { folder: folder.into(), files })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let path = self.path(name);
        std::fs::write(&path, bytes).map_err(|source| Error::File { path, source })
    }

    /// Writes a codec and its description.
    fn write_codec(&self, name: &str, seed: u64, json: &serde_json::Value) -> Result<(), Error> {
        let codebooks =
            json["quantizer"]["n_q"].as_u64().and_then(|codebooks| usize::try_from(codebooks).ok());
        let description = self.path(MIMI_CONFIG);
        let config =
            mimi_config::parse(json.to_string().as_bytes(), &description, codebooks.unwrap_or(CODEBOOKS))?;
        let weights = RandomWeights::of_mimi(seed);
        candle_weights::build(Box::new(weights.clone()), |tensors| Mimi::new(config, tensors))?;
        weights.save(&self.path(name))?;
        self.write(MIMI_CONFIG, format!("{json:#}\n").as_bytes())
    }

    fn into_files(self) -> Vec<PathBuf> {
        self.files
    }
}

/// Writes a recording of two seconds that sounds somewhat like a voice.
fn voice(path: &Path) -> hound::Result<()> {
    let (sample_rate, most) = (wire::SAMPLE_RATE, f32::from(i16::MAX));
    let spec =
        hound::WavSpec { channels: 1, sample_rate, bits_per_sample: 16, sample_format: SampleFormat::Int };
    let mut writer = hound::WavWriter::create(path, spec)?;
    for i in 0..2 * sample_rate {
        let seconds = i as f32 / sample_rate as f32;
        let loudness = 0.2 * (3.0 * std::f32::consts::TAU * seconds).sin().abs();
        let harmonics =
            (1..8_u8).map(|n| (200.0 * f32::from(n) * std::f32::consts::TAU * seconds).sin() / f32::from(n));
        writer.write_sample((most * loudness * harmonics.sum::<f32>() / 2.0) as i16)?;
    }
    writer.finalize()
}

fn lm_json(vocabulary: usize) -> serde_json::Value {
    json!({
        "dim": 64, "text_card": vocabulary, "existing_text_padding_id": words::PADDING, "n_q": 16, "dep_q": 8,
        "card": CODEBOOK, "num_heads": 4, "num_layers": 2, "hidden_scale": 4.5, "causal": true, "layer_scale": null,
        "context": 250, "max_period": 10000, "gating": "silu", "norm": "rms_norm_f32",
        "positional_embedding": "rope", "depformer_dim": 32, "depformer_dim_feedforward": 144,
        "depformer_num_heads": 4, "depformer_num_layers": 2, "depformer_layer_scale": null,
        "depformer_multi_linear": true, "depformer_context": 8, "depformer_max_period": 10000,
        "depformer_gating": "silu", "depformer_pos_emb": "none", "depformer_weights_per_step": true,
        "delays": [0, 0, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1],
        "model_type": "moshi", "moshi_name": MOSHI[0], "mimi_name": MIMI, "mimi_config_name": MIMI_CONFIG,
        "tokenizer_name": TOKENIZER
    })
}

fn mimi_json(bins: usize, codebooks: usize) -> serde_json::Value {
    json!({
        "sample_rate": 24000, "channels": 1, "frame_rate": 12.5,
        "seanet": {
            "channels": 1, "dimension": 64, "causal": true, "n_filters": 4, "n_residual_layers": 1,
            "activation": "ELU", "compress": 2, "dilation_base": 2, "disable_norm_outer_blocks": 0,
            "kernel_size": 7, "residual_kernel_size": 3, "last_kernel_size": 3, "norm": "none",
            "pad_mode": "constant", "ratios": [8, 6, 5, 4], "true_skip": true
        },
        "quantizer": {
            "dimension": 32, "n_q": codebooks, "bins": bins, "input_dimension": 64, "output_dimension": 64
        },
        "transformer": {
            "d_model": 64, "num_heads": 4, "num_layers": 2, "causal": true, "layer_scale": 0.01, "context": 250,
            "conv_layout": true, "max_period": 10000, "gating": "none", "norm": "layer_norm",
            "positional_embedding": "rope", "dim_feedforward": 128, "input_dimension": 64, "output_dimensions": [64]
        }
    })
}
