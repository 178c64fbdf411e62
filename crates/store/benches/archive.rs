//! What it takes to look back at 100,000 turns, and to write one beside them.
//!
//! `cargo bench -p store` prints it. Words are as frequent as in speech: the most frequent one is in most turns, half of
//! them are in a handful.
#![allow(clippy::unwrap_used, reason = "a benchmark may stop at the first surprise")]

use std::{path::PathBuf, sync::LazyLock};

use divan::{Bencher, black_box};
use store::{Archive, Conversation, History, Source, Speaker, Turn};

const CONVERSATIONS: u64 = 1_000;
const TURNS: u64 = 100;
const WORDS_OF_A_TURN: u64 = 12;
const VOCABULARY: usize = 20_000;

/// What is looked for: words by their rank, or their beginnings.
const QUERIES: [(&str, &[usize], usize); 7] = [
    ("the most frequent word", &[0], 9),
    ("two frequent words", &[0, 1], 9),
    ("three words", &[3, 200, 7], 9),
    ("one word in hundreds", &[200], 9),
    ("a rare word", &[15_000], 9),
    ("one letter", &[0], 1),
    ("two letters", &[4_000], 2),
];

/// The text that is typed for one of them.
fn typed_for(name: &str) -> String {
    let (_, ranks, letters) = QUERIES.into_iter().find(|query| query.0 == name).unwrap();
    let words: Vec<String> = ranks.iter().map(|rank| word(*rank).chars().take(letters).collect()).collect();
    words.join(" ")
}

fn main() {
    divan::main();
}

struct Filled {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

static FILLED: LazyLock<Filled> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.sqlite3");
    let (mut history, _) = History::open(&path).unwrap();
    let mut words = Words(1);
    for n in 0..CONVERSATIONS {
        let conversation =
            Conversation { id: format!("conversation-{n}"), started_ms: i64::try_from(n).unwrap() };
        let turns: Vec<Turn> = (0..TURNS).map(|number| turn(number, words.some(), false)).collect();
        history.put(&conversation, &turns).unwrap();
    }
    Filled { _folder: folder, path }
});

fn turn(number: u64, text: String, open: bool) -> Turn {
    let person = number.is_multiple_of(2);
    Turn {
        number,
        speaker: if person { Speaker::Person } else { Speaker::Moshi },
        source: if person { Source::Typed } else { Source::Spoken },
        text,
        at_ms: i64::try_from(number).unwrap(),
        open,
        delivery: None,
        note: None,
    }
}

/// A word for a rank: short ones for the most frequent, and all letters to begin with.
fn word(rank: usize) -> String {
    const SYLLABLES: usize = 15 * 5;
    let mut word = String::new();
    let mut left = rank + 1;
    while left > 0 {
        let syllable = left % SYLLABLES;
        word.push(char::from(b"bcdfghjklmnprst"[syllable / 5]));
        word.push(char::from(b"aeiou"[syllable % 5]));
        left /= SYLLABLES;
    }
    word
}

/// Words with the frequencies of a language: the n-th is n times rarer than the first.
struct Words(u64);

impl Words {
    fn some(&mut self) -> String {
        let words: Vec<String> = (0..WORDS_OF_A_TURN).map(|_| self.next()).collect();
        words.join(" ")
    }

    fn next(&mut self) -> String {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let unit = (self.0 >> 11) as f64 / (1_u64 << 53) as f64;
        let rank = (VOCABULARY as f64).powf(unit) as usize - 1;
        word(rank)
    }
}

#[divan::bench(args = QUERIES.map(|query| query.0), sample_count = 30)]
fn find_conversations(bencher: Bencher<'_, '_>, name: &str) {
    let (archive, query) = (Archive::at(&FILLED.path), typed_for(name));
    bencher.bench_local(|| archive.find(black_box(&query), 0, 50).unwrap());
}

#[divan::bench(args = QUERIES.map(|query| query.0), sample_count = 30)]
fn find_turns(bencher: Bencher<'_, '_>, name: &str) {
    let (archive, query) = (Archive::at(&FILLED.path), typed_for(name));
    bencher.bench_local(|| archive.find_turns(black_box(&query), 20).unwrap());
}

#[divan::bench(sample_count = 30)]
fn list_the_latest(bencher: Bencher<'_, '_>) {
    let archive = Archive::at(&FILLED.path);
    bencher.bench_local(|| archive.find("", 0, 50).unwrap());
}

#[divan::bench(sample_count = 30)]
fn open_one_conversation(bencher: Bencher<'_, '_>) {
    let archive = Archive::at(&FILLED.path);
    bencher.bench_local(|| archive.conversation("conversation-500").unwrap());
}

/// One that grows, which is not indexed, or one that is closed.
#[divan::bench(args = ["open", "closed"], sample_count = 100)]
fn write_a_turn(bencher: Bencher<'_, '_>, state: &str) {
    let (mut history, _) = History::open(&FILLED.path).unwrap();
    let conversation = Conversation::begin(0);
    let mut text = String::new();
    bencher.bench_local(|| {
        text.push_str(" word");
        history.put(&conversation, &[turn(0, text.clone(), state == "open")]).unwrap();
    });
    history.delete(&conversation.id).unwrap();
}

/// Each a fresh one of 100 turns, beside the 100,000.
#[divan::bench(sample_count = 10)]
fn delete_a_conversation(bencher: Bencher<'_, '_>) {
    let (mut history, _) = History::open(&FILLED.path).unwrap();
    let archive = Archive::at(&FILLED.path);
    let mut words = Words(7);
    bencher
        .with_inputs(|| {
            let conversation = Conversation::begin(0);
            let turns: Vec<Turn> = (0..TURNS).map(|number| turn(number, words.some(), false)).collect();
            history.put(&conversation, &turns).unwrap();
            conversation.id
        })
        .bench_local_values(|id| archive.delete(&id).unwrap());
}
