//! Recognisers, against a recorded run of Kyutai's code; see `golden/README.md`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

mod client;
mod common;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use common::{Recording, difference, path};
use engine::codec::FRAME;
use engine::hear::{Heard, Listener, Recogniser, Step};
use engine::tiny::{self, TinySettings};
use engine::{CpuOptions, Error, RecogniserConfig};
use serde_json::json;
use tempfile::TempDir;
use wire::Recognised;

/// A SentencePiece model whose tokens are the words " w0", " w1" and so on.
fn tokenizer(pieces: usize) -> Vec<u8> {
    let piece = |i: usize| {
        let text = format!("\u{2581}w{i}");
        let inner = [&[0x0a, text.len() as u8][..], text.as_bytes()].concat();
        [&[0x0a, inner.len() as u8][..], &inner].concat()
    };
    (0..pieces).flat_map(piece).collect()
}

/// The recorded recogniser as a folder, in which these tokens stand for padding and for its end.
fn folder(padding: u32, end: u32, delay: f64, prefix: f64) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let into = |name: &str| folder.path().join(name);
    for name in ["stt_tiny_weights.safetensors", "mimi_small_weights.safetensors", "mimi_small_config.json"] {
        std::fs::copy(path(name), into(name)).unwrap();
    }
    let mut config: serde_json::Value =
        serde_json::from_slice(&std::fs::read(path("stt_tiny_config.json")).unwrap()).unwrap();
    config["existing_text_padding_id"] = json!(padding);
    config["existing_text_end_padding_id"] = json!(end);
    config["stt_config"] = json!({ "audio_delay_seconds": delay, "audio_silence_prefix_seconds": prefix });
    std::fs::write(into("config.json"), config.to_string()).unwrap();
    std::fs::write(into("tokenizer_en_fr_audio_8000.model"), tokenizer(72)).unwrap();
    folder
}

fn load(folder: &Path) -> Recogniser {
    Recogniser::load(folder, CpuOptions::EXACT).unwrap()
}

/// Its name, words and ends, with times in whole steps.
fn steps(told: &[Recognised]) -> Vec<(String, i64)> {
    let in_steps = |seconds: f64| (seconds * 12.5).round() as i64;
    let shown = |told: &Recognised| match told {
        Recognised::Word { text, start } => Some((text.clone(), in_steps(*start))),
        Recognised::WordEnd { stop } => Some((".".into(), in_steps(*stop))),
        Recognised::Step { .. } => None,
    };
    told.iter().filter_map(shown).collect()
}

/// The two tokens that come most often.
fn most_frequent(tokens: &[u32]) -> (u32, u32) {
    let mut counts = BTreeMap::<u32, usize>::new();
    tokens.iter().for_each(|&token| *counts.entry(token).or_default() += 1);
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
    (counts[0].0, counts[1].0)
}

/// Kyutai's rule for words, with a delay of six steps.
fn words(tokens: &[u32], padding: u32, end: u32) -> Vec<(String, i64)> {
    let (mut told, mut word, mut last_stop, mut unended) = (Vec::new(), Vec::new(), 0, false);
    for (step, &token) in tokens.iter().enumerate().map(|(before, token)| (before as i64 + 1, token)) {
        if step < 6 {
            continue;
        }
        if token != padding && token != end {
            word.push(format!("w{token}"));
            continue;
        }
        if !word.is_empty() {
            told.push((word.join(" "), last_stop));
            (unended, word) = (true, Vec::new());
        }
        if token == end {
            last_stop = step - 6;
            if std::mem::take(&mut unended) {
                told.push((".".into(), last_stop));
            }
        }
    }
    told
}

