//! Which files a download brings. It lies in the model's folder until all of them are there.

use std::{fs, io, path::Path};

use serde::{Deserialize, Serialize};

use super::{DownloadError, part_state::PartState, repository::Listed};
use crate::{Model, durable, name};

/// Its name in the model's folder.
const NAME: &str = "myca-download.json";

/// Longest one that is read, in bytes.
const LIMIT: u64 = 1 << 20;

/// No file is longer than this, in bytes.
const LONGEST: u64 = 1 << 40;

/// What a download brings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Plan {
    pub(super) files: Vec<PlannedFile>,
}

/// A file, and what tells it from others of its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PlannedFile {
    pub(super) name: String,
    pub(super) size: u64,
    /// What its hash must be.
    #[serde(default)]
    pub(super) sha256: Option<String>,
    /// Git's name for what is in it.
    #[serde(default)]
    pub(super) oid: Option<String>,
}

impl Plan {
    /// Holds what the repository has against what the model needs.
    pub(super) fn new(model: &Model, listed: Vec<Listed>) -> Result<Self, DownloadError> {
        let mut files = Vec::new();
        for wanted in &model.files {
            let found = listed.iter().find(|file| file.kind == "file" && file.path == wanted.name);
            let Some(found) = found else {
                if wanted.optional {
                    continue;
                }
                return Err(DownloadError::Missing(wanted.name.clone()));
            };
            let senseless = || DownloadError::Answer(format!("it does not say how long {} is", wanted.name));
            let size = found.bytes().filter(|size| *size <= LONGEST).ok_or_else(senseless)?;
            let sha256 = found.sha256();
            let other_hash = |hash: &String| sha256.as_ref().is_some_and(|listed| listed != hash);
            if wanted.size.is_some_and(|known| known != size)
                || wanted.sha256.as_ref().is_some_and(other_hash)
            {
                return Err(DownloadError::NotAsPublished(wanted.name.clone()));
            }
            let sha256 = wanted.sha256.clone().or(sha256);
            files.push(PlannedFile { name: wanted.name.clone(), size, sha256, oid: found.oid.clone() });
        }
        Ok(Self { files })
    }

    /// Bytes of all files.
    pub(super) fn total(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }

    /// The plan in a folder; none, if there is none that can be read.
    pub(super) fn read(folder: &Path) -> Option<Self> {
        let plan: Self = serde_json::from_slice(&durable::read(&folder.join(NAME), LIMIT).ok()?).ok()?;
        let sound = |file: &PlannedFile| name::is_inside(&file.name) && file.size <= LONGEST;
        plan.files.iter().all(sound).then_some(plan)
    }

    /// Makes the folder this plan's: what an earlier plan left there of other files goes. Says of each file whether it
    /// is whole.
    pub(super) fn settle(&self, folder: &Path) -> io::Result<Vec<bool>> {
        fs::create_dir_all(folder)?;
        let earlier = Self::read(folder);
        let had = |file: &PlannedFile| earlier.as_ref().is_some_and(|plan| plan.files.contains(file));
        let others = earlier.iter().flat_map(|plan| &plan.files).filter(|file| !self.files.contains(file));
        for file in others.chain(self.files.iter().filter(|file| !had(file))) {
            durable::remove(&folder.join(&file.name))?;
            PartState::remove(&folder.join(&file.name))?;
        }
        if earlier.as_ref() != Some(self) {
            durable::write(&folder.join(NAME), &serde_json::to_vec_pretty(self)?)?;
        }
        Ok(self.files.iter().map(|file| file.is_whole(folder)).collect())
    }

    /// Bytes of the plan's files that are in the folder.
    pub(super) fn bytes_in(&self, folder: &Path) -> u64 {
        let bytes = |file: &PlannedFile| {
            if file.is_whole(folder) { file.size } else { PartState::bytes(&folder.join(&file.name), file) }
        };
        self.files.iter().map(bytes).sum()
    }

    /// Removes what only a download needs.
    pub(super) fn clear(&self, folder: &Path) -> io::Result<()> {
        for file in &self.files {
            PartState::remove(&folder.join(&file.name))?;
        }
        durable::remove(&folder.join(NAME))
    }
}

impl PlannedFile {
    /// Whether the file is there under its name, which it gets when its hash is right.
    fn is_whole(&self, folder: &Path) -> bool {
        let there = folder.join(&self.name).symlink_metadata();
        there.is_ok_and(|there| there.is_file() && there.len() == self.size)
    }
}
