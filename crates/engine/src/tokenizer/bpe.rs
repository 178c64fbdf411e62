//! Byte pair encoding: characters become pieces by joining, again and again, the neighbours whose joint piece has the
//! best score (SentencePiece's `bpe::Model::SampleEncode` without sampling).

use super::vocabulary::Vocabulary;

/// Tokens of a text. The time is that of its length squared; whoever calls it bounds that.
pub(super) fn encode(vocabulary: &Vocabulary, text: &str) -> Vec<u32> {
    let mut parts = parts(vocabulary, text);
    let mut scores: Vec<Option<f32>> =
        (0..parts.len()).map(|left| joint(vocabulary, text, &parts, left)).collect();
    while let Some(left) = first_best(&scores) {
        parts[left].end = parts[left + 1].end;
        parts.remove(left + 1);
        scores.remove(left + 1);
        scores[left] = joint(vocabulary, text, &parts, left);
        if let Some(before) = left.checked_sub(1) {
            scores[before] = joint(vocabulary, text, &parts, before);
        }
    }
    let mut tokens = Vec::with_capacity(parts.len());
    for part in parts {
        let text = &text[part.start..part.end];
        match vocabulary.get(text) {
            Some(entry) => tokens.push(entry.token),
            None => vocabulary.spell(text, &mut tokens),
        }
    }
    tokens
}

#[derive(Debug, Clone, Copy)]
struct Part {
    start: usize,
    end: usize,
    /// Not to be joined with anything.
    is_whole: bool,
}

/// What a text consists of before anything is joined: characters and user-defined pieces.
fn parts(vocabulary: &Vocabulary, text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut start = 0;
    while let Some(c) = text[start..].chars().next() {
        let whole = vocabulary.user_defined(&text[start..]);
        let end = start + whole.unwrap_or(c.len_utf8());
        parts.push(Part { start, end, is_whole: whole.is_some() });
        start = end;
    }
    parts
}

/// The score of what a part and the next one make together.
fn joint(vocabulary: &Vocabulary, text: &str, parts: &[Part], left: usize) -> Option<f32> {
    let (left, right) = (parts.get(left)?, parts.get(left + 1)?);
    if left.is_whole || right.is_whole {
        return None;
    }
    vocabulary.get(&text[left.start..right.end]).map(|entry| entry.score)
}

fn first_best(scores: &[Option<f32>]) -> Option<usize> {
    let mut best = None::<(usize, f32)>;
    for (left, score) in scores.iter().enumerate() {
        if let Some(score) = *score
            && best.is_none_or(|(_, best)| score > best)
        {
            best = Some((left, score));
        }
    }
    best.map(|(left, _)| left)
}
