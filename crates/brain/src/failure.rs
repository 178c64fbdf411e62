//! Why a turn failed, as a person is told.

use serde::Serialize;

/// A failure. Told apart by its code; the sentences are for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// Stable, dotted, lower case.
    pub code: &'static str,
    /// What happened, one sentence.
    pub what: String,
    /// What to do, one sentence.
    pub next: String,
    /// The other side's own words, if it said any: untrusted, bounded, not part of the sentence.
    pub said: Option<String>,
    /// Whether no model can have been called, so that the same turn may go out again by itself without being answered,
    /// paid and remembered twice.
    pub repeatable: bool,
}
