//! `myca doctor` as the program that it is: on described machines, and on this one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

mod program;

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::Stdio,
};

use doctor::World;
use program::{Home, Running};
use serde_json::{Value, json};

fn described(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../doctor/tests/worlds").join(name)
}

/// A file with these words.
fn file(home: &Home, words: &str) -> PathBuf {
    let path = home.path().join("world.json");
    fs::write(&path, words).unwrap();
    path
}

#[test]
fn a_described_machine_is_judged_and_this_one_is_not_touched() {
    let home = Home::new();
    for name in ["no-gpu.json", "rtx-4080.json", "gtx-1080-ti.json"] {
        let path = described(name);
        let world = World::from_json(&fs::read_to_string(&path).unwrap()).unwrap();
        let report = doctor::judge(&world);
        let path = path.to_str().unwrap();
        assert_eq!(home.prints(&["doctor", "--world", path]), report.to_text(), "{name}");
        let whole = home.json(&["doctor", "--json", "--world", path]);
        assert_eq!(whole, json!({ "world": world, "report": report }), "{name}");
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0, "{name}");
    }
}

#[test]
fn what_it_prints_of_a_machine_describes_that_machine() {
    let home = Home::new();
    let path = described("taken.json");
    let printed = home.prints(&["doctor", "--json", "--world", path.to_str().unwrap()]);
    let again = file(&home, &printed);
    assert_eq!(home.prints(&["doctor", "--json", "--world", again.to_str().unwrap()]), printed);
}

