//! The lines of one file.

use super::Line;
use super::check::{Check, Nearness, Value};
use super::flaw::Flaw;

/// Where the lines of one file go.
#[derive(Debug)]
pub(super) struct Page<'a> {
    file: &'a str,
    lines: &'a mut Vec<Line>,
}

impl<'a> Page<'a> {
    pub(super) fn new(file: &'a str, lines: &'a mut Vec<Line>) -> Self {
        Self { file, lines }
    }

    /// What could not be compared, and why.
    pub(super) fn fail(&mut self, what: &str, why: &impl ToString) {
        self.lines.push(Line::failed(self.file, what, why));
    }

    /// What came of a part, if it did not come to an end.
    pub(super) fn end(&mut self, what: &str, result: Result<(), Flaw>) {
        if let Err(flaw) = result {
            self.fail(what, &flaw);
        }
    }

    /// What was compared.
    pub(super) fn add<T: Value>(&mut self, check: Check<T>) {
        self.lines.push(check.line(self.file));
    }

    /// What only has to be near.
    pub(super) fn tell(&mut self, what: &str, nearness: Nearness) {
        self.lines.push(nearness.line(self.file, what));
    }
}
