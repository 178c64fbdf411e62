//! A small recogniser that says words while it hears sound, and none while it hears silence.
//!
//! It has learnt as much as can be learnt without a data set: how often each code of the codec comes in sound and in
//! silence. That is one number of the embeddings of all codes; the last text token is another. The output makes of the two
//! what real recognisers do: the end of padding where sound begins, a word, its end, the next word; padding and a pause in
//! silence. Which words, chance decides. Its delay of two steps is right: a word ends where its second step did.

use std::path::{Path, PathBuf};

use serde_json::json;
use weights::Format;
use weights::layout::Depformer;
use weights::quantize::{Options, quantize};

use super::random::{Normal, RandomWeights};
use super::words::{self, PADDING, Piece};
use super::{CODEBOOK, CODEBOOKS, Folder, MIMI_CONFIG, QUANTIZED, TinySettings};
use crate::codec::{FRAME, load_codec};
use crate::model::OF_RECOGNISERS;
use crate::tokenizer::write_model;
use crate::{CONFIG, Cpu, CpuOptions, Error, LmConfig, MOSHI};

/// Codec and tokenizer, as they are published for recognisers.
const MIMI: &str = OF_RECOGNISERS.0;
const TOKENIZER: &str = OF_RECOGNISERS.1;

/// The token for "a word begins at the next step".
const END_OF_PADDING: usize = 0;

/// Components of what goes through the network, each with one meaning: how much it sounds like sound rather than silence,
/// and whether the last token was a part of a word, padding, or the end of padding.
const SOUND: usize = 0;
const AFTER_WORD: usize = 1;
const AFTER_PADDING: usize = 2;
const AFTER_END: usize = 3;

/// The size of those components.
const SIZE: f32 = 4.0;

/// Spread of all other components, which decide which word it is.
const SPREAD: f32 = 0.05;

/// Writes a recogniser into `folder`, which is made if need be, and returns the files. With the same seed its codec is
/// that of the model that [`write`](super::write) makes, to the byte.
///
/// # Errors
/// As [`write`](super::write).
pub fn write_hearing(folder: &Path, settings: TinySettings) -> Result<Vec<PathBuf>, Error> {
    let mut names = vec![CONFIG, MOSHI[0], MIMI, MIMI_CONFIG, TOKENIZER];
    names.extend(settings.quantized.then_some(QUANTIZED));
    let folder = Folder::new(folder, &names)?;
    let vocabulary = words::vocabulary();
    let json = lm_json(vocabulary.len());
    folder.write_codec(MIMI, settings.seed, &super::mimi_json(CODEBOOK, CODEBOOKS))?;
    let learnt = Learnt::from(&folder.path(MIMI), &folder.path(MIMI_CONFIG))?;
    let (config, _) = LmConfig::parse(json.to_string().as_bytes(), &folder.path(CONFIG))?;
    let slices: Depformer = config.depformer.slices.clone();
    let weights = RandomWeights::of_recogniser(settings.seed, learnt, &vocabulary);
    Cpu::new(config, &weights, CpuOptions::default())?;
    let lm = folder.path(MOSHI[0]);
    weights.save(&lm)?;
    if settings.quantized {
        let (from, options) = (weights::File::open(&lm)?, Options::new(Format::Q8_0));
        quantize(&from, &slices, &folder.path(QUANTIZED), &options, &mut |_| true)?;
    }
    let pieces = vocabulary.iter().map(|piece| (piece.text.as_str(), piece.kind));
    folder.write(TOKENIZER, &write_model(pieces))?;
    folder.write(CONFIG, format!("{json:#}\n").as_bytes())?;
    Ok(folder.into_files())
}

