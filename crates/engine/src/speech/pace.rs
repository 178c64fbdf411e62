//! How long a word takes, in steps of 80 ms.
//!
//! Moshi's text has the tokens of a word in consecutive steps, from the step in which the word begins to sound; then
//! padding while it sounds, an end of padding, and the next word. How many steps that are, the model knows best, as
//! long as it stays within what people can say.

use crate::Word;

/// Steps in two seconds, so that the rates below need no fractions.
const STEPS_IN_TWO_SECONDS: u32 = 25;
/// Characters a second, spaces included: English read aloud has about 15 (150 words a minute of six characters). Nobody
/// is understood at more than the highest, and at less than the lowest the model has lost its way, as it does where it
/// hears somebody else speak.
const FASTEST: u32 = 22;
const USUAL: u32 = 15;
const SLOWEST: u32 = 8;
/// Steps of a pause behind a sentence: two thirds of a second, within which the model chooses.
const SENTENCE: u32 = 8;
/// The same behind a comma, a third of a second.
const CLAUSE: u32 = 4;
/// A digit is spoken as a word of about so many characters.
const DIGIT: u32 = 4;
/// Before the first word of a text: two steps in which a word of Moshi's own comes to its end, and no more than four,
/// because somebody waits for the text.
const BEFORE: Pace = Pace { least: 2, most: 4, usual: 0 };
/// The same where Moshi has been silent for those two steps already: the word is announced at once.
const BEFORE_IN_SILENCE: Pace = Pace { least: 0, most: 0, usual: 0 };

/// Steps from the beginning of a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pace {
    /// Before so many steps the next word does not begin, nor does its end of padding come.
    pub(super) least: u32,
    /// After so many steps an end of padding comes, and then the next word.
    pub(super) most: u32,
    /// After so many steps the word is over, where no other comes.
    pub(super) usual: u32,
}

impl Pace {
    /// The steps before a text, after so many steps of silence.
    pub(super) fn before(silence: u32) -> Self {
        if silence >= BEFORE.least { BEFORE_IN_SILENCE } else { BEFORE }
    }

    /// The steps of a word.
    pub(super) fn of(word: &Word) -> Self {
        let tokens = u32::try_from(word.tokens.len()).unwrap_or(u32::MAX / 2);
        let characters = word.text.chars().map(|c| if c.is_numeric() { DIGIT } else { 1 });
        let characters = characters.fold(0, u32::saturating_add);
        let at = |rate: u32| characters.saturating_mul(STEPS_IN_TWO_SECONDS).div_ceil(2 * rate);
        // At least one step in which no token of a word comes: a burst without any makes the model babble.
        let least = at(FASTEST).max(tokens + 1);
        let pause = pause(&word.text);
        Self {
            least,
            most: at(SLOWEST).max(least + 1).saturating_add(pause),
            usual: at(USUAL).max(least).saturating_add(pause / 2),
        }
    }
}

fn pause(word: &str) -> u32 {
    let bare = word.trim_end_matches(['"', '\'', ')', ']', '”', '’', '»']);
    match bare.chars().next_back() {
        Some('.' | '!' | '?' | '…' | '。' | '！' | '？') => SENTENCE,
        Some(',' | ';' | ':' | '–' | '—' | '、' | '，') => CLAUSE,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(text: &str, tokens: usize) -> (u32, u32, u32) {
        let Pace { least, most, usual } = Pace::of(&Word { text: text.into(), tokens: vec![1; tokens] });
        (least, most, usual)
    }

    #[test]
    fn a_word_has_the_time_of_its_length_its_digits_and_its_punctuation() {
        for (text, tokens, expected) in [
            (" a", 1, (2, 4, 2)),
            (" morning", 1, (5, 13, 7)),
            (" morning,", 1, (6, 19, 10)),
            (" morning.", 2, (6, 23, 12)),
            (" morning.)\"", 2, (7, 26, 14)),
            // "Twenty fifteen" is as long as two words of eight.
            (" 2015", 5, (10, 27, 15)),
            // Whatever has many tokens has a step more than those.
            (" ☃", 4, (5, 6, 5)),
        ] {
            assert_eq!(pace(text, tokens), expected, "{text}");
        }
    }
}
