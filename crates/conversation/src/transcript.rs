//! The turns of a conversation: how pieces of text become turns, and how turns get to disk before they are shown.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use store::{Conversation, Delivery, Source, Speaker, Turn};

/// A pause of Moshi's text that ends its turn.
const PAUSE: Duration = Duration::from_secs(2);
/// A turn longer than this is ended, so that no host can make one without end. In bytes.
const LONGEST_TURN: usize = 8 << 10;
/// Wait before turns that could not be written are tried again.
const RETRY: Duration = Duration::from_secs(5);
/// Turns that wait for the disk at most. What is beyond was shown, and is given up for the disk.
const MOST_WAITING: usize = 5_000;
/// Turns that are known beyond the disk, to go along with a question.
const RECENT: usize = 40;
/// Undelivered turns of which one can be sent again. Older ones can be typed again.
const MOST_UNDELIVERED: usize = 500;

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
    /// Turns that were shown as not saved, with what of them can change.
    shown_unsaved: BTreeMap<u64, Seen>,
    /// The brain's growing turn.
    reply: Option<Turn>,
    /// What the person is saying, as far as it was heard.
    heard: Option<Turn>,
    /// Of the brain's recent turns, those of which Moshi said only a part: that part.
    cut: BTreeMap<u64, String>,
    /// The last turns, oldest first.
    recent: VecDeque<Turn>,
    /// Turns that are meant for the brain and that it has not answered.
    undelivered: BTreeMap<u64, Turn>,
    /// Those of them that go to the brain as soon as the disk has had them.
    to_ask: BTreeSet<u64>,
    /// Those that the disk has had.
    askable: Vec<u64>,
    /// Moshi's turns that ended and were not looked at.
    ended: Vec<Turn>,
    /// Whether nothing of it is to be kept any more.
    forgotten: bool,
}

/// What of a turn can change after it was shown: its text, as a hash of it, whether it grows, and its delivery.
type Seen = (u64, bool, Option<Delivery>);

fn seen(turn: &Turn) -> Seen {
    let mut hasher = DefaultHasher::new();
    turn.text.hash(&mut hasher);
    (hasher.finish(), turn.open, turn.delivery)
}

/// Turns as they are when a conversation goes on that was left: nothing grows any more, and what had no answer yet gets
/// none by itself, since a model may have seen it.
pub(crate) fn resumed(mut turns: Vec<Turn>) -> Vec<Turn> {
    for turn in &mut turns {
        turn.open = false;
        let note = match turn.delivery {
            Some(Delivery::Waiting) => "MYCA Voice ended before this was sent.",
            Some(Delivery::Sent) => "MYCA Voice ended before an answer came.",
            None | Some(Delivery::Delivered | Delivery::Failed) => continue,
        };
        turn.delivery = Some(Delivery::Failed);
        turn.note = Some(note.to_owned());
    }
    turns
}

impl Transcript {
    /// Goes on with `conversation` after `turns`, as [`resumed`] has them.
    pub(crate) fn new(conversation: Conversation, turns: &[Turn]) -> Self {
        let mut transcript = Self {
            conversation,
            next_number: turns.last().map_or(0, |turn| turn.number + 1),
            open: None,
            waiting: BTreeMap::new(),
            fresh: false,
            retry_at: None,
            writing: Vec::new(),
            shown_unsaved: BTreeMap::new(),
            reply: None,
            heard: None,
            cut: BTreeMap::new(),
            recent: VecDeque::new(),
            undelivered: BTreeMap::new(),
            to_ask: BTreeSet::new(),
            askable: Vec::new(),
            ended: Vec::new(),
            forgotten: false,
        };
        for turn in turns {
            transcript.know(turn);
            if turn.delivery == Some(Delivery::Failed) {
                transcript.undelivered.insert(turn.number, turn.clone());
            }
        }
        transcript
    }

    pub(crate) fn conversation(&self) -> &Conversation {
        &self.conversation
    }

    fn turn(&mut self, speaker: Speaker, source: Source, text: &str, unix_ms: i64, open: bool) -> Turn {
        let number = self.next_number;
        self.next_number += 1;
        Turn {
            number,
            speaker,
            source,
            text: text.to_owned(),
            at_ms: unix_ms,
            open,
            delivery: None,
            note: None,
        }
    }

    /// The person typed something. With [`Delivery::Waiting`] it is meant for the brain. Returns the turn's number.
    pub(crate) fn typed(&mut self, text: &str, unix_ms: i64, delivery: Option<Delivery>) -> u64 {
        // What Moshi says next answers this.
        self.close();
        let mut turn = self.turn(Speaker::Person, Source::Typed, text.trim(), unix_ms, false);
        turn.delivery = delivery;
        let number = turn.number;
        self.deliver(&turn);
        self.change(turn);
        number
    }

    /// The person says this, all of it since the turn began, which it does with the first of it. Returns its number.
    pub(crate) fn heard(&mut self, text: &str, began_ms: i64) -> u64 {
        let mut turn = match self.heard.take() {
            Some(turn) => turn,
            None => {
                self.close();
                self.turn(Speaker::Person, Source::Heard, "", began_ms, true)
            }
        };
        let number = turn.number;
        text.trim().clone_into(&mut turn.text);
        self.change(turn.clone());
        self.heard = Some(turn);
        number
    }

