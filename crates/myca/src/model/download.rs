//! `myca model download`.
#![allow(clippy::print_stderr, reason = "sentences and progress are for whoever started it")]

use std::{pin::pin, process::ExitCode};

use models::{DownloadError, Hub, Kept, Model, Options, Phase, Progress, download};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::words::{duration, part, size};
use crate::{
    end,
    place::Place,
    print::{Show, line, out, progress_line},
    settings, token,
};

#[derive(clap::Args)]
pub(super) struct Args {
    /// The id of the model (see `myca model list`). The token that a gated one takes is in the keyring, or in the
    /// environment variable `HF_TOKEN`
    id: String,
    /// Where models are downloaded from; without it what the settings say, then `HF_ENDPOINT`, then Hugging Face
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    #[command(flatten)]
    place: Place,
    /// Print how far it is as lines of JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> ExitCode {
    end::run(async |stop| match fetch(args, &stop).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure { code, says }) => {
            if args.json {
                event("failed", &json!({ "code": code, "says": says }));
            }
            eprintln!("{says}");
            if stop.is_cancelled() { ExitCode::from(end::INTERRUPTED) } else { ExitCode::FAILURE }
        }
    })
}

/// Why it ended, with a code that stays the same where there is one.
struct Failure {
    code: Option<&'static str>,
    says: String,
}

impl From<String> for Failure {
    fn from(says: String) -> Self {
        Self { code: None, says }
    }
}

impl From<DownloadError> for Failure {
    fn from(error: DownloadError) -> Self {
        let mut says = error.to_string();
        if matches!(error, DownloadError::Gated { .. } | DownloadError::Token) {
            says.push_str(&format!(
                " Here the environment variable {} can hold the token, too.",
                token::VARIABLE
            ));
        }
        Self { code: Some(error.code()), says: line(&says) }
    }
}

async fn fetch(args: &Args, stop: &CancellationToken) -> Result<(), Failure> {
    let (shelf, catalogue) = args.place.shelf()?;
    let Some(model) = catalogue.get(&args.id) else {
        return Err(format!(
            "There is no model {} to download. `myca model list` has all of them.",
            line(&args.id)
        )
        .into());
    };
    if let Some(kept) = shelf.find(&catalogue, &args.id) {
        done(model, &kept, args.json);
        return Ok(());
    }
    let paused = || Failure::from(DownloadError::Paused);
    let token = stop.run_until_cancelled(token::for_model(model)).await.ok_or_else(paused)??;
    let endpoint = args.endpoint.clone().or_else(endpoint_of_settings);
    let hub = match endpoint {
        Some(endpoint) => Hub::new(&endpoint, token),
        None => Hub::of_user(token),
    };
    let hub = hub.map_err(|error| Failure { code: Some(error.code()), says: error.to_string() })?;
    let (progress, seen) = watch::channel(Progress::default());
    let options = Options::default();
    let work = Box::pin(download(&shelf, model, &hub, &options, progress, stop));
    let kept = follow(seen, work, Show::new(args.json)).await?;
    done(model, &kept, args.json);
    Ok(())
}

fn endpoint_of_settings() -> Option<String> {
    let endpoint = settings::of_user()?.get().model_endpoint.clone();
    Some(endpoint).filter(|endpoint| !endpoint.trim().is_empty())
}

fn tell(show: Show, progress: &Progress) {
    match show {
        Show::Events => event("progress", &json!(progress)),
        Show::Terminal => progress_line(&words(progress)),
        Show::Silent => {}
    }
}

async fn follow<T>(mut seen: watch::Receiver<Progress>, work: impl Future<Output = T>, show: Show) -> T {
    let mut work = pin!(work);
    loop {
        tokio::select! {
            done = &mut work => {
                if matches!(show, Show::Terminal) {
                    progress_line("");
                }
                return done;
            }
            Ok(()) = seen.changed() => tell(show, &seen.borrow_and_update()),
        }
    }
}

fn words(progress: &Progress) -> String {
    let Progress { phase, file, done, total, bytes_per_s, left_s } = progress;
    match phase {
        Phase::Asking => "Asking which files there are".to_owned(),
        Phase::Checking => format!("{}  Checking {file}", part(*done, *total)),
        Phase::Fetching => {
            let left = left_s.map_or_else(String::new, |left| format!("  {} left", duration(left)));
            let speed = size(*bytes_per_s as u64);
            format!("{}  {} of {}  {speed}/s{left}  {file}", part(*done, *total), size(*done), size(*total))
        }
    }
}

fn done(model: &Model, kept: &Kept, as_json: bool) {
    if as_json {
        return event("done", &json!({ "kept": kept }));
    }
    let folder = line(&kept.folder.display().to_string());
    let (licence, page) = (line(&model.licence.name), line(&model.licence.page));
    out(format_args!("{} is here: {folder}\nLicence: {licence}, {page}\n", model.id));
}

/// Prints an event as a line of JSON.
fn event(name: &str, fields: &Value) {
    let mut event = json!({ "event": name });
    if let (Some(event), Some(fields)) = (event.as_object_mut(), fields.as_object()) {
        event.extend(fields.clone());
    }
    out(format_args!("{event}\n"));
}
