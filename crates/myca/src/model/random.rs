//! `myca model random`.

use std::path::PathBuf;

use clap::ValueEnum;
use engine::full::{self, FullSettings};

use crate::print::out;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The folder to write into; it is made if need be
    folder: PathBuf,
    /// Format of the weights: q4_k takes 4.7 GB of disk, q8_0 8.7 GB
    #[arg(long, value_enum, default_value_t = Format::Q4K)]
    format: Format,
    /// Write a recogniser of speech of the shape of stt-1b-en_fr instead, which takes 1.0 GB or 1.5 GB; with the same seed it
    /// has the codec of the model that talks
    #[arg(long)]
    hear: bool,
    /// The same number makes the same model
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    #[value(name = "q4_k")]
    Q4K,
    #[value(name = "q8_0")]
    Q8_0,
}

pub(super) fn run(args: &Args) -> Result<(), String> {
    let format = match args.format {
        Format::Q4K => weights::Format::Q4K,
        Format::Q8_0 => weights::Format::Q8_0,
    };
    let settings = FullSettings { format, seed: args.seed };
    let write = if args.hear { full::write_hearing } else { full::write };
    for file in write(&args.folder, settings).map_err(|error| error.to_string())? {
        out(format_args!("{}\n", file.display()));
    }
    Ok(())
}
