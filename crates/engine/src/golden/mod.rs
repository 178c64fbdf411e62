//! Recorded runs of the code that models were made with, held against this engine: `myca bench --golden`.
//!
//! A folder of recordings is laid out like `tests/golden` (its README says what the files hold). Names and shapes of
//! tensors are fixed; sizes, seeds and numbers of steps are not. Everything in the folder comes from outside: what is
//! missing, damaged, or does not fit together is a line of the report, and the others are compared all the same.

mod case;
mod check;
mod codec;
mod end_to_end;
mod find;
mod flaw;
mod free;
mod given;
mod kyutai;
mod lm;
mod manifest;
mod page;
mod personaplex;
mod quantized;
mod recording;
mod voice;
mod watched;
mod words;

use std::collections::BTreeSet;
use std::path::Path;

use serde::Serialize;

use self::page::Page;
use crate::Error;

/// What the numbers of the networks may differ by: logits, and what they are made of.
const LOGITS: f32 = 1e-3;

/// What samples may differ by, of which the loudest is one.
const PCM: f32 = 1e-5;

/// What probabilities may differ by.
const PROBABILITIES: f32 = 1e-4;

/// What numbers between sound and codes may differ by.
const LATENTS: f32 = 1e-4;

/// Tokens, and all that is counted.
const EXACT: f32 = 0.0;

/// Stands in recordings for a call that said nothing.
const NOTHING: i64 = -2;

/// What a folder of recordings came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GoldenReport {
    /// All that was compared, file by file.
    pub lines: Vec<Line>,
    /// Files of the folder that are no recording and belong to none.
    pub others: Vec<String>,
}

/// One thing that was compared.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// The file that says how it should be.
    pub file: String,
    /// Which part of it, by the name of its tensor; `free run` is a conversation, in `given inputs` each step gets what
    /// was recorded.
    pub what: String,
    /// Rows that agree, mostly one for each step.
    pub agreed: usize,
    /// Rows that were to be compared.
    pub count: usize,
    /// Largest difference of two numbers; `None` for tokens. Infinite (`null` in JSON) where one of them is none.
    pub largest_difference: Option<f32>,
    /// Largest difference that is allowed; `None` where nothing is judged.
    pub tolerance: Option<f32>,
    /// Error by the size of what was recorded, both as root mean squares; for what only has to be near.
    pub relative_error: Option<f32>,
    /// Whether it is as it should be; `None` where nothing is judged.
    pub ok: Option<bool>,
    /// Why it could not be compared, or what is strange, in a sentence.
    pub reason: Option<String>,
}

impl GoldenReport {
    /// Whether something was judged, and all of it was as it should be.
    #[must_use]
    pub fn ok(&self) -> bool {
        let judged = || self.lines.iter().filter_map(|line| line.ok);
        judged().any(|ok| ok) && judged().all(|ok| ok)
    }
}

/// Goes through all recordings of a folder. `tell` hears which file it is at.
///
/// # Errors
/// [`Error`] where the folder can not be listed. Whatever is wrong in it is in the report.
pub fn run(folder: &Path, mut tell: impl FnMut(&str)) -> Result<GoldenReport, Error> {
    let names = names(folder)?;
    let found = find::cases(&names);
    let mut lines = Vec::new();
    if names.contains(manifest::NAME) {
        tell(manifest::NAME);
        manifest::compare(folder, &names, &mut lines);
    }
    for (file, sentence) in &found.missing {
        Page::new(file, &mut lines).fail("file", sentence);
    }
    for case in &found.cases {
        tell(case.file());
        case.compare(folder, &mut lines);
    }
    Ok(GoldenReport { lines, others: found.others })
}

/// Names of all files of the folder, in order.
fn names(folder: &Path) -> Result<BTreeSet<String>, Error> {
    let wrong = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::NotFound => Error::MissingFile { path: folder.into() },
        _ => Error::File { path: folder.into(), source },
    };
    let name =
        |entry: std::io::Result<std::fs::DirEntry>| Ok(entry?.file_name().to_string_lossy().into_owned());
    std::fs::read_dir(folder).and_then(|entries| entries.map(name).collect()).map_err(wrong)
}
