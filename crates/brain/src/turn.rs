//! What goes in.

use thiserror::Error;
use uuid::Uuid;

use crate::bounded;

/// How a turn came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Came {
    /// By keyboard.
    Typed,
    /// From the person's voice.
    Heard,
    /// In Moshi's voice: to be remembered, not to be answered.
    Spoken,
}

/// Who said something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The person.
    Person,
    /// Moshi.
    Moshi,
    /// A brain.
    Brain,
}

/// What was said before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Who said it.
    pub role: Role,
    /// What.
    pub text: String,
}

/// A turn as it is given to a brain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    id: Uuid,
    conversation: String,
    who: String,
    text: String,
    came: Came,
    before: Vec<Said>,
}

/// Why something cannot be a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TurnError {
    /// There is nothing to answer.
    #[error("there is nothing in it but white space")]
    Empty,
    /// It is longer than [`Turn::LONGEST`].
    #[error("it has {0} bytes, and {max} are the most", max = Turn::LONGEST)]
    TooLong(usize),
    /// The conversation's id or the person's name is empty, or longer than [`bounded::NAME`].
    #[error("the conversation's id and the person's name need 1 to {max} bytes each", max = bounded::NAME)]
    Name,
}

impl TurnError {
    /// Stable, dotted, lower case.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "brain.empty_turn",
            Self::TooLong(_) => "brain.long_turn",
            Self::Name => "brain.bad_name",
        }
    }
}

impl Turn {
    /// How much of what was said before goes along with a turn, and how long each of it may be in bytes. What is
    /// longer is cut at its end.
    pub const BEFORE: (usize, usize) = (20, 2 << 10);
    /// The longest text of a turn, in bytes. What a person wrote is refused rather than cut.
    pub const LONGEST: usize = 32 << 10;

    /// A turn with a new id. `who` is the name under which the other side remembers the person.
    ///
    /// # Errors
    /// When something is missing or too long.
    pub fn new(conversation: &str, who: &str, text: &str, came: Came) -> Result<Self, TurnError> {
        if text.trim().is_empty() {
            return Err(TurnError::Empty);
        }
        if text.len() > Self::LONGEST {
            return Err(TurnError::TooLong(text.len()));
        }
        let named = |name: &str| !name.trim().is_empty() && name.len() <= bounded::NAME;
        if !named(conversation) || !named(who) {
            return Err(TurnError::Name);
        }
        let id = Uuid::now_v7();
        Ok(Self {
            id,
            conversation: conversation.into(),
            who: who.into(),
            text: text.into(),
            came,
            before: Vec::new(),
        })
    }

    /// The same turn, after what was said before it, oldest first. Only the last [`Turn::BEFORE`] of it is kept.
    #[must_use]
    pub fn after(mut self, said: impl IntoIterator<Item = Said>) -> Self {
        let (most, longest) = Self::BEFORE;
        let mut before: Vec<Said> = said.into_iter().filter(|said| !said.text.trim().is_empty()).collect();
        before.drain(..before.len().saturating_sub(most));
        for said in &mut before {
            said.text.truncate(said.text.floor_char_boundary(longest));
        }
        self.before = before;
        self
    }

    /// What was said before it in this conversation, oldest first.
    #[must_use]
    pub fn before(&self) -> &[Said] {
        &self.before
    }

    /// Our id of it: a UUID of version 7, so that ids sort by time.
    #[must_use]
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// The conversation that it belongs to.
    #[must_use]
    pub fn conversation(&self) -> &str {
        &self.conversation
    }

    /// The name under which the other side remembers the person.
    #[must_use]
    pub fn who(&self) -> &str {
        &self.who
    }

    /// What was said.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// How it came.
    #[must_use]
    pub fn came(&self) -> Came {
        self.came
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_has_words_and_names() {
        let new = |conversation, who, text| Turn::new(conversation, who, text, Came::Typed);
        assert_eq!(new("c", "w", " \n"), Err(TurnError::Empty));
        let long = "a".repeat(Turn::LONGEST + 1);
        assert_eq!(new("c", "w", &long), Err(TurnError::TooLong(long.len())));
        assert!(new("c", "w", &long[1..]).is_ok());
        assert_eq!(new("", "w", "hello"), Err(TurnError::Name));
        assert_eq!(new("c", &long, "hello"), Err(TurnError::Name));
        let (first, second) = (new("c", "w", "hello").unwrap(), new("c", "w", "hello").unwrap());
        assert_ne!(first.id(), second.id());
        assert_eq!(first.id().get_version_num(), 7);
    }
}
