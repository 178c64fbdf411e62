//! `myca model delete`.
#![allow(clippy::print_stderr, reason = "a question is for whoever is at the terminal")]

use std::io::{IsTerminal, stdin};

use models::{Kept, Origin};
use serde_json::json;

use super::words::size;
use crate::{
    place::Place,
    print::{line, out},
};

#[derive(clap::Args)]
pub(super) struct Args {
    /// The id of the model (see `myca model list`)
    id: String,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    place: Place,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<(), String> {
    let (shelf, catalogue) = args.place.shelf()?;
    let mut all = shelf.list(&catalogue).into_iter();
    let kept = all.find(|kept| kept.id == args.id && kept.origin != Origin::HubCache);
    // What is not there, or not ours, is told by whoever deletes.
    if let Some(kept) = kept.as_ref().filter(|_| !args.yes) {
        permitted(kept)?;
    }
    let freed = shelf.delete(&catalogue, &args.id).map_err(|error| error.to_string())?;
    if args.json {
        out(format_args!("{}\n", json!({ "id": args.id, "freed": freed })));
        return Ok(());
    }
    match kept {
        Some(Kept { origin: Origin::Imported, folder, .. }) => {
            let folder = line(&folder.display().to_string());
            out(format_args!("{} is off the list. Its files are still in {folder}.\n", args.id));
        }
        _ => out(format_args!("{} is deleted, which frees {}.\n", args.id, size(freed))),
    }
    Ok(())
}

/// Asks whoever is at the terminal.
fn permitted(kept: &Kept) -> Result<(), String> {
    let folder = line(&kept.folder.display().to_string());
    let question = match (kept.origin, kept.frees) {
        (Origin::Imported, _) => {
            format!("This takes {} off the list; its files stay in {folder}.", kept.id)
        }
        (_, Some(frees)) => format!("This deletes {folder} and frees {}.", size(frees)),
        (_, None) => format!("This deletes {folder}."),
    };
    if !stdin().is_terminal() {
        return Err(format!("{question} Nobody can be asked here, so it is not done; --yes does it."));
    }
    eprint!("{question} Go on? [y/N] ");
    let mut typed = String::new();
    let read = stdin().read_line(&mut typed);
    if read.is_ok() && matches!(typed.trim().to_lowercase().as_str(), "y" | "yes") {
        Ok(())
    } else {
        Err("Nothing was deleted.".to_owned())
    }
}
