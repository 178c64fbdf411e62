//! MYCA Voice on the command line.

mod ask;
mod devices;
mod echo;
mod end;
mod host;
mod model;
mod server;
mod talk;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

/// Talk with full-duplex speech models.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Talk with a Moshi host.
    Talk(Box<talk::Args>),
    /// Ask a brain something, without a microphone and without Moshi.
    Ask(Box<ask::Args>),
    /// List microphones and loudspeakers.
    Devices(devices::Args),
    /// Be a Moshi host: run a model on this machine's processor.
    Host(host::Args),
    /// Be a host that says what it hears, to try sound and connections without a model.
    Echo(echo::Args),
    /// Make models.
    Model(model::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    // Standard output belongs to what a command is for.
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_from_env("MYCA_LOG").unwrap_or_else(|_| EnvFilter::new("warn")))
        .with_writer(std::io::stderr)
        .init();
    match cli.command {
        Command::Talk(args) => talk::run(*args),
        Command::Ask(args) => ask::run(&args),
        Command::Devices(args) => devices::run(&args),
        Command::Host(args) => host::run(args),
        Command::Echo(args) => echo::run(&args),
        Command::Model(args) => model::run(args),
    }
}
