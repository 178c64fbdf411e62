//! A model of the full size of Moshi 7B, or of Kyutai's recogniser with 1B, with random weights, to measure with on machines
//! that have no real one.
//!
//! Its numbers are of the size that real ones are, so that everything is computed as it would be; what it says are
//! random words.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use half::f16;
use moshi::mimi::Mimi;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, RngExt, SeedableRng};
use serde_json::json;
use weights::{Bytes, Format, GgufWriter, Planned, Tensor, Value};

use crate::model::OF_RECOGNISERS;
use crate::tensors::Tensors;
use crate::tiny::RandomWeights;
use crate::tokenizer::{Kind, write_model};
use crate::{CONFIG, Cpu, CpuOptions, Error, LmConfig, MIMI, TOKENIZER, candle_weights, mimi_config};

/// Codebooks that the published codec has.
const CODEBOOKS: usize = 32;

/// Bytes that are made at once.
const CHUNK: usize = 1 << 20;

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FullSettings {
    /// Format of the matrices: [`Format::Q4K`] or [`Format::Q8_0`].
    pub format: Format,
    /// The same seed makes the same model, to the byte.
    pub seed: u64,
}

/// Writes a model into `folder`, which is made if need be, and returns the files. It takes 4.7 GB of disk with
/// [`Format::Q4K`], and 8.7 GB with [`Format::Q8_0`].
///
/// # Errors
/// [`Error::Exists`] where one of the files is there already; nothing is written then. [`Error::File`] where the
/// system does not let us write.
pub fn write(folder: &Path, settings: FullSettings) -> Result<Vec<PathBuf>, Error> {
    write_files(folder, settings, (MIMI, TOKENIZER), json!({ "model_type": "moshi" }))
}

/// As [`write`], a recogniser of the shape of `stt-1b-en_fr`. It takes 1.0 GB of disk with [`Format::Q4K`], and 1.5 GB
/// with [`Format::Q8_0`]. With the same seed its codec is that of the model that [`write`] makes, to the byte.
///
/// # Errors
/// As [`write`].
pub fn write_hearing(folder: &Path, settings: FullSettings) -> Result<Vec<PathBuf>, Error> {
    // The weights are those that Kyutai publishes as `stt-1b-en_fr`; `configs/stt_1b_enfr.json` has its delays.
    let json = json!({
        "model_type": "stt", "dim": 2048, "num_layers": 16, "num_heads": 16, "hidden_scale": 4.125, "context": 750,
        "max_period": 100_000, "text_card": 8000, "card": 2048, "n_q": CODEBOOKS, "dep_q": 0,
        "delays": vec![0; CODEBOOKS + 1], "extra_heads_num_heads": 4, "extra_heads_dim": 6,
        "stt_config": { "audio_delay_seconds": 0.5, "audio_silence_prefix_seconds": 0.0 },
        "lm_gen_config": { "temp": 0.0, "temp_text": 0.0, "top_k": 250, "top_k_text": 50 }
    });
    write_files(folder, settings, OF_RECOGNISERS, json)
}

fn write_files(
    folder: &Path,
    settings: FullSettings,
    (mimi, of_text): (&str, &str),
    mut json: serde_json::Value,
) -> Result<Vec<PathBuf>, Error> {
    let model = match settings.format {
        Format::Q4K => "model.q4k.gguf",
        _ => "model.q8.gguf",
    };
    let files: Vec<PathBuf> = [CONFIG, mimi, of_text, model].iter().map(|name| folder.join(name)).collect();
    if let Some(path) = files.iter().find(|path| path.exists()) {
        return Err(Error::Exists { path: path.clone() });
    }
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::File { path, source }
    };
    std::fs::create_dir_all(folder).map_err(failed(folder))?;
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        std::fs::write(&path, bytes).map_err(failed(&path))
    };
    for (key, name) in [("moshi_name", model), ("mimi_name", mimi), ("tokenizer_name", of_text)] {
        json[key] = name.into();
    }
    let (config, _) = LmConfig::parse(json.to_string().as_bytes(), &folder.join(CONFIG))?;
    write(of_text, &tokenizer(config.text_vocabulary))?;
    let codec = RandomWeights::of_mimi(settings.seed);
    candle_weights::build(Box::new(codec.clone()), |tensors| {
        Mimi::new(mimi_config::published(CODEBOOKS), tensors)
    })?;
    codec.save(&folder.join(mimi))?;
    write_lm(&folder.join(model), config, settings)?;
    write(CONFIG, format!("{json:#}\n").as_bytes())?;
    Ok(files)
}

