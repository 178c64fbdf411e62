//! The cache that Hugging Face's own programs keep. It is read and never written.
//!
//! A repository is a folder `models--OWNER--NAME`: `refs/BRANCH` holds the name of a commit, `snapshots/COMMIT/FILE` are
//! links to `blobs/`, made when a file is whole; where a system has no links, the files themselves.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
};

use crate::{Model, durable, name};

/// The folder of the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubCache {
    folder: PathBuf,
}

/// A repository in the cache that has what a model needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Snapshot {
    pub(crate) folder: PathBuf,
    pub(crate) bytes: u64,
}

impl HubCache {
    /// The cache in this folder.
    #[must_use]
    pub fn at(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The cache of the person who runs the program, where Hugging Face's programs look for it themselves: named by
    /// `HF_HUB_CACHE`, `HUGGINGFACE_HUB_CACHE` or `HF_HOME`, else in the folder for caches. None, if there is no such folder.
    #[must_use]
    pub fn of_user() -> Option<Self> {
        Self::of(|name| env::var_os(name)).filter(|cache| cache.folder.is_dir())
    }

    fn of(variable: impl Fn(&str) -> Option<OsString>) -> Option<Self> {
        let set = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let hub = |folder: PathBuf| folder.join("hub");
        let home = || set("HOME").or_else(|| set("USERPROFILE"));
        set("HF_HUB_CACHE")
            .or_else(|| set("HUGGINGFACE_HUB_CACHE"))
            .or_else(|| set("HF_HOME").map(hub))
            .or_else(|| set("XDG_CACHE_HOME").map(|cache| hub(cache.join("huggingface"))))
            .or_else(|| home().map(|home| hub(home.join(".cache").join("huggingface"))))
            .map(Self::at)
    }

    /// Where it is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The model, if all of it is there: at the revision that the catalogue names, or at the one that Hugging Face's
    /// programs fetched last where the sizes do not tell them apart.
    pub(crate) fn find(&self, model: &Model) -> Option<Snapshot> {
        let (owner, repository) = name::of_repository(&model.repo)?;
        let folder = self.folder.join(format!("models--{owner}--{repository}"));
        let named = |branch: &str| {
            let commit = durable::read(&folder.join("refs").join(branch), 256).ok()?;
            Some(String::from_utf8(commit).ok()?.trim().to_owned())
        };
        let commits = [Some(model.revision.clone()), named(&model.revision), named("main")];
        commits.into_iter().flatten().filter(|commit| name::is_plain(commit)).find_map(|commit| {
            let folder = folder.join("snapshots").join(commit);
            Some(Snapshot { bytes: whole(model, &folder)?, folder })
        })
    }
}

/// Bytes of the model in this folder, if all of it is there.
fn whole(model: &Model, folder: &Path) -> Option<u64> {
    let mut bytes = 0;
    for file in &model.files {
        match folder.join(&file.name).metadata() {
            Ok(there) if there.is_file() && file.size.is_none_or(|size| size == there.len()) => {
                bytes += there.len();
            }
            Err(_) if file.optional => {}
            _ => return None,
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_is_looked_for_where_hugging_face_looks_for_it() {
        let of = |set: &[(&str, &str)]| {
            let found = HubCache::of(|name| {
                set.iter().find(|(set, _)| *set == name).map(|(_, value)| OsString::from(value))
            });
            found.map(|cache| cache.folder.to_string_lossy().replace('\\', "/"))
        };
        let home = ("HOME", "/home/me");
        assert_eq!(of(&[home]).unwrap(), "/home/me/.cache/huggingface/hub");
        assert_eq!(of(&[home, ("XDG_CACHE_HOME", "/c")]).unwrap(), "/c/huggingface/hub");
        assert_eq!(of(&[home, ("HF_HOME", "/hf")]).unwrap(), "/hf/hub");
        assert_eq!(of(&[("HF_HOME", "/hf"), ("HF_HUB_CACHE", "/hub")]).unwrap(), "/hub");
        assert_eq!(of(&[home, ("HF_HOME", "")]).unwrap(), "/home/me/.cache/huggingface/hub");
        assert_eq!(of(&[]), None);
    }
}
