//! The pieces of a SentencePiece model by what is written in them.

use std::collections::HashMap;

use super::{Kind, ModelProto, SPACE};

/// What an unknown character costs more than the worst piece, in nats (SentencePiece's `kUnkPenalty`).
const UNKNOWN_COSTS: f32 = 10.0;

/// A piece that can be written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Entry {
    pub(super) token: u32,
    pub(super) score: f32,
    /// Whether somebody put it there, so that it is never cut or changed.
    pub(super) user_defined: bool,
}

/// Pieces by their text, with a space where SentencePiece writes its mark for one.
#[derive(Debug, Clone)]
pub(super) struct Vocabulary {
    entries: HashMap<Box<str>, Entry>,
    /// Texts of user-defined pieces, the longest first.
    user_defined: Vec<Box<str>>,
    bytes: Vec<Option<u32>>,
    /// The longest text, in bytes.
    longest: usize,
    best: f32,
    unknown: f32,
}

impl Vocabulary {
    pub(super) fn of(model: &ModelProto) -> Self {
        let mut vocabulary = Self {
            entries: HashMap::new(),
            user_defined: Vec::new(),
            bytes: vec![None; 256],
            longest: 0,
            best: 0.0,
            unknown: -UNKNOWN_COSTS,
        };
        let (mut best, mut worst) = (None::<f32>, None::<f32>);
        for (token, proto) in (0..).zip(&model.pieces) {
            let score = Some(proto.score()).filter(|score| score.is_finite()).unwrap_or(0.0);
            let kind = proto.kind.map_or(Ok(Kind::Normal), Kind::try_from);
            match kind {
                Ok(Kind::Normal) => {
                    best = Some(best.map_or(score, |best| best.max(score)));
                    worst = Some(worst.map_or(score, |worst| worst.min(score)));
                }
                Ok(Kind::UserDefined) => {}
                Ok(Kind::Byte) => {
                    let byte = super::byte(proto.piece()).map(usize::from);
                    if let Some(known) = byte.and_then(|byte| vocabulary.bytes.get_mut(byte)) {
                        *known = known.or(Some(token));
                    }
                    continue;
                }
                Ok(Kind::Unknown | Kind::Control | Kind::Unused) | Err(_) => continue,
            }
            let text: Box<str> = proto.piece().replace(SPACE, " ").into();
            if text.is_empty() {
                continue;
            }
            let user_defined = kind == Ok(Kind::UserDefined);
            if user_defined {
                vocabulary.user_defined.push(text.clone());
            }
            vocabulary.longest = vocabulary.longest.max(text.len());
            vocabulary.entries.entry(text).or_insert(Entry { token, score, user_defined });
        }
        vocabulary.user_defined.sort_by_key(|text| std::cmp::Reverse(text.len()));
        vocabulary.best = best.unwrap_or(0.0);
        vocabulary.unknown = worst.unwrap_or(0.0) - UNKNOWN_COSTS;
        vocabulary
    }

    pub(super) fn get(&self, text: &str) -> Option<Entry> {
        self.entries.get(text).copied()
    }

    /// All pieces with which `text` begins.
    pub(super) fn prefixes<'a>(&'a self, text: &'a str) -> impl Iterator<Item = (usize, Entry)> + 'a {
        let ends = text.char_indices().map(|(at, c)| at + c.len_utf8());
        let ends = ends.take_while(|end| *end <= self.longest);
        ends.filter_map(|end| Some((end, self.get(&text[..end])?)))
    }

    /// Bytes of the longest user-defined piece with which `text` begins.
    pub(super) fn user_defined(&self, text: &str) -> Option<usize> {
        self.user_defined.iter().find(|known| text.starts_with(&***known)).map(|known| known.len())
    }

    /// What a piece is worth in a sum of which the largest wins.
    pub(super) fn worth(&self, length: usize, entry: Entry) -> f32 {
        if entry.user_defined { length as f32 * self.best - 0.1 } else { entry.score }
    }

    /// What a character that is in no piece is worth.
    pub(super) fn unknown(&self) -> f32 {
        self.unknown
    }

    /// Writes text of which no piece is there byte by byte; what has no byte either is left out.
    pub(super) fn spell(&self, text: &str, tokens: &mut Vec<u32>) {
        let bytes: Option<Vec<u32>> =
            text.bytes().map(|byte| self.bytes.get(usize::from(byte)).copied().flatten()).collect();
        tokens.extend(bytes.unwrap_or_default());
    }
}
