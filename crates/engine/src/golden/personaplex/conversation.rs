//! A conversation of PersonaPlex, behind its prompt.

use std::sync::mpsc::Receiver;

use super::PersonaPlexRun;
use crate::golden::check::Check;
use crate::golden::flaw::Flaw;
use crate::golden::free::row;
use crate::golden::page::Page;
use crate::golden::recording::Extents::{Are, AtLeast};
use crate::golden::watched::{Run, ids};
use crate::golden::{EXACT, LOGITS};
use crate::{Generator, TextRule};

/// Takes all calls and compares everything. What belongs to the other speaker is not computed here, so of each row only
/// the first part is compared.
pub(super) fn compare(
    run: &PersonaPlexRun<'_>,
    generator: &mut Generator,
    watched: &Receiver<Run>,
    page: &mut Page<'_>,
) -> Result<(), Flaw> {
    let PersonaPlexRun { recording, config } = *run;
    let (codebooks, card) = (config.generated_codebooks(), config.codebook_size);
    let steps = recording.steps("user_codes", &[config.heard_codebooks()])?;
    let heard = recording.ids("user_codes", Are(&[steps, config.heard_codebooks()]))?.codes("user_codes")?;

    let first = |name: &str, width: usize| {
        let what = format!("{name}, first {width}");
        Check::new(what, EXACT, recording.ids(name, AtLeast(&[steps, width])))
    };
    let numbers =
        |name: &str, width: usize| Check::new(name, LOGITS, recording.numbers(name, Are(&[steps, width])));
    let mut inputs =
        Check::new("model_input", EXACT, recording.ids("model_input", Are(&[steps, config.streams()])));
    let mut forced = first("depformer_forced", codebooks);
    let mut text = Check::new("gen_text", EXACT, recording.ids("gen_text", Are(&[steps])));
    let mut audio = first("gen_audio", codebooks);
    let mut out = first("out_tokens", 1 + codebooks);
    let mut hidden = numbers("transformer_out", config.transformer.d_model);
    let mut text_logits = numbers("text_logits", config.text_vocabulary_out);
    // Of the first steps, and not in every recording.
    let name = "audio_logits_first";
    let recorded = if recording.has(name) { recording.extent(name, 0)? } else { 0 };
    let mut audio_logits = (recorded > 0).then(|| {
        let expected = recording.numbers(name, AtLeast(&[recorded, codebooks, card]));
        Check::new(format!("{name}, first {codebooks}"), LOGITS, expected)
    });

    let result = heard.iter().enumerate().try_for_each(|(step, heard)| {
        let said = generator.step(heard, TextRule::FREE)?;
        out.see(&row(said.as_ref(), codebooks));
        for run in watched.try_iter() {
            inputs.see(&run.input);
            forced.see(&run.forced);
            text.see(&ids(&[run.picked.text]));
            audio.see(&ids(&run.picked.audio));
            let Some(trace) = &run.picked.trace else { continue };
            hidden.see(&trace.hidden);
            text_logits.see(&trace.text_logits);
            let audio_logits = audio_logits.iter_mut().filter(|_| step < recorded);
            audio_logits.for_each(|check| check.see(&trace.audio_logits.concat()));
        }
        Ok(())
    });
    for check in [out, inputs, forced, text, audio] {
        page.add(check);
    }
    for check in [Some(hidden), Some(text_logits), audio_logits].into_iter().flatten() {
        page.add(check);
    }
    result
}
