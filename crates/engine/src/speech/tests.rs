use std::path::Path;

use proptest::prelude::*;
use wire::LONGEST_SPEECH;

use super::*;

const PAD: u32 = 3;
const EPAD: u32 = 0;
/// A token of some word that the model would rather say.
const OWN: u32 = 90;

fn config() -> LmConfig {
    let json = include_bytes!("../../tests/golden/lm_7bshape_config.json");
    LmConfig::parse(json, Path::new("config.json")).unwrap().0
}

fn word(text: &str, tokens: &[u32]) -> Word {
    Word { text: text.into(), tokens: tokens.into() }
}

/// A conversation with a model that picks what it is told to.
struct World {
    config: LmConfig,
    speech: Speech,
    /// All tokens that came out.
    came: Vec<u32>,
    /// What was told, with the step.
    told: Vec<(usize, SpeechNews)>,
}

impl World {
    fn new() -> Self {
        let config = config();
        Self { speech: Speech::new(&config), config, came: Vec::new(), told: Vec::new() }
    }

    fn step(&mut self, picked: u32) -> u32 {
        let text = self.speech.rule().apply(picked, &self.config);
        let step = self.came.len();
        self.came.push(text);
        self.told.extend(self.speech.took(text).into_iter().map(|news| (step, news)));
        text
    }

    fn steps(&mut self, picked: u32, count: usize) -> Vec<u32> {
        (0..count).map(|_| self.step(picked)).collect()
    }

    fn add(&mut self, words: &[Word]) -> SpeechState {
        self.speech.add(Ok(words.to_vec())).state
    }

    /// Steps, states and words of what was told.
    fn told(&self) -> Vec<(usize, u64, SpeechState, &str)> {
        self.told.iter().map(|(step, news)| (*step, news.id, news.state, news.said.as_str())).collect()
    }
}

#[test]
fn without_a_text_the_model_says_what_it_likes() {
    let mut world = World::new();
    assert_eq!([OWN, PAD, EPAD, 7].map(|picked| world.step(picked)), [OWN, PAD, EPAD, 7]);
    assert!(world.told.is_empty());
}

#[test]
fn a_model_that_waits_is_told_when_each_word_begins() {
    let mut world = World::new();
    world.add(&[word(" morning", &[10, 11]), word(" all", &[12])]);
    let came = world.steps(PAD, 27);
    let mut expected = vec![PAD; 27];
    // Four steps before the text, thirteen for the word of eight characters, seven for the other, and each is announced.
    (expected[4], expected[5], expected[6]) = (EPAD, 10, 11);
    (expected[18], expected[19]) = (EPAD, 12);
    assert_eq!(came, expected);
    assert_eq!(
        world.told(),
        [
            (5, 1, SpeechState::Started, ""),
            (5, 1, SpeechState::Word, "morning"),
            (19, 1, SpeechState::Word, "morning all"),
            (23, 1, SpeechState::Finished, "morning all"),
        ]
    );
    assert_eq!(world.step(OWN), OWN, "the model is free again");
}

#[test]
fn a_model_that_hurries_is_held_back_and_its_word_becomes_ours() {
    let mut world = World::new();
    world.step(OWN);
    world.add(&[word(" morning", &[10]), word(" all", &[12])]);
    // Two steps for its own word to end, five for ours.
    assert_eq!(world.steps(OWN, 9), [PAD, PAD, 10, PAD, PAD, PAD, PAD, 12, PAD]);
    let mut world = World::new();
    world.add(&[word(" morning", &[10]), word(" all", &[12])]);
    assert_eq!(world.steps(EPAD, 10), [PAD, PAD, EPAD, 10, PAD, PAD, PAD, PAD, EPAD, 12]);
}

#[test]
fn in_a_silence_a_text_begins_at_once_and_no_sooner() {
    for (before, expected) in [
        (&[PAD, PAD][..], [EPAD, 10, PAD]),
        (&[PAD, PAD, PAD, PAD], [EPAD, 10, PAD]),
        // A word of the model's own is on its way, or has just begun.
        (&[PAD, PAD, EPAD], [PAD, PAD, PAD]),
        (&[PAD, PAD, OWN], [PAD, PAD, PAD]),
        (&[OWN, PAD], [PAD, PAD, PAD]),
    ] {
        let mut world = World::new();
        for picked in before {
            world.step(*picked);
        }
        world.add(&[word(" morning", &[10])]);
        assert_eq!(world.steps(PAD, 3), expected, "{before:?}");
    }
}

