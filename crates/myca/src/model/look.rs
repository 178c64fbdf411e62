//! `myca model examine` and `myca model import`: what lies somewhere else.

use std::path::PathBuf;

use engine::hear::Recogniser;
use engine::{CpuOptions, Outline};
use models::{Examined, Format, Kind, Runtime};
use serde_json::{Value, json};

use super::words::{kind, runs_with, size, weights};
use crate::{
    place::Place,
    print::{line, out},
};

#[derive(clap::Args)]
pub(super) struct ExamineArgs {
    /// The folder, or a file of weights in it
    path: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
pub(super) struct ImportArgs {
    /// The folder with the model, or a file of weights in it
    path: PathBuf,
    #[command(flatten)]
    place: Place,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn examine(args: &ExamineArgs) -> Result<(), String> {
    let examined = models::examine(&args.path).map_err(|error| error.to_string())?;
    let host = OnHost::of(&examined);
    if args.json {
        let whole = json!({ "examined": examined, "host": host.to_json() });
        out(format_args!("{whole:#}\n"));
        return Ok(());
    }
    out(format_args!("{}\n{}\n", sentence(&examined), host.sentence(&examined)));
    Ok(())
}

pub(super) fn import(args: &ImportArgs) -> Result<(), String> {
    let (shelf, _) = args.place.shelf()?;
    let (kept, examined) = shelf.import(&args.path).map_err(|error| error.to_string())?;
    if args.json {
        let whole = json!({ "kept": kept, "examined": examined });
        out(format_args!("{whole:#}\n"));
        return Ok(());
    }
    let host = OnHost::of(&examined).sentence(&examined);
    out(format_args!("It is on the list as {}. {}\n{host}\n", kept.id, sentence(&examined)));
    Ok(())
}

/// Whether `myca host` can load a model, as far as it can be told without loading it.
enum OnHost {
    Loads(Outline),
    /// As what hears, beside one that talks or alone.
    Hears(Outline),
    /// The engine says what is wrong.
    Refused(engine::Error),
    /// It is nothing for it.
    No,
}

impl OnHost {
    fn of(examined: &Examined) -> Self {
        if examined.kind == Kind::Recogniser {
            return match Recogniser::outline(&examined.weights_file, CpuOptions::default()) {
                Ok(outline) => Self::Hears(outline),
                Err(error) => Self::Refused(error),
            };
        }
        if !examined.runtimes.contains(&Runtime::MycaHost) {
            return Self::No;
        }
        match engine::outline(&examined.weights_file, CpuOptions::default()) {
            Ok(outline) => Self::Loads(outline),
            Err(error) => Self::Refused(error),
        }
    }

    fn to_json(&self) -> Value {
        match self {
            Self::Loads(outline) => {
                let Outline { full_size, memory_bytes } = outline;
                json!({ "loads": true, "fullSize": full_size, "memory": memory_bytes })
            }
            Self::Hears(outline) => json!({ "loads": true, "hears": true, "memory": outline.memory_bytes }),
            Self::Refused(error) => {
                json!({ "loads": false, "code": error.code(), "why": error.to_string() })
            }
            Self::No => json!({ "loads": false }),
        }
    }

    fn sentence(&self, examined: &Examined) -> String {
        match self {
            Self::Loads(outline) => {
                let smaller = if outline.full_size { "" } else { " It is smaller than Moshi 7B." };
                format!(
                    "myca host can load it, and takes {} of memory then.{smaller}",
                    size(outline.memory_bytes)
                )
            }
            Self::Hears(outline) => format!(
                "myca host --hear can load it, and takes {} of memory for it.",
                size(outline.memory_bytes)
            ),
            Self::Refused(error) => format!("myca host cannot load it. {}", line(&error.to_string())),
            Self::No => format!("myca host cannot load it. {}.", runs_with(&examined.runtimes)),
        }
    }
}

fn sentence(examined: &Examined) -> String {
    let form = match examined.format {
        Format::Safetensors => "safetensors",
        Format::Gguf => "GGUF",
    };
    format!(
        "It is {}, {form}, {}, {} in {} files.",
        kind(examined.kind),
        weights(examined.weights),
        size(examined.bytes),
        examined.files.len()
    )
}
