//! A machine that somebody described.

use std::{fs::File, io::Read, path::Path};

use ::doctor::World;
use serde_json::Value;

/// The longest description that is read, in bytes; what `myca doctor --json` prints is one, with a report beside it.
const LONGEST: u64 = 4 << 20;

/// Reads a description: a world, or what `myca doctor --json` prints.
pub(super) fn read(path: &Path) -> Result<World, String> {
    let shown = path.display();
    let wrong = |why: &str| {
        format!(
            "{shown} describes no machine: {why}. `myca doctor --json` prints a description of this one, under \"world\"."
        )
    };
    let mut text = String::new();
    File::open(path).and_then(|file| file.take(LONGEST).read_to_string(&mut text)).map_err(|error| {
        format!("{shown} cannot be read ({error}). Name a file that describes a machine.")
    })?;
    let whole: Value = serde_json::from_str(&text).map_err(|error| wrong(&error.to_string()))?;
    let world = match whole.get("world") {
        Some(world) => World::from_json(&world.to_string()),
        None => World::from_json(&text),
    };
    world.map_err(|error| wrong(&error.to_string()))
}
