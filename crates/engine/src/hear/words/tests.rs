use proptest::prelude::*;

use super::*;
use crate::tokenizer::{Kind, write_model};

const PAD: u32 = 3;
const END: u32 = 0;

fn tokenizer() -> Arc<Tokenizer> {
    let pieces = [
        ("<unk>", Kind::Unknown),
        ("<s>", Kind::Control),
        ("</s>", Kind::Control),
        ("<pad>", Kind::Control),
        (" good", Kind::Normal),
        (" morn", Kind::Normal),
        ("ing", Kind::Normal),
        ("<0xC3>", Kind::Byte),
        ("<0xA9>", Kind::Byte),
        (" caf", Kind::Normal),
    ];
    Arc::new(Tokenizer::parse(&write_model(pieces)).unwrap())
}

fn former(delay: u64, prefix: u64) -> WordFormer {
    WordFormer::new(tokenizer(), PAD, END, delay, prefix)
}

fn word(text: &str, start: f64) -> Recognised {
    Recognised::Word { text: text.into(), start }
}

fn take(former: &mut WordFormer, tokens: &[u32]) -> Vec<Recognised> {
    tokens.iter().flat_map(|&token| former.take(token)).collect()
}

/// The same, with times in whole steps.
fn steps(told: &[Recognised]) -> Vec<(String, i64)> {
    let in_steps = |seconds: f64| (seconds * STEPS).round() as i64;
    told.iter()
        .map(|told| match told {
            Recognised::Word { text, start } => (text.clone(), in_steps(*start)),
            Recognised::WordEnd { stop } => (".".into(), in_steps(*stop)),
            Recognised::Step { .. } => ("step".into(), 0),
        })
        .collect()
}

fn told(expected: &[(&str, i64)]) -> Vec<(String, i64)> {
    expected.iter().map(|&(text, step)| (text.to_owned(), step)).collect()
}

#[test]
fn a_word_is_told_when_padding_follows_and_begins_where_the_last_one_ended() {
    let mut former = former(2, 0);
    assert_eq!(take(&mut former, &[PAD, PAD, END, 4, PAD]), [word("good", 0.08)]);
    let told_of = take(&mut former, &[PAD, END, 5, 6, END, PAD, PAD, END]);
    // The seventh step ends the first word: two steps late, at the fifth.
    assert_eq!(steps(&told_of), told(&[(".", 5), ("morning", 5), (".", 8)]));
}

#[test]
fn tokens_before_the_delay_has_passed_are_none() {
    let mut former = former(6, 0);
    assert!(take(&mut former, &[4, 4, PAD, END, 4]).is_empty());
    assert_eq!(take(&mut former, &[5, 6, PAD]), [word("morning", 0.0)]);
}

#[test]
fn bytes_become_characters_and_what_means_nothing_is_no_word() {
    let mut former = former(0, 0);
    assert_eq!(take(&mut former, &[9, 7, 8, PAD]), [word("café", 0.0)]);
    assert!(take(&mut former, &[1, 2, 700, PAD, PAD]).is_empty());
    assert_eq!(take(&mut former, &[END]).len(), 1, "the word that was told has ended");
    assert_eq!(take(&mut former, &[9, 7, PAD]).len(), 1, "half a character does not take the word along");
}

#[test]
fn a_word_without_end_is_told_in_pieces() {
    let mut former = former(0, 0);
    let all = take(&mut former, &[6; 5 * MOST_TOKENS]);
    let text: String = steps(&all).into_iter().map(|(text, _)| text).collect();
    assert_eq!((all.len(), text), (5, "ing".repeat(5 * MOST_TOKENS)));
    assert!(former.tokens.is_empty());
}

#[test]
fn silence_in_front_is_no_time() {
    let mut former = former(2, 10);
    let told_of = take(&mut former, &[&[PAD; 10][..], &[END, 4, PAD, PAD, END]].concat());
    assert_eq!(steps(&told_of), told(&[("good", 0), (".", 3)]), "steps 11 and 15, less delay and silence");
}

#[test]
fn words_after_lost_frames_are_as_late_as_they_were_said_and_those_before_are_not() {
    let mut former = former(4, 0);
    take(&mut former, &[PAD; 10]);
    former.lose(30);
    former.lose(20);
    // Nine frames were heard before the gap. Steps 11 and 12 are of sound before it, step 13 of where it is.
    assert_eq!(steps(&take(&mut former, &[END, 4, END])), told(&[("good", 7), (".", 9)]));
    assert_eq!(steps(&take(&mut former, &[END, 5, END])), told(&[("morn", 60), (".", 62)]));
    assert!(former.gaps.is_empty(), "what is over is not kept");
    former.reset();
    assert_eq!(steps(&take(&mut former, &[PAD, PAD, PAD, END, 4, PAD])), told(&[("good", 0)]));
}

/// Kyutai's `ItemState` and the loop around it, told once more.
fn kyutai(delay: usize, tokens: &[u32]) -> Vec<(String, i64)> {
    let tokenizer = tokenizer();
    let (mut told, mut word, mut unended, mut last_stop) = (Vec::new(), String::new(), false, 0);
    for (before, &token) in tokens.iter().enumerate() {
        let step = before + 1;
        if step < delay {
            continue;
        }
        if token == PAD || token == END {
            if !word.is_empty() {
                told.push((word.trim().to_owned(), last_stop));
                word.clear();
                unended = true;
            }
        } else {
            word.push_str(str::from_utf8(tokenizer.piece(token)).unwrap());
        }
        if token == END {
            last_stop = (step - delay) as i64;
            if unended {
                told.push((".".into(), last_stop));
                unended = false;
            }
        }
    }
    told
}

proptest! {
    #[test]
    fn what_is_told_is_what_kyutai_tells(
        delay in 0_u64..40,
        tokens in prop::collection::vec(prop::sample::select(vec![PAD, PAD, END, 4, 5, 6, 9]), 0..300),
    ) {
        let mut former = former(delay, 0);
        let found = take(&mut former, &tokens);
        prop_assert_eq!(steps(&found), kyutai(delay as usize, &tokens));
    }

    #[test]
    fn time_never_goes_back(
        acts in prop::collection::vec((prop::sample::select(vec![PAD, END, END, 4, 6]), 0_u64..5), 0..300),
    ) {
        let mut former = former(6, 3);
        let mut last = 0.0;
        for (token, lost) in acts {
            if lost > 3 {
                former.lose(lost);
            }
            for told in former.take(token) {
                let (Recognised::Word { start: at, .. } | Recognised::WordEnd { stop: at }) = told else { continue };
                prop_assert!(at >= last);
                last = at;
            }
        }
        prop_assert!(former.gaps.len() <= 8);
    }
}
