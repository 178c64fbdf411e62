//! From a text to words with their tokens.

use thiserror::Error;
use wire::{LONGEST_SPEECH, MOST_SPEECHES};

use super::{ModelProto, ModelType, bpe, charsmap::Charsmap, unigram, vocabulary::Vocabulary};

/// Characters of a word that are taken together. What is longer is no word that anybody speaks in one go: an address, a
/// script without spaces. It is cut into words of this length.
const LONGEST_WORD: usize = 32;

/// Tokens of one text at most: more than ten minutes of speech. A thousand words of English have some 1,500; scripts
/// that are spelled byte by byte have three for each character.
const MOST_TOKENS: usize = 2 * LONGEST_SPEECH;

/// A word as it is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// What is shown: as it stands in the text, with one space in front unless it goes on with the word before.
    pub text: String,
    /// Its tokens, at least one.
    pub tokens: Vec<u32>,
}

/// Why a text is not said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Unspeakable {
    /// It is longer than any text that is said.
    #[error("The text is longer than {LONGEST_SPEECH} characters. Send it in parts.")]
    TooLong,
    /// It becomes longer than that: its characters are spelled byte by byte.
    #[error("The text takes longer to say than ten minutes. Send it in parts.")]
    TooMany,
    /// It is no text.
    #[error("The text is not UTF-8.")]
    NotText,
    /// Too much waits before it.
    #[error("{MOST_SPEECHES} texts wait to be said already. Wait until one of them is, or cut them.")]
    Full,
    /// There are no words in it.
    #[error("There is nothing in the text that can be said.")]
    Nothing,
    /// The model's tokenizer works in a way that is not known here.
    #[error("This model's tokenizer takes no text. Use another model.")]
    Unable,
}

/// No character has more than four bytes, so that a very long text need not even be looked through.
pub(super) fn check_length(text: &[u8]) -> Result<(), Unspeakable> {
    if text.len() > 4 * LONGEST_SPEECH { Err(Unspeakable::TooLong) } else { Ok(()) }
}

/// How a model is cut into pieces.
#[derive(Debug, Clone, Copy)]
enum Method {
    Unigram,
    Bpe,
}

/// What it takes to make tokens of a text.
#[derive(Debug, Clone)]
pub(super) struct Speller {
    charsmap: Charsmap,
    vocabulary: Vocabulary,
    method: Method,
}

impl Speller {
    /// `None` for a model that works in another way.
    pub(super) fn of(model: &ModelProto) -> Option<Self> {
        let trainer = model.trainer_spec.clone().unwrap_or_default();
        let method = match trainer.model_type.map_or(Ok(ModelType::Unigram), ModelType::try_from).ok()? {
            ModelType::Unigram => Method::Unigram,
            ModelType::Bpe => Method::Bpe,
            ModelType::Word | ModelType::Char => return None,
        };
        if trainer.treat_whitespace_as_suffix() {
            return None;
        }
        let normalizer = model.normalizer_spec.as_ref();
        let charsmap = Charsmap::parse(normalizer.map_or(&[], |spec| spec.precompiled_charsmap()))?;
        Some(Self { charsmap, vocabulary: Vocabulary::of(model), method })
    }

    /// The words of a text. Control characters are left out, white space only separates.
    pub(super) fn words(&self, text: &str) -> Result<Vec<Word>, Unspeakable> {
        check_length(text.as_bytes())?;
        if text.chars().count() > LONGEST_SPEECH {
            return Err(Unspeakable::TooLong);
        }
        let (mut words, mut count) = (Vec::new(), 0);
        for word in text.split(separates) {
            let word: String = word.chars().filter(|c| !is_silent(*c)).collect();
            let mut rest = word.as_str();
            while !rest.is_empty() {
                let end = rest.char_indices().nth(LONGEST_WORD).map_or(rest.len(), |(at, _)| at);
                let (part, after) = rest.split_at(end);
                let goes_on = rest.len() < word.len();
                rest = after;
                let tokens = self.tokens(part, goes_on);
                count += tokens.len();
                if count > MOST_TOKENS {
                    return Err(Unspeakable::TooMany);
                }
                if !tokens.is_empty() {
                    let space = if goes_on { "" } else { " " };
                    words.push(Word { text: format!("{space}{part}"), tokens });
                }
            }
        }
        if words.is_empty() { Err(Unspeakable::Nothing) } else { Ok(words) }
    }

    /// Tokens of one word. Normalizing may find that it is several.
    fn tokens(&self, word: &str, goes_on: bool) -> Vec<u32> {
        let normalized = self.normalized(word);
        let mut tokens = Vec::new();
        for (i, part) in normalized.split(separates).filter(|part| !part.is_empty()).enumerate() {
            // Each word has a space in front, as Moshi says them, the first one of a text too.
            let spaced = if goes_on && i == 0 { part.to_owned() } else { format!(" {part}") };
            tokens.extend(match self.method {
                Method::Unigram => unigram::encode(&self.vocabulary, &spaced),
                Method::Bpe => bpe::encode(&self.vocabulary, &spaced),
            });
        }
        tokens
    }

