//! Unigram models: of all ways to cut a text into pieces the one whose scores have the largest sum (Kudo 2018,
//! "Subword Regularization"; SentencePiece's `unigram::Model::EncodeOptimized`).

use super::vocabulary::Vocabulary;

/// The best way that ends at a place.
#[derive(Debug, Clone, Copy)]
struct Best {
    worth: f32,
    from: usize,
    /// Nothing for a character that is in no piece.
    token: Option<u32>,
}

/// Tokens of a text. The time is that of its length times the longest piece.
pub(super) fn encode(vocabulary: &Vocabulary, text: &str) -> Vec<u32> {
    let mut best: Vec<Option<Best>> = vec![None; text.len() + 1];
    let reach = |best: &mut Vec<Option<Best>>, at: usize, to: usize, way: Best| {
        let Some(known) = best.get_mut(to) else { return };
        if at < to && known.is_none_or(|known| way.worth > known.worth) {
            *known = Some(way);
        }
    };
    for (at, c) in text.char_indices() {
        let so_far = if at == 0 { 0.0 } else { best[at].map_or(f32::MIN, |best| best.worth) };
        let mut is_known = false;
        for (length, entry) in vocabulary.prefixes(&text[at..]) {
            is_known |= length == c.len_utf8();
            let worth = so_far + vocabulary.worth(length, entry);
            reach(&mut best, at, at + length, Best { worth, from: at, token: Some(entry.token) });
        }
        if !is_known {
            let worth = so_far + vocabulary.unknown();
            reach(&mut best, at, at + c.len_utf8(), Best { worth, from: at, token: None });
        }
    }
    let mut ways = Vec::new();
    let mut end = text.len();
    while let Some(way) = best.get(end).copied().flatten() {
        ways.push((way.from..end, way.token));
        end = way.from;
    }
    let mut tokens = Vec::with_capacity(ways.len());
    for (range, token) in ways.into_iter().rev() {
        match token {
            Some(token) => tokens.push(token),
            None => vocabulary.spell(&text[range], &mut tokens),
        }
    }
    tokens
}
