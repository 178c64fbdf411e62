//! What a child prints, line by line.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt},
    sync::broadcast,
};

use crate::{Exit, LogFile, log::Journal};

/// The longest line that is kept unless somebody wants longer ones, in bytes. The rest of a longer one is left out.
pub(crate) const LONGEST: usize = 4 << 10;
/// How many of the last lines are kept.
const KEPT: usize = 200;
/// How many lines wait for whoever follows.
const WAITING: usize = 1024;

/// Where a line was printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// On standard output.
    Output,
    /// On standard error.
    Error,
}

/// A line that a child printed: characters only, no colours, not empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Where.
    pub source: Source,
    /// What, without the end of the line.
    pub text: String,
    /// Whether it was longer than what is kept of one.
    pub cut: bool,
}

/// All that a child has printed so far, as far as it is kept. It can also be that of something that is no child, such as a
/// container: [`Output::logged`].
#[derive(Debug)]
pub struct Output {
    secrets: Vec<String>,
    /// The longest line that is kept, in bytes.
    longest: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    last: VecDeque<Line>,
    /// Until the child has ended.
    following: Option<broadcast::Sender<Line>>,
    journal: Option<Journal>,
}

impl Output {
    pub(crate) fn new(secrets: Vec<String>, longest: usize, journal: Option<Journal>) -> Self {
        let following = Some(broadcast::Sender::new(WAITING));
        let state = State { last: VecDeque::with_capacity(KEPT), following, journal };
        Self { secrets, longest, state: Mutex::new(state) }
    }

    /// The output of something that is no child of ours, without these secrets, and written to a log as well. A log that
    /// cannot be opened is warned of, and does not keep the lines from being taken.
    #[must_use]
    pub fn logged(secrets: Vec<String>, log: LogFile) -> Self {
        let opened = Journal::open(log);
        let journal = opened
            .inspect_err(|error| tracing::warn!(%error, "the log of a container cannot be opened"))
            .ok();
        Self::new(secrets, LONGEST, journal.map(|(journal, _)| journal))
    }

    /// The last lines that were printed, 200 at most, the newest at the end.
    #[must_use]
    pub fn tail(&self) -> Vec<Line> {
        self.state().last.iter().cloned().collect()
    }

    /// The last lines, and every one that comes after them, until the output is closed.
    #[must_use]
    pub fn follow(&self) -> (Vec<Line>, broadcast::Receiver<Line>) {
        let state = self.state();
        let following = match &state.following {
            Some(following) => following.subscribe(),
            None => broadcast::channel(1).1,
        };
        (state.last.iter().cloned().collect(), following)
    }

    /// No more lines come.
    pub fn close(&self, exit: Exit) {
        let mut state = self.state();
        state.following = None;
        if let Some(journal) = state.journal.take() {
            journal.note(&exit.to_string());
        }
    }

    /// Reads a stream until it ends.
    pub async fn read(&self, mut stream: impl AsyncRead + Unpin, source: Source) {
        let mut cutter = Cutter::new(self.longest + self.longest_secret());
        let mut bytes = vec![0; 8 << 10];
        // An error is the end as well: the other side is gone.
        while let Ok(count @ 1..) = stream.read(&mut bytes).await {
            cutter.push(&bytes[..count], |line, cut| self.take(line, cut, source));
        }
        cutter.finish(|line, cut| self.take(line, cut, source));
    }

    fn take(&self, bytes: &[u8], mut cut: bool, source: Source) {
        let mut text = plain(&String::from_utf8_lossy(bytes));
        for secret in &self.secrets {
            text = text.replace(secret, "[secret]");
        }
        if cut {
            // What it ends with may be the beginning of a secret.
            let kept = text.len().saturating_sub(self.longest_secret());
            text.truncate(text.floor_char_boundary(kept));
        }
        if text.len() > self.longest {
            cut = true;
            text.truncate(text.floor_char_boundary(self.longest));
        }
        if text.trim().is_empty() {
            return;
        }
        let line = Line { source, text, cut };
        // All under one lock, so that nobody misses a line or gets it twice.
        let mut state = self.state();
        if let Some(journal) = &state.journal {
            journal.line(&line);
        }
        if state.last.len() == KEPT {
            state.last.pop_front();
        }
        state.last.push_back(line.clone());
        if let Some(following) = &state.following {
            // Nobody has to follow.
            let _ = following.send(line);
        }
    }

