//! A recorded run of a language model.

use std::path::Path;

use super::flaw::Flaw;
use super::given::Given;
use super::page::Page;
use super::recording::{Recording, description};
use super::{free, quantized};
use crate::{Cpu, CpuOptions, LmConfig};

/// The files of a run, and what is special about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LmCase {
    pub(super) config: String,
    pub(super) weights: String,
    pub(super) recording: String,
    /// The tensor with what it hears.
    pub(super) heard: &'static str,
    /// Steps by which all but the first codebooks are late, where that is not what the description says.
    pub(super) delay: Option<usize>,
    /// Whether words were put into its mouth.
    pub(super) forced: bool,
    /// Whether the weights are quantized. What was recorded is of the numbers that they stand for.
    pub(super) quantized: bool,
}

/// A recording beside the model that it is of.
#[derive(Debug, Clone, Copy)]
pub(super) struct LmRun<'a> {
    pub(super) recording: &'a Recording,
    pub(super) config: &'a LmConfig,
    pub(super) steps: usize,
}

impl LmCase {
    pub(super) fn compare(&self, folder: &Path, page: &mut Page<'_>) {
        let result = self.all(folder, page);
        page.end("file", result);
    }

    fn all(&self, folder: &Path, page: &mut Page<'_>) -> Result<(), Flaw> {
        let recording = Recording::open(&folder.join(&self.recording))?;
        let mut config = description(&folder.join(&self.config))?;
        if let Some(delay) = self.delay {
            delay_acoustic_codebooks(&mut config, delay);
        }
        let load = |options| Cpu::load(&folder.join(&self.weights), config.clone(), options);
        let mut lm = load(CpuOptions::EXACT)?;
        let steps = recording.steps(self.heard, &[config.heard_codebooks()])?;
        let run = LmRun { recording: &recording, config: &config, steps };

        let given = Given::read(&run);
        match given.as_ref().map(|given| (given, given.compare(&run, &mut lm, page))) {
            Ok((given, Ok(logits))) => {
                if !self.forced && self.delay.is_none() {
                    let result = given.compare_at_once(&logits, &mut lm, page);
                    page.end("after a prefill", result);
                }
            }
            Ok((_, Err(flaw))) => page.fail("given inputs", &flaw),
            Err(flaw) => page.fail("given inputs", flaw),
        }
        let result = free::compare(&run, self, lm, page);
        page.end("free run", result);
        if self.quantized
            && let Ok(given) = &given
        {
            let result = load(CpuOptions::default()).map_err(Flaw::from);
            let result = result.and_then(|mut lm| quantized::compare(&run, given, &mut lm, page));
            page.end("as it runs", result);
        }
        Ok(())
    }
}

/// All codebooks but the first of each speaker become late by `delay` steps.
fn delay_acoustic_codebooks(config: &mut LmConfig, delay: usize) {
    let first_heard = 1 + config.generated_codebooks();
    for (stream, late) in config.delays.iter_mut().enumerate() {
        *late = if stream <= 1 || stream == first_heard { 0 } else { delay };
    }
}