#[test]
fn a_description_that_makes_no_sense_is_refused_with_the_reason() {
    let home = Home::new();
    home.refuses(&["doctor", "--world", "/nowhere"], 2, "/nowhere cannot be read");
    for (words, why) in [
        ("", "describes no machine"),
        ("[1]", "describes no machine"),
        (r#"{"gpu":[]}"#, "unknown field `gpu`"),
        (r#"{"world":{"ram":{"total":1}}}"#, "unknown field `total`"),
        (r#"{"ram":{"total_bytes":-1}}"#, "describes no machine"),
    ] {
        let path = file(&home, words);
        home.refuses(&["doctor", "--json", "--world", path.to_str().unwrap()], 2, why);
    }
    let long = file(&home, &format!("{{}}{}", " ".repeat(1_999_998)));
    home.refuses(&["doctor", "--world", long.to_str().unwrap()], 2, "2000000 bytes");
    home.refuses(&["doctor", "--world", "x", "--model", "y"], 2, "cannot be used with");
}

#[test]
fn this_machine_is_read_and_judged() {
    let home = Home::new();
    let whole = home.json(&["doctor", "--read-only", "--json"]);
    let world = World::from_json(&whole["world"].to_string()).unwrap();
    assert!(world.os.family.is_some() && world.ram.total_bytes.is_some(), "{world:?}");
    let host = world.host.as_ref().unwrap();
    assert_eq!(
        (host.version.as_deref(), &host.backends[..]),
        (Some(env!("CARGO_PKG_VERSION")), &["cpu".to_owned()][..])
    );
    assert_eq!(world.disk.folder.as_deref(), home.models().to_str());
    assert_eq!(world.measured.cpu_gb_per_s, None, "nothing was measured");
    assert_eq!(whole["report"], json!(doctor::judge(&world)));
    let text = home.prints(&["doctor", "--read-only"]);
    assert!(text.contains("What to do\n  1. "), "{text}");
}

#[test]
fn what_the_settings_and_the_arguments_name_is_looked_at() {
    let home = Home::new();
    let backend = file(&home, "");
    let (set, given) = (home.path().join("set-python"), home.path().join("given-python"));
    fs::create_dir(home.path().join("config")).unwrap();
    let settings = json!({ "local": { "python": set, "backend": backend } });
    fs::write(home.path().join("config").join("settings.json"), settings.to_string()).unwrap();
    // Neither is there, so that each is named as one that was not read.
    let unread = |arguments: &[&str]| {
        let world = home.json(&[&["doctor", "--read-only", "--json"], arguments].concat());
        assert_eq!(world["world"]["moshi_backend"], true);
        world["world"]["unread"].to_string()
    };
    let names = |text: &str| ["set-python", "given-python"].map(|name| text.contains(name));
    assert_eq!(names(&unread(&[])), [true, false]);
    assert_eq!(names(&unread(&["--python", given.to_str().unwrap()])), [false, true]);
    let world =
        home.json(&["doctor", "--read-only", "--json", "--models-folder", home.path().to_str().unwrap()]);
    assert_eq!(world["world"]["disk"]["folder"], json!(home.path()));
}

#[test]
fn a_program_is_told_what_is_known_as_it_becomes_known() {
    let home = Home::new();
    let mut command = home.command(&["doctor", "--events"]);
    let mut running = Running::start({
        command.stdin(Stdio::piped());
        command
    });
    let first = running.event().unwrap();
    assert_eq!((&first["event"], &first["phase"]), (&json!("progress"), &json!("reading")));
    assert!(first["of"].as_u64().unwrap() >= first["done"].as_u64().unwrap());
    let is_world = |event: &Value| event["event"] == "world";
    let read = running.until(is_world);
    assert!(World::from_json(&read["world"].to_string()).unwrap().measured.cpu_gb_per_s.is_none());
    let measuring = running.event().unwrap();
    assert_eq!((&measuring["event"], &measuring["phase"]), (&json!("progress"), &json!("measuring")));
    let measured = running.until(is_world);
    let measured = World::from_json(&measured["world"].to_string()).unwrap();
    assert!(measured.measured.cpu_gb_per_s.is_some_and(|speed| speed > 0.0), "{measured:?}");
    assert_eq!(running.event(), None, "nothing comes behind it");
    assert_eq!(running.code(), Some(0));
}

#[test]
fn a_small_model_is_timed_and_proves_nothing() {
    let home = Home::new();
    let folder = home.tiny(true);
    let folder = folder.to_str().unwrap();
    let whole = home.json(&["doctor", "--json", "--model", folder]);
    let timed = &whole["timed"];
    assert_eq!(
        (&timed["model"], &timed["counts_as"], &timed["frames"]),
        (&json!(folder), &json!(null), &json!(125))
    );
    assert!(timed["p95_ms"].as_f64().unwrap() >= timed["median_ms"].as_f64().unwrap());
    assert_eq!(whole["world"]["measured"]["runs"], json!([]));
    assert!(!whole["report"].to_string().contains("timed.fast"));

    // The same for whoever reads, by the model's id.
    home.prints(&["model", "import", folder]);
    let text = home.prints(&["doctor", "--model", "local-tiny"]);
    assert!(text.contains("125 frames of local-tiny were timed"), "{text}");
    assert!(text.contains("says nothing of any model above"), "{text}");
}

/// The line of the report that says why a model was not timed.
#[track_caller]
fn left_out(home: &Home, model: &Path) -> String {
    let whole = home.json(&["doctor", "--json", "--model", model.to_str().unwrap()]);
    assert!(whole["timed"].is_null());
    let unread = whole["world"]["unread"].as_array().unwrap();
    let ours = unread.iter().find(|unread| unread["probe"].as_str().unwrap().starts_with("frames of "));
    let why = ours.expect("it is named")["why"].as_str().unwrap().to_owned();
    assert!(whole["report"]["notices"].to_string().contains("frames of "));
    why
}

#[test]
fn a_model_that_cannot_be_timed_is_named_with_the_reason() {
    let home = Home::new();
    let folder = home.tiny(true);
    let quantized = folder.join("model.q8.gguf");
    let all = fs::read(&quantized).unwrap();
    fs::write(&quantized, &all[..all.len() - 1]).unwrap();
    assert!(left_out(&home, &quantized).contains("is damaged"));
    assert!(left_out(&home, Path::new("/nowhere")).contains("/nowhere is missing"));
    assert!(
        left_out(&home, Path::new("moshiko-candle-q8")).contains("myca model download moshiko-candle-q8")
    );
}

#[test]
fn a_model_that_is_larger_than_the_memory_is_not_loaded() {
    let home = Home::new();
    let folder = home.tiny(false);
    // 4 TB of which the disk holds the head alone.
    let names = [
        "text_emb.weight",
        "transformer.layers.0.self_attn.in_proj_weight",
        "depformer_in.0.weight",
        "linears.0.weight",
    ];
    let (each, mut head) = (1_u64 << 40, serde_json::Map::new());
    for (index, name) in (0..).zip(names) {
        let place = json!({ "dtype": "F32", "shape": [each / 4, 1], "data_offsets": [index * each, (index + 1) * each] });
        head.insert(name.to_owned(), place);
    }
    let head = Value::from(head).to_string();
    let mut weights = File::create(folder.join("model.safetensors")).unwrap();
    weights.write_all(&(head.len() as u64).to_le_bytes()).unwrap();
    weights.write_all(head.as_bytes()).unwrap();
    weights.set_len(8 + head.len() as u64 + 4 * each).unwrap();
    let why = left_out(&home, &folder);
    assert!(why.starts_with("it takes 4398.0 GB of memory, and "), "{why}");
}

#[cfg(unix)]
mod interrupted {
    use std::{os::unix::fs::PermissionsExt, time::Duration};

    use super::*;

    /// A Python that says who it is and then nothing more.
    struct Hanging {
        script: PathBuf,
        told: PathBuf,
    }

    impl Hanging {
        fn new(home: &Home) -> Self {
            let (script, told) = (home.path().join("python"), home.path().join("told"));
            let words =
                format!("#!/bin/sh\necho $$ > {0}.new && mv {0}.new {0}\nexec sleep 600\n", told.display());
            fs::write(&script, words).unwrap();
            fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
            Self { script, told }
        }

        /// Its process, once it runs.
        fn process(&self) -> String {
            loop {
                match fs::read_to_string(&self.told) {
                    Ok(id) => return id.trim().to_owned(),
                    Err(_) => std::thread::sleep(Duration::from_millis(5)),
                }
            }
        }
    }

    /// Waits until a process is gone, or dead and waiting for somebody to look.
    fn is_gone(process: &str) {
        let stat = PathBuf::from("/proc").join(process).join("stat");
        while fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")) {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn ctrl_c_ends_it_with_what_it_started() {
        let home = Home::new();
        let python = Hanging::new(&home);
        let running =
            Running::start(home.command(&["doctor", "--json", "--python", python.script.to_str().unwrap()]));
        let process = python.process();
        running.interrupt();
        assert_eq!(running.code(), Some(130));
        is_gone(&process);
    }

    #[test]
    fn the_end_of_its_input_ends_it_where_a_program_listens() {
        let home = Home::new();
        let python = Hanging::new(&home);
        let mut command = home.command(&["doctor", "--events", "--python", python.script.to_str().unwrap()]);
        command.stdin(Stdio::piped());
        let mut running = Running::start(command);
        let process = python.process();
        drop(running.child.stdin.take());
        assert_eq!(running.code(), Some(130));
        is_gone(&process);
    }
}
