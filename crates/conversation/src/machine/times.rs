//! When a turn of the person's went from one hand to the next: heard, asked, answered, said.

use std::collections::BTreeMap;

use super::Effect;

/// Turns whose times are kept. Older ones are complete, or will not be.
const MOST: usize = 32;

/// When a turn went from one hand to the next, in milliseconds since 1970. What has not happened is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TurnTimes {
    /// The turn's number.
    pub turn: u64,
    /// The person's last word ended, as the recogniser says, or the turn was typed.
    pub said_ms: Option<i64>,
    /// The whole turn was known.
    pub known_ms: Option<i64>,
    /// How late its words were told on average, beyond the delay of the recogniser's model, in milliseconds.
    pub words_late_ms: Option<i64>,
    /// The brain was asked.
    pub asked_ms: Option<i64>,
    /// The brain's first words came.
    pub first_token_ms: Option<i64>,
    /// Its first sentence was there to be said.
    pub sayable_ms: Option<i64>,
    /// The pause came that it waited for, and it went to the host.
    pub given_ms: Option<i64>,
    /// The first sound of it came.
    pub sounds_ms: Option<i64>,
    /// The reply was whole.
    pub replied_ms: Option<i64>,
}

/// The times of the last turns.
#[derive(Debug, Clone, Default)]
pub(super) struct Times {
    turns: BTreeMap<u64, TurnTimes>,
}

impl Times {
    /// Notes something about a turn, and tells of it. Only the first time counts: `note` returns whether something is new.
    pub(super) fn note(
        &mut self,
        turn: u64,
        effects: &mut Vec<Effect>,
        note: impl FnOnce(&mut TurnTimes) -> bool,
    ) {
        let times = self.turns.entry(turn).or_insert_with(|| TurnTimes { turn, ..TurnTimes::default() });
        if note(times) {
            effects.push(Effect::Times(Box::new(times.clone())));
        }
        while self.turns.len() > MOST {
            self.turns.pop_first();
        }
    }

    /// Another conversation begins.
    pub(super) fn forget(&mut self) {
        self.turns.clear();
    }
}

/// Sets what was not set; whether it was not.
pub(super) fn first(field: &mut Option<i64>, now: i64) -> bool {
    field.is_none() && field.replace(now).is_none()
}
