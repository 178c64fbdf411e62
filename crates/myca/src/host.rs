//! `myca host`: Moshi itself, and what hears the words of whoever talks with it, on this machine's processor.
#![allow(clippy::print_stderr, reason = "sentences are for whoever started it")]

use std::path::PathBuf;
use std::process::ExitCode;

use engine::hear::{Ears, Recogniser};
use engine::serve::{EarsSource, ModelSource};
use engine::{CpuOptions, Sampling};

use crate::compute::Compute;
use crate::place::{Found, Place};
use crate::server;

/// Be a Moshi host.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The model: the folder with its files, the file of weights in it, or its id (see `myca model list`)
    #[arg(long, value_name = "MODEL", required_unless_present = "hear")]
    model: Option<PathBuf>,
    /// A recogniser of speech, which tells callers their words: folder, file of weights, or id. Without --model the host
    /// only recognises speech
    #[arg(long, value_name = "MODEL")]
    hear: Option<PathBuf>,
    /// Threads that the recogniser computes with; without it a quarter of the cores beside a model that talks, else all
    #[arg(long, value_name = "N", requires = "hear", value_parser = clap::value_parser!(u16).range(1..=1024))]
    hear_threads: Option<u16>,
    #[command(flatten)]
    place: Place,
    /// Always say what is most probable, so that the same words get the same answer
    #[arg(long)]
    greedy: bool,
    #[command(flatten)]
    compute: Compute,
    #[command(flatten)]
    listen: server::Listen,
}

pub(crate) fn run(args: Args) -> ExitCode {
    let Args { model, hear, hear_threads, place, greedy, compute, listen } = args;
    let find = |named: Option<PathBuf>| named.map(|named| place.find(&named)).transpose();
    let (model, hear) = match find(model).and_then(|model| Ok((model, find(hear)?))) {
        Ok(found) => found,
        Err(sentence) => {
            eprintln!("{sentence}");
            return ExitCode::from(server::NO_MODEL);
        }
    };
    let path = |found: &Option<Found>| found.as_ref().map(|found| found.path.clone());
    let (model_path, hear_path) = (path(&model), path(&hear));
    let paths = server::Paths { talks: model_path.is_some(), hears: hear_path.is_some() };
    let sampling = greedy.then_some(Sampling::GREEDY);
    let options = compute.options();
    let ears_options = move |beside: bool| {
        let quarter = || (cores() / 4).max(1);
        let threads = hear_threads.map(usize::from);
        let threads = if beside { threads.or_else(|| Some(quarter())) } else { threads.or(options.threads) };
        // What it looks back at is little, and its own.
        CpuOptions { threads, context: None, ..options }
    };
    let code = match (model_path, hear_path) {
        (Some(model), hear) => server::run(&listen, paths, move || {
            let model = engine::load_with(&model, options)?;
            let ears = hear
                .map(|hear| Recogniser::load_beside(&hear, ears_options(true), &model))
                .transpose()?
                .map(Ears::new);
            let source = ModelSource::new(model, sampling);
            Ok(match ears {
                Some(ears) => source.with_ears(ears),
                None => source,
            })
        }),
        (None, Some(hear)) => server::run(&listen, paths, move || {
            Ok(EarsSource::new(Ears::new(Recogniser::load(&hear, ears_options(false))?)))
        }),
        // The parser does not let it come to this.
        (None, None) => ExitCode::from(server::NO_MODEL),
    };
    // They are in use until here.
    drop((model, hear));
    code
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
