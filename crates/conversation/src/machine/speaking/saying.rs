//! One reply that is said: what of it can be said so far, what of that the host has, and how far it came.

use std::{collections::VecDeque, time::Duration};

use wire::{SpeechNews, SpeechState};

use super::{ReplyState, SpokenReply, Whose};
use crate::speakable::{speakable, whole_sentences};

/// As much of a reply is looked at while it grows, in bytes: more than is said of any.
const LOOKED_AT: usize = 64 << 10;

/// A reply that is said.
#[derive(Debug, Clone)]
pub(super) struct Saying {
    pub(super) ask: u64,
    /// The person's turn.
    pub(super) turn: u64,
    /// The brain's turn.
    pub(super) reply_turn: Option<u64>,
    /// As it is told. Its number is 0 until something of it can be said; its text is what can be said so far.
    pub(super) reply: SpokenReply,
    /// What the brain has written.
    written: String,
    /// Of the text, how much the host has, in bytes.
    given: usize,
    /// Texts that the host has: their numbers on this link, and where in the text each ends.
    parts: VecDeque<(u64, usize)>,
    /// Of the text, where the part begins that is being said, in bytes.
    part: usize,
    /// Whether nothing more of it comes.
    pub(super) whole: bool,
    /// Whether more of it would have come.
    broken: bool,
    /// Whether it is to be said no further.
    pub(super) is_cut: bool,
    /// Since when it waits for a pause.
    pub(super) waits_since: Duration,
}

impl Saying {
    pub(super) fn new(whose: Whose) -> Self {
        Self {
            ask: whose.ask,
            turn: whose.turn,
            reply_turn: whose.reply,
            reply: SpokenReply {
                number: 0,
                text: String::new(),
                state: ReplyState::Queued,
                said: String::new(),
                why: None,
            },
            written: String::new(),
            given: 0,
            parts: VecDeque::new(),
            part: 0,
            whole: false,
            broken: false,
            is_cut: false,
            waits_since: Duration::ZERO,
        }
    }

    /// The brain has written more.
    pub(super) fn write(&mut self, piece: &str) {
        if self.written.len() + piece.len() > LOOKED_AT {
            return;
        }
        self.written.push_str(piece);
        // Only the end of a sentence or of a line makes more of it sayable, and what follows shows that it was one.
        if let Some(plain) = speakable(&self.written) {
            self.can_say(whole_sentences(&plain));
        }
    }

    /// The brain has written all of it, and this it is.
    pub(super) fn write_all(&mut self, text: &str) {
        self.whole = true;
        if let Some(plain) = speakable(text) {
            self.can_say(&plain);
        }
    }

    /// This can be said. What the host has stays as it was; where the rest does not follow on it, it is not said.
    fn can_say(&mut self, plain: &str) {
        let follows = plain.starts_with(&self.reply.text[..self.given]);
        if follows && (plain.len() > self.reply.text.len() || self.whole) {
            plain.clone_into(&mut self.reply.text);
        }
    }

    /// What the host does not have yet, as the text with this number.
    pub(super) fn give(&mut self, id: u64) -> Option<String> {
        let rest = self.reply.text[self.given..].trim();
        if rest.is_empty() {
            return None;
        }
        let rest = rest.to_owned();
        self.given = self.reply.text.len();
        self.parts.push_back((id, self.given));
        Some(rest)
    }

    /// Whether the host has something of it, or had.
    pub(super) fn was_given(&self) -> bool {
        self.given > 0
    }

    /// Whether the host has all of it, or had.
    pub(super) fn is_given(&self) -> bool {
        self.whole && self.given >= self.reply.text.len()
    }

    /// Texts of it that the host has.
    pub(super) fn on_its_way(&self) -> usize {
        self.parts.len()
    }

    /// Whether the text with this number is a part of it.
    pub(super) fn has(&self, id: u64) -> bool {
        self.parts.iter().any(|(part, _)| *part == id)
    }

    /// Nothing more comes of it, for this reason; what there is is said.
    pub(super) fn breaks_off(&mut self, why: &str) {
        self.ends();
        self.reply.why = Some(why.to_owned());
    }

    fn ends(&mut self) {
        self.broken |= !std::mem::replace(&mut self.whole, true);
    }

    /// It is to be said no further than the host says it until it hears of that.
    pub(super) fn cut(&mut self, why: &str) {
        self.is_cut = true;
        self.ends();
        self.reply.why = Some(why.to_owned());
    }

    /// The host is gone.
    pub(super) fn is_lost(&mut self, why: &str) {
        self.parts.clear();
        self.is_cut = true;
        self.ends();
        self.reply.why.get_or_insert_with(|| why.to_owned());
    }

    /// The host tells what became of a text of it.
    pub(super) fn told(&mut self, news: SpeechNews) {
        let Some(place) = self.parts.iter().position(|(id, _)| *id == news.id) else { return };
        let begins = match place.checked_sub(1) {
            Some(before) => self.parts[before].1,
            None => self.part,
        };
        if !news.said.is_empty() {
            let before = self.reply.text[..begins].trim_end();
            let gap = if before.is_empty() { "" } else { " " };
            self.reply.said = format!("{before}{gap}{}", news.said);
        }
        match news.state {
            SpeechState::Queued => {}
            SpeechState::Started | SpeechState::Word => self.reply.state = ReplyState::Speaking,
            SpeechState::Finished => {
                if let Some((_, end)) = self.parts.remove(place) {
                    self.part = end;
                }
            }
            SpeechState::Cut => {
                self.parts.clear();
                self.is_cut = true;
                self.ends();
            }
            SpeechState::Refused => {
                self.parts.clear();
                self.is_cut = true;
                self.ends();
                self.reply.why = news.reason.or(Some("The host does not say it.".to_owned()));
                if self.reply.said.is_empty() {
                    self.reply.state = ReplyState::ShownOnly;
                }
            }
        }
    }

    /// Whether nothing more can become of it; then its state is the last.
    pub(super) fn is_settled(&mut self) -> bool {
        if !self.whole || !self.parts.is_empty() || (!self.is_cut && !self.is_given()) {
            return false;
        }
        let all_said = !self.broken && self.is_given() && self.part >= self.reply.text.len();
        if all_said {
            self.reply.why = None;
        }
        self.reply.state = match self.reply.state {
            ReplyState::ShownOnly => ReplyState::ShownOnly,
            _ if all_said => ReplyState::Spoken,
            _ => ReplyState::Cut,
        };
        true
    }
}