    /// What the person said is whole, or will not become so, which the note says. With [`Delivery::Waiting`] it is meant
    /// for the brain.
    pub(crate) fn heard_ends(&mut self, delivery: Option<Delivery>, note: Option<String>) {
        let Some(mut turn) = self.heard.take() else { return };
        turn.open = false;
        turn.delivery = delivery;
        turn.note = note;
        self.deliver(&turn);
        self.change(turn);
    }

    /// Keeps a turn of the person's for as long as the brain has not answered it.
    fn deliver(&mut self, turn: &Turn) {
        match turn.delivery {
            Some(Delivery::Waiting) => _ = self.to_ask.insert(turn.number),
            Some(Delivery::Failed) => {}
            None | Some(Delivery::Sent | Delivery::Delivered) => return,
        }
        self.undelivered.insert(turn.number, turn.clone());
        if self.undelivered.len() > MOST_UNDELIVERED {
            self.undelivered.pop_first();
        }
    }

    /// The number of the brain's growing turn.
    pub(crate) fn replying(&self) -> Option<u64> {
        self.reply.as_ref().map(|turn| turn.number)
    }

    /// Moshi said only this of a turn of the brain's.
    pub(crate) fn cut_after(&mut self, number: u64, said: String) {
        self.cut.insert(number, said);
        while self.cut.len() > RECENT {
            self.cut.pop_first();
        }
    }

    /// What Moshi said of a turn of the brain's that it did not say to its end.
    pub(crate) fn said_of(&self, number: u64) -> Option<&str> {
        self.cut.get(&number).map(String::as_str)
    }

    fn change(&mut self, turn: Turn) {
        self.know(&turn);
        self.waiting.insert(turn.number, turn);
        self.fresh = true;
    }

    fn know(&mut self, turn: &Turn) {
        match self.recent.iter_mut().rev().find(|known| known.number == turn.number) {
            Some(known) => known.clone_from(turn),
            None => {
                if self.recent.len() >= RECENT {
                    self.recent.pop_front();
                }
                self.recent.push_back(turn.clone());
            }
        }
    }

    /// What was said before a turn, oldest first, as far as it is known.
    pub(crate) fn before(&self, number: u64) -> impl Iterator<Item = &Turn> {
        // What still grows is nothing that was said before.
        self.recent.iter().filter(move |turn| turn.number < number && !turn.open)
    }

    /// An undelivered turn.
    pub(crate) fn undelivered(&self, number: u64) -> Option<&Turn> {
        self.undelivered.get(&number)
    }

    /// An undelivered turn is further on its way, or stopped there, which the note says. Returns whether there is such a
    /// turn.
    pub(crate) fn mark(&mut self, number: u64, delivery: Delivery, note: Option<String>) -> bool {
        let Some(turn) = self.undelivered.get_mut(&number) else { return false };
        if (turn.delivery, &turn.note) == (Some(delivery), &note) {
            return true;
        }
        turn.delivery = Some(delivery);
        turn.note = note;
        let turn = turn.clone();
        match delivery {
            Delivery::Waiting => {
                self.to_ask.insert(number);
            }
            Delivery::Delivered => {
                self.undelivered.remove(&number);
            }
            Delivery::Sent | Delivery::Failed => {}
        }
        self.change(turn);
        true
    }

    /// Turns that the disk has had since the last look and that wait to be sent, in their order.
    pub(crate) fn take_askable(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.askable)
    }

    /// Moshi's turns that have ended since the last look.
    pub(crate) fn take_ended(&mut self) -> Vec<Turn> {
        std::mem::take(&mut self.ended)
    }

    /// The next piece of the brain's reply.
    pub(crate) fn reply_said(&mut self, piece: &str, unix_ms: i64) {
        let mut turn = match self.reply.take() {
            Some(turn) => turn,
            None if piece.trim().is_empty() => return,
            None => self.turn(Speaker::Brain, Source::Written, "", unix_ms, true),
        };
        let piece = if turn.text.is_empty() { piece.trim_start() } else { piece };
        turn.text.push_str(piece);
        self.change(turn.clone());
        self.reply = Some(turn);
    }

    /// The brain's reply is over. The note says who wrote it, or why it is not whole.
    pub(crate) fn reply_ends(&mut self, note: Option<String>) {
        if let Some(mut turn) = self.reply.take() {
            turn.open = false;
            turn.note = note;
            turn.text.truncate(turn.text.trim_end().len());
            self.change(turn);
        }
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
            self.ended.push(turn.clone());
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
        if self.forgotten {
            return None;
        }
        let id = self.conversation.id.clone();
        let mut shown = Vec::new();
        for turn in written {
            if self.to_ask.remove(&turn.number) {
                // Also where the disk refuses it: that must not keep the person from an answer.
                self.askable.push(turn.number);
            }
            let state = seen(&turn);
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

    /// Nothing more of it goes to disk.
    pub(crate) fn forget(&mut self) {
        self.forgotten = true;
        self.waiting.clear();
        self.retry_at = None;
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
mod tests;
