//! `myca bench --golden` as the program that it is.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may stop at the first surprise")]

mod program;

use std::fs;
use std::path::Path;

use program::Home;
use serde_json::Value;

#[test]
fn recordings_are_compared_and_the_exit_code_says_whether_they_agree() {
    let home = Home::new();
    let folder = home.path().join("recordings");
    fs::create_dir(&folder).unwrap();
    let recordings = Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/tests/golden");
    let files = ["stt_tiny_config.json", "stt_tiny_weights.safetensors", "stt_tiny_greedy.safetensors"];
    for file in files {
        fs::copy(recordings.join(file), folder.join(file)).unwrap();
    }
    fs::write(folder.join("notes.txt"), "").unwrap();
    let named = folder.to_str().unwrap();

    let output = home.run(&["bench", "--golden", named]);
    assert_eq!(output.status.code(), Some(0));
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(table.starts_with("stt_tiny_greedy.safetensors\n"), "{table}");
    assert!(table.contains("free run: out_tokens") && table.contains("70 of 70"), "{table}");
    assert!(table.contains("Not a case: notes.txt\nAll 7 agree.\n"), "{table}");

    fs::remove_file(folder.join(files[1])).unwrap();
    let output = home.run(&["bench", "--golden", named, "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["ok"], &report["others"][0]), (&false.into(), &"notes.txt".into()));
    let line = &report["lines"][0];
    assert_eq!((&line["file"], &line["ok"]), (&files[2].into(), &false.into()));
    assert!(line["reason"].as_str().unwrap().contains("stt_tiny_weights.safetensors is missing"));

    home.refuses(&["bench", "--golden", "nowhere"], 4, "nowhere is missing");
    home.refuses(&["bench"], 2, "--model");
    home.refuses(&["bench", "--golden", named, "--threads", "2"], 2, "--threads");
}
