//! Where files lie: the platform's own places, or one folder that the environment names.

use std::{
    env,
    path::{Path, PathBuf},
};

use thiserror::Error;

/// Environment variable that puts everything into one folder, for portable copies and tests.
const HOME: &str = "MYCA_HOME";
const APP: &str = "myca-voice";

/// The program's folders. They are made when something is first written there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    config: PathBuf,
    data: PathBuf,
    logs: PathBuf,
}

/// No folder could be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("this system names no folder for settings and data; set {HOME} to a folder of your choice")]
pub struct PathsError;

impl Paths {
    /// The folders of the person who runs the program.
    ///
    /// # Errors
    /// [`PathsError`], if the system names none.
    pub fn of_user() -> Result<Self, PathsError> {
        if let Some(home) = env::var_os(HOME).filter(|home| !home.is_empty()) {
            return Ok(Self::below(Path::new(&home)));
        }
        let config = dirs::config_dir().ok_or(PathsError)?.join(APP);
        let data = dirs::data_local_dir().ok_or(PathsError)?.join(APP);
        let logs = dirs::state_dir().map_or_else(|| data.clone(), |dir| dir.join(APP)).join("logs");
        Ok(Self { config, data, logs })
    }

    /// Everything below one folder.
    #[must_use]
    pub fn below(folder: &Path) -> Self {
        Self { config: folder.join("config"), data: folder.join("data"), logs: folder.join("logs") }
    }

    /// The settings file.
    #[must_use]
    pub fn settings(&self) -> PathBuf {
        self.config.join("settings.json")
    }

    /// The history database.
    #[must_use]
    pub fn history(&self) -> PathBuf {
        self.data.join("history.sqlite3")
    }

    /// The folder with the history database, to show.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The folder for log files.
    #[must_use]
    pub fn logs(&self) -> &Path {
        &self.logs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_folder_holds_everything_when_asked_for() {
        let paths = Paths::below(Path::new("/somewhere"));
        for path in [paths.settings(), paths.history(), paths.logs().to_path_buf()] {
            assert!(path.starts_with("/somewhere"), "{}", path.display());
        }
    }
}
