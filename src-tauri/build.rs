//! Builds the window where nobody has yet, and hands Tauri its configuration.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;
use std::{env, fs, io};

/// What the window may ask. Each name becomes the permission `allow-NAME`.
const COMMANDS: &[&str] = &[
    "snapshot",
    "subscribe",
    "next_events",
    "talk",
    "stop",
    "set_muted",
    "send_text",
    "change_settings",
    "new_conversation",
    "start_echo_test",
    "stop_echo_test",
    "start_dictation",
    "stop_dictation",
    "dismiss_notice",
    "retry_turn",
    "cancel_answer",
    "stop_speaking",
    "decide",
    "find_conversations",
    "resume_conversation",
    "rename_conversation",
    "delete_conversation",
    "export_conversation",
    "find_memories",
    "edit_memory",
    "forget_memory",
    "set_mas_token",
    "set_ear_key",
    "add_host",
    "edit_host",
    "delete_host",
    "order_hosts",
    "choose_host",
    "pin_host",
    "set_host_token",
    "check_host",
    "cancel_check",
    "start_local",
    "stop_local",
    "local_log",
    "run_doctor",
    "cancel_doctor",
    "refresh_models",
    "download_model",
    "pause_download",
    "delete_model",
    "import_model",
    "set_hub_token",
    "report",
];

/// What the built window is made from, in `ui`.
const SOURCES: [&str; 6] =
    ["src", "index.html", "package-lock.json", "vite.config.ts", "svelte.config.js", "tsconfig.json"];

fn main() -> Result<(), Box<dyn Error>> {
    // Tauri's own command line has built the window before it calls cargo; the development server serves it itself.
    let built_elsewhere = env::var_os("TAURI_ENV_TARGET_TRIPLE").is_some();
    if !built_elsewhere && env::var_os("CARGO_FEATURE_CUSTOM_PROTOCOL").is_some() {
        build_window(Path::new("ui"))?;
    }
    println!("cargo:rerun-if-env-changed=TAURI_ENV_TARGET_TRIPLE");
    let attributes = tauri_build::Attributes::new()
        .capabilities_path_pattern("./src-tauri/capabilities/**/*.json")
        .app_manifest(tauri_build::AppManifest::new().commands(COMMANDS));
    tauri_build::try_build(attributes)?;
    Ok(())
}

/// Runs npm unless `ui/dist` is newer than everything that it is made from.
fn build_window(ui: &Path) -> Result<(), Box<dyn Error>> {
    let sources = SOURCES.map(|source| ui.join(source));
    for source in &sources {
        println!("cargo:rerun-if-changed={}", source.display());
    }
    println!("cargo:rerun-if-changed={}", ui.join("dist").display());
    let mut newest = SystemTime::UNIX_EPOCH;
    for source in &sources {
        newest = newest.max(newest_below(source)?);
    }
    let built = fs::metadata(ui.join("dist").join("index.html")).and_then(|index| index.modified());
    if built.is_ok_and(|built| built >= newest) {
        return Ok(());
    }
    if !ui.join("node_modules").is_dir() {
        npm(ui, &["ci", "--no-audit", "--no-fund", "--loglevel=error"])?;
    }
    npm(ui, &["run", "--silent", "build"])
}

/// When the file, or the youngest one below the folder, was last written.
fn newest_below(path: &PathBuf) -> io::Result<SystemTime> {
    let mut newest = fs::metadata(path)?.modified()?;
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            newest = newest.max(newest_below(&entry?.path())?);
        }
    }
    Ok(newest)
}

fn npm(ui: &Path, arguments: &[&str]) -> Result<(), Box<dyn Error>> {
    // On Windows npm is a script, which is only found under its whole name.
    let program = if cfg!(windows) { "npm.cmd" } else { "npm" };
    let output = Command::new(program).args(arguments).current_dir(ui).output().map_err(|error| {
        format!("npm could not be started ({error}): the window needs Node 20.19 or newer")
    })?;
    if output.status.success() {
        return Ok(());
    }
    let words = [output.stdout, output.stderr].concat();
    Err(format!("npm {} failed:\n{}", arguments.join(" "), String::from_utf8_lossy(&words)).into())
}
