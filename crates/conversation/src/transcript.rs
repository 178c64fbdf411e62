//! The turns of a conversation: how pieces of text become turns, and how turns get to disk before they are shown.

use std::{collections::BTreeMap, time::Duration};

use store::{Conversation, Source, Speaker, Turn};

/// A pause of Moshi's text that ends its turn.
const PAUSE: Duration = Duration::from_secs(2);
/// A turn longer than this is ended, so that no host can make one without end. In bytes.
const LONGEST_TURN: usize = 8 << 10;
/// Wait before turns that could not be written are tried again.
const RETRY: Duration = Duration::from_secs(5);
/// Turns that wait for the disk at most. What is beyond was shown, and is given up for the disk.
const MOST_WAITING: usize = 5_000;

/// A turn as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownTurn {
    /// The conversation it belongs to.
    pub conversation: String,
    /// The turn.
    pub turn: Turn,
    /// Whether it is on disk.
    pub saved: bool,
}

/// What the transcript wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TranscriptEffect {
    /// Write these; answer with [`Transcript::stored`].
    Store(Conversation, Vec<Turn>),
    /// Show these.
    Show(Vec<ShownTurn>),
}

/// The turns of one conversation that are not finished or not on disk.
#[derive(Debug, Clone)]
pub(crate) struct Transcript {
    conversation: Conversation,
    next_number: u64,
    /// Moshi's growing turn, with the time of its last piece.
    open: Option<(Turn, Duration)>,
    /// Turns that are not on disk and not being written.
    waiting: BTreeMap<u64, Turn>,
    /// Whether `waiting` holds something that was never tried.
    fresh: bool,
    /// When what could not be written is tried again.
    retry_at: Option<Duration>,
    /// Turns that are being written. One batch at a time, however fast pieces come.
    writing: Vec<Turn>,
    /// Turns that were shown as not saved, with the length of their text then.
    shown_unsaved: BTreeMap<u64, (usize, bool)>,
}

impl Transcript {
    /// Goes on with `conversation` after `turns` turns.
    pub(crate) fn new(conversation: Conversation, turns: u64) -> Self {
        Self {
            conversation,
            next_number: turns,
            open: None,
            waiting: BTreeMap::new(),
            fresh: false,
            retry_at: None,
            writing: Vec::new(),
            shown_unsaved: BTreeMap::new(),
        }
    }

    pub(crate) fn conversation(&self) -> &Conversation {
        &self.conversation
    }

    fn turn(&mut self, speaker: Speaker, source: Source, text: &str, unix_ms: i64, open: bool) -> Turn {
        let number = self.next_number;
        self.next_number += 1;
        Turn { number, speaker, source, text: text.to_owned(), at_ms: unix_ms, open }
    }

    /// The person typed something.
    pub(crate) fn typed(&mut self, text: &str, unix_ms: i64) {
        // What Moshi says next answers this.
        self.close();
        let turn = self.turn(Speaker::Person, Source::Typed, text.trim(), unix_ms, false);
        self.change(turn);
    }

    fn change(&mut self, turn: Turn) {
        self.waiting.insert(turn.number, turn);
        self.fresh = true;
    }

    /// Moshi's next piece of text. Its leading space is kept, except at the beginning of a turn.
    pub(crate) fn moshi_said(&mut self, piece: &str, now: Duration, unix_ms: i64) {
        if self.open.as_ref().is_some_and(|(turn, _)| turn.text.len() + piece.len() > LONGEST_TURN) {
            self.close();
        }
        let mut turn = match self.open.take() {
            Some((turn, _)) => turn,
            None if piece.trim().is_empty() => return,
            None => self.turn(Speaker::Moshi, Source::Spoken, "", unix_ms, true),
        };
        let piece = if turn.text.is_empty() { piece.trim_start() } else { piece };
        let room = LONGEST_TURN.saturating_sub(turn.text.len());
        turn.text.push_str(&piece[..piece.floor_char_boundary(room)]);
        self.change(turn.clone());
        self.open = Some((turn, now));
    }

    /// Ends Moshi's turn.
    pub(crate) fn close(&mut self) {
        if let Some((mut turn, _)) = self.open.take() {
            turn.open = false;
            turn.text.truncate(turn.text.trim_end().len());
            self.change(turn);
        }
    }

    /// Time went by.
    pub(crate) fn tick(&mut self, now: Duration) {
        if self.open.as_ref().is_some_and(|(_, last)| now.saturating_sub(*last) >= PAUSE) {
            self.close();
        }
    }

    /// When a pause ends Moshi's turn.
    pub(crate) fn pause_at(&self) -> Option<Duration> {
        self.open.as_ref().map(|(_, last)| *last + PAUSE)
    }

    /// When what could not be written is tried again.
    pub(crate) fn retry_at(&self) -> Option<Duration> {
        self.retry_at
    }

    /// The batch that was being written is on disk, or could not be written.
    pub(crate) fn stored(&mut self, ok: bool, now: Duration) -> Option<TranscriptEffect> {
        let written = std::mem::take(&mut self.writing);
        let id = self.conversation.id.clone();
        let mut shown = Vec::new();
        for turn in written {
            let state = (turn.text.len(), turn.open);
            if ok {
                self.shown_unsaved.remove(&turn.number);
            } else if self.shown_unsaved.insert(turn.number, state) == Some(state) {
                // Shown like this already.
                self.waiting.entry(turn.number).or_insert(turn);
                continue;
            } else {
                // A newer text of the same turn may wait already.
                self.waiting.entry(turn.number).or_insert_with(|| turn.clone());
            }
            shown.push(ShownTurn { conversation: id.clone(), turn, saved: ok });
        }
        self.retry_at = (!ok).then_some(now + RETRY);
        while self.waiting.len() > MOST_WAITING {
            if let Some((number, _)) = self.waiting.pop_first() {
                self.shown_unsaved.remove(&number);
            }
        }
        (!shown.is_empty()).then_some(TranscriptEffect::Show(shown))
    }