/// Writes random weights of this shape under the names of Kyutai's Rust crate.
fn write_lm(path: &Path, config: LmConfig, settings: FullSettings) -> Result<(), Error> {
    let plan = Plan { format: settings.format, asked: Mutex::default() };
    Cpu::new(config, &plan, CpuOptions { threads: Some(1), context: Some(1), ..CpuOptions::default() })?;
    let planned = plan.asked.into_inner().unwrap_or_else(PoisonError::into_inner);
    let metadata = [("general.architecture", Value::Text("moshi".into()))];
    let mut writer = GgufWriter::create(path, &metadata, planned.clone(), false)?;
    let mut random = Xoshiro256PlusPlus::seed_from_u64(settings.seed);
    let mut chunk = Vec::new();
    for Planned { name, shape, format } in planned {
        writer.begin(&name)?;
        let bytes = format.tensor_bytes(&shape).unwrap_or(0);
        let size = format.block().1;
        let mut left = bytes;
        while left > 0 {
            chunk.resize(left.min(CHUNK / size * size), 0);
            // Norms leave things as they are; everything else has the spread that keeps its outputs as large as its
            // inputs, but for embeddings, which are summed up.
            let columns = shape.iter().skip(1).product::<usize>().max(1);
            let spread = if name.contains("emb") { 0.25 } else { 1.0 / (columns as f32).sqrt() };
            fill(&mut chunk, format, (!name.contains("norm")).then_some(spread), &mut random);
            writer.write(&chunk)?;
            left -= chunk.len();
        }
    }
    writer.finish()?;
    Ok(())
}

/// Fills whole blocks with random numbers of this spread, or with ones.
fn fill(bytes: &mut [u8], format: Format, spread: Option<f32>, random: &mut Xoshiro256PlusPlus) {
    let Some(spread) = spread else {
        let count = bytes.len() / format.block().1 * format.block().0;
        return format.narrow(&vec![1.0; count], bytes);
    };
    random.fill_bytes(bytes);
    let put = |place: &mut [u8], number: f32| place.copy_from_slice(&f16::from_f32(number).to_le_bytes());
    match format {
        Format::Q8_0 => {
            // Bytes of equal probability spread by 256 / sqrt(12).
            for block in bytes.as_chunks_mut::<34>().0 {
                put(&mut block[..2], spread / 73.9);
            }
        }
        Format::Q4K => {
            for block in bytes.as_chunks_mut::<144>().0 {
                // All eight scales and minima are 48: 0b11_0000, and the upper two bits of those that are packed
                // elsewhere. Nibbles spread by 16 / sqrt(12) around 7.5.
                block[4..12].fill(0b1111_0000);
                block[12..16].fill(0);
                put(&mut block[..2], spread / (48.0 * 4.61));
                put(&mut block[2..4], 7.5 * spread / (48.0 * 4.61));
            }
        }
        _ => {
            let numbers: Vec<f32> = (0..bytes.len() / format.block().1)
                .map(|_| (random.random::<f32>() - 0.5) * spread * 12_f32.sqrt())
                .collect();
            format.narrow(&numbers, bytes);
        }
    }
}

/// Remembers what is asked for, and answers with zeros.
#[derive(Debug)]
struct Plan {
    format: Format,
    asked: Mutex<Vec<Planned>>,
}

impl Tensors for Plan {
    fn tensor(&self, name: &str, shape: &[usize]) -> Result<Tensor, Error> {
        let columns = shape.iter().skip(1).product();
        let fits = |format: &Format| shape.len() == 2 && format.row_bytes(columns).is_some();
        let format = [self.format, Format::Q8_0].into_iter().find(fits).unwrap_or(Format::F32);
        let planned = Planned { name: name.into(), shape: shape.into(), format };
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(planned);
        let bytes = Bytes::from(vec![0; format.tensor_bytes(shape).unwrap_or(0)]);
        Tensor::new(format, shape.into(), bytes)
            .ok_or_else(|| Error::Input { what: format!("the shape {shape:?} for {name}") })
    }