    fn longest_secret(&self) -> usize {
        self.secrets.iter().map(String::len).max().unwrap_or_default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Cuts bytes into lines.
#[derive(Debug)]
struct Cutter {
    line: Vec<u8>,
    longest: usize,
    cut: bool,
}

impl Cutter {
    fn new(longest: usize) -> Self {
        Self { line: Vec::new(), longest, cut: false }
    }

    fn push(&mut self, bytes: &[u8], mut each: impl FnMut(&[u8], bool)) {
        // Progress is printed over itself, with carriage returns alone.
        for piece in bytes.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
            let (piece, ends) = match piece.split_last() {
                Some((b'\n' | b'\r', piece)) => (piece, true),
                _ => (piece, false),
            };
            let fits = piece.len().min(self.longest - self.line.len());
            self.cut |= fits < piece.len();
            self.line.extend_from_slice(&piece[..fits]);
            if ends {
                self.finish(&mut each);
            }
        }
    }

    fn finish(&mut self, mut each: impl FnMut(&[u8], bool)) {
        if !self.line.is_empty() {
            each(&self.line, self.cut);
        }
        self.line.clear();
        self.cut = false;
    }
}

/// The text without what steers a terminal.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(sign) = rest.next() {
        match sign {
            '\u{1b}' => skip_sequence(&mut rest),
            '\t' => plain.push(' '),
            sign if sign.is_control() => {}
            sign => plain.push(sign),
        }
    }
    plain
}

/// Goes behind a sequence of ECMA-48 (colours, cursors; titles of windows end with a bell).
fn skip_sequence(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match rest.next() {
        Some('[') => {
            for sign in rest.by_ref() {
                if matches!(sign, '@'..='~') {
                    break;
                }
            }
        }
        Some(']') => {
            while let Some(sign) = rest.next() {
                if sign == '\u{7}' || sign == '\u{1b}' && rest.next_if_eq(&'\\').is_some() {
                    break;
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(output: &Output, bytes: &[u8]) {
        output.read(bytes, Source::Error).await;
    }

    #[tokio::test]
    async fn lines_are_what_stands_between_their_ends() {
        let output = Output::new(Vec::new(), LONGEST, None);
        read(&output, b"one\r\n\n  \ntwo\rthree \xff\x1b[1;31mred\x1b[0m\x1b]0;title\x07!\tend").await;
        let texts: Vec<String> = output.tail().into_iter().map(|line| line.text).collect();
        assert_eq!(texts, ["one", "two", "three \u{fffd}red! end"]);
    }

    #[tokio::test]
    async fn a_line_without_end_is_cut_and_the_next_one_is_whole() {
        let output = Output::new(Vec::new(), LONGEST, None);
        read(&output, &[vec![b'x'; 1 << 20], b"\nnext\n".to_vec()].concat()).await;
        let lines = output.tail();
        assert_eq!((lines[0].text.len(), lines[0].cut), (LONGEST, true));
        assert_eq!((lines[1].text.as_str(), lines[1].cut), ("next", false));
    }

    #[tokio::test]
    async fn a_program_that_answers_in_long_lines_is_heard_out() {
        let output = Output::new(Vec::new(), 1 << 20, None);
        read(&output, &[vec![b'x'; 1 << 20], b"\n".to_vec()].concat()).await;
        assert_eq!((output.tail()[0].text.len(), output.tail()[0].cut), (1 << 20, false));
    }

    #[tokio::test]
    async fn secrets_are_taken_out_also_where_a_line_is_cut() {
        let output = Output::new(vec!["hush-hush".into()], LONGEST, None);
        read(&output, b"got hush-hush!\n").await;
        read(&output, &[vec![b'x'; LONGEST - 4], b"hush-hush\n".to_vec()].concat()).await;
        let lines = output.tail();
        assert_eq!(lines[0].text, "got [secret]!");
        assert!(!lines[1].text.contains("hush"));
    }

    #[tokio::test]
    async fn the_beginning_of_a_secret_at_a_cut_is_not_kept() {
        let word = "hush-hush-hush-hush";
        let output = Output::new(vec![word.into()], LONGEST, None);
        // Each that is taken out makes room for what comes later, up to the eight bytes that are here of the last one.
        let between = "x".repeat(LONGEST + 11 - 10 * word.len());
        read(&output, format!("{}{between}{word}\n", word.repeat(10)).as_bytes()).await;
        let lines = output.tail();
        assert!(lines[0].cut && lines[0].text.ends_with('x'), "{}", lines[0].text);
    }

    #[tokio::test]
    async fn of_a_flood_the_last_lines_are_kept_and_who_follows_learns_what_was_lost() {
        let output = Output::new(Vec::new(), LONGEST, None);
        let (before, mut following) = output.follow();
        assert!(before.is_empty());
        let flood: Vec<u8> = (0..5000).flat_map(|number| format!("{number}\n").into_bytes()).collect();
        read(&output, &flood).await;
        let kept = output.tail();
        assert_eq!((kept.len(), kept[KEPT - 1].text.as_str()), (KEPT, "4999"));
        let lost = following.recv().await;
        assert_eq!(lost, Err(broadcast::error::RecvError::Lagged(5000 - WAITING as u64)));
        assert_eq!(following.recv().await.unwrap().text, (5000 - WAITING).to_string());
    }
}