    /// What is to be written now, if anything.
    pub(crate) fn flush(&mut self, now: Duration) -> Option<TranscriptEffect> {
        let due = self.fresh || self.retry_at.is_some_and(|at| now >= at);
        if !self.writing.is_empty() || self.waiting.is_empty() || !due {
            return None;
        }
        self.fresh = false;
        self.retry_at = None;
        self.writing = std::mem::take(&mut self.waiting).into_values().collect();
        Some(TranscriptEffect::Store(self.conversation.clone(), self.writing.clone()))
    }

    /// Whether a batch is being written.
    pub(crate) fn is_writing(&self) -> bool {
        !self.writing.is_empty()
    }

    /// Whether everything is on disk.
    pub(crate) fn is_settled(&self) -> bool {
        self.writing.is_empty() && self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(s: u64) -> Duration {
        Duration::from_secs(s)
    }

    fn transcript() -> Transcript {
        Transcript::new(Conversation { id: "c".into(), started_ms: 0 }, 0)
    }

    /// Texts of a batch, with a star where the turn is open.
    fn stored(effect: Option<TranscriptEffect>) -> Vec<String> {
        let Some(TranscriptEffect::Store(_, turns)) = effect else { return Vec::new() };
        turns.iter().map(|t| format!("{}{}", t.text, if t.open { "*" } else { "" })).collect()
    }

    fn shown(effect: Option<TranscriptEffect>) -> Vec<(String, bool)> {
        let Some(TranscriptEffect::Show(turns)) = effect else { return Vec::new() };
        turns.into_iter().map(|t| (t.turn.text, t.saved)).collect()
    }

    #[test]
    fn pieces_become_a_turn_that_a_pause_ends() {
        let mut t = transcript();
        for (i, piece) in [" Hel", "lo", " there", "."].into_iter().enumerate() {
            t.moshi_said(piece, secs(0), i as i64);
        }
        assert_eq!(stored(t.flush(secs(0))), ["Hello there.*"]);
        assert_eq!(t.pause_at(), Some(secs(2)));
        t.stored(true, secs(0));
        t.tick(secs(2));
        assert_eq!(stored(t.flush(secs(2))), ["Hello there."]);
        t.stored(true, secs(2));
        t.moshi_said(" Again", secs(3), 9);
        assert_eq!(stored(t.flush(secs(3))), ["Again*"], "a new turn");
    }

    #[test]
    fn what_is_typed_ends_moshis_turn_and_comes_after_it() {
        let mut t = transcript();
        t.moshi_said("One", secs(0), 0);
        t.typed("  two ", 1);
        t.moshi_said(" three", secs(1), 2);
        assert_eq!(stored(t.flush(secs(1))), ["One", "two", "three*"]);
    }

    #[test]
    fn nothing_is_shown_before_it_is_on_disk() {
        let mut t = transcript();
        t.typed("a", 0);
        assert_eq!(stored(t.flush(secs(0))), ["a"]);
        t.typed("b", 0);
        assert_eq!(t.flush(secs(0)), None, "one batch at a time");
        assert_eq!(shown(t.stored(true, secs(0))), [("a".to_owned(), true)]);
        assert_eq!(stored(t.flush(secs(0))), ["b"]);
    }

    #[test]
    fn what_the_disk_refuses_is_shown_as_unsaved_once_and_tried_again() {
        let mut t = transcript();
        t.typed("a", 0);
        t.flush(secs(0));
        assert_eq!(shown(t.stored(false, secs(0))), [("a".to_owned(), false)]);
        assert_eq!(t.flush(secs(1)), None);
        assert_eq!(t.retry_at(), Some(secs(5)));
        assert_eq!(stored(t.flush(secs(5))), ["a"]);
        assert_eq!(t.stored(false, secs(5)), None, "shown like that already");
        t.typed("b", 0);
        assert_eq!(stored(t.flush(secs(6))), ["a", "b"], "something new is a reason to try at once");
        assert_eq!(shown(t.stored(true, secs(6))), [("a".to_owned(), true), ("b".to_owned(), true)]);
        assert!(t.is_settled());
    }

    #[test]
    fn a_newer_text_is_not_replaced_by_an_older_one_that_failed() {
        let mut t = transcript();
        t.moshi_said("Hel", secs(0), 0);
        t.flush(secs(0));
        t.moshi_said("lo", secs(0), 0);
        t.stored(false, secs(0));
        assert_eq!(stored(t.flush(secs(0))), ["Hello*"]);
    }

    #[test]
    fn text_without_end_makes_turns_of_bounded_length() {
        let mut t = transcript();
        for _ in 0..300 {
            t.moshi_said(&"é".repeat(50), secs(0), 0);
        }
        let batch = stored(t.flush(secs(0)));
        assert!(
            batch.len() > 3 && batch.iter().all(|text| text.len() <= LONGEST_TURN + 1),
            "{}",
            batch.len()
        );
        t.moshi_said(&"é".repeat(100_000), secs(0), 0);
        t.stored(true, secs(0));
        assert!(stored(t.flush(secs(0))).iter().all(|text| text.len() <= LONGEST_TURN + 1));
    }

    #[test]
    fn blank_pieces_alone_are_no_turn() {
        let mut t = transcript();
        t.moshi_said("  ", secs(0), 0);
        assert_eq!(t.flush(secs(0)), None);
    }
}
