//! What is fixed about a prompt, as the recordings list it.

use std::path::Path;

use serde::Deserialize;

use super::{CONFIG, PROMPT};
use crate::golden::EXACT;
use crate::golden::check::Check;
use crate::golden::flaw::Flaw;
use crate::golden::page::Page;
use crate::golden::recording::Extents::Are;
use crate::golden::recording::{Recording, Rows, description, small_file};
use crate::golden::watched::ids;
use crate::personaplex::{SILENCE, SILENT_FRAMES, SINE};

#[derive(Debug, Deserialize)]
struct Listed {
    text_prompt_tokens: Vec<i64>,
    text_padding_id: i64,
    silence_tokens: Vec<i64>,
    sine_tokens: Vec<i64>,
    silence_frames: i64,
}

/// Compares them with those of this engine.
pub(in crate::golden) fn compare(folder: &Path, page: &mut Page<'_>) {
    let result = all(folder, page);
    page.end("file", result);
}

fn all(folder: &Path, page: &mut Page<'_>) -> Result<(), Flaw> {
    let listed = read(folder)?;
    let padding = description(&folder.join(CONFIG))?.padding;
    for (what, listed, ours) in [
        ("text_padding_id", vec![listed.text_padding_id], ids(&[padding])),
        ("silence_tokens", listed.silence_tokens, ids(&SILENCE)),
        ("sine_tokens", listed.sine_tokens, ids(&SINE)),
        ("silence_frames", vec![listed.silence_frames], vec![SILENT_FRAMES as i64]),
    ] {
        let mut check = Check::new(what, EXACT, Ok(Rows::new(listed.len(), listed)));
        check.see(&ours);
        page.add(check);
    }
    Ok(())
}

/// Compares the text of a run with the one that is listed.
pub(super) fn compare_text(folder: &Path, recording: &Recording, page: &mut Page<'_>) -> Result<(), Flaw> {
    let listed = read(folder)?.text_prompt_tokens;
    let tokens = recording.steps("text_prompt_tokens", &[])?;
    let mut check =
        Check::new("text_prompt_tokens", EXACT, recording.ids("text_prompt_tokens", Are(&[tokens])));
    listed.chunks(1).for_each(|token| check.see(token));
    page.add(check);
    Ok(())
}

fn read(folder: &Path) -> Result<Listed, Flaw> {
    let json = small_file(&folder.join(PROMPT))?;
    serde_json::from_slice(&json).map_err(|error| Flaw::Senseless { reason: format!("{PROMPT}: {error}") })
}
