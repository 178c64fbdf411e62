//! `myca model`: models on this machine.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "printing is what this command is for")]

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use engine::tiny::{self, TinySettings};

/// Make models.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write a small model with random weights, which says words and makes sound without any meaning.
    Tiny {
        /// The folder to write into; it is made if need be
        folder: PathBuf,
        /// The same number makes the same model
        #[arg(long, default_value_t = 0)]
        seed: u64,
        /// Write quantized weights (GGUF), too
        #[arg(long)]
        quantized: bool,
    },
}

pub(crate) fn run(args: Args) -> ExitCode {
    let Command::Tiny { folder, seed, quantized } = args.command;
    match tiny::write(&folder, TinySettings { seed, quantized }) {
        Ok(files) => {
            for file in files {
                println!("{}", file.display());
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
