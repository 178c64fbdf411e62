//! The ears of the end-to-end tests, on recordings of which everything is known: a test that hears nothing wrong must be able to.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod common;

use std::time::Duration;

use common::alignment::{fault, words_in};
use common::speech::{Speech, WORDS};

fn speech() -> Speech {
    Speech::of(&WORDS[..4])
}

/// A recording in which the speech comes 100 ms late.
fn heard(speech: &Speech) -> Vec<f32> {
    [vec![0.0; 4800], speech.samples.clone(), vec![0.0; 48_000]].concat()
}

#[test]
fn words_are_found_to_the_sample() {
    let speech = speech();
    let words = words_in(&speech, 0, &heard(&speech));
    assert_eq!(fault(&speech, &words, Duration::ZERO), None);
    assert!(words.iter().all(|word| word.heard_at - word.said_at == 4800 && word.alike > 0.99), "{words:#?}");
}

#[test]
fn a_word_that_is_missing_or_another_one_is_not_found() {
    let speech = speech();
    let mut heard = heard(&speech);
    let (second, third) = (&speech.words[1], &speech.words[2]);
    heard[4800 + second.start..][..second.len].fill(0.0);
    let other = Speech::of(&["coffee"]).samples;
    heard[4800 + third.start..][..third.len].fill(0.0);
    heard[4800 + third.start..][..other.len()].copy_from_slice(&other);
    let words = words_in(&speech, 0, &heard);
    assert_eq!(words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>(), ["orange", "paper"]);
    assert!(fault(&speech, &words, Duration::ZERO).unwrap().starts_with("words are missing"));
}

#[test]
fn a_hole_in_a_word_is_seen_and_a_pause_between_words_is_not() {
    let speech = speech();
    let mut heard = heard(&speech);
    let word = &speech.words[0];
    let loudest = speech
        .samples_of(word)
        .iter()
        .enumerate()
        .max_by(|(_, a), (_, b)| a.abs().total_cmp(&b.abs()))
        .unwrap()
        .0;
    heard[4800 + word.start + loudest - 480..][..960].fill(0.0);
    let words = words_in(&speech, 0, &heard);
    assert_eq!(words[0].holes.len(), 1, "{words:#?}");
    assert!(words[0].holes[0] >= Duration::from_millis(15), "{words:#?}");
    assert!(words[1..].iter().all(|word| word.holes.is_empty()), "{words:#?}");
    assert!(fault(&speech, &words, Duration::ZERO).unwrap().starts_with("there are gaps"));
}

#[test]
fn what_comes_later_than_the_rest_is_seen() {
    let speech = speech();
    let mut heard = heard(&speech);
    let later = 4800 + speech.words[2].start - 4800;
    heard.splice(later..later, vec![0.0; 2400]);
    let words = words_in(&speech, 0, &heard);
    let delays: Vec<usize> = words.iter().map(|word| word.heard_at - word.said_at).collect();
    assert_eq!(delays, [4800, 4800, 7200, 7200]);
    assert!(fault(&speech, &words, Duration::from_millis(49)).unwrap().starts_with("delays differ"));
    assert_eq!(fault(&speech, &words, Duration::from_millis(50)), None);
}
