//! Quantized weights as they really run: what goes into them is rounded, too.

use super::check::Nearness;
use super::flaw::Flaw;
use super::given::Given;
use super::lm::LmRun;
use super::page::Page;
use super::recording::Extents::Are;
use crate::{Backend, Cpu};

/// Takes all steps, each with what was recorded, and tells how near the numbers are.
pub(super) fn compare(run: &LmRun<'_>, given: &Given, lm: &mut Cpu, page: &mut Page<'_>) -> Result<(), Flaw> {
    let LmRun { recording, config, steps } = *run;
    let codebooks = config.generated_codebooks();
    let texts = recording.numbers("text_logits", Are(&[steps, config.text_vocabulary_out]))?;
    let words = recording.ids("gen_text", Are(&[steps]))?;
    let sound = match codebooks {
        0 => None,
        _ => {
            let shape = [steps, codebooks, config.codebook_size];
            let logits = recording.numbers("audio_logits", Are(&shape))?;
            Some((logits, recording.ids("gen_audio", Are(&[steps, codebooks]))?))
        }
    };
    let (mut of_text, mut of_audio) = (Nearness::default(), Nearness::default());
    lm.reset(0);
    for step in 0..steps {
        let picked = given.step(lm, step)?;
        let Some(trace) = &picked.trace else { continue };
        let same = words.get(step) == Some(&[picked.picked_text.into()]);
        of_text.see(&trace.text_logits, texts.get(step).unwrap_or_default(), same);
        if let Some((logits, tokens)) = &sound {
            let same = picked.audio.iter().copied().map(i64::from).eq(tokens
                .get(step)
                .into_iter()
                .flatten()
                .copied());
            of_audio.see(&trace.audio_logits.concat(), logits.get(step).unwrap_or_default(), same);
        }
    }
    page.tell("as it runs: text_logits", of_text);
    if sound.is_some() {
        page.tell("as it runs: audio_logits", of_audio);
    }
    Ok(())
}
