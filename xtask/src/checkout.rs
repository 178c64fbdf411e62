//! Where things are: the checkout itself, what is kept between builds, and the environment that children get.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

/// The checkout and the folders outside it that are used with it.
pub(crate) struct Checkout {
    /// The folder of the workspace's Cargo.toml.
    pub(crate) root: PathBuf,
    /// Where cargo builds. Outside the checkout, so that a fresh clone reuses what another one built of other people's crates.
    pub(crate) target: PathBuf,
    /// Programs that we install for ourselves.
    pub(crate) tools: PathBuf,
}

impl Checkout {
    pub(crate) fn find() -> Result<Self> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = manifest.parent().context("the workspace around xtask is not there")?.to_owned();
        // Without a home directory the checkout itself has to hold everything.
        let cache =
            cache_folder(env::consts::OS, |name| env::var_os(name)).unwrap_or_else(|| root.join("target"));
        let target = match env::var_os("CARGO_TARGET_DIR") {
            Some(chosen) => std::path::absolute(chosen)?,
            None => cache.join("target"),
        };
        Ok(Self { root, target, tools: cache.join("tools") })
    }

    /// The window's sources.
    pub(crate) fn ui(&self) -> PathBuf {
        self.root.join("ui")
    }

    /// A program, started in the root of the checkout, that finds our tools before anybody else's.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root).env("PATH", self.path()).env("CARGO_TARGET_DIR", &self.target);
        let quiet = OsStr::new("CARGO_TERM_QUIET");
        if !io::stderr().is_terminal() && env::var_os(quiet).is_none() {
            // In a log, a line for every crate buries the ones that matter.
            command.env(quiet, "true");
        }
        // `cargo run` describes xtask's own package to us. Passed on, it would look like a change to every build script that
        // asks about its own (ring's does), and each build from here would undo the ones from a shell.
        for (name, _) in env::vars_os() {
            if is_about_our_own_package(&name) {
                command.env_remove(name);
            }
        }
        command
    }

    /// Cargo with these arguments.
    pub(crate) fn cargo<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Command {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = self.command(cargo);
        command.args(arguments);
        command
    }

    /// PATH with our tools in front.
    pub(crate) fn path(&self) -> OsString {
        let bin = self.tools.join("bin");
        let others = env::var_os("PATH").unwrap_or_default();
        env::join_paths(std::iter::once(bin).chain(env::split_paths(&others))).unwrap_or(others)
    }

    /// Where on PATH the program is.
    pub(crate) fn which(&self, program: &str) -> Option<PathBuf> {
        let file = format!("{program}{}", env::consts::EXE_SUFFIX);
        env::split_paths(&self.path()).map(|folder| folder.join(&file)).find(|path| path.is_file())
    }
}

/// Our part of the folder in which the platform keeps what can be made again.
fn cache_folder(os: &str, variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let folder = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let platform = match os {
        "windows" => folder("LOCALAPPDATA"),
        "macos" => folder("HOME").map(|home| home.join("Library").join("Caches")),
        _ => folder("XDG_CACHE_HOME").or_else(|| folder("HOME").map(|home| home.join(".cache"))),
    };
    platform.map(|platform| platform.join("myca-voice"))
}

fn is_about_our_own_package(variable: &OsStr) -> bool {
    let name = variable.to_string_lossy();
    name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
}

#[cfg(test)]
mod tests {
    use super::*;

    // Paths like these are absolute on Unix alone.
    #[cfg(unix)]
    fn cache(os: &str, variables: &[(&str, &str)]) -> Option<PathBuf> {
        cache_folder(os, |name| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into()))
    }

    #[cfg(unix)]
    #[test]
    fn the_cache_is_where_the_platform_keeps_its_caches() {
        let home = ("HOME", "/home/mia");
        assert_eq!(cache("linux", &[home]), Some("/home/mia/.cache/myca-voice".into()), "the default");
        let elsewhere = ("XDG_CACHE_HOME", "/fast");
        assert_eq!(
            cache("linux", &[home, elsewhere]),
            Some("/fast/myca-voice".into()),
            "XDG_CACHE_HOME wins"
        );
        let relative = ("XDG_CACHE_HOME", "fast");
        assert_eq!(
            cache("linux", &[home, relative]),
            Some("/home/mia/.cache/myca-voice".into()),
            "the XDG rules say to ignore relative paths"
        );
        assert_eq!(cache("linux", &[]), None, "no home, no cache");
    }

    #[test]
    fn only_what_cargo_says_about_us_is_withheld() {
        assert!(is_about_our_own_package("CARGO_PKG_NAME".as_ref()), "our name");
        assert!(is_about_our_own_package("CARGO_MANIFEST_DIR".as_ref()), "our folder");
        assert!(!is_about_our_own_package("CARGO_HOME".as_ref()), "the user's setting");
        assert!(!is_about_our_own_package("CARGO_PROFILE_DEV_DEBUG".as_ref()), "the user's setting");
    }
}
