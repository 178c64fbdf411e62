//! The words that were put into a model's mouth, as a list beside the recording.

use std::path::Path;

use serde::Deserialize;

use super::EXACT;
use super::check::Check;
use super::flaw::Flaw;
use super::page::Page;
use super::recording::Extents::Are;
use super::recording::{Recording, Rows, small_file};

/// The list, and the recording that goes by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WordsCase {
    pub(super) list: String,
    pub(super) recording: String,
}

#[derive(Debug, Deserialize)]
struct List {
    forced: Vec<Word>,
}

#[derive(Debug, Deserialize)]
struct Word {
    step: usize,
    token: u32,
}

impl WordsCase {
    pub(super) fn compare(&self, folder: &Path, page: &mut Page<'_>) {
        let result = self.all(folder, page);
        page.end("forced", result);
    }

    fn all(&self, folder: &Path, page: &mut Page<'_>) -> Result<(), Flaw> {
        let json = small_file(&folder.join(&self.list))?;
        let senseless = |reason: String| Flaw::Senseless { reason };
        let list: List = serde_json::from_slice(&json).map_err(|error| senseless(error.to_string()))?;
        let recording = Recording::open(&folder.join(&self.recording))?;
        let steps = recording.steps("forced_text", &[])?;
        let mut words = vec![-1; steps];
        for Word { step, token } in list.forced {
            let word = words.get_mut(step);
            *word.ok_or_else(|| senseless(format!("step {step} of {steps} is forced")))? = i64::from(token);
        }
        let mut check = Check::new("forced", EXACT, Ok(Rows::new(1, words)));
        recording.ids("forced_text", Are(&[steps]))?.iter().for_each(|word| check.see(word));
        page.add(check);
        Ok(())
    }
}
