//! The desktop shell: a window in front of [`window::Window`], and nothing in it that thinks.

mod args;
mod commands;
mod end;
mod events;
mod marks;
mod webview;

use std::env;
use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use store::{Paths, Secrets, SettingsFile};
use tauri::RunEvent;
use tracing_subscriber::EnvFilter;
use window::{Options, PlaceOptions, SshProgram, Window};

use crate::args::Args;
use crate::events::Events;

/// Threads for what waits: the network, timers, the window's wishes. Sound has threads of its own.
const WORKERS: usize = 2;

/// Runs the app until its window is closed.
#[must_use]
pub fn run() -> ExitCode {
    let args = Args::parse();
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_from_env("MYCA_LOG").unwrap_or_else(|_| EnvFilter::new("warn")))
        .with_writer(io::stderr)
        .init();
    if let Err(error) = webview::prepare() {
        tracing::warn!(%error, "the window may stay empty");
    }
    match serve(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Without a window and without a terminal there is nobody else to tell.
            let _ = writeln!(io::stderr(), "MYCA Voice cannot start: {error}.");
            ExitCode::FAILURE
        }
    }
}

fn serve(args: Args) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build()?;
    tauri::async_runtime::set(runtime.handle().clone());
    let (window, task) = runtime.block_on(async { Window::start(options(&args)?) })?;
    if args.talk {
        let window = window.clone();
        runtime.spawn(async move { window.talk().await });
    }
    let app = tauri::Builder::default()
        .manage(window.clone())
        .manage(Arc::new(Events::default()))
        .setup(|app| Ok(end::when_asked(app.handle())?))
        .invoke_handler(tauri::generate_handler![
            commands::snapshot,
            commands::subscribe,
            commands::next_events,
            commands::talk,
            commands::stop,
            commands::set_muted,
            commands::send_text,
            commands::change_settings,
            commands::new_conversation,
            commands::start_echo_test,
            commands::stop_echo_test,
            commands::start_dictation,
            commands::stop_dictation,
            commands::dismiss_notice,
            commands::retry_turn,
            commands::cancel_answer,
            commands::stop_speaking,
            commands::decide,
            commands::find_conversations,
            commands::resume_conversation,
            commands::rename_conversation,
            commands::delete_conversation,
            commands::export_conversation,
            commands::find_memories,
            commands::edit_memory,
            commands::forget_memory,
            commands::set_mas_token,
            commands::set_ear_key,
            commands::add_host,
            commands::edit_host,
            commands::delete_host,
            commands::order_hosts,
            commands::choose_host,
            commands::pin_host,
            commands::set_host_token,
            commands::check_host,
            commands::cancel_check,
            commands::start_local,
            commands::stop_local,
            commands::local_log,
            commands::run_doctor,
            commands::cancel_doctor,
            commands::refresh_models,
            commands::download_model,
            commands::pause_download,
            commands::delete_model,
            commands::import_model,
            commands::set_hub_token,
            commands::report,
        ])
        .build(tauri::generate_context!())?;
    let mut task = Some(task);
    app.run(move |_, event| {
        // The window has gone already. The loop never returns, so what has to end well ends here.
        if let (RunEvent::Exit, Some(task)) = (event, task.take()) {
            runtime.block_on(end::end(&window, task));
        }
    });
    Ok(())
}

fn options(args: &Args) -> io::Result<Options> {
    let paths = Paths::of_user().map_err(io::Error::other)?;
    let (settings, settings_aside) = SettingsFile::open(&paths.settings());
    Ok(Options {
        sound: Arc::new(|| Box::new(audio::device::native)),
        settings,
        settings_aside,
        history: Some(paths.history()),
        data_folder: paths.data().display().to_string(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        host: args.host.clone(),
        places: PlaceOptions {
            myca: companion("myca")?,
            models: paths.models(),
            logs: paths.logs().to_path_buf(),
            runtimes: paths.data().join("runtimes"),
            hub_cache: true,
            ssh: SshProgram::default(),
        },
        memories: paths.memories(),
        exports: paths.exports().to_path_buf(),
        secrets: Some(Secrets::of_user()),
    })
}

/// A program of ours that lies beside this one.
fn companion(name: &str) -> io::Result<PathBuf> {
    Ok(env::current_exe()?.with_file_name(format!("{name}{}", env::consts::EXE_SUFFIX)))
}