fn lm_json(vocabulary: usize) -> serde_json::Value {
    json!({
        "dim": 64, "text_card": vocabulary, "existing_text_padding_id": PADDING,
        "existing_text_end_padding_id": END_OF_PADDING, "n_q": CODEBOOKS, "dep_q": 0, "card": CODEBOOK, "num_heads": 4,
        "num_layers": 2, "hidden_scale": 4.5, "causal": true, "layer_scale": null, "context": 250, "max_period": 100_000,
        "gating": "silu", "norm": "rms_norm_f32", "positional_embedding": "rope", "delays": vec![0; CODEBOOKS + 1],
        "extra_heads_num_heads": 4, "extra_heads_dim": 6, "model_type": "stt",
        "stt_config": { "audio_delay_seconds": 0.2, "audio_silence_prefix_seconds": 0.0 },
        "lm_gen_config": { "temp": 0.0, "temp_text": 0.0, "top_k": 250, "top_k_text": 50 },
        "moshi_name": MOSHI[0], "mimi_name": MIMI, "mimi_config_name": MIMI_CONFIG, "tokenizer_name": TOKENIZER
    })
}

/// How much each code is one of sound: positive for sound, negative for silence. A row for each codebook.
#[derive(Debug)]
pub(super) struct Learnt(Vec<Vec<f32>>);

impl Learnt {
    /// Counts the codes of sound and of silence.
    fn from(weights: &Path, config: &Path) -> Result<Self, Error> {
        let (mut encoder, _) = load_codec(weights, Some(config), CODEBOOKS)?;
        let heard = lesson()
            .map(|(loud, frame)| Ok((loud, encoder.encode(&frame)?)))
            .collect::<Result<Vec<(bool, Vec<u32>)>, Error>>()?;
        // Sound is so manifold that a code that never came is one of sound rather.
        let mut counts = vec![vec![[0.5, 1.0]; CODEBOOK]; CODEBOOKS];
        for (loud, codes) in &heard {
            for (counts, &code) in counts.iter_mut().zip(codes) {
                if let Some(count) = counts.get_mut(code as usize) {
                    count[usize::from(*loud)] += 1.0;
                }
            }
        }
        let odds = |[silent, loud]: [f32; 2]| (loud / silent).ln().clamp(-3.0, 3.0);
        let mut scores: Vec<Vec<f32>> =
            counts.into_iter().map(|counts| counts.into_iter().map(odds).collect()).collect();
        // So that sound and silence are as far from zero, and as far as the other components are.
        let mean = |of: bool| {
            let sums = heard.iter().filter(|(loud, _)| *loud == of).map(|(_, codes)| sum(&scores, codes));
            let (count, all) = sums.fold((0.0, 0.0), |(count, all), sum| (count + 1.0, all + sum));
            all / f32::max(count, 1.0)
        };
        let (silent, loud) = (mean(false), mean(true));
        let (middle, half) = ((loud + silent) / 2.0, ((loud - silent) / 2.0).max(1e-3));
        for score in scores.iter_mut().flatten() {
            *score = (*score - middle / CODEBOOKS as f32) * SIZE / half;
        }
        Ok(Self(scores))
    }

