//! Moshi on this computer, started by the real app: it serves a conversation, survives being killed, and leaves nothing
//! behind.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]

mod common;

use std::{fs, path::Path, time::Duration};

use common::{
    alignment::sounding,
    app::{App, by},
    patiently,
    program::{argument, myca, output},
    recording::Recording,
    server::tiny_model,
};
use rustix::process::{Pid, Signal, kill_process};
use store::{HostPlace, HostProfile, Paths, Settings, SettingsFile};
use tempfile::TempDir;

/// A home with a small model, and this computer as the host.
fn home() -> TempDir {
    let home = tempfile::tempdir().unwrap();
    let model = tiny_model();
    let kept = home.path().join("tiny");
    fs::rename(model.path(), &kept).or_else(|_| copy(model.path(), &kept)).unwrap();
    output(myca(&["model", "import", argument(&kept)]).env("MYCA_HOME", home.path()));
    let (mut settings, _) = SettingsFile::open(&Paths::below(home.path()).settings());
    let host = HostProfile {
        id: "here".into(),
        name: "This computer".into(),
        place: HostPlace::ThisComputer,
        pin: None,
        plain: false,
        token: false,
        measured: None,
    };
    settings.set(Settings { hosts: vec![host], host: Some("here".into()), ..Settings::default() }).unwrap();
    home
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}

/// The processes that have this home, with what they were started as.
fn processes(home: &Path) -> Vec<(Pid, String)> {
    let wanted = format!("MYCA_HOME={}", home.display());
    let found = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let folder = entry.ok()?.path();
        let pid = folder.file_name()?.to_str()?.parse().ok()?;
        // Somebody else's, or one that has just ended, cannot be read.
        let environment = fs::read(folder.join("environ")).ok()?;
        let has_it = environment.split(|byte| *byte == 0).any(|line| line == wanted.as_bytes());
        let line = fs::read_to_string(folder.join("cmdline")).ok()?.replace('\0', " ");
        (has_it && !line.is_empty()).then(|| Some((Pid::from_raw(pid)?, line)))?
    });
    found.collect()
}

fn host_process(home: &Path) -> Option<Pid> {
    let found = processes(home).into_iter().find(|(_, line)| line.contains("myca host "));
    found.map(|(pid, _)| pid)
}

#[test]
fn moshi_on_this_computer_is_started_by_talk_survives_a_kill_and_leaves_nothing_behind() {
    let home = home();
    let folder = home.path().to_path_buf();
    let app = App::open_at_home(home, &[]);
    let recording = Recording::start(&app.pulse);
    app.click("talk");
    app.wait_for_phase("live");
    app.wait_for_light("moshi", "well");
    let second = Duration::from_secs(1);
    recording.wait_for("a second of the model's voice", |sides| sounding(&sides.loudspeaker) >= second);

    let first = patiently("the process of Moshi", || host_process(&folder));
    kill_process(first, Signal::KILL).unwrap();
    app.wait_for_phase("reconnecting");
    app.say_by_hand("typed while it was away");
    app.wait_for_phase("live");
    let second = patiently("another process of Moshi", || host_process(&folder).filter(|pid| *pid != first));
    assert_ne!(first, second);
    app.click("talk");
    app.wait_for_phase("idle");
    let _home = app.close();
    patiently("nothing of it to be left", || processes(&folder).is_empty().then_some(()));
}

#[test]
fn an_app_that_is_killed_leaves_no_moshi_behind() {
    let home = home();
    let folder = home.path().to_path_buf();
    let app = App::open_at_home(home, &[]);
    app.click("talk");
    app.wait_for_phase("live");
    let of_app = |line: &str| line.contains("myca-voice");
    let window =
        processes(&folder).into_iter().find(|(_, line)| of_app(line) && !line.contains("tauri-driver"));
    kill_process(window.unwrap().0, Signal::KILL).unwrap();
    patiently("Moshi to end with the app", || host_process(&folder).is_none().then_some(()));
    patiently("its guard to end, too", || {
        processes(&folder).iter().all(|(_, line)| !line.contains("myca ")).then_some(())
    });
}

#[test]
fn the_doctor_says_what_this_computer_cannot_do_and_why() {
    // The first screen asks the doctor by itself.
    let app = App::open(&[]);
    let verdict = app.driver.wait_for_text(&by("first-verdict"), |text| text.contains("remote host"));
    app.click("first-leave");
    app.click("settings-open");
    app.driver.find(&format!("{}[data-phase=done]", by("doctor-work")));
    let summary = app.driver.find(&by("doctor-summary")).text();
    assert!(summary.contains("typing works meanwhile"), "it names what is left: {summary} ({verdict})");
    assert!(!app.driver.find_all(&by("doctor-row")).is_empty());
    app.close();
}
