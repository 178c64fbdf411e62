//! `myca host`: Moshi itself, on this machine's processor.
#![allow(clippy::print_stderr, reason = "sentences are for whoever started it")]

use std::path::PathBuf;
use std::process::ExitCode;

use engine::Sampling;
use engine::serve::ModelSource;

use crate::compute::Compute;
use crate::place::Place;
use crate::server;

/// Be a Moshi host.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The model: the folder with its files, the file of weights in it, or its id (see `myca model list`)
    #[arg(long, value_name = "MODEL")]
    model: PathBuf,
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
    let Args { model, place, greedy, compute, listen } = args;
    let found = match place.find(&model) {
        Ok(found) => found,
        Err(sentence) => {
            eprintln!("{sentence}");
            return ExitCode::from(server::NO_MODEL);
        }
    };
    let sampling = greedy.then_some(Sampling::GREEDY);
    let (path, options) = (found.path.clone(), compute.options());
    let code =
        server::run(&listen, move || Ok(ModelSource::new(engine::load_with(&path, options)?, sampling)));
    // It is in use until here.
    drop(found);
    code
}
