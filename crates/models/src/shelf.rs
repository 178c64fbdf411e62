//! The folder that models lie in.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::Serialize;
use thiserror::Error;

use crate::{
    Catalogue, ExamineError, Examined, HubCache, Model,
    catalogue::is_id,
    download::{self, Begun},
    examine,
    hub_cache::Snapshot,
    lock::{Hold, Lock},
    marker::{MarkedFile, Marker},
    measure,
};

/// Most folders of the shelf that are looked at.
const MAX_FOLDERS: usize = 10_000;

/// The models on this computer. Its methods touch the disk and do not wait for anything else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shelf {
    folder: PathBuf,
    cache: Option<HubCache>,
}

/// A model on this computer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Kept {
    /// The id of the model in the catalogue, or one of its own if it was imported.
    pub id: String,
    /// How it came here.
    pub origin: Origin,
    /// Whether it can be used.
    pub state: State,
    /// The folder with its files.
    pub folder: PathBuf,
    /// The file with the weights, which it is told by.
    pub weights: PathBuf,
    /// Bytes of its files that are there.
    pub bytes: u64,
    /// Bytes that deleting it frees; none, if it is not ours to delete. One that was imported stays where it lies.
    pub frees: Option<u64>,
}

/// How a model came here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Origin {
    /// It was downloaded onto the shelf.
    Downloaded,
    /// Hugging Face's own programs have it in their cache.
    HubCache,
    /// The person pointed to it.
    Imported,
}

/// Whether a model can be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "is")]
pub enum State {
    /// All of it is there.
    Whole,
    /// Its download can go on.
    Paused {
        /// Bytes that are there.
        done: u64,
        /// Bytes in all.
        total: u64,
    },
    /// A file is not there as it was.
    Damaged {
        /// The file.
        file: String,
    },
}

/// A model that is being used: as long as this is there, nobody deletes it or downloads over it.
#[derive(Debug)]
pub struct InUse {
    /// The folder with its files.
    pub folder: PathBuf,
    /// The file with the weights.
    pub weights: PathBuf,
    _lock: Lock,
}

/// What stands in the way.
#[derive(Debug, Error)]
pub enum ShelfError {
    /// There is no such model on the shelf.
    #[error("There is no model {0} here. Look at the list again; it may have been deleted.")]
    Unknown(String),
    /// Not all of it is there.
    #[error("{0} is not whole. Let its download go on, or delete it.")]
    NotWhole(String),
    /// Somebody uses it or downloads it.
    #[error(
        "{0} is in use. Stop what uses it first: a Moshi on this computer, a download, or another copy of this program."
    )]
    InUse(String),
    /// It belongs to Hugging Face's own programs.
    #[error("{0} is in Hugging Face's cache, which other programs use too. Delete it with those.")]
    NotOurs(String),
    /// It was imported already.
    #[error("This folder is on the list already, as {0}.")]
    Known(String),
    /// What is to be imported is no model that anything here can run.
    #[error(transparent)]
    Examine(#[from] ExamineError),
    /// The system does not let us read or write.
    #[error("{} cannot be used: {source}. Look at its permissions and at the disk.", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl ShelfError {
    /// A name for this kind of error that stays the same.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unknown(_) => "models.unknown",
            Self::NotWhole(_) => "models.not_whole",
            Self::InUse(_) => "models.in_use",
            Self::NotOurs(_) => "models.not_ours",
            Self::Known(_) => "models.known",
            Self::Examine(error) => error.code(),
            Self::File { .. } => "models.file",
        }
    }
}

impl Shelf {
    /// The shelf in this folder, which is made when something first comes onto it, and beside it a cache of Hugging Face.
    #[must_use]
    pub fn new(folder: PathBuf, cache: Option<HubCache>) -> Self {
        Self { folder, cache }
    }

    /// Where it is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Everything that is here: of the catalogue's models what there is of them, and what was imported.
    #[must_use]
    pub fn list(&self, catalogue: &Catalogue) -> Vec<Kept> {
        let mut list = Vec::new();
        for model in catalogue.models() {
            list.extend(self.own(&model.id));
            list.extend(self.cached(model));
        }
        let folders = fs::read_dir(&self.folder).into_iter().flatten().take(MAX_FOLDERS).flatten();
        let mut imported: Vec<Kept> = folders
            .filter_map(|folder| folder.file_name().into_string().ok())
            .filter(|id| is_id(id) && catalogue.get(id).is_none())
            .filter_map(|id| self.own(&id))
            .filter(|kept| matches!(kept.state, State::Whole | State::Damaged { .. }))
            .collect();
        imported.sort_by(|a, b| a.id.cmp(&b.id));
        list.extend(imported);
        list
    }

    /// A model that can be used: the one on the shelf, or else the one in the cache.
    #[must_use]
    pub fn find(&self, catalogue: &Catalogue, id: &str) -> Option<Kept> {
        let own = if is_id(id) { self.usable(id) } else { None };
        own.or_else(|| self.cached(catalogue.get(id)?))
    }

    /// Takes a model to use it.
    ///
    /// # Errors
    /// When it is not whole, or is being downloaded or deleted.
    pub fn take(&self, catalogue: &Catalogue, id: &str) -> Result<InUse, ShelfError> {
        let unknown = || ShelfError::Unknown(id.into());
        if !is_id(id) {
            return Err(unknown());
        }
        let lock = self.lock(id, Hold::Shared)?;
        match self.find(catalogue, id) {
            Some(kept) => Ok(InUse { folder: kept.folder, weights: kept.weights, _lock: lock }),
            None if self.own(id).is_some() => Err(ShelfError::NotWhole(id.into())),
            None => Err(unknown()),
        }
    }

