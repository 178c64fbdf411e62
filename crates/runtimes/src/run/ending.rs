//! The end of a run, in words.

use process::{Exit, Line, Source};

use crate::{
    Failure, RuntimeKind,
    machine::{Ended, Known},
};

/// How many of its last lines explain an end.
const LAST: usize = 20;

/// A run that was ended because that was wanted.
pub(super) fn stopped() -> Ended {
    Ended { why: Failure::new("runtime.ended", "It was ended.", "Start it again."), hopeless: false }
}

/// What the end of a runtime means, with its last lines.
pub(super) fn explain(kind: RuntimeKind, exit: Exit, lines: &[Line]) -> Ended {
    let sentence = own_words(kind, exit, lines).unwrap_or_else(|| format!("{kind} is gone: {exit}."));
    let mut why = Failure::new("runtime.ended", sentence, next(exit));
    why.exit = Some(exit);
    why.lines = lines[lines.len().saturating_sub(LAST)..].iter().map(|line| line.text.clone()).collect();
    Ended { why, hopeless: is_hopeless(kind, exit) }
}

/// `myca host` could not have the port, which another program took in the meantime.
pub(super) fn no_address(kind: RuntimeKind, exit: Exit) -> Option<Known> {
    (kind.is_ours() && exit == Exit::Code(3)).then(|| Known {
        failure: Failure::new(
            "port.taken",
            "The port was taken by another program meanwhile.",
            "End that program, or allow another port in Settings.",
        ),
        another_port: true,
        if_stalled: false,
    })
}

/// `myca host` says itself in a sentence why it ended.
fn own_words(kind: RuntimeKind, exit: Exit, lines: &[Line]) -> Option<String> {
    let says = kind.is_ours() && matches!(exit, Exit::Code(1..));
    let last = lines.iter().rev().find(|line| line.source == Source::Error);
    last.filter(|_| says).map(|line| line.text.clone())
}

/// Whether it would end the same way again: it does not know its arguments (2, of argparse and clap alike), has no model
/// that it can load (`myca host`: 4), or is no program (of shells and containers).
fn is_hopeless(kind: RuntimeKind, exit: Exit) -> bool {
    matches!(exit, Exit::Code(2 | 126 | 127)) || (kind.is_ours() && exit == Exit::Code(4))
}

fn next(exit: Exit) -> &'static str {
    match exit {
        Exit::Code(2) => {
            "It does not take the options of this version. Install the version that the handbook names."
        }
        Exit::Code(126 | 127) => "Choose another program or image: this one does not hold what is started.",
        Exit::Signal(9) => {
            "Close programs that use much memory, or choose a smaller model, and start it again."
        }
        _ => "See in its last lines what it says, and start it again.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(source: Source, text: &str) -> Line {
        Line { source, text: text.to_owned(), cut: false }
    }

    #[test]
    fn an_end_is_told_with_the_last_lines_and_in_its_own_words_where_it_has_some() {
        let lines: Vec<Line> = (0..100).map(|number| line(Source::Output, &number.to_string())).collect();
        let ended = explain(RuntimeKind::PythonMoshi, Exit::Signal(9), &lines);
        assert!(ended.why.what.contains("SIGKILL") && !ended.hopeless, "{}", ended.why.what);
        assert_eq!((ended.why.lines.len(), ended.why.lines[19].as_str()), (20, "99"));

        let sentence = line(Source::Error, "The model at /m has no config.json. Download it again.");
        let ended = explain(RuntimeKind::MycaHost, Exit::Code(4), std::slice::from_ref(&sentence));
        assert_eq!((ended.why.what, ended.hopeless), (sentence.text, true));
        assert!(explain(RuntimeKind::MycaHost, Exit::Code(4), &[]).why.what.contains("exit code 4"));
    }

    #[test]
    fn an_end_that_would_come_again_is_known() {
        for (exit, hopeless) in [(2, true), (127, true), (1, false), (0, false), (4, false)] {
            let ended = explain(RuntimeKind::PersonaPlex, Exit::Code(exit), &[]);
            assert_eq!(ended.hopeless, hopeless, "{exit}");
        }
    }
}
