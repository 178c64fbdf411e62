//! What PersonaPlex goes through before a conversation, run by run of its temporal transformer.

use std::sync::mpsc::Receiver;

use super::PersonaPlexRun;
use crate::golden::check::Check;
use crate::golden::flaw::Flaw;
use crate::golden::page::Page;
use crate::golden::recording::Extents::{Are, AtLeast};
use crate::golden::watched::{Given, Run, ids};
use crate::golden::{EXACT, LOGITS, NOTHING};
use crate::{Cell, Generator, Prompt};

/// What was said in each run. A conversation has no use for it, but the depformer's choices follow from it.
pub(super) fn given(run: &PersonaPlexRun<'_>) -> Result<Vec<Given>, Flaw> {
    let (recording, codebooks) = (run.recording, run.config.generated_codebooks());
    let runs = recording.steps("prefill_text_used", &[])?;
    let text = recording.ids("prefill_text_used", Are(&[runs]))?.codes("prefill_text_used")?;
    let name = "prefill_depformer_forced";
    let audio = recording.ids(name, AtLeast(&[runs, codebooks]))?.tokens(name)?;
    let given = |(text, audio): (&u32, &[Option<u32>])| Given { text: *text, audio: audio.to_vec() };
    Ok(text.all().iter().zip(audio.iter()).map(given).collect())
}

/// Goes through the prompt and compares all that can be seen of it. `given` is what came of [`given`].
pub(super) fn compare(
    run: &PersonaPlexRun<'_>,
    prompt: &Prompt,
    given: Result<(), Flaw>,
    generator: &mut Generator,
    watched: &Receiver<Run>,
    page: &mut Page<'_>,
) -> Result<(), Flaw> {
    let PersonaPlexRun { recording, config } = *run;
    let (streams, codebooks) = (config.streams(), config.generated_codebooks());
    let runs = recording.steps("prefill_model_input", &[streams])?;
    let mut inputs =
        Check::new("prefill_model_input", EXACT, recording.ids("prefill_model_input", Are(&[runs, streams])));
    let picked = given.and_then(|()| recording.ids("prefill_gen_audio", AtLeast(&[runs, codebooks])));
    let mut audio = Check::new(format!("prefill_gen_audio, first {codebooks}"), EXACT, picked);
    let numbers =
        |name: &str, width: usize| Check::new(name, LOGITS, recording.numbers(name, Are(&[runs, width])));
    let mut hidden = numbers("prefill_transformer_out", config.transformer.d_model);
    let mut logits = numbers("prefill_text_logits", config.text_vocabulary_out);

    let result = generator.prefill(prompt, || true);
    let mut found = 0;
    for run in watched.try_iter() {
        found += 1;
        inputs.see(&run.input);
        audio.see(&ids(&run.picked.audio));
        run.picked.trace.iter().for_each(|trace| {
            hidden.see(&trace.hidden);
            logits.see(&trace.text_logits);
        });
    }
    page.add(inputs);
    page.add(audio);
    page.add(hidden);
    page.add(logits);
    result?;

    let ring = generator.ring();
    let offset = ring.map_or(0, crate::TokenRing::offset);
    let counts = [
        ("offset_after_prefill", i64::try_from(offset).unwrap_or(i64::MAX)),
        ("prefill_calls", prompt.steps() as i64),
        ("prefill_transformer_runs", found),
    ];
    for (name, found) in counts {
        let mut check = Check::new(name, EXACT, recording.ids(name, Are(&[1])));
        check.see(&[found]);
        page.add(check);
    }
    let columns = ring.map(crate::TokenRing::columns).unwrap_or_default();
    let token: fn(&Cell) -> i64 = |cell| cell.token.map_or(NOTHING, i64::from);
    for (name, of_cell) in
        [("cache_after_prefill", token), ("provided_after_prefill", |cell| cell.given.into())]
    {
        let mut check = Check::new(name, EXACT, recording.ids(name, Are(&[streams, columns.len()])));
        for stream in 0..streams {
            let row: Vec<i64> = columns.iter().filter_map(|column| column.get(stream)).map(of_cell).collect();
            check.see(&row);
        }
        page.add(check);
    }
    Ok(())
}
