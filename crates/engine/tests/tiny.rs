//! The tiny model: the same way through loading and talking as a real one.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]

use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use engine::codec::FRAME;
use engine::tiny::{self, TinySettings};
use engine::{Model, Output, Pipeline, Sampling};

fn folder(settings: TinySettings) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    tiny::write(folder.path(), settings).unwrap();
    folder
}

/// A voice-like sound.
fn voice(frame: usize) -> [f32; FRAME] {
    std::array::from_fn(|i| {
        let t = (frame * FRAME + i) as f32 / 24_000.0;
        let pitch = 120.0 + 30.0 * (t * 3.0).sin();
        0.3 * (t * 4.0).sin().abs()
            * (1..6).map(|h| (t * pitch * h as f32 * std::f32::consts::TAU).sin() / h as f32).sum::<f32>()
    })
}

/// Talks for so many frames. Returns the model, the sound, and the text.
fn talk(model: Model, sampling: Sampling, seed: u64, frames: usize) -> (Model, Vec<f32>, String) {
    let tokenizer = model.tokenizer();
    let (sender, receiver) = mpsc::channel();
    let pipeline = Pipeline::start(model, sampling, seed, move |output| sender.send(output).is_ok()).unwrap();
    let (mut sound, mut text) = (Vec::new(), Vec::new());
    for frame in 0..frames {
        pipeline.hear(&voice(frame));
        if frame == 0 {
            continue; // With an acoustic delay of one, the first step says nothing.
        }
        match receiver.recv_timeout(Duration::from_secs(60)).unwrap() {
            Output::Frame { pcm, text: token, .. } => {
                assert_eq!(pcm.len(), FRAME);
                sound.extend(pcm);
                text.extend_from_slice(tokenizer.piece(token));
            }
            Output::Failed(error) => panic!("{error}"),
        }
    }
    assert_eq!(pipeline.timing().dropped, 0);
    (pipeline.stop().unwrap(), sound, String::from_utf8(text).unwrap())
}

fn rms(sound: &[f32]) -> f32 {
    (sound.iter().map(|sample| sample * sample).sum::<f32>() / sound.len() as f32).sqrt()
}

#[test]
fn it_says_words_and_makes_sound() {
    let folder = folder(TinySettings::default());
    let model = engine::load(folder.path()).unwrap();
    assert_eq!(model.name(), folder.path().file_name().unwrap().to_str().unwrap());
    for (name, sampling) in [("greedy", Sampling::GREEDY), ("sampled", Sampling::default())] {
        let model = engine::load(folder.path()).unwrap();
        let began = Instant::now();
        let (_, sound, text) = talk(model, sampling, 5, 100);
        let words = text.split_whitespace().count();
        println!("{name}: {:?} for 100 frames, rms {}, {words} words:{text}", began.elapsed(), rms(&sound));
        assert!((0.01..0.5).contains(&rms(&sound)), "{}", rms(&sound));
        assert!(sound.iter().all(|sample| sample.is_finite()));
        assert!((10..90).contains(&words), "{words} words:{text}");
        let readable = text.chars().all(|c| c.is_ascii_alphabetic() || " .,?'".contains(c));
        assert!(readable, "{text}");
    }
}

#[test]
fn nothing_of_one_conversation_is_left_in_the_next() {
    let folder = folder(TinySettings { seed: 3, quantized: false });
    let model = engine::load(folder.path()).unwrap();
    let (model, first, said) = talk(model, Sampling::default(), 11, 30);
    let (model, other, _) = talk(model, Sampling::default(), 12, 30);
    let (_, second, again) = talk(model, Sampling::default(), 11, 30);
    assert_eq!((first.len(), said), (second.len(), again));
    assert!(first == second, "the same seed and sound lead to the same sound");
    assert!(first != other, "another seed does not");
}

#[test]
fn quantized_weights_are_loaded_by_naming_them() {
    let folder = folder(TinySettings { seed: 1, quantized: true });
    let model = engine::load(&folder.path().join("model.q8.gguf")).unwrap();
    let (_, sound, text) = talk(model, Sampling::GREEDY, 0, 40);
    assert!(rms(&sound) > 0.01 && text.split_whitespace().count() > 3, "{text}");
}

#[test]
fn the_same_seed_writes_the_same_bytes() {
    let read = |folder: &Path| {
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| (path.file_name().unwrap().to_owned(), std::fs::read(path).unwrap()))
            .collect();
        files.sort();
        files
    };
    let settings = TinySettings { seed: 7, quantized: true };
    let (first, second, other) =
        (folder(settings), folder(settings), folder(TinySettings { seed: 8, ..settings }));
    assert_eq!(read(first.path()).len(), 6);
    assert!(read(first.path()) == read(second.path()));
    assert!(read(first.path()) != read(other.path()));
}