    fn has(&self, _: &str) -> bool {
        true
    }
}

/// A tokenizer with as many pieces: those that control, all bytes, and words of three syllables.
fn tokenizer(pieces: usize) -> Vec<u8> {
    const SYLLABLES: [&str; 32] = [
        "ba", "be", "bi", "bo", "da", "de", "di", "do", "fa", "fe", "ga", "go", "ka", "ke", "ki", "ko", "la",
        "le", "li", "lo", "ma", "me", "mi", "mo", "na", "ne", "ra", "ro", "sa", "so", "ta", "to",
    ];
    let control = ["<unk>", "<s>", "</s>", "<pad>"].map(str::to_owned);
    let bytes = (0..=255).map(|byte| format!("<0x{byte:02X}>"));
    let words = (0..).map(|i| {
        let syllable = |place: usize| SYLLABLES[i / SYLLABLES.len().pow(place as u32) % SYLLABLES.len()];
        format!(" {}{}{}", syllable(0), syllable(1), syllable(2))
    });
    let all: Vec<String> = control.into_iter().chain(bytes).chain(words).take(pieces).collect();
    write_model(all.iter().enumerate().map(|(at, piece)| {
        let kind = match at {
            0 => Kind::Unknown,
            1..4 => Kind::Control,
            4..260 => Kind::Byte,
            _ => Kind::Normal,
        };
        (piece.as_str(), kind)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Backend, Input, Request, Sampling, Tokenizer};

    #[test]
    fn a_model_of_any_shape_is_written_whose_numbers_stay_in_bounds() {
        let json = br#"{"dim":256,"num_heads":2,"num_layers":3,"depformer_dim":64,"depformer_num_heads":2,
            "depformer_num_layers":2,"depformer_dim_feedforward":264,"text_card":300,"card":64,"context":10}"#;
        let (config, _) = LmConfig::parse(json, Path::new("")).unwrap();
        let folder = tempfile::tempdir().unwrap();
        for (format, name) in [(Format::Q4K, "a.gguf"), (Format::Q8_0, "b.gguf")] {
            let path = folder.path().join(name);
            write_lm(&path, config.clone(), FullSettings { format, seed: 1 }).unwrap();
            let file = weights::File::open(&path).unwrap();
            let of = |name: &str| file.tensor(name).unwrap();
            assert_eq!(of("transformer.layers.0.self_attn.in_proj_weight").format(), format);
            let numbers = of("transformer.layers.1.gating.linear_in.weight").to_f32();
            let spread = (numbers.iter().map(|x| x * x).sum::<f32>() / numbers.len() as f32).sqrt();
            let mean = numbers.iter().sum::<f32>() / numbers.len() as f32;
            assert!(
                (0.9..1.1).contains(&(spread * 16.0)) && mean.abs() < 0.002,
                "{format:?} {spread} {mean}"
            );
            let mut lm = Cpu::load(&path, config.clone(), CpuOptions::default()).unwrap();
            let mut texts = std::collections::BTreeSet::new();
            let mut input = vec![Some(0); config.streams()];
            for _ in 0..30 {
                let request =
                    Request { trace: true, ..Request::free(Input::Tokens(&input), Sampling::default()) };
                let picked = lm.step(&request).unwrap();
                let hidden = picked.trace.unwrap().hidden;
                assert!(hidden.iter().all(|number| number.abs() < 10.0), "{format:?}");
                texts.insert(picked.text);
                input[0] = Some(picked.text);
                input[1..9].copy_from_slice(&picked.audio.into_iter().map(Some).collect::<Vec<_>>());
            }
            assert!(texts.len() > 5, "{format:?} always says {texts:?}");
        }
    }

    #[test]
    fn every_token_has_a_meaning_of_its_own() {
        let tokenizer = Tokenizer::parse(&tokenizer(32_000)).unwrap();
        assert_eq!(tokenizer.len(), 32_000);
        let words: std::collections::BTreeSet<_> =
            (260..32_000).map(|token| tokenizer.piece(token)).collect();
        assert_eq!(words.len(), 32_000 - 260);
    }
}
