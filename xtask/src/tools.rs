//! What belongs to Rust and does not come with it: components, the Windows target, and programs from crates.io.

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::checkout::Checkout;
use crate::command::{answer, run_quietly};

/// What Windows programs are checked for on other systems, with mingw-w64 for the C in them.
pub(crate) const WINDOWS: &str = "x86_64-pc-windows-gnu";

/// A program from crates.io. Any version from `minimum` on will do that semver calls compatible; `pinned` is what we install.
pub(crate) struct Tool {
    name: &'static str,
    pinned: Version,
    minimum: Version,
    features: &'static [&'static str],
    /// What happens if it cannot be installed; nothing where nothing can stand in for it.
    otherwise: Option<&'static str>,
}

/// Runs the tests.
pub(crate) const NEXTEST: Tool = Tool {
    name: "cargo-nextest",
    pinned: Version(0, 9, 151),
    minimum: Version(0, 9, 100),
    features: &["--no-default-features", "--features=default-no-update"],
    otherwise: Some("cargo test will run the tests"),
};

/// Asks about licences, sources and advisories.
pub(crate) const DENY: Tool = Tool {
    name: "cargo-deny",
    pinned: Version(0, 20, 2),
    minimum: Version(0, 20, 0),
    features: &[],
    otherwise: None,
};

/// Lets the end-to-end tests drive the window.
pub(crate) const TAURI_DRIVER: Tool = Tool {
    name: "tauri-driver",
    pinned: Version(2, 1, 0),
    minimum: Version(2, 0, 0),
    features: &[],
    otherwise: None,
};

const TOOLS: [Tool; 3] = [NEXTEST, DENY, TAURI_DRIVER];

/// Components of the toolchain, each with the subcommand that it brings.
const COMPONENTS: [(&str, &str); 2] = [("clippy", "clippy"), ("rustfmt", "fmt")];

/// What is not there of all this.
#[derive(Default)]
pub(crate) struct Missing {
    components: Vec<&'static str>,
    windows: bool,
    tools: Vec<Tool>,
}

impl Missing {
    pub(crate) fn find(checkout: &Checkout) -> Self {
        let works = |subcommand| answer(&mut checkout.cargo([subcommand, "--version"])).is_some();
        Self {
            components: COMPONENTS
                .iter()
                .filter(|(_, sub)| !works(sub))
                .map(|(component, _)| *component)
                .collect(),
            // On Windows itself the ordinary build asks the same questions.
            windows: !cfg!(windows) && !has_target(checkout, WINDOWS),
            tools: TOOLS.into_iter().filter(|tool| !tool.is_there(checkout)).collect(),
        }
    }

    /// What is going to be installed, for the eye, a line for each way of doing it.
    pub(crate) fn shown(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if !self.components.is_empty() {
            lines.push(format!("Rust components (rustup): {}", self.components.join(", ")));
        }
        if self.windows {
            lines.push(format!("Rust target (rustup): {WINDOWS}"));
        }
        if !self.tools.is_empty() {
            let names: Vec<String> =
                self.tools.iter().map(|tool| format!("{} {}", tool.name, tool.pinned)).collect();
            lines.push(format!("programs (cargo install, some minutes each): {}", names.join(", ")));
        }
        lines
    }

