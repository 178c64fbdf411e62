//! Voices, as PyTorch saves them, as recordings, and as nobody should send them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]

mod common;
mod torch;

use std::path::{Path, PathBuf};

use common::{Recording, config, difference, path};
use engine::codec::{FRAME, load_codec};
use engine::{Error, LmConfig, States, Voice};
use proptest::prelude::*;
use torch::{Pickle, Zip};

fn model() -> LmConfig {
    config("personaplex_config.json")
}

fn states(path: &Path) -> States {
    match Voice::load(path, &model()) {
        Ok(Voice::States(states)) => states,
        other => panic!("{other:?}"),
    }
}

/// Writes a file and reads it as a voice; returns why it is none.
fn refused(name: &str, bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    let error = Voice::load(&path, &model()).unwrap_err();
    let sentence = error.to_string();
    assert_eq!(error.code(), "engine.voice", "{sentence}");
    assert!(!sentence.contains(folder.path().to_str().unwrap()), "no paths: {sentence}");
    assert!(sentence.len() < 300, "{sentence}");
    let Error::Voice { reason, .. } = error else { panic!("{error:?}") };
    reason
}

fn floats(states: &States) -> Vec<f32> {
    states.frames().flatten().copied().collect()
}

#[test]
fn what_pytorch_saved_is_what_was_in_the_model() {
    let voice = states(&path("personaplex_voice.pt"));
    let recording = Recording::open("personaplex_voice.safetensors");
    assert_eq!(voice.frames().len(), 26);
    assert_eq!(floats(&voice), recording.floats("embeddings"));
    let cache = recording.tensor("cache").squeeze(0).unwrap().to_vec2::<i64>().unwrap();
    let cache: Vec<Vec<_>> =
        cache.into_iter().map(|row| row.into_iter().map(|id| u32::try_from(id).ok()).collect()).collect();
    assert_eq!(voice.cache(), cache);
    assert_eq!(states(&path("personaplex_voice.safetensors")), voice, "the other form");
}

#[test]
fn tensors_that_are_parts_of_others_are_cut_out_and_bfloat16_is_read() {
    let (voice, whole) = (states(&path("personaplex_voice_views.pt")), states(&path("personaplex_voice.pt")));
    assert_eq!(voice.cache(), whole.cache());
    let (voice, whole) = (floats(&voice), floats(&whole));
    assert!(voice.iter().zip(&whole).all(|(a, b)| (a - b).abs() <= b.abs() / 256.0));
    assert!(difference(&voice, &whole) > 0.0);
}

#[test]
fn the_form_of_old_versions_is_refused_in_words() {
    let bytes = std::fs::read(path("personaplex_voice_legacy.pt")).unwrap();
    assert!(refused("a.pt", &bytes).contains("since PyTorch 1.6"));
}