#[test]
fn a_cut_holds_from_the_next_step_on_and_the_word_under_way_counts_as_said() {
    let mut world = World::new();
    world.add(&[word(" good", &[10, 11, 12]), word(" morning", &[13])]);
    world.add(&[word(" never", &[14])]);
    assert_eq!(world.steps(OWN, 4), [PAD, PAD, 10, 11]);
    world.speech.cut();
    assert_eq!(world.step(OWN), OWN);
    let cut: Vec<_> = world.told.iter().filter(|(_, news)| news.state == SpeechState::Cut).cloned().collect();
    let news = |id, said: &str, unsaid: &str| SpeechNews {
        said: said.into(),
        unsaid: unsaid.into(),
        ..SpeechNews::new(id, SpeechState::Cut)
    };
    assert_eq!(cut, [(4, news(1, "good", "morning")), (4, news(2, "", "never"))]);
}

#[test]
fn a_cut_and_a_text_are_a_replacement_and_a_cut_of_nothing_is_nothing() {
    let mut world = World::new();
    world.speech.cut();
    world.add(&[word(" one", &[10])]);
    world.steps(OWN, 3);
    world.speech.cut();
    world.add(&[word(" two", &[20])]);
    assert_eq!(world.steps(OWN, 3), [PAD, PAD, 20], "with room between the words");
    let told: Vec<_> = world.told().into_iter().map(|(step, id, state, _)| (step, id, state)).collect();
    use SpeechState::{Cut, Started, Word};
    assert_eq!(told, [(2, 1, Started), (2, 1, Word), (3, 1, Cut), (5, 2, Started), (5, 2, Word)]);
}

#[test]
fn a_cut_while_a_step_is_under_way_is_for_the_next_one() {
    let mut world = World::new();
    world.add(&[word(" one", &[10])]);
    world.steps(OWN, 2);
    let text = world.speech.rule().apply(OWN, &world.config);
    world.speech.cut();
    let told: Vec<_> = world.speech.took(text).into_iter().map(|news| news.state).collect();
    assert_eq!((text, told), (10, vec![SpeechState::Started, SpeechState::Word]));
    assert_eq!(world.step(OWN), OWN);
    assert_eq!(world.told(), [(2, 1, SpeechState::Cut, "one")]);
}

#[test]
fn only_so_many_texts_wait_and_those_that_are_refused_count() {
    let mut world = World::new();
    let one = [word(" one", &[10])];
    assert!((0..MOST_SPEECHES).all(|_| world.add(&one) == SpeechState::Queued));
    world.step(PAD);
    let refused = world.speech.add(Ok(one.to_vec()));
    assert_eq!((refused.id, refused.state), (17, SpeechState::Refused), "also while one is being said");
    assert!(refused.reason.unwrap().starts_with("16 texts wait"));
    let refused = world.speech.add(Err(Unspeakable::Nothing));
    assert_eq!(refused.id, 18);
    world.speech.cut();
    assert_eq!(world.add(&one), SpeechState::Queued, "what is cut takes no room");
    let queued = (0..1_000).filter(|_| {
        world.speech.cut();
        world.add(&one) == SpeechState::Queued
    });
    assert!(queued.count() < MOST_WAITING, "without a step in between there is an end");
}

#[test]
fn tokens_that_say_nothing_or_do_not_exist_are_never_forced() {
    let mut world = World::new();
    let refused = world.speech.add(Ok(vec![word(" x", &[PAD, EPAD, 96, u32::MAX])]));
    assert_eq!(
        (refused.state, refused.reason),
        (SpeechState::Refused, Some(Unspeakable::Nothing.to_string()))
    );
    world.add(&[word(" y", &[PAD, 10, 96, 11]), word(" z", &[EPAD])]);
    assert_eq!(world.steps(OWN, 5), [PAD, PAD, 10, 11, PAD]);
}

#[test]
fn a_model_without_an_end_of_padding_needs_none() {
    let config = LmConfig { end_of_padding: PAD, ..config() };
    let mut world = World { speech: Speech::new(&config), config, came: Vec::new(), told: Vec::new() };
    world.add(&[word(" a", &[10]), word(" b", &[11])]);
    assert_eq!(world.steps(PAD, 9), [PAD, PAD, PAD, PAD, 10, PAD, PAD, PAD, 11]);
}

/// What can happen.
#[derive(Debug, Clone)]
enum Happens {
    Steps(Vec<u32>),
    Add(Vec<(String, usize)>),
    Cut,
}

