//! How the reply of one turn comes together.

use wire::bridge::MasFact;

use crate::bounded::{CUT_MARK, REPLY};

/// The reply so far. A bridge tells it as an injection, word by word, or both, and some answer first with a sentence
/// that no model wrote.
#[derive(Debug, Default)]
pub(super) struct ReplyParts {
    /// Whether the first reply is such a sentence.
    pub(super) prepared_first: bool,
    /// What was given out as the reply.
    text: String,
    /// The injection that may be only the beginning of the reply.
    beginning: Option<String>,
    /// The sentence that was prepared.
    prepared: Option<String>,
    /// Whether the reply was told in one piece, so that its words say nothing new.
    in_one_piece: bool,
    is_cut: bool,
}

/// What is to be told.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// A piece of the reply.
    Token(String),
    /// A sentence that the bridge had ready.
    Prepared(String),
}

impl ReplyParts {
    /// Whether there may be more of the reply than what was given out.
    pub(super) fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Whether the reply came word by word, so that one that was lost is missing.
    pub(super) fn is_made_of_words(&self) -> bool {
        !self.in_one_piece && !self.prepared_first
    }

    /// The sentence that the bridge had ready, as long as there is nothing else.
    pub(super) fn only_prepared(&self) -> Option<&str> {
        if self.text.is_empty() { self.prepared.as_deref() } else { None }
    }

    /// The reply as the bridge is about to hand it on.
    pub(super) fn injected(&mut self, content: String) -> Option<Part> {
        if self.prepared_first && self.prepared.is_none() {
            self.prepared = Some(content.clone());
            return Some(Part::Prepared(content));
        }
        if !self.text.is_empty() {
            return None;
        }
        if !self.prepared_first && content.chars().count() == MasFact::CUT_INJECTION {
            self.beginning = Some(content);
            return None;
        }
        self.in_one_piece = true;
        self.push(content)
    }

    /// Words of the reply, in the text that is shown beside Moshi's.
    pub(super) fn words(&mut self, words: &str) -> Option<Part> {
        if self.prepared_first || self.in_one_piece || words.trim().is_empty() {
            return None;
        }
        self.beginning = None;
        // The space behind a word is where the next one begins.
        let space = if self.text.is_empty() { "" } else { " " };
        self.push(format!("{space}{}", words.trim()))
    }

    /// The question is over: what is left to be told.
    pub(super) fn ended(&mut self) -> Option<Part> {
        let beginning = self.beginning.take()?;
        let part = self.push(beginning);
        self.is_cut = true;
        part
    }

    /// Nothing follows the prepared sentence.
    pub(super) fn take_prepared(&mut self) -> Option<Part> {
        let prepared = self.prepared.take().filter(|_| self.text.is_empty())?;
        self.push(prepared)
    }

    fn push(&mut self, mut words: String) -> Option<Part> {
        if self.is_cut {
            return None;
        }
        // There is always room for the mark.
        let room = (REPLY - CUT_MARK.len()).saturating_sub(self.text.len());
        if words.len() > room {
            words.truncate(words.floor_char_boundary(room));
            words.push_str(CUT_MARK);
            self.is_cut = true;
        }
        self.text.push_str(&words);
        Some(Part::Token(words))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(text: &str) -> Option<Part> {
        Some(Part::Token(text.into()))
    }

    #[test]
    fn a_whole_injection_is_the_reply_and_its_words_are_not_told_again() {
        let mut reply = ReplyParts::default();
        assert_eq!(reply.injected("Two\nlines.".into()), token("Two\nlines."));
        assert_eq!(reply.words("Two "), None);
        assert_eq!(reply.ended(), None);
        assert_eq!(reply.text, "Two\nlines.");
    }

    #[test]
    fn a_cut_injection_is_completed_by_the_words() {
        let mut reply = ReplyParts::default();
        let cut = "é".repeat(MasFact::CUT_INJECTION);
        assert_eq!(reply.injected(cut.clone()), None);
        assert_eq!(reply.words("One "), token("One"));
        assert_eq!(reply.words("two. "), token(" two."));
        assert_eq!((reply.ended(), reply.text.as_str()), (None, "One two."));
        let mut without_words = ReplyParts::default();
        without_words.injected(cut.clone());
        assert_eq!(without_words.ended(), token(&cut));
        assert!(without_words.is_cut(), "nobody knows whether that is all");
    }

    #[test]
    fn a_prepared_sentence_is_the_reply_only_where_nothing_follows() {
        let mut reply = ReplyParts { prepared_first: true, ..ReplyParts::default() };
        assert_eq!(reply.injected("Sure.".into()), Some(Part::Prepared("Sure.".into())));
        assert_eq!((reply.words("Sure."), reply.ended(), reply.only_prepared()), (None, None, Some("Sure.")));
        assert_eq!(reply.injected("The real one.".into()), token("The real one."));
        assert_eq!((reply.take_prepared(), reply.text.as_str()), (None, "The real one."));
        let mut alone = ReplyParts { prepared_first: true, ..ReplyParts::default() };
        alone.injected("Sure.".into());
        assert_eq!((alone.take_prepared(), alone.text.as_str()), (token("Sure."), "Sure."));
    }

    #[test]
    fn a_reply_without_end_is_cut() {
        let mut reply = ReplyParts::default();
        let long = "x".repeat(REPLY / 2);
        for _ in 0..3 {
            reply.words(&long);
        }
        assert!(reply.is_cut() && reply.text.len() <= REPLY && reply.text.ends_with(CUT_MARK));
    }
}
