//! Steps that get what was recorded, so that each stands for itself.

use std::collections::BTreeSet;

use super::check::Check;
use super::flaw::Flaw;
use super::lm::LmRun;
use super::page::Page;
use super::recording::Extents::Are;
use super::recording::Rows;
use super::{LOGITS, PROBABILITIES};
use crate::{Backend, Cpu, Input, Picked, Request, Sampling, TextRule};

/// What each step gets.
#[derive(Debug)]
pub(super) struct Given {
    inputs: Rows<Option<u32>>,
    /// Without a depformer, nothing depends on these.
    text: Option<Rows<u32>>,
    audio: Option<Rows<Option<u32>>>,
    /// Steps that the model sees.
    context: usize,
}

impl Given {
    pub(super) fn read(run: &LmRun<'_>) -> Result<Self, Flaw> {
        let LmRun { recording, config, steps } = *run;
        let inputs = recording.ids("model_input", Are(&[steps, config.streams()]))?.tokens("model_input")?;
        let (mut text, mut audio) = (None, None);
        let codebooks = config.generated_codebooks();
        if codebooks > 0 {
            text = Some(recording.ids("gen_text", Are(&[steps]))?.codes("gen_text")?);
            audio = Some(recording.ids("gen_audio", Are(&[steps, codebooks]))?.tokens("gen_audio")?);
        }
        Ok(Self { inputs, text, audio, context: config.transformer.context })
    }

    /// Takes a step.
    pub(super) fn step(&self, lm: &mut Cpu, step: usize) -> Result<Picked, Flaw> {
        let input = Input::Tokens(self.inputs.get(step).unwrap_or_default());
        let text = self.text.as_ref().and_then(|text| text.get(step)?.first());
        let text = text.map_or(TextRule::FREE, |&text| TextRule::force(text));
        let audio = self.audio.as_ref().and_then(|audio| audio.get(step)).unwrap_or_default();
        Ok(lm.step(&Request { input, text, audio, sampling: Sampling::GREEDY, trace: true })?)
    }

    /// Takes all steps, and compares all numbers. Returns the logits of the text as they were found.
    pub(super) fn compare(
        &self,
        run: &LmRun<'_>,
        lm: &mut Cpu,
        page: &mut Page<'_>,
    ) -> Result<Rows<f32>, Flaw> {
        let LmRun { recording, config, steps } = *run;
        let check = |name: &str, tolerance: f32, shape: &[usize]| {
            Check::new(format!("given inputs: {name}"), tolerance, recording.numbers(name, Are(shape)))
        };
        let mut hidden = check("transformer_out", LOGITS, &[steps, config.transformer.d_model]);
        let mut text = check("text_logits", LOGITS, &[steps, config.text_vocabulary_out]);
        let (codebooks, card) = (config.generated_codebooks(), config.codebook_size);
        let mut audio = (codebooks > 0).then(|| check("audio_logits", LOGITS, &[steps, codebooks, card]));
        let mut heads = config
            .extra_heads
            .map(|(heads, classes)| check("extra_heads_prob", PROBABILITIES, &[steps, heads, classes]));
        let mut found = Vec::new();
        lm.reset(0);
        let result = (0..steps).try_for_each(|step| {
            let picked = self.step(lm, step)?;
            let Some(trace) = picked.trace else { return Ok(()) };
            hidden.see(&trace.hidden);
            text.see(&trace.text_logits);
            audio.iter_mut().for_each(|check| check.see(&trace.audio_logits.concat()));
            heads.iter_mut().for_each(|check| check.see(&picked.extra_heads.concat()));
            found.extend(trace.text_logits);
            Ok(())
        });
        for check in [Some(hidden), Some(text), audio, heads].into_iter().flatten() {
            page.add(check);
        }
        result.map(|()| Rows::new(config.text_vocabulary_out, found))
    }

    /// Takes the first steps at once and compares what the next one says with `single`: what it said after single
    /// steps.
    pub(super) fn compare_at_once(
        &self,
        single: &Rows<f32>,
        lm: &mut Cpu,
        page: &mut Page<'_>,
    ) -> Result<(), Flaw> {
        // Around the number of steps that are taken at once, and around the end of the ring.
        let lengths = [1, 15, 16, 17, self.context.saturating_sub(1), self.context, self.context + 1];
        let lengths: BTreeSet<usize> =
            lengths.into_iter().chain([self.inputs.count().saturating_sub(1)]).collect();
        let lengths: Vec<usize> =
            lengths.into_iter().filter(|&length| length > 0 && length < single.count()).collect();
        let Some(first) = single.get(0) else { return Ok(()) };
        let expected: Vec<f32> =
            lengths.iter().filter_map(|&length| single.get(length)).flatten().copied().collect();
        let what = "after a prefill: text_logits";
        let mut check = Check::new(what, LOGITS, Ok(Rows::new(first.len(), expected)));
        let result = lengths.iter().try_for_each(|&length| {
            lm.reset(0);
            let before: Vec<_> = self.inputs.iter().take(length).map(Input::Tokens).collect();
            lm.prefill(&before)?;
            let trace = self.step(lm, length)?.trace;
            trace.iter().for_each(|trace| check.see(&trace.text_logits));
            Ok(())
        });
        page.add(check);
        result
    }
}
