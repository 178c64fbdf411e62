//! `myca bench` as the program that it is.
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

#[test]
fn a_model_is_measured_and_the_report_says_on_what() {
    let home = Home::new();
    let (model, report) = (home.path().join("model"), home.path().join("report.json"));
    let (model, report) = (model.to_str().unwrap(), report.to_str().unwrap());
    assert!(home.run(&["model", "tiny", model]).status.success());
    let options =
        ["--at", "0,100", "--frames", "5", "--threads", "2", "--cache", "q8", "--reference", "3", "--json"];
    let arguments = [&["bench", "--model", model, "--report", report], &options[..]].concat();
    let output = home.run(&arguments);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
    let written: Value = serde_json::from_slice(&fs::read(report).unwrap()).unwrap();
    assert_eq!(written["model"], printed);
    assert!(written["machine"]["memory"]["total_bytes"].as_u64() > Some(0), "{written}");
    assert_eq!((&printed["threads"], &printed["cache"]), (&2.into(), &"q8".into()));
    let steps = printed["steps"].as_array().unwrap();
    let at: Vec<_> = steps.iter().map(|step| (step["context"].as_u64(), step["frames"].as_u64())).collect();
    assert_eq!(at, [(Some(0), Some(5)), (Some(100), Some(5))]);
    // More is read where more is remembered.
    let floor = |step: &Value| step["floorMs"].as_f64().unwrap();
    assert!(0.0 < floor(&steps[0]) && floor(&steps[0]) < floor(&steps[1]), "{printed}");
    assert!(steps.iter().all(|step| step["p99Ms"].as_f64() >= step["p50Ms"].as_f64()), "{printed}");
    assert_eq!((&printed["prefill"]["steps"], &printed["reference"]["frames"]), (&200.into(), &3.into()));

    home.refuses(&["bench", "--model", "nowhere"], 4, "nowhere");
}
