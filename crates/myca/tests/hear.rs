//! `myca hear` and `myca talk --ear` with a recognition server.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    unreachable_pub,
    reason = "a test may stop at the first surprise"
)]

mod program;
#[path = "../../conversation/tests/recogniser/mod.rs"]
mod recogniser;

use std::path::PathBuf;

use program::Home;
use recogniser::{Script, recogniser, word, word_end};

const KEY: &str = "let-me-hear"; // secret-scan:allow a key that only this test knows

/// Two seconds of a tone.
fn speech(home: &Home) -> PathBuf {
    let path = home.path().join("speech.wav");
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 24_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut file = hound::WavWriter::create(&path, spec).unwrap();
    for n in 0..48_000_u16 {
        file.write_sample(((f32::from(n) * 0.05).sin() * 8_000.0) as i16).unwrap();
    }
    file.finalize().unwrap();
    path
}

fn script() -> Script {
    Script {
        says: vec![
            (5, word("good", 0.1)),
            (8, word_end(0.4)),
            (10, word("morning\u{1b}[2J", 0.5)),
            // Behind the end of the file.
            (30, word("again", 2.0)),
        ],
        ready: true,
        pauses_from: Some(1_000),
        key: Some(KEY),
        ..Script::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_written_down_to_its_last_word() {
    let ears = recogniser(script()).await;
    let home = Home::new();
    let (file, address) = (speech(&home), ears.address.to_string());
    let run = |json: bool| {
        let mut command = home.command(&["hear", &address, "--input", file.to_str().unwrap()]);
        command.args(json.then_some("--json")).env("MYCA_EAR_KEY", KEY);
        tokio::task::spawn_blocking(move || command.output().unwrap())
    };
    let output = run(false).await.unwrap();
    assert_eq!(program::printed(&output), "good morning[2J again\n");
    let lines = program::printed(&run(true).await.unwrap());
    let texts: Vec<String> = lines
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["text"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(texts, ["good", "good morning[2J", "good morning[2J again"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_a_sentence() {
    let ears = recogniser(script()).await;
    let home = Home::new();
    let (file, address) = (speech(&home), ears.address.to_string());
    let file = file.to_str().unwrap().to_owned();
    tokio::task::spawn_blocking(move || {
        for (arguments, words) in [
            (vec!["hear", &address, "--input", &file], "wants a key"),
            (vec!["hear", "ftp://x", "--input", &file], "is not a way to reach"),
            (vec!["hear", &address, "--input", "/nowhere.wav"], "Give a WAV file"),
            (vec!["hear", "ws://192.0.2.1:1", "--input", &file], "without encryption"),
            (vec!["talk", "127.0.0.1:1", "--ear", "ftp://x"], "is not a way to reach"),
        ] {
            home.refuses(&arguments, 1, words);
        }
    })
    .await
    .unwrap();
}