#[test]
fn tokens_pauses_and_words_are_those_of_kyutai() {
    let recording = Recording::open("stt_tiny_greedy.safetensors");
    let tokens: Vec<u32> = recording.codes("out_tokens").into_iter().flatten().collect();
    let (padding, end) = most_frequent(&tokens);
    let folder = folder(padding, end, 0.5, 0.0);
    let mut recogniser = load(folder.path());
    assert_eq!(recogniser.timing(), RecogniserConfig { delay: 6, prefix: 0 });
    let codes = recording.codes("input_codes");
    let heads = recording.blocks("extra_heads_prob");
    for _ in 0..2 {
        // The first call sees start tokens alone, whatever it is given.
        let heard: Vec<Step> = codes[1..].iter().map(|codes| recogniser.hear_codes(codes).unwrap()).collect();
        let found: Vec<u32> = heard.iter().map(|step| step.text).collect();
        assert_eq!(found, tokens[1..]);
        for (step, heads) in heard.iter().zip(&heads[1..]) {
            let first: Vec<f32> = heads.iter().map(|head| head[0]).collect();
            assert!(difference(&step.pauses, &first) < 1e-4);
            assert_eq!(step.told[0], Recognised::Step { pause: Some(step.pauses[2]) });
        }
        let told: Vec<Recognised> = heard.into_iter().flat_map(|step| step.told).collect();
        let expected = words(&tokens, padding, end);
        assert!(expected.len() > 10, "there is something to compare: {expected:?}");
        assert_eq!(steps(&told), expected);
        recogniser.reset();
    }
}

#[test]
fn sound_becomes_codes_on_the_way_and_garbage_in_it_does_no_harm() {
    let folder = folder(3, 0, 0.5, 0.0);
    let (mut one, mut other) = (load(folder.path()), load(folder.path()));
    let sound = Recording::open("mimi_small_io.safetensors");
    let pcm = sound.floats("input_pcm");
    let codes = sound.codes("codes_all");
    for (frame, codes) in pcm.chunks_exact(FRAME).zip(&codes) {
        assert_eq!(one.hear(frame).unwrap(), other.hear_codes(codes).unwrap());
    }
    for garbage in [f32::NAN, f32::INFINITY, -f32::MAX, f32::MIN_POSITIVE] {
        one.hear(&[garbage; FRAME]).unwrap();
    }
    one.hear(&pcm[..FRAME]).unwrap();
    for length in [0, 1, FRAME - 1, FRAME + 1] {
        assert_eq!(one.hear(&vec![0.0; length]).unwrap_err().code(), "engine.input", "{length}");
    }
    for codes in [&[][..], &[0; 31], &[0; 33], &[65; 32], &[u32::MAX; 32]] {
        assert_eq!(one.hear_codes(codes).unwrap_err().code(), "engine.input", "{codes:?}");
    }
    // After an error it begins anew.
    one.reset();
    other.reset();
    assert_eq!(one.hear(&pcm[..FRAME]).unwrap(), other.hear_codes(&codes[0]).unwrap());
}

#[test]
fn silence_that_it_is_to_hear_first_is_heard() {
    let (with, without) = (folder(3, 0, 0.0, 1.0), folder(3, 0, 0.0, 0.0));
    let (mut with, mut without) = (load(with.path()), load(without.path()));
    for _ in 0..13 {
        without.hear(&[0.0; FRAME]).unwrap();
    }
    let codes = Recording::open("stt_tiny_greedy.safetensors").codes("input_codes");
    for codes in &codes {
        let (one, other) = (with.hear_codes(codes).unwrap(), without.hear_codes(codes).unwrap());
        assert_eq!((one.text, one.pauses), (other.text, other.pauses));
    }
}

#[test]
fn a_model_that_talks_is_no_recogniser_and_the_other_way_round() {
    let recogniser = folder(3, 0, 0.5, 0.0);
    let error = engine::load(recogniser.path()).map(|_| ()).unwrap_err();
    assert_eq!(error.code(), "engine.is_recogniser");
    assert!(error.to_string().contains("--hear"), "{error}");
    let error = engine::outline(recogniser.path(), CpuOptions::default()).unwrap_err();
    assert_eq!(error.code(), "engine.is_recogniser");

    let refused =
        |path: &Path| -> Error { Recogniser::load(path, CpuOptions::EXACT).map(|_| ()).unwrap_err() };
    let moshi = tempfile::tempdir().unwrap();
    std::fs::write(moshi.path().join("config.json"), "{}").unwrap();
    let error = refused(moshi.path());
    assert_eq!(error.code(), "engine.no_recogniser");
    assert!(error.to_string().contains("--model"), "{error}");
    assert_eq!(refused(Path::new("/nowhere")).code(), "engine.missing_file");
    let gone = [
        "stt_tiny_weights.safetensors",
        "mimi_small_weights.safetensors",
        "tokenizer_en_fr_audio_8000.model",
    ];
    for name in gone {
        let folder = folder(3, 0, 0.5, 0.0);
        std::fs::remove_file(folder.path().join(name)).unwrap();
        assert_eq!(refused(folder.path()).code(), "engine.missing_file", "{name}");
    }
}