    pub(crate) fn install(&self, checkout: &Checkout) -> Result<()> {
        if (self.windows || !self.components.is_empty()) && checkout.which("rustup").is_none() {
            bail!("rustup is not there: install {} the way Rust was installed", self.shown().join("; "));
        }
        if !self.components.is_empty() {
            run_quietly(checkout.command("rustup").args(["component", "add"]).args(&self.components))?;
        }
        if self.windows {
            run_quietly(checkout.command("rustup").args(["target", "add", WINDOWS]))?;
        }
        for tool in &self.tools {
            match (tool.install(checkout), tool.otherwise) {
                (Ok(()), _) => {}
                (Err(error), Some(otherwise)) => println!("{}: {error:#}; {otherwise}", tool.name),
                (Err(error), None) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Tool {
    /// Whether a version that will do is found where children look for it.
    pub(crate) fn is_there(&self, checkout: &Checkout) -> bool {
        let Some(program) = checkout.which(self.name) else { return false };
        version_of(&program, self.name).is_some_and(|found| found.stands_in_for(self.pinned, self.minimum))
    }

    fn install(&self, checkout: &Checkout) -> Result<()> {
        let build = checkout.tools.join("build");
        fs::create_dir_all(&build).with_context(|| format!("{} cannot be made", build.display()))?;
        let mut command = checkout.cargo(["install", "--locked", "--quiet", "--root"]);
        command.arg(&checkout.tools).args(self.features).arg(format!("{}@{}", self.name, self.pinned));
        // From elsewhere, because the settings of this workspace are for this workspace's programs.
        command.current_dir(&checkout.tools).env("CARGO_TARGET_DIR", &build);
        // They run for seconds and take minutes to build, so they are built for quick building.
        command.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1");
        command.env("CARGO_PROFILE_RELEASE_LTO", "off");
        command.env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
        command.env("CARGO_PROFILE_RELEASE_DEBUG", "false");
        run_quietly(&mut command).with_context(|| format!("{} could not be installed", self.name))?;
        // An interrupted build is worth keeping, a finished one is not.
        let _ = fs::remove_dir_all(&build);
        Ok(())
    }
}

fn has_target(checkout: &Checkout, target: &str) -> bool {
    let folder = answer(checkout.command("rustc").args(["--print", "target-libdir", "--target", target]));
    folder.is_some_and(|folder| Path::new(&folder).is_dir())
}

/// The version of the program: as cargo wrote it down when it installed it, or as the program says itself (tauri-driver does not).
fn version_of(program: &Path, name: &str) -> Option<Version> {
    let record = program.parent()?.parent()?.join(".crates.toml");
    let recorded = fs::read_to_string(record).ok().and_then(|record| recorded_version(&record, name));
    recorded.or_else(|| stated_version(&answer(Command::new(program).arg("--version"))?))
}

/// From cargo's record of what it installed: lines such as `"NAME VERSION (SOURCE)" = ["PROGRAM"]`.
fn recorded_version(record: &str, name: &str) -> Option<Version> {
    let mut entries =
        record.lines().filter_map(|line| line.strip_prefix('"')?.strip_prefix(name)?.strip_prefix(' '));
    Version::parse(entries.next()?.split_whitespace().next()?)
}

/// From what programs say about themselves: `NAME VERSION ...`.
fn stated_version(stated: &str) -> Option<Version> {
    Version::parse(stated.split_whitespace().nth(1)?)
}

/// A released version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(pub(crate) u32, pub(crate) u32, pub(crate) u32);

impl Version {
    /// Reads a released version; those before a release have no place here.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.trim_start_matches('v').split('.').map(|number| number.parse().ok());
        let version = Self(numbers.next()??, numbers.next()??, numbers.next()??);
        numbers.next().is_none().then_some(version)
    }

    /// Whether it is new enough and, by the rules of semver, has nothing that breaks the users of the pinned one.
    fn stands_in_for(self, pinned: Self, minimum: Self) -> bool {
        let compatible = self.0 == pinned.0 && (self.0 > 0 || self.1 == pinned.1);
        compatible && self >= minimum
    }
}

impl fmt::Display for Version {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}.{}", self.0, self.1, self.2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_releases_are_versions() {
        assert_eq!(Version::parse("2.1.0"), Some(Version(2, 1, 0)), "plain");
        assert_eq!(Version::parse("v20.19.5"), Some(Version(20, 19, 5)), "as Node says it");
        for odd in ["3.0.0-alpha.1", "2.1", "2.1.0.1", "", "two"] {
            assert_eq!(Version::parse(odd), None, "{odd:?} is no release");
        }
    }

    #[test]
    fn a_newer_tool_does_unless_it_may_break_us() {
        let does = |found: Version| found.stands_in_for(Version(0, 9, 151), Version(0, 9, 100));
        assert!(does(Version(0, 9, 143)), "older than what we install, new enough for what we ask");
        assert!(does(Version(0, 9, 200)), "newer");
        assert!(!does(Version(0, 9, 99)), "too old");
        assert!(!does(Version(0, 10, 0)), "below 1.0 the second number breaks");
        assert!(
            !Version(3, 0, 0).stands_in_for(Version(2, 1, 0), Version(2, 0, 0)),
            "the first number breaks"
        );
    }

    #[test]
    fn versions_are_read_from_cargos_record_and_from_the_programs() {
        let record = "[v1]\n\"cargo-deny 0.20.2 (registry+https://example.org)\" = [\"cargo-deny\"]\n";
        assert_eq!(recorded_version(record, "cargo-deny"), Some(Version(0, 20, 2)), "the line of the crate");
        assert_eq!(recorded_version(record, "cargo"), None, "not of one whose name begins alike");
        let stated = "cargo-nextest 0.9.143 (60fa45f63 2026-08-04)\nrelease: 0.9.143";
        assert_eq!(stated_version(stated), Some(Version(0, 9, 143)), "the second word");
    }

    #[test]
    fn what_is_missing_is_named_with_its_version() {
        let missing = Missing { components: vec!["clippy"], windows: true, tools: vec![DENY] };
        let shown = missing.shown().join("\n");
        for part in ["clippy", WINDOWS, "cargo-deny 0.20.2"] {
            assert!(shown.contains(part), "{part} is missing in {shown}");
        }
        assert!(Missing::default().shown().is_empty(), "nothing missing, nothing said");
    }
}
