//! How commands print.
#![allow(clippy::print_stderr, reason = "progress is for whoever started it")]

use std::{
    fmt,
    io::{IsTerminal, Write, stderr},
};

/// How wide a terminal is at least, less one, as some break a line that is full.
const LINE: usize = 79;

/// Who is told how far something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Show {
    /// A program that reads standard output.
    Events,
    /// A person.
    Terminal,
    /// Nobody.
    Silent,
}

impl Show {
    pub(crate) fn new(events: bool) -> Self {
        if events {
            Self::Events
        } else if stderr().is_terminal() {
            Self::Terminal
        } else {
            Self::Silent
        }
    }
}

/// Prints on standard output, at once. That nobody reads any more (`myca ask ... | head`) is no reason to stop in the
/// middle.
pub(crate) fn out(words: fmt::Arguments<'_>) {
    let mut stdout = std::io::stdout().lock();
    let _ = stdout.write_fmt(words).and_then(|()| stdout.flush());
}

/// Shows a line on the terminal, on standard error, in place of the one before; an empty one takes it away.
pub(crate) fn progress_line(words: &str) {
    // Spaces, as not every terminal of Windows knows how to erase.
    let shown: String = line(words).chars().take(LINE).collect();
    eprint!("\r{shown:LINE$}\r{shown}");
}

/// Foreign text as it may go to a terminal: nothing in it moves the cursor, changes a colour, or turns the direction
/// of what stands around it.
pub(crate) fn visible(text: &str) -> String {
    let shown = |c: char| match c {
        '\n' | '\t' => c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    text.chars().filter(|c| *c != '\r').map(shown).collect()
}

/// The same inside a sentence, where it has no lines of its own.
pub(crate) fn line(text: &str) -> String {
    visible(text).replace(['\n', '\t'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_does_nothing_to_a_terminal() {
        assert_eq!(visible("two\r\nlines\tand naïve 🦀"), "two\nlines\tand naïve 🦀");
        assert_eq!(
            visible("\u{1b}[2J\u{7}\u{202e}abc\u{9b}31m"),
            "\u{fffd}[2J\u{fffd}\u{fffd}abc\u{fffd}31m"
        );
        assert_eq!(line("a\nb"), "a b");
    }
}
