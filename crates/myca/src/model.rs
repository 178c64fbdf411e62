//! `myca model`: models on this machine.
#![allow(clippy::print_stderr, reason = "sentences are for whoever started it")]

mod delete;
mod download;
mod list;
mod look;
mod random;
mod tiny;
mod words;

use std::process::ExitCode;

use clap::Subcommand;

use crate::print::line;

/// Models on this machine.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List the models that there are, and those that are here.
    List(list::Args),
    /// Download a model. Ctrl+C keeps what has come, and the next download goes on from there.
    Download(download::Args),
    /// Put a model on the list that lies somewhere else on this computer; it stays where it lies.
    Import(look::ImportArgs),
    /// Delete a model; one that was imported only leaves the list.
    Delete(delete::Args),
    /// Say what a folder or a file of weights is, and whether `myca host` can load it.
    Examine(look::ExamineArgs),
    /// Write a model of full size with random weights, to measure with.
    Random(random::Args),
    /// Write a small model with random weights, which says words and makes sound without any meaning.
    Tiny(tiny::Args),
}

pub(crate) fn run(args: Args) -> ExitCode {
    let done = match args.command {
        Command::List(args) => list::run(&args),
        Command::Download(args) => return download::run(&args),
        Command::Import(args) => look::import(&args),
        Command::Delete(args) => delete::run(&args),
        Command::Examine(args) => look::examine(&args),
        Command::Random(args) => random::run(&args),
        Command::Tiny(args) => tiny::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            // It may quote what stands in a file of somebody else.
            eprintln!("{}", line(&sentence));
            ExitCode::FAILURE
        }
    }
}