/// A recogniser that says words at sound.
fn tiny(settings: TinySettings) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    tiny::write_hearing(folder.path(), settings).unwrap();
    folder
}

#[test]
fn the_tiny_recogniser_says_words_where_there_is_sound_and_sees_pauses() {
    for seed in 0..6 {
        let quantized = seed % 2 == 1;
        let folder = tiny(TinySettings { seed, quantized });
        let path = if quantized { folder.path().join("model.q8.gguf") } else { folder.path().into() };
        let mut recogniser = Recogniser::load(&path, CpuOptions::default()).unwrap();
        assert_eq!(recogniser.timing(), RecogniserConfig { delay: 2, prefix: 0 });
        // The sound of the codec dies away for some frames. A second of silence, two of sound, two of silence, one of sound, two of silence.
        let sound = [(12, false), (25, true), (25, false), (13, true), (25, false)];
        let (mut told, mut pauses) = (Vec::new(), Vec::new());
        for (frames, loud) in sound {
            let pcm = if loud { client::sweep(frames * FRAME) } else { vec![0.0; frames * FRAME] };
            for frame in pcm.chunks_exact(FRAME) {
                let step = recogniser.hear(frame).unwrap();
                pauses.push(step.pauses[2]);
                told.extend(step.told);
            }
        }
        let words: Vec<i64> =
            steps(&told).iter().filter(|(text, _)| text != ".").map(|(_, at)| *at).collect();
        println!("seed {seed}: {:?}", steps(&told));
        let within = |from: i64, to: i64| words.iter().filter(|at| (from..=to).contains(*at)).count();
        assert!(within(11, 44) >= 8 && within(61, 80) >= 4, "{words:?}");
        assert_eq!(within(11, 44) + within(61, 80), words.len(), "{words:?}");
        let mean =
            |range: std::ops::Range<usize>| pauses[range.clone()].iter().sum::<f32>() / range.len() as f32;
        assert!(mean(0..12) > 0.9 && mean(46..62) > 0.9 && mean(14..37) < 0.3, "{pauses:?}");
    }
}

#[test]
fn a_recogniser_that_is_behind_loses_the_oldest_sound_and_no_time() {
    let folder = tiny(TinySettings::default());
    let recogniser = Recogniser::load(folder.path(), CpuOptions::default()).unwrap();
    let (sender, heard) = mpsc::channel();
    let (may_go_on, wait) = mpsc::channel();
    // It is held up at its first frame until it may go on.
    let mut held = true;
    let listener = Listener::start(recogniser, move |heard| {
        sender.send(heard).is_ok() && (!std::mem::take(&mut held) || wait.recv().is_ok())
    })
    .unwrap();
    let next = || heard.recv_timeout(Duration::from_secs(60)).unwrap();
    let (silence, sound) = ([0.0; FRAME], client::sweep(Listener::WAITING * FRAME));
    listener.hear(0, &silence);
    assert!(matches!(next(), Heard::Frame { lost: 0, .. }));
    // Eight seconds of silence, then as much sound as can wait.
    (1..100).for_each(|number| listener.hear(number, &silence));
    for (number, frame) in (100..).zip(sound.chunks_exact(FRAME)) {
        listener.hear(number, frame.try_into().unwrap());
    }
    may_go_on.send(()).unwrap();
    let mut told = Vec::new();
    for frame in 0..Listener::WAITING {
        let Heard::Frame { lost, step } = next() else { panic!("it fails") };
        assert_eq!(lost, if frame == 0 { 99 } else { 0 });
        told.extend(step.told);
    }
    assert_eq!((listener.timing().dropped, listener.timing().backlog), (99, 0));
    let words: Vec<i64> = steps(&told).iter().filter(|(text, _)| text != ".").map(|(_, at)| *at).collect();
    assert!(words.len() >= 8 && words.iter().all(|at| (99..150).contains(at)), "{words:?}");
    // Numbers that are left out are lost as well.
    listener.hear(1_000, &silence);
    assert!(matches!(next(), Heard::Frame { lost: 850, .. }));
    assert!(listener.stop().is_some());
}