/// The whole way of a recording, each part against what NVIDIA's code made of it.
#[test]
fn a_recording_is_as_loud_and_has_the_codes_that_it_has_in_personaplex() {
    let recording = Recording::open("personaplex_run_wav.safetensors");
    let Voice::Sound(sound) = Voice::load(&path("personaplex_voice_prompt.wav"), &model()).unwrap() else {
        panic!("a recording is a sound")
    };
    let expected = recording.floats("voice_pcm_normalized");
    assert_eq!(sound.len(), expected.len().next_multiple_of(FRAME));
    let (sounding, silence) = sound.split_at(expected.len());
    let worst = difference(sounding, &expected);
    println!("largest difference {worst:e}");
    assert!(worst < 1e-6, "{worst}");
    assert!(silence.iter().all(|&sample| sample == 0.0));

    let json = std::fs::read_to_string(path("mimi_small_config.json")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let codec: PathBuf = folder.path().join("mimi.json");
    std::fs::write(&codec, json.replace("\"context\": 20", "\"context\": 250")).unwrap();
    let (mut encoder, _) = load_codec(&path("mimi_small_weights.safetensors"), Some(&codec), 8).unwrap();
    let codes: Vec<_> = sound.chunks_exact(FRAME).map(|frame| encoder.encode(frame).unwrap()).collect();
    assert_eq!(codes, recording.codes("voice_codes"));
}

#[test]
fn a_voice_for_another_model_is_refused() {
    let whole = Pickle::voice();
    assert!(refused("a.pt", &Zip::torch(&whole, &[0; 26 * 32 * 4], &[0; 67 * 8]).bytes()).contains("beyond"));
    let good =
        |config: LmConfig| Voice::load(&path("personaplex_voice.pt"), &config).map(|_| ()).unwrap_err();
    let mut wider = model();
    wider.transformer.d_model = 64;
    assert!(good(wider).to_string().contains("the model is 64 wide"));
    let mut later = model();
    later.delays = vec![2; 17];
    assert!(good(later).to_string().contains("cache has shape [1, 17, 4]"));
    let mut smaller = model();
    smaller.codebook_size = 16;
    assert!(good(smaller).to_string().contains("tokens that the model does not know"));
    let mut endless = vec![0; 26 * 32 * 4];
    endless[400..404].copy_from_slice(&f32::NAN.to_le_bytes());
    let zip = Zip::torch(&whole, &endless, &[0; 68 * 8]);
    assert!(refused("a.pt", &zip.bytes()).contains("not all numbers"));
    assert!(refused("a.txt", b"").contains(".pt, .safetensors or .wav"));
}

#[test]
fn the_writer_of_these_tests_writes_what_pytorch_does() {
    // So that what it writes wrong on purpose is wrong in that alone.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.pt");
    std::fs::write(&path, Zip::torch(&Pickle::voice(), &[0; 26 * 32 * 4], &[0; 68 * 8]).bytes()).unwrap();
    assert_eq!(states(&path).frames().len(), 26);
}

#[test]
fn nothing_that_a_pickle_asks_for_is_run() {
    let zip = |pickle: Pickle| Zip::torch(&pickle, &[0; 26 * 32 * 4], &[0; 68 * 8]).bytes();
    for (module, name) in [
        ("os", "system"),
        ("posix", "system"),
        ("builtins", "eval"),
        ("torch._utils", "_rebuild_parameter"),
        ("torch", "load"),
        ("torch.storage", "_load_from_bytes"),
        ("collections", "OrderedDict.clear"),
    ] {
        let mut pickle = Pickle::new();
        pickle.global(module, name).text("echo run").op(0x85).op(b'R').op(b'.');
        let reason = refused("a.pt", &zip(pickle));
        assert!(
            reason.contains(&format!("{module}.{name}")) && reason.contains("nothing of it was run"),
            "{reason}"
        );
    }
    // INST, OBJ, NEWOBJ, BUILD, STACK_GLOBAL, EXT1, PERSID, POP, DUP, FLOAT, STRING, and frames of later protocols.
    for op in [b'i', b'o', 0x81, b'b', 0x93, 0x82, b'P', b'0', b'2', b'F', b'S', 0x95] {
        let mut pickle = Pickle::new();
        pickle.op(b'}').op(op).op(b'.');
        assert!(refused("a.pt", &zip(pickle)).contains(&format!("{op:#04x}")), "{op:#04x}");
    }
    let called = |build: fn(&mut Pickle)| {
        let mut pickle = Pickle::new();
        build(&mut pickle);
        pickle.op(b'.');
        refused("a.pt", &zip(pickle))
    };
    for reason in [
        called(|p| {
            p.global("collections", "OrderedDict").number(1).op(0x85).op(b'R');
        }),
        called(|p| {
            p.global("torch", "FloatStorage").op(b')').op(b'R');
        }),
        called(|p| {
            p.global("torch._utils", "_rebuild_tensor_v2").op(b')').op(b'R');
        }),
        called(|p| {
            p.text("module").op(0x85).op(b'Q');
        }),
    ] {
        assert!(reason.contains("that no voice needs") || reason.contains("no storage"), "{reason}");
    }
}

#[test]
fn a_pickle_makes_no_more_than_is_in_it() {
    let zip = |pickle: &Pickle| Zip::torch(pickle, &[0; 26 * 32 * 4], &[0; 68 * 8]).bytes();
    // Each tuple holds the one before twice, or once: a walk through it would not come back.
    for op in [&[b'q', 0, b'h', 0, 0x86][..], &[0x85]] {
        let mut pickle = Pickle::new();
        pickle.op(b')');
        for _ in 0..10_000 {
            for &op in op {
                pickle.op(op);
            }
        }
        pickle.op(b'.');
        assert_eq!(refused("a.pt", &zip(&pickle)), "its pickle makes no dictionary");
    }
    // A long text that is asked for ten thousand times.
    let mut pickle = Pickle::new();
    pickle.op(b'}').op(b'(').text(&"x".repeat(30_000)).op(b'q').op(0);
    for _ in 0..9_999 {
        pickle.op(b'h').op(0);
    }
    pickle.op(b'u').op(b'.');
    assert_eq!(refused("a.pt", &zip(&pickle)), "it has no tensor embeddings");
    // More than any voice has.
    let mut pickle = Pickle::new();
    for _ in 0..70_000 {
        pickle.op(b')');
    }
    assert!(refused("a.pt", &zip(&pickle)).contains("pickle has 70002 bytes"));
    // Lengths, places and stacks that are not there.
    for bytes in [
        &[0x80, 2, b'X', 0xff, 0xff, 0xff, 0xff][..],
        &[0x80, 2, 0x8a, 0xff],
        &[0x80, 2, b'}', b'r', 0xff, 0xff, 0xff, 0xff, b'h', 3],
        &[0x80, 2, b'c', b'o', b's'],
        &[0x80, 2, b'K', 1, b'(', 0x85],
        &[0x80, 2, b't'],
        &[0x80, 2, b'u'],
        &[0x80, 2, b'.'],
        &[0x80, 5, b'.'],
        &[],
    ] {
        let reason = refused("a.pt", &zip(&Pickle::of(bytes)));
        assert!(reason.contains("pickle"), "{bytes:?}: {reason}");
    }
}

#[test]
fn tensors_reach_nowhere() {
    let zip = |pickle: &Pickle| Zip::torch(pickle, &[0; 26 * 32 * 4], &[0; 68 * 8]).bytes();
    let huge = i32::MAX;
    for (offset, shape, strides, numbers) in [
        (1, [26, 1, 1, 32], [32, 32, 32, 1], 832),
        (huge, [26, 1, 1, 32], [32, 32, 32, 1], 832),
        (-1, [26, 1, 1, 32], [32, 32, 32, 1], 832),
        (0, [26, 1, 1, 32], [huge, 32, 32, 1], 832),
        (0, [26, 1, 1, 32], [-32, 32, 32, 1], 832),
        (0, [huge, huge, huge, huge], [0, 0, 0, 0], 832),
        (0, [huge, 1, 1, 32], [0, 0, 0, 1], 832),
        (0, [26, 1, 1, 32], [32, 32, 32, 1], huge),
    ] {
        let pickle = Pickle::voice_of(offset, &shape, &strides, numbers);
        let reason = refused("a.pt", &zip(&pickle));
        assert!(reason.contains("beyond its numbers") || reason.contains("no sense"), "{reason}");
    }
    let empty = Pickle::voice_of(0, &[0, 1, 1, 32], &[32, 32, 32, 1], 832);
    assert!(refused("a.pt", &zip(&empty)).contains("0 frames"));
    let short = Pickle::voice_of(0, &[26, 1, 1, 32], &[32, 1], 832);
    assert!(refused("a.pt", &zip(&short)).contains("beyond"));
}

#[test]
fn archives_that_lie_are_refused() {
    let zip = || Zip::torch(&Pickle::voice(), &[0; 26 * 32 * 4], &[0; 68 * 8]);
    let with = |change: fn(&mut Zip)| {
        let mut zip = zip();
        change(&mut zip);
        refused("a.pt", &zip.bytes())
    };
    assert!(with(|zip| zip.files[1].offset_in_directory = Some(0)).contains("not where its directory says"));
    assert!(with(|zip| zip.files[1].checksum ^= 1).contains("another checksum"));
    assert!(with(|zip| zip.files[1].method = 8).contains("compressed"));
    assert!(with(|zip| zip.files[1].flags |= 1).contains("encrypted"));
    assert!(
        with(|zip| zip.files[1].size_in_directory = Some(u32::MAX)).contains("not where its directory says")
    );
    assert!(with(|zip| zip.files[1].name = zip.files[2].name.clone()).contains("one name"));
    assert!(with(|zip| zip.files.retain(|file| !file.name.ends_with("data.pkl"))).contains("torch.save"));
    assert!(
        with(|zip| zip.files.retain(|file| !file.name.ends_with("data/1"))).contains("cache are missing")
    );
    assert!(with(|zip| zip.count = Some(9)).contains("directory is cut off"));
    assert!(with(|zip| zip.count = Some(u16::MAX)).contains("65535 files"));
    assert!(with(|zip| zip.directory = Some(u32::MAX)).contains("outside"));
    assert!(with(|zip| zip.put("archive/byteorder", b"big")).contains("big-endian"));
    // One file within the numbers of another: both are where the directory says.
    let mut inside = zip();
    let hidden = Zip::local("archive/.data/x", b"y");
    let mut numbers = vec![0; 26 * 32 * 4];
    numbers[..hidden.len()].copy_from_slice(&hidden);
    inside.replace("archive/data/0", &numbers);
    let at = inside.offset_of("archive/data/0");
    inside.put("archive/.data/x", b"y");
    inside.files.last_mut().unwrap().offset_in_directory = Some(at);
    assert!(refused("a.pt", &inside.bytes()).contains("overlap"));

    let whole = zip().bytes();
    for length in (0..whole.len()).step_by(7) {
        assert!(!refused("a.pt", &whole[..length]).is_empty(), "cut off after {length} bytes");
    }
    let torchs = std::fs::read(path("personaplex_voice.pt")).unwrap();
    for length in (0..torchs.len()).step_by(97) {
        assert!(!refused("a.pt", &torchs[..length]).is_empty(), "cut off after {length} bytes");
    }
}

#[test]
fn other_files_with_the_name_of_a_voice_are_refused() {
    for name in ["a.pt", "a.safetensors", "a.wav"] {
        for bytes in [&b""[..], b"PK", b"RIFF", &[0xff; 100], &[0; 100_000]] {
            assert!(!refused(name, bytes).is_empty());
        }
    }
    let floats = std::fs::read(path("personaplex_run_embeddings.safetensors")).unwrap();
    assert!(refused("a.safetensors", &floats).contains("no tensor embeddings"));
    let folder = tempfile::tempdir().unwrap();
    let large = folder.path().join("large.pt");
    std::fs::File::create(&large).unwrap().set_len(1 << 40).unwrap();
    let sentence = Voice::load(&large, &model()).unwrap_err().to_string();
    assert!(sentence.contains("too much for a voice"), "{sentence}");
    let missing = Voice::load(&path("nowhere.pt"), &model()).unwrap_err().to_string();
    assert!(missing.contains("no such voice"), "{missing}");
}

/// A change of one file.
#[derive(Debug, Clone)]
enum Change {
    Byte(usize, u8),
    Cut(usize),
    Twice(usize, usize),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (any::<usize>(), any::<u8>()).prop_map(|(at, byte)| Change::Byte(at, byte)),
        any::<usize>().prop_map(Change::Cut),
        (any::<usize>(), 0..64_usize).prop_map(|(at, length)| Change::Twice(at, length)),
    ]
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    let length = bytes.len().max(1);
    match *change {
        Change::Byte(at, byte) => {
            if let Some(place) = bytes.get_mut(at % length) {
                *place = byte;
            }
        }
        // Near the end, where the directory is.
        Change::Cut(by) => bytes.truncate(length - by % length.min(700)),
        Change::Twice(at, part) => {
            let at = at % length;
            let part: Vec<u8> = bytes.iter().skip(at).take(part).copied().collect();
            bytes.splice(at..at, part);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_change_of_a_voice_is_read_or_refused(
        file in prop::sample::select(vec!["personaplex_voice.pt", "personaplex_voice_views.pt", "pickle"]),
        changes in prop::collection::vec(change(), 1..6),
    ) {
        let mut bytes = match file {
            "pickle" => Pickle::voice().bytes().to_vec(),
            file => std::fs::read(path(file)).unwrap(),
        };
        changes.iter().for_each(|change| apply(&mut bytes, change));
        engine::fuzzing::voice(&bytes);
    }

    #[test]
    fn any_pickle_of_known_instructions_is_read_or_refused(
        ops in prop::collection::vec(prop::sample::select(&b"\x80.(qrhjcXKMJ\x8aN\x88\x89)\x85\x86\x87t}suQR\x00\x01\x02\n"[..]), 0..200),
    ) {
        engine::fuzzing::voice(&[&b"\x80\x02"[..], &ops].concat());
    }
}
