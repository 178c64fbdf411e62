//! The file that makes a folder a model: it is written last, and says what was installed.

use std::{
    io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::durable;

/// Its name in the model's folder.
const NAME: &str = "myca-model.json";

/// Longest one that is read, in bytes.
const LIMIT: u64 = 1 << 20;

/// What was installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Marker {
    pub(crate) version: u32,
    /// The repository that it came from, and the revision; of one that was imported, none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) repo: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) revision: Option<String>,
    /// Where it lies, if that is not here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<PathBuf>,
    pub(crate) files: Vec<MarkedFile>,
}

/// A file that was whole when the marker was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MarkedFile {
    pub(crate) name: String,
    pub(crate) size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sha256: Option<String>,
}

impl Marker {
    /// The marker of a folder; none, if there is none that can be read.
    pub(crate) fn read(folder: &Path) -> Option<Self> {
        let bytes = durable::read(&folder.join(NAME), LIMIT).ok()?;
        let marker: Self = serde_json::from_slice(&bytes).ok()?;
        (marker.version == 1).then_some(marker)
    }

    pub(crate) fn write(&self, folder: &Path) -> io::Result<()> {
        durable::write(&folder.join(NAME), &serde_json::to_vec_pretty(self)?)
    }

    pub(crate) fn remove(folder: &Path) -> io::Result<()> {
        durable::remove(&folder.join(NAME))
    }

    /// The first file that is not there as it was, in the folder that the model lies in.
    pub(crate) fn missing(&self, folder: &Path) -> Option<&str> {
        let lies_in = self.path.as_deref().unwrap_or(folder);
        let changed = self.files.iter().find(|file| {
            let there = crate::name::is_inside(&file.name)
                .then(|| lies_in.join(&file.name).metadata().ok())
                .flatten();
            there.is_none_or(|there| !there.is_file() || there.len() != file.size)
        });
        changed.map(|file| file.name.as_str())
    }
}