    /// Puts a folder on the list, or a file of weights in one. It is used where it lies: models are too large to have
    /// twice. What is in it is examined first.
    ///
    /// # Errors
    /// When it is no model that anything here can run.
    pub fn import(&self, path: &Path) -> Result<(Kept, Examined), ShelfError> {
        let of = |path: &Path, source| ShelfError::File { path: path.into(), source };
        // Without the prefix of Windows that many programs do not understand.
        let path = std::path::absolute(path).map_err(|error| of(path, error))?;
        let examined = examine(&path)?;
        let folder = examined.folder.clone();
        let mut count = 1;
        let id = loop {
            let id = import_id(&folder, count);
            match Marker::read(&self.folder.join(&id)) {
                Some(marker) if marker.path.as_deref() == Some(&folder) => return Err(ShelfError::Known(id)),
                _ if self.folder.join(&id).symlink_metadata().is_ok() => count += 1,
                _ => break id,
            }
        };
        let lock = self.lock(&id, Hold::Alone)?;
        let entry = self.folder.join(&id);
        let files = examined.files.iter().map(|file| {
            let size = file.metadata().map_err(|error| of(file, error))?.len();
            let name = file.strip_prefix(&folder).unwrap_or(file).to_string_lossy().replace('\\', "/");
            Ok(MarkedFile { name, size, sha256: None })
        });
        let files = files.collect::<Result<_, ShelfError>>()?;
        let marker = Marker { version: 1, repo: None, revision: None, path: Some(folder), files };
        fs::create_dir(&entry).map_err(|error| of(&entry, error))?;
        if let Err(error) = marker.write(&entry) {
            // An entry without a marker would keep its name and never be listed.
            let _ = fs::remove_dir(&entry);
            return Err(of(&entry, error));
        }
        drop(lock);
        let kept = self.own(&id).ok_or(ShelfError::Unknown(id))?;
        Ok((kept, examined))
    }

    /// Deletes a model, and of one that was imported only that it is on the list. Returns the bytes that it freed.
    ///
    /// # Errors
    /// When it is in use, or not ours.
    pub fn delete(&self, catalogue: &Catalogue, id: &str) -> Result<u64, ShelfError> {
        let unknown = || ShelfError::Unknown(id.into());
        if !is_id(id) {
            return Err(unknown());
        }
        let folder = self.folder.join(id);
        // Of the entry itself: what a link leads to is somebody else's.
        if !folder.symlink_metadata().is_ok_and(|there| there.is_dir()) {
            let cached = catalogue.get(id).and_then(|model| self.cached(model));
            return Err(cached.map_or_else(unknown, |_| ShelfError::NotOurs(id.into())));
        }
        let _lock = self.lock(id, Hold::Alone)?;
        let of = |source| ShelfError::File { path: folder.clone(), source };
        let frees = measure::folder(&folder).map_err(of)?;
        // Without its marker it is no model any more, whatever becomes of the rest.
        Marker::remove(&folder).map_err(of)?;
        fs::remove_dir_all(&folder).map_err(of)?;
        Ok(frees)
    }

    /// Holds the lock of a model.
    pub(crate) fn lock(&self, id: &str, hold: Hold) -> Result<Lock, ShelfError> {
        let taken = Lock::take(&self.folder, id, hold);
        let taken = taken.map_err(|source| ShelfError::File { path: self.folder.clone(), source })?;
        taken.ok_or_else(|| ShelfError::InUse(id.into()))
    }

    /// The model on the shelf, if it can be used.
    pub(crate) fn usable(&self, id: &str) -> Option<Kept> {
        self.own(id).filter(|kept| kept.state == State::Whole)
    }

    /// What is on the shelf of a model.
    fn own(&self, id: &str) -> Option<Kept> {
        let folder = self.folder.join(id);
        if !folder.symlink_metadata().is_ok_and(|there| there.is_dir()) {
            return None;
        }
        let frees = measure::folder(&folder).ok();
        let kept = |origin, state, bytes, folder: PathBuf, first: &str| {
            let weights = folder.join(first);
            Some(Kept { id: id.into(), origin, state, folder, weights, bytes, frees })
        };
        let Some(marker) = Marker::read(&folder) else {
            let Begun { done, total, first } = download::begun(&folder)?;
            return kept(Origin::Downloaded, State::Paused { done, total }, done, folder, &first);
        };
        let state = match marker.missing(&folder) {
            Some(file) => State::Damaged { file: file.into() },
            None => State::Whole,
        };
        let origin = if marker.path.is_some() { Origin::Imported } else { Origin::Downloaded };
        let bytes = marker.files.iter().map(|file| file.size).sum();
        let first = marker.files.first()?.name.clone();
        kept(origin, state, bytes, marker.path.unwrap_or(folder), &first)
    }

    fn cached(&self, model: &Model) -> Option<Kept> {
        let Snapshot { folder, bytes } = self.cache.as_ref()?.find(model)?;
        let weights = folder.join(&model.files.first()?.name);
        let (origin, state) = (Origin::HubCache, State::Whole);
        Some(Kept { id: model.id.clone(), origin, state, folder, weights, bytes, frees: None })
    }
}

/// An id for a folder that is imported, the `count`th of that name.
fn import_id(folder: &Path, count: u32) -> String {
    let name = folder.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let plain: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).take(60).collect();
    let plain = plain.trim_matches('-');
    let plain = if plain.is_empty() { "model" } else { plain };
    if count == 1 { format!("local-{plain}") } else { format!("local-{plain}-{count}") }
}
