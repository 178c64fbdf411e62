//! `myca model list`.

use models::{Catalogue, Kept, Model, Origin, State};
use serde_json::{Value, json};

use super::words::{runs_with, size, state};
use crate::{
    place::Place,
    print::{line, out},
};

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    place: Place,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<(), String> {
    let (shelf, catalogue) = args.place.shelf()?;
    let kept = shelf.list(&catalogue);
    if args.json {
        let whole = json!({ "folder": shelf.folder(), "models": models(&catalogue, &kept), "others": others(&catalogue, &kept) });
        out(format_args!("{whole:#}\n"));
        return Ok(());
    }
    out(format_args!("Models in {}\n", line(&shelf.folder().display().to_string())));
    for model in catalogue.models() {
        let here: Vec<_> = kept.iter().filter(|kept| kept.id == model.id).collect();
        out(format_args!("{}", paragraph(model, &here)));
    }
    for kept in others(&catalogue, &kept) {
        let folder = line(&kept.folder.display().to_string());
        out(format_args!("\n{}  {}, {}\n    {folder}\n", kept.id, size(kept.bytes), state(kept)));
    }
    Ok(())
}

/// The catalogue, with what is here of each model.
fn models(catalogue: &Catalogue, kept: &[Kept]) -> Vec<Value> {
    let one = |model: &Model| {
        let here: Vec<_> = kept.iter().filter(|kept| kept.id == model.id).collect();
        json!({ "model": model, "page": model.page(), "here": here })
    };
    catalogue.models().iter().map(one).collect()
}

/// What is here and not in the catalogue.
fn others<'a>(catalogue: &Catalogue, kept: &'a [Kept]) -> Vec<&'a Kept> {
    kept.iter().filter(|kept| catalogue.get(&kept.id).is_none()).collect()
}

fn paragraph(model: &Model, here: &[&Kept]) -> String {
    let place = match here {
        [] if model.gated => "not here; its licence has to be accepted first".to_owned(),
        [] => "not here".to_owned(),
        here => here.iter().map(|kept| state(kept)).collect::<Vec<_>>().join("; "),
    };
    let bytes = here.iter().find(|kept| kept.state == State::Whole && kept.origin != Origin::Imported);
    let bytes = bytes.map_or_else(|| format!("about {}", size(model.about)), |kept| size(kept.bytes));
    let name = line(&model.name);
    let what = line(&model.what);
    let licence = line(&model.licence.name);
    let credit = line(&model.licence.credit);
    let page = model.page();
    let needs = size(model.memory);
    let runs = runs_with(&model.runtimes);
    format!(
        "\n{}  {bytes}, {place}\n    {name}: {what}\n    {runs}; takes {needs} of memory.\n    {licence}, {credit}; {page}\n",
        model.id
    )
}
