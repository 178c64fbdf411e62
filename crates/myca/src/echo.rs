//! `myca echo`: a host without a model.

use std::process::ExitCode;

use engine::serve::Echo;

use crate::server;

/// Be a host that says what it hears.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    listen: server::Listen,
}

pub(crate) fn run(args: &Args) -> ExitCode {
    let paths = server::Paths { talks: true, hears: false };
    server::run(&args.listen, paths, || Ok(Echo))
}
