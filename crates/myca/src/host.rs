//! `myca host`: Moshi itself, on this machine's processor.

use std::path::PathBuf;
use std::process::ExitCode;

use engine::Sampling;
use engine::serve::ModelSource;

use crate::server;

/// Be a Moshi host.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The folder with the model's files, or the file of weights in it
    #[arg(long, value_name = "PATH")]
    model: PathBuf,
    /// Always say what is most probable, so that the same words get the same answer
    #[arg(long)]
    greedy: bool,
    #[command(flatten)]
    listen: server::Listen,
}

pub(crate) fn run(args: Args) -> ExitCode {
    let Args { model, greedy, listen } = args;
    let sampling = greedy.then_some(Sampling::GREEDY);
    server::run(&listen, move || Ok(ModelSource::new(engine::load(&model)?, sampling)))
}
