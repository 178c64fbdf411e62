//! MYCA Voice on the command line.

mod ask;
mod bench;
mod compute;
mod devices;
mod doctor;
mod ear;
mod echo;
mod end;
mod frames;
mod host;
mod model;
mod place;
mod print;
mod server;
mod settings;
mod sound;
mod talk;
mod token;

use std::ffi::OsString;
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
    /// Write down what is said, with a recognition server and without Moshi.
    Hear(ear::Args),
    /// Ask a brain something, without a microphone and without Moshi.
    Ask(Box<ask::Args>),
    /// List microphones and loudspeakers.
    Devices(devices::Args),
    /// Be a Moshi host: run a model on this machine's processor.
    Host(host::Args),
    /// Be a host that says what it hears, to try sound and connections without a model.
    Echo(echo::Args),
    /// Say what can run Moshi on this machine, and why not.
    Doctor(doctor::Args),
    /// List, download, import, delete, examine, quantize and make models.
    Model(model::Args),
    /// Measure a model on this machine: time of a frame, memory, and what keeps it from being faster.
    Bench(bench::Args),
    /// Time frames of a model; the doctor's child, which may fail without it.
    #[command(hide = true)]
    Frames(frames::Args),
    /// Stand between a program and whoever starts it, and leave nothing of it behind.
    #[command(hide = true)]
    Guard {
        /// The program, and its arguments
        #[arg(last = true, required = true)]
        command: Vec<OsString>,
    },
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
        Command::Hear(args) => ear::run(args),
        Command::Ask(args) => ask::run(&args),
        Command::Devices(args) => devices::run(&args),
        Command::Host(args) => host::run(args),
        Command::Echo(args) => echo::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Model(args) => model::run(args),
        Command::Bench(args) => bench::run(&args),
        Command::Frames(args) => frames::run(&args),
        Command::Guard { command } => process::guard::run(command),
    }
}
