//! A conversation: a model that hears what was recorded, and goes on with what it said itself.

use super::check::Check;
use super::flaw::Flaw;
use super::lm::{LmCase, LmRun};
use super::page::Page;
use super::recording::Extents::Are;
use super::watched::{Watched, ids};
use super::{EXACT, NOTHING};
use crate::{Cpu, Generator, Said, Sampling, TextRule};

/// Takes all calls, and compares all tokens.
pub(super) fn compare(run: &LmRun<'_>, case: &LmCase, lm: Cpu, page: &mut Page<'_>) -> Result<(), Flaw> {
    let LmRun { recording, config, steps } = *run;
    let heard = recording.ids(case.heard, Are(&[steps, config.heard_codebooks()]))?.codes(case.heard)?;
    let forced = case.forced.then(|| recording.ids("forced_text", Are(&[steps]))?.tokens("forced_text"));
    let forced = forced.transpose()?;

    let codebooks = config.generated_codebooks();
    let check = |name: &str, shape: &[usize]| {
        Check::new(format!("free run: {name}"), EXACT, recording.ids(name, Are(shape)))
    };
    let mut inputs = check("model_input", &[steps, config.streams()]);
    let mut text = check("gen_text", &[steps]);
    let mut sampled = case.forced.then(|| check("sampled_text", &[steps]));
    let mut audio = (codebooks > 0).then(|| check("gen_audio", &[steps, codebooks]));
    let mut out = check("out_tokens", &[steps, 1 + codebooks]);

    let (watched, runs) = Watched::new(lm, Vec::new());
    let mut generator = Generator::new(Box::new(watched));
    generator.reset(Sampling::GREEDY, 0);
    let result = heard.iter().enumerate().try_for_each(|(step, heard)| {
        let word = forced.as_ref().and_then(|forced| forced.get(step)?.first().copied().flatten());
        let said = generator.step(heard, word.map_or(TextRule::FREE, TextRule::force))?;
        out.see(&row(said.as_ref(), codebooks));
        for run in runs.try_iter() {
            inputs.see(&run.input);
            text.see(&ids(&[run.picked.text]));
            sampled.iter_mut().for_each(|check| check.see(&ids(&[run.picked.picked_text])));
            audio.iter_mut().for_each(|check| check.see(&ids(&run.picked.audio)));
        }
        Ok(())
    });
    for check in [Some(out), Some(inputs), Some(text), sampled, audio].into_iter().flatten() {
        page.add(check);
    }
    result
}

/// What a call returned, as recordings have it.
pub(super) fn row(said: Option<&Said>, codebooks: usize) -> Vec<i64> {
    said.map_or_else(
        || vec![NOTHING; 1 + codebooks],
        |said| [said.text].iter().chain(&said.codes).copied().map(i64::from).collect(),
    )
}