    fn normalized(&self, word: &str) -> String {
        let mut normalized = String::with_capacity(word.len());
        let mut rest = word;
        while let Some(c) = rest.chars().next() {
            let (length, becomes) = match self.vocabulary.user_defined(rest) {
                Some(length) => (length, &rest[..length]),
                None => match self.charsmap.longest(rest) {
                    Some((length, becomes)) if length > 0 => (length, becomes),
                    _ => (c.len_utf8(), &rest[..c.len_utf8()]),
                },
            };
            normalized.push_str(becomes);
            rest = &rest[length..];
        }
        normalized
    }
}

/// Whether a character is only between words: white space, the zero width space, the byte order mark, and
/// SentencePiece's own mark.
fn separates(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{200b}' | '\u{feff}' | super::SPACE)
}

/// Whether a character is neither seen nor said: controls, and the marks of writing direction.
fn is_silent(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::super::{Kind, Tokenizer, write_model};
    use super::*;
    use proptest::prelude::*;

    fn tiny() -> Tokenizer {
        let bytes: Vec<String> = (0..=255).map(|byte| format!("<0x{byte:02X}>")).collect();
        let pieces = [
            ("<unk>", Kind::Unknown),
            ("<pad>", Kind::Control),
            (" the", Kind::Normal),
            (" th", Kind::Normal),
        ];
        let pieces = pieces.into_iter().chain(bytes.iter().map(|byte| (byte.as_str(), Kind::Byte)));
        Tokenizer::parse(&write_model(pieces)).unwrap()
    }

    fn without_bytes() -> Tokenizer {
        let pieces = [
            ("<unk>", Kind::Unknown),
            (" ", Kind::Normal),
            ("a", Kind::Normal),
            ("<laugh>", Kind::UserDefined),
        ];
        Tokenizer::parse(&write_model(pieces)).unwrap()
    }

    fn texts(words: &[Word]) -> Vec<&str> {
        words.iter().map(|word| word.text.as_str()).collect()
    }

    #[test]
    fn words_are_what_stands_between_white_space_and_controls_are_not_in_them() {
        let words = tiny().encode("\u{1b}[2J the\r\n\tthe\u{0}\u{202e}re \u{feff}").unwrap();
        assert_eq!(texts(&words), [" [2J", " the", " there"]);
        assert_eq!(words[1].tokens, [2]);
        let byte = |c: char| 4 + u32::from(c);
        assert_eq!(words[2].tokens, [2, byte('r'), byte('e')]);
    }

    #[test]
    fn what_has_no_token_is_left_out_and_never_unknown() {
        let words = without_bytes().encode("aba zz <laugh>b").unwrap();
        assert_eq!(texts(&words), [" aba", " zz", " <laugh>b"]);
        let tokens: Vec<_> = words.iter().map(|word| word.tokens.as_slice()).collect();
        assert_eq!(tokens, [&[1, 2, 2][..], &[1], &[1, 3]]);
    }

    #[test]
    fn what_is_no_word_is_cut_into_some_that_belong_together() {
        let text = "x".repeat(70);
        let words = tiny().encode(&text).unwrap();
        assert_eq!(words.iter().map(|word| word.text.len()).collect::<Vec<_>>(), [33, 32, 6]);
        assert_eq!(texts(&words).concat().trim_start(), text);
        assert_eq!(words[1].tokens.len(), 32, "no space within");
    }

    #[test]
    fn what_cannot_be_said_is_refused_in_words() {
        let tokenizer = tiny();
        for (text, why) in [
            ("", Unspeakable::Nothing),
            (" \u{7}\u{1b} \n", Unspeakable::Nothing),
            (&"a".repeat(LONGEST_SPEECH + 1), Unspeakable::TooLong),
            (&"ä".repeat(100_000), Unspeakable::TooLong),
            (&"🙂".repeat(LONGEST_SPEECH), Unspeakable::TooMany),
        ] {
            assert_eq!(tokenizer.encode(text), Err(why));
            assert!(why.to_string().ends_with('.'));
        }
        assert!(tokenizer.encode(&"a ".repeat(LONGEST_SPEECH / 2)).is_ok());
    }

    proptest! {
        #[test]
        fn any_text_is_refused_or_all_of_it_is_in_the_words(text in "[\\PC\\s\\x00-\\x1f]{0,80}") {
            match tiny().encode(&text) {
                Ok(words) => {
                    let bare = |text: &str| -> String {
                        text.chars().filter(|c| !separates(*c) && !is_silent(*c)).collect()
                    };
                    prop_assert_eq!(bare(&texts(&words).concat()), bare(&text));
                    prop_assert!(words.iter().all(|word| !word.tokens.is_empty() && !word.tokens.contains(&0)));
                }
                Err(why) => prop_assert_eq!(why, Unspeakable::Nothing),
            }
        }
    }
}