fn happens() -> impl Strategy<Value = Happens> {
    let picked = prop_oneof![3 => Just(PAD), 2 => Just(EPAD), 1 => Just(OWN), 2 => 0_u32..96];
    prop_oneof![
        6 => prop::collection::vec(picked, 1..60).prop_map(Happens::Steps),
        3 => prop::collection::vec(("[a-z0-9]{1,12}[.,]?", 1_usize..6), 1..6).prop_map(Happens::Add),
        1 => Just(Happens::Cut),
    ]
}

proptest! {
    /// Whatever the model picks and whenever texts come and are cut: every text comes to one end; its words come in
    /// order, each whole or cut, none twice, none too early, none too late, and none without a step in between.
    #[test]
    fn texts_are_said_word_by_word(happenings in prop::collection::vec(happens(), 1..25), last in 0_u32..96) {
        let mut world = World::new();
        let mut texts: Vec<Vec<Word>> = Vec::new();
        for happens in happenings {
            match happens {
                Happens::Steps(picked) => picked.into_iter().for_each(|picked| _ = world.step(picked)),
                Happens::Cut => world.speech.cut(),
                Happens::Add(words) => {
                    let mut token = 10;
                    let words: Vec<Word> = words
                        .into_iter()
                        .map(|(text, tokens)| {
                            let tokens = (0..tokens).map(|_| { token += 1; token }).collect();
                            Word { text: format!(" {text}"), tokens }
                        })
                        .collect();
                    let news = world.speech.add(Ok(words.clone()));
                    prop_assert_eq!(news.id, texts.len() as u64 + 1);
                    if news.state == SpeechState::Refused {
                        world.told.push((world.came.len(), news));
                    }
                    texts.push(words);
                }
            }
        }
        let longest: usize = texts.iter().flatten().map(|word| Pace::of(word).most as usize + 2).sum();
        world.steps(last, longest + 10 * texts.len() + 1);
        prop_assert_eq!(world.speech.rule(), TextRule::FREE, "all of it ends");
        for (id, words) in (1..).zip(&texts) {
            let told: Vec<_> = world.told.iter().filter(|(_, news)| news.id == id).collect();
            let (end, last) = told.last().unwrap();
            let begun: Vec<usize> =
                told.iter().filter(|(_, news)| news.state == SpeechState::Word).map(|(step, _)| *step).collect();
            let started = told.iter().filter(|(_, news)| news.state == SpeechState::Started).count();
            prop_assert_eq!(started, usize::from(!begun.is_empty()));
            prop_assert_eq!(told.len(), begun.len() + started + 1, "one end and nothing behind it");
            match last.state {
                SpeechState::Finished => prop_assert_eq!(begun.len(), words.len()),
                SpeechState::Cut => {
                    let both = format!("{} {}", last.said, last.unsaid);
                    prop_assert_eq!(both.trim(), super::words(words));
                }
                state => prop_assert_eq!(state, SpeechState::Refused),
            }
            if last.state != SpeechState::Refused {
                prop_assert_eq!(&last.said, &super::words(&words[..begun.len()]));
            }
            for (i, (word, at)) in words.iter().zip(&begun).enumerate() {
                let until = (at + word.tokens.len()).min(*end);
                prop_assert_eq!(&world.came[*at..until], &word.tokens[..until - at]);
                let pace = Pace::of(word);
                if let Some(next) = begun.get(i + 1) {
                    let steps = u32::try_from(next - at).unwrap();
                    prop_assert!((pace.least..=pace.most + 1).contains(&steps), "{} steps, {:?}", steps, pace);
                    let between = &world.came[until..*next];
                    prop_assert!(!between.is_empty() && between.iter().all(|token| [PAD, EPAD].contains(token)));
                } else if last.state == SpeechState::Finished {
                    prop_assert_eq!(u32::try_from(end - at).unwrap(), pace.usual);
                }
            }
        }
    }
}

#[test]
fn the_longest_text_of_the_longest_words_ends() {
    let mut world = World::new();
    world.add(&[word(&"9".repeat(LONGEST_SPEECH), &vec![7; 2 * LONGEST_SPEECH])]);
    let came = world.steps(PAD, 5 + 2 * LONGEST_SPEECH);
    assert_eq!(came.iter().filter(|token| **token == 7).count(), 2 * LONGEST_SPEECH);
    let most = LONGEST_SPEECH * 4 * 25 / 16;
    world.steps(PAD, most);
    assert_eq!(world.told.last().unwrap().1.state, SpeechState::Finished);
}