#[test]
fn a_model_that_is_there_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("model.safetensors"), "fifteen gigabytes").unwrap();
    let error = tiny::write(folder.path(), TinySettings::default()).unwrap_err();
    assert_eq!(error.code(), "engine.exists");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn what_is_missing_or_broken_is_named() {
    let good = folder(TinySettings::default());
    let broken = |name: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let copy = tempfile::tempdir().unwrap();
        for entry in std::fs::read_dir(good.path()).unwrap() {
            let path = entry.unwrap().path();
            std::fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
        }
        let path = copy.path().join(name);
        let mut bytes = std::fs::read(&path).unwrap();
        change(&mut bytes);
        std::fs::write(&path, bytes).unwrap();
        engine::load(copy.path()).map(|_| ()).unwrap_err()
    };
    let half = |bytes: &mut Vec<u8>| bytes.truncate(bytes.len() / 2);
    for name in ["model.safetensors", engine::MIMI, engine::TOKENIZER] {
        assert_eq!(broken(name, &half).code(), "engine.damaged", "{name}");
    }
    assert_eq!(broken("config.json", &half).code(), "engine.config");
    assert_eq!(broken("mimi_config.json", &half).code(), "engine.config");
    let replace = |from: &'static str, to: &'static str| {
        move |bytes: &mut Vec<u8>| {
            let text = String::from_utf8(bytes.clone()).unwrap();
            assert!(text.contains(from));
            *bytes = text.replace(from, to).into_bytes();
        }
    };
    let error = broken("mimi_config.json", &replace("\"bins\": 128", "\"bins\": 64"));
    assert_eq!(error.code(), "engine.tensor_shape", "{error}");
    let error = broken("config.json", &replace("\"dep_q\": 8", "\"dep_q\": 7"));
    assert_eq!(error.code(), "engine.unsupported", "{error}");
    let error = engine::load(Path::new("/nowhere")).map(|_| ()).unwrap_err();
    assert_eq!(error.code(), "engine.missing_file");
    let empty = tempfile::tempdir().unwrap();
    let error = engine::load(empty.path()).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("model.safetensors is missing"), "{error}");
}

#[test]
fn a_pipeline_that_falls_behind_skips_what_is_oldest() {
    let folder = folder(TinySettings::default());
    let model = engine::load(folder.path()).unwrap();
    let (release, wait) = mpsc::channel::<()>();
    let pipeline = Pipeline::start(model, Sampling::GREEDY, 0, move |_| {
        // Longer than any machine needs to get here, and no hang where the test fails.
        wait.recv_timeout(Duration::from_secs(30)).is_ok()
    })
    .unwrap();
    // Nothing gets out, so that everything fills up.
    for frame in 0..100 {
        pipeline.hear(&voice(frame));
    }
    let timing = pipeline.timing();
    // Twelve wait, two more between each two threads, one is in each thread's hands, and the first says nothing.
    assert!(timing.dropped >= 100 - 12 - 2 * 2 - 3 - 1, "{timing:?}");
    assert!(timing.backlog <= 16, "{timing:?}");
    // Ends although the threads wait for each other.
    drop(release);
    assert!(pipeline.stop().is_some());
}

#[test]
fn what_its_frames_cost_is_timed() {
    let folder = folder(TinySettings { seed: 0, quantized: true });
    let mut told = Vec::new();
    let cost =
        engine::time_frames(folder.path(), Duration::from_secs(600), |frames| told.push(frames)).unwrap();
    assert_eq!(cost.frames, engine::MOST_FRAMES);
    assert!(told.is_sorted() && told.first() == Some(&0) && told.last() == Some(&cost.frames), "{told:?}");
    assert!(cost.median_ms > 0.0 && cost.p95_ms >= cost.median_ms, "{cost:?}");
    let over = engine::time_frames(folder.path(), Duration::ZERO, |_| {}).unwrap();
    assert!(over.frames <= 1, "{over:?}");
}

#[test]
fn what_it_takes_is_known_before_it_is_loaded() {
    let folder = folder(TinySettings { seed: 0, quantized: true });
    let bytes = |name: &str| std::fs::metadata(folder.path().join(name)).unwrap().len();
    let outline = |path: &Path| engine::outline(path, engine::CpuOptions::default());
    let whole = outline(folder.path()).unwrap();
    assert!(!whole.full_size);
    // Its numbers have 32 bits in the files too, and what it remembers are 250 steps of two layers in 16 bits.
    let files = bytes(engine::MOSHI[0]) + bytes(engine::MIMI);
    let cache = 250 * 2 * 2 * 64 * 2;
    let heads = 64_000;
    assert!((files + cache - heads..files + cache).contains(&whole.memory_bytes), "{whole:?} of {files}");
    let quantized = folder.path().join("model.q8.gguf");
    assert!(outline(&quantized).unwrap().memory_bytes < whole.memory_bytes);
    let all = std::fs::read(&quantized).unwrap();
    std::fs::write(&quantized, &all[..all.len() / 2]).unwrap();
    assert_eq!(outline(&quantized).unwrap_err().code(), "engine.damaged");
    std::fs::remove_file(folder.path().join(engine::TOKENIZER)).unwrap();
    assert_eq!(outline(folder.path()).unwrap_err().code(), "engine.missing_file");
    std::fs::write(folder.path().join(engine::CONFIG), r#"{"lora":true}"#).unwrap();
    assert_eq!(outline(folder.path()).unwrap_err().code(), "engine.unsupported");
}
