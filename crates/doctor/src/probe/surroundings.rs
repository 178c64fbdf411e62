//! The machine, as far as a test can replace it.

use std::{
    collections::BTreeMap,
    env,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

/// Variables that hold secrets. No program that the doctor starts gets them.
const SECRETS: [&str; 3] = ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HUGGINGFACEHUB_API_TOKEN"];

/// Where probes look.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The environment. Programs are searched for on its `PATH`, and are started with it.
    pub variables: BTreeMap<OsString, OsString>,
    /// The home folder.
    pub home: Option<PathBuf>,
    /// In front of paths like /proc and /sys.
    pub root: PathBuf,
    /// Whether this machine's own drivers (NVML, Vulkan, Direct3D 12) are asked.
    pub drivers: bool,
}

impl Surroundings {
    /// The machine that this runs on.
    pub fn of_this_machine() -> Self {
        Self {
            variables: env::vars_os().collect(),
            home: env::home_dir(),
            root: PathBuf::from("/"),
            drivers: true,
        }
    }

    /// A variable that is set to something.
    pub(super) fn variable(&self, name: &str) -> Option<&OsStr> {
        let found = self.variables.iter().find(|(key, _)| same_name(key, name))?;
        Some(found.1.as_os_str()).filter(|value| !value.is_empty())
    }

    /// A variable as it is set, also to nothing.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        let found = self.variables.iter().find(|(key, _)| same_name(key, name))?;
        Some(found.1.to_string_lossy().chars().take(64).collect())
    }

    /// A program on `PATH`.
    pub(super) fn find(&self, program: &str) -> Option<PathBuf> {
        let file = format!("{program}{}", env::consts::EXE_SUFFIX);
        env::split_paths(self.variable("PATH")?)
            .filter(|folder| folder.is_absolute())
            .map(|folder| folder.join(&file))
            .find(|path| path.is_file())
    }

    /// A path of the system, for example /proc/version.
    pub(super) fn system(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// What a program is started with: everything but secrets.
    pub(super) fn for_programs(&self) -> impl Iterator<Item = (&OsString, &OsString)> {
        self.variables.iter().filter(|(name, _)| !SECRETS.iter().any(|secret| same_name(name, secret)))
    }

    pub(super) fn in_home(&self, path: impl AsRef<Path>) -> Option<PathBuf> {
        Some(self.home.as_ref()?.join(path))
    }
}

/// Windows does not tell apart large and small letters in the names of variables.
fn same_name(one: &OsStr, other: &str) -> bool {
    if cfg!(windows) { one.eq_ignore_ascii_case(other) } else { one == other }
}
