//! `myca model tiny`.

use std::path::PathBuf;

use engine::tiny::{self, TinySettings};

use crate::print::out;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The folder to write into; it is made if need be
    folder: PathBuf,
    /// The same number makes the same model
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Write quantized weights (GGUF), too
    #[arg(long)]
    quantized: bool,
    /// Write a model of PersonaPlex, which takes a persona and a voice
    #[arg(long, conflicts_with = "hear")]
    personaplex: bool,
    /// Write a recogniser of speech, which says words at any sound; with the same seed it has the codec of the model that
    /// talks
    #[arg(long)]
    hear: bool,
}

pub(super) fn run(args: &Args) -> Result<(), String> {
    let settings = TinySettings { seed: args.seed, quantized: args.quantized };
    let write = match (args.personaplex, args.hear) {
        (true, _) => tiny::write_personaplex,
        (false, true) => tiny::write_hearing,
        (false, false) => tiny::write,
    };
    for file in write(&args.folder, settings).map_err(|error| error.to_string())? {
        out(format_args!("{}\n", file.display()));
    }
    Ok(())
}
