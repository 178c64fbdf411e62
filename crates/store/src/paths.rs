//! Where files lie: the platform's own places, or one folder that the environment names.

use std::{
    env,
    path::{Path, PathBuf},
};

use thiserror::Error;

/// Environment variable that puts everything into one folder, for portable copies and tests.
const HOME: &str = "MYCA_HOME";
const APP: &str = "myca-voice";
/// The folder among a person's own documents.
const EXPORTS: &str = "MYCA Voice";

/// The program's folders. They are made when something is first written there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    config: PathBuf,
    data: PathBuf,
    logs: PathBuf,
    exports: PathBuf,
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
        let documents = dirs::document_dir().or_else(dirs::download_dir);
        let exports = documents.map_or_else(|| data.join("exports"), |dir| dir.join(EXPORTS));
        Ok(Self { config, data, logs, exports })
    }

    /// Everything below one folder.
    #[must_use]
    pub fn below(folder: &Path) -> Self {
        Self {
            config: folder.join("config"),
            data: folder.join("data"),
            logs: folder.join("logs"),
            exports: folder.join("exports"),
        }
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

    /// The database of what the built-in brain remembers.
    #[must_use]
    pub fn memories(&self) -> PathBuf {
        self.data.join("memories.sqlite3")
    }

    /// The folder for conversations that a person wants as files.
    #[must_use]
    pub fn exports(&self) -> &Path {
        &self.exports
    }

    /// The folder with the databases, to show.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The folder for models.
    #[must_use]
    pub fn models(&self) -> PathBuf {
        self.data.join("models")
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
        let folders = [paths.logs().to_path_buf(), paths.data().to_path_buf(), paths.exports().to_path_buf()];
        for path in
            [paths.settings(), paths.history(), paths.memories(), paths.models()].into_iter().chain(folders)
        {
            assert!(path.starts_with("/somewhere"), "{}", path.display());
        }
    }
}
