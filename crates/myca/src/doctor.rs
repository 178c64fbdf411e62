//! `myca doctor`: what can run Moshi on a machine, and why not.
#![allow(clippy::print_stderr, reason = "sentences are for whoever started it")]

mod described;
mod show;
mod timing;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use ::doctor::{
    Host, Unread, World, judge,
    probe::{self, MeasureSettings, Progress, ReadSettings},
};
use serde_json::json;
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

use self::{show::Phase, timing::Timed};
use crate::{
    end,
    place::Place,
    print::{Show, line, out, visible},
    settings, token,
};

/// How long everything takes that is measured.
const MEASURING: Duration = Duration::from_secs(20);
/// How the program ends when it was told something that makes no sense, as clap does.
const WRONG_INPUT: u8 = 2;

/// Say what can run Moshi.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Print one JSON object: what is known, and what follows from it
    #[arg(long)]
    json: bool,
    /// Print lines of JSON as things become known, judge nothing, and end when standard input does
    #[arg(long, conflicts_with_all = ["json", "world"])]
    events: bool,
    /// Judge the machine that this file describes, and touch nothing here
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["read_only", "model", "pythons", "moshi_backend", "models_folder", "catalogue"]
    )]
    world: Option<PathBuf>,
    /// Read only, and measure nothing
    #[arg(long, conflicts_with = "model")]
    read_only: bool,
    /// Time real frames of this model: the folder with its files, the file of weights in it, or its id
    #[arg(long, value_name = "MODEL")]
    model: Option<PathBuf>,
    /// A Python interpreter, or the folder of a virtual environment; may be given several times. Without it the one in
    /// the settings
    #[arg(long = "python", value_name = "PATH")]
    pythons: Vec<PathBuf>,
    /// The program moshi-backend; without it the one in the settings
    #[arg(long, value_name = "PATH")]
    moshi_backend: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
}

pub(crate) fn run(args: &Args) -> ExitCode {
    if let Some(path) = &args.world {
        return match described::read(path) {
            Ok(world) => report(&world, None, args.json),
            Err(sentence) => {
                eprintln!("{}", line(&sentence));
                ExitCode::from(WRONG_INPUT)
            }
        };
    }
    end::run(async |stop| here(args, &stop).await)
}

/// Looks at this machine.
async fn here(args: &Args, stop: &CancellationToken) -> ExitCode {
    if args.events
        && let Err(error) = end::with_parent(stop)
    {
        eprintln!("The program cannot watch its parent ({error}). Leave out --events.");
        return ExitCode::FAILURE;
    }
    let settings = match read_settings(args) {
        Ok(settings) => settings,
        Err(sentence) => {
            eprintln!("{sentence}");
            return ExitCode::FAILURE;
        }
    };
    let mut show = Show::new(args.events);
    let looked = stop.run_until_cancelled(Box::pin(look(args, settings, &mut show))).await;
    show.end();
    match looked {
        // Whoever wanted events has had all of it.
        Some(_) if args.events => ExitCode::SUCCESS,
        Some((world, timed)) => report(&world, timed.as_ref(), args.json),
        None => ExitCode::from(end::INTERRUPTED),
    }
}

/// What is to be read, from arguments and, where they say nothing, from the settings.
fn read_settings(args: &Args) -> Result<ReadSettings, String> {
    let local = settings::of_user().map(|file| file.get().local.clone()).unwrap_or_default();
    let set = |path: &str| (!path.trim().is_empty()).then(|| PathBuf::from(path.trim()));
    let mut pythons = args.pythons.clone();
    if pythons.is_empty() {
        pythons.extend(set(&local.python));
    }
    let mut settings = ReadSettings::new(args.place.folder()?);
    settings.pythons = pythons.iter().map(|path| absolute(path)).collect();
    settings.moshi_backend =
        args.moshi_backend.clone().or_else(|| set(&local.backend)).map(|path| absolute(&path));
    settings.host = Some(Host {
        version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        backends: engine::BACKENDS.map(str::to_owned).into(),
    });
    Ok(settings)
}

/// As a report is read by others, in other folders.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// Reads, measures, and times a model if there is one. What is begun ends when this is dropped.
async fn look(args: &Args, settings: ReadSettings, show: &mut Show) -> (World, Option<Timed>) {
    let (progress, seen) = watch::channel(Progress::default());
    let read = show.follow(Phase::Reading, seen, probe::read(&settings, &progress));
    // A keyring that is slow is not waited for longer than everything else.
    let (mut world, kept) = tokio::join!(read, timeout(settings.limit, token::is_kept()));
    if let Some(account) = &mut world.hugging_face {
        account.token |= kept.unwrap_or(false);
    }
    show.world(&world);
    if args.read_only {
        return (world, None);
    }
    let begin = Instant::now();
    // A model that is to be timed gets the other half.
    let limit = if args.model.is_some() { MEASURING / 2 } else { MEASURING };
    let measure = MeasureSettings { limit, ..MeasureSettings::new() };
    let (progress, seen) = watch::channel(Progress::default());
    world = show.follow(Phase::Measuring, seen, probe::measure(&world, &measure, &progress)).await;
    show.world(&world);
    let Some(model) = &args.model else { return (world, None) };
    let left = MEASURING.saturating_sub(begin.elapsed());
    let timed = match timing::time(model, &args.place, &world.ram, left, show).await {
        Ok(timed) => {
            timing::add(&mut world, &timed);
            Some(timed)
        }
        Err(why) => {
            world.unread.push(Unread { probe: format!("frames of {}", model.display()), why });
            None
        }
    };
    show.timed(timed.as_ref());
    show.world(&world);
    (world, timed)
}

/// Prints what is known and what follows from it.
fn report(world: &World, timed: Option<&Timed>, as_json: bool) -> ExitCode {
    let report = judge(world);
    if !as_json {
        out(format_args!("{}", visible(&report.to_text())));
        if let Some(sentence) = timed.and_then(|timed| timed.without_verdict(&report)) {
            out(format_args!("\n{sentence}\n"));
        }
        return ExitCode::SUCCESS;
    }
    let mut whole = json!({ "world": world, "report": report });
    if let (Some(timed), Some(whole)) = (timed, whole.as_object_mut()) {
        whole.insert("timed".to_owned(), json!(timed));
    }
    out(format_args!("{whole:#}\n"));
    ExitCode::SUCCESS
}
