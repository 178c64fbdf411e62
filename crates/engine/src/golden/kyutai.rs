//! Kyutai's own test of their language model: a training forward, which is one step after the other with everything
//! given.

use std::path::Path;

use super::LOGITS;
use super::check::Check;
use super::flaw::Flaw;
use super::page::Page;
use super::recording::Extents::Are;
use super::recording::{Recording, Rows};
use crate::{Backend, Cpu, CpuOptions, Input, LmConfig, Request, Sampling, TextRule};

pub(super) const WEIGHTS: &str = "kyutai_test_lm_model.safetensors";
pub(super) const CODES: &str = "kyutai_test_lm_codes.safetensors";
pub(super) const OUT: &str = "kyutai_test_lm_out.safetensors";

/// What their test builds (`moshi/tests/test_lm.py`), as a model description.
const DESCRIPTION: &[u8] = br#"{"delays":[0,1,2,4],"n_q":3,"dep_q":3,"card":32,"text_card":48,"dim":16,
    "num_layers":2,"num_heads":1,"hidden_scale":1,"context":4,"gating":"none","norm":"layer_norm",
    "positional_embedding":"sin","depformer_dim":16,"depformer_num_heads":1,"depformer_num_layers":2,
    "depformer_multi_linear":true,"depformer_weights_per_step":true,
    "depformer_weights_per_step_schedule":[0,1,1],"depformer_low_rank_embeddings":8,"depformer_gating":"silu",
    "depformer_pos_emb":"sin"}"#;

/// What goes in: tokens by batch and stream, delays not applied.
struct Codes<'a> {
    config: &'a LmConfig,
    tokens: &'a Rows<Option<u32>>,
}

pub(super) fn compare(folder: &Path, page: &mut Page<'_>) {
    let result = all(folder, page);
    page.end("file", result);
}

fn all(folder: &Path, page: &mut Page<'_>) -> Result<(), Flaw> {
    let (config, _) = LmConfig::parse(DESCRIPTION, Path::new("config.json"))?;
    let mut lm = Cpu::load(&folder.join(WEIGHTS), config.clone(), CpuOptions::EXACT)?;
    let recording = Recording::open(&folder.join(CODES))?;
    let (streams, codebooks) = (config.streams(), config.generated_codebooks());
    let (batches, steps) = (recording.extent("codes", 0)?, recording.extent("codes", 2)?);
    // A row for each stream, in batches.
    let tokens = recording.ids("codes", Are(&[batches, streams, steps]))?.tokens("codes")?;
    let tokens = Rows::new(steps, tokens.into_all());
    let codes = Codes { config: &config, tokens: &tokens };

    let out = Recording::open(&folder.join(OUT))?;
    let mut text =
        masked(&out, ("text_logits", "text_mask"), [batches, 1, steps, config.text_vocabulary_out]);
    let mut audio = masked(&out, ("logits", "mask"), [batches, codebooks, steps, config.codebook_size]);
    let result = (0..batches).try_for_each(|batch| {
        lm.reset(0);
        // In the order of the recording: each codebook through all steps.
        let mut of_text = Vec::new();
        let mut of_audio = vec![Vec::new(); codebooks];
        for step in 0..steps {
            let trace = codes.step(&mut lm, batch, step)?;
            of_text.push(trace.0);
            of_audio.iter_mut().zip(trace.1).for_each(|(all, logits)| all.push(logits));
        }
        text.see(batch, 0, &of_text);
        for (codebook, logits) in of_audio.iter().enumerate() {
            // A codebook that is late says what belongs to an earlier step.
            let late = config.delays.get(1 + codebook).copied().unwrap_or(0);
            audio.see(batch, codebook, logits.get(late..).unwrap_or_default());
        }
        Ok(())
    });
    page.add(text.check);
    page.add(audio.check);
    result
}

impl Codes<'_> {
    /// What stands in a stream at a step: start tokens in front of what is late.
    fn token(&self, batch: usize, stream: usize, step: usize) -> Option<u32> {
        let late = self.config.delays.get(stream).copied().unwrap_or(0);
        match step.checked_sub(late) {
            Some(at) => self.tokens.get(batch * self.config.streams() + stream)?.get(at).copied().flatten(),
            None => self.start(stream),
        }
    }

    fn start(&self, stream: usize) -> Option<u32> {
        Some(if stream == 0 { self.config.initial_text() } else { self.config.initial_audio() })
    }

    /// Takes a step with all tokens given; returns the logits of text and codebooks.
    fn step(&self, lm: &mut Cpu, batch: usize, step: usize) -> Result<(Vec<f32>, Vec<Vec<f32>>), Flaw> {
        let input: Vec<_> = (0..self.config.streams())
            .map(|stream| match step.checked_sub(1) {
                None => self.start(stream),
                Some(before) => self.token(batch, stream, before),
            })
            .collect();
        let audio: Vec<_> = (0..self.config.generated_codebooks())
            .map(|codebook| self.token(batch, 1 + codebook, step))
            .collect();
        let text = self.token(batch, 0, step).map_or(TextRule::FREE, TextRule::force);
        let request = Request {
            input: Input::Tokens(&input),
            text,
            audio: &audio,
            sampling: Sampling::GREEDY,
            trace: true,
        };
        Ok(lm.step(&request)?.trace.map(|trace| (trace.text_logits, trace.audio_logits)).unwrap_or_default())
    }
}

/// Rows of which some are of no interest.
struct Masked {
    check: Check<f32>,
    /// A row for each batch and codebook, an entry for each step.
    mask: Rows<bool>,
    codebooks: usize,
}

/// Reads logits and their mask; shape is batches, codebooks, steps, logits.
fn masked(out: &Recording, (logits, mask): (&str, &str), shape: [usize; 4]) -> Masked {
    let [batches, codebooks, steps, width] = shape;
    let of_mask = out.ids(mask, Are(&[batches, codebooks, steps]));
    let read = of_mask.and_then(|of_mask| {
        let mask: Vec<bool> = of_mask.all().iter().map(|&seen| seen != 0).collect();
        let rows = Rows::new(width, out.numbers(logits, Are(&shape))?.into_all());
        let kept = rows.iter().zip(&mask).filter(|(_, seen)| **seen).flat_map(|(row, _)| row.iter().copied());
        Ok((Rows::new(width, kept.collect()), mask))
    });
    let (expected, mask) = match read {
        Ok((expected, mask)) => (Ok(expected), mask),
        Err(flaw) => (Err(flaw), Vec::new()),
    };
    Masked { check: Check::new(logits, LOGITS, expected), mask: Rows::new(steps, mask), codebooks }
}

impl Masked {
    /// Compares the logits of a codebook, step by step.
    fn see(&mut self, batch: usize, codebook: usize, found: &[Vec<f32>]) {
        let mask = self.mask.get(batch * self.codebooks + codebook).unwrap_or_default();
        for (at, _) in mask.iter().enumerate().filter(|(_, seen)| **seen) {
            self.check.see(found.get(at).map(Vec::as_slice).unwrap_or_default());
        }
    }
}