    /// Numbers of a tensor of the recogniser, if it is one that has learnt something.
    pub(super) fn numbers(
        &self,
        name: &str,
        dims: &[usize],
        said: &[bool],
        normal: &mut Normal,
    ) -> Option<Vec<f32>> {
        let (&[rows, columns], true) = (dims, name.ends_with(".weight") || name.ends_with("proj_weight"))
        else {
            return None;
        };
        let mut matrix =
            |spread: f32| -> Vec<f32> { (0..rows * columns).map(|_| spread * normal.next()).collect() };
        let meanings = SOUND..=AFTER_END;
        let set = |matrix: &mut [f32], of_row: &dyn Fn(usize, usize) -> f32| {
            for (row, numbers) in matrix.chunks_exact_mut(columns).enumerate() {
                for meaning in meanings.clone() {
                    if let Some(number) = numbers.get_mut(meaning) {
                        *number = of_row(row, meaning);
                    }
                }
            }
        };
        let is_word = |token: usize| said.get(token).is_some_and(|&said| said) && token != PADDING;
        if let Some(codebook) = name.strip_prefix("emb.").and_then(|rest| rest.strip_suffix(".weight")) {
            let scores = self.0.get(codebook.parse::<usize>().ok()?)?;
            let mut matrix = matrix(SPREAD);
            // Behind the codes stands the one for the start, at which there is no sound.
            let of_code = |code: usize| scores.get(code).copied().unwrap_or(-SIZE / CODEBOOKS as f32);
            set(&mut matrix, &|code, meaning| if meaning == SOUND { of_code(code) } else { 0.0 });
            return Some(matrix);
        }
        if name == "text_emb.weight" {
            let mut matrix = matrix(SPREAD);
            set(&mut matrix, &|token, meaning| {
                let means = match token {
                    END_OF_PADDING => AFTER_END,
                    token if is_word(token) => AFTER_WORD,
                    _ => AFTER_PADDING,
                };
                if meaning == means { SIZE } else { 0.0 }
            });
            return Some(matrix);
        }
        if name == "text_linear.weight" {
            let mut matrix = matrix(0.55);
            for (token, row) in matrix.chunks_exact_mut(columns).enumerate() {
                if !is_word(token) {
                    row.fill(0.0);
                }
            }
            set(&mut matrix, &|token, meaning| match (token, meaning) {
                (PADDING, SOUND) => -2.0,
                (END_OF_PADDING, AFTER_WORD) => 4.0,
                (END_OF_PADDING, AFTER_END) => -4.0,
                (PADDING | END_OF_PADDING, _) => 0.0,
                (token, AFTER_PADDING) if is_word(token) => -4.0,
                (token, _) if is_word(token) => 0.0,
                // Never said.
                _ if meaning == SOUND => 0.0,
                _ => -20.0,
            });
            return Some(matrix);
        }
        if name.starts_with("extra_heads.") {
            let mut matrix = vec![0.0; rows * columns];
            set(&mut matrix, &|class, meaning| if (class, meaning) == (0, SOUND) { -1.5 } else { 0.0 });
            return Some(matrix);
        }
        // What the layers add must not drown what is there.
        let adds = name.ends_with("out_proj.weight") || name.ends_with("linear_out.weight");
        adds.then(|| matrix(SPREAD / (columns as f32).sqrt()))
    }
}

fn sum(scores: &[Vec<f32>], codes: &[u32]) -> f32 {
    scores.iter().zip(codes).filter_map(|(scores, &code)| scores.get(code as usize)).sum()
}

/// What it learns from: pieces of sound and of silence in turn, and of each frame whether it is sound.
fn lesson() -> impl Iterator<Item = (bool, Vec<f32>)> {
    const PIECES: usize = 26;
    const FRAMES: usize = 15;
    (0..PIECES * FRAMES).map(|frame| {
        let piece = frame / FRAMES;
        let loud = piece % 2 == 1;
        let sample = |i: usize| {
            let at = frame * FRAME + i;
            let noise = (at.wrapping_mul(2_654_435_761) % 4001) as f32 / 2000.0 - 1.0;
            if !loud {
                // Some silence is none quite.
                return if piece.is_multiple_of(4) { 0.0 } else { noise * 2e-4 };
            }
            let t = (at % (FRAMES * FRAME)) as f32 / 24_000.0;
            let loudness = [0.5, 0.2, 0.1][piece % 3];
            let pitch = 90.0 + 23.0 * piece as f32 + 30.0 * (t * 5.0).sin();
            let tone = |harmonic: f32| (t * pitch * harmonic * std::f32::consts::TAU).sin() / harmonic;
            loudness
                * match piece / 2 % 3 {
                    0 => (1..7_u8).map(|harmonic| tone(f32::from(harmonic))).sum::<f32>() / 2.0,
                    // A sweep, as machines make it.
                    1 => (t * (200.0 + 700.0 * t) * std::f32::consts::TAU).sin(),
                    _ => noise * 0.6 + tone(1.0) * 0.4,
                }
        };
        (loud, (0..FRAME).map(sample).collect())
    })
}

/// Whether a token may be said by a recogniser of this vocabulary.
pub(super) fn said(vocabulary: &[Piece]) -> Vec<bool> {
    // Marks alone would be words of their own.
    vocabulary.iter().map(|piece| piece.said && piece.text.starts_with(' ')).collect()
}
