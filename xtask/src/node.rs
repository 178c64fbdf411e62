//! Node and npm: the window's side of the build.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::checkout::Checkout;
use crate::command::{answer, run, run_quietly};
use crate::tools::Version;

/// What Vite 8 asks for; the same stands in ui/package.json under "engines".
const MINIMUM: Version = Version(20, 19, 0);

/// Errs with what to do unless a Node is there that is new enough.
pub(crate) fn check(checkout: &Checkout) -> Result<()> {
    match answer(checkout.command("node").arg("--version")) {
        None => bail!("Node is not there: install Node {MINIMUM} or newer, with npm"),
        Some(found) => judge(&found),
    }
}

fn judge(found: &str) -> Result<()> {
    match Version::parse(found) {
        Some(version) if version >= MINIMUM => Ok(()),
        _ => bail!("Node {found} is too old: {MINIMUM} or newer is needed"),
    }
}

/// Installs the packages that ui/package-lock.json names, unless they are what was installed last.
pub(crate) fn install(checkout: &Checkout) -> Result<()> {
    let ui = checkout.ui();
    let lock = fs::read(ui.join("package-lock.json")).context("ui/package-lock.json cannot be read")?;
    // A copy of the lock file as it was installed from. npm throws it away with the folder when it starts over.
    let installed = ui.join("node_modules").join(".installed-from.json");
    if fs::read(&installed).is_ok_and(|before| before == lock) {
        return Ok(());
    }
    println!("npm packages: those in ui/package-lock.json");
    run_quietly(npm(checkout).args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]))?;
    fs::write(&installed, lock).with_context(|| format!("{} cannot be written", installed.display()))
}

/// Runs a script of ui/package.json.
pub(crate) fn script(checkout: &Checkout, name: &str) -> Result<()> {
    run(npm(checkout).args(["run", "--silent", name]))
}

/// npm, working on the window's package.
fn npm(checkout: &Checkout) -> Command {
    // On Windows npm is a script, which is only found under its whole name.
    let mut command = checkout.command(if cfg!(windows) { "npm.cmd" } else { "npm" });
    command.args(["--prefix", "ui"]);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_node_is_told_what_is_needed() {
        assert!(judge("v20.19.0").is_ok(), "the oldest that will do");
        assert!(judge("v24.1.0").is_ok(), "a newer one");
        let error = judge("v18.19.1").unwrap_err().to_string();
        assert!(error.contains("v18.19.1") && error.contains("20.19.0"), "both versions are named: {error}");
    }
}
