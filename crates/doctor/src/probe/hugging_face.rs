//! The account and the cache of Hugging Face. Only whether there is a token is looked at, never the token.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{Surroundings, thread::on_thread};
use crate::HuggingFace;

/// How many folders of the cache are looked at.
const LOOKED_AT: usize = 500;

/// What files of weights are called.
const WEIGHTS: [&str; 3] = ["safetensors", "gguf", "bin"];

pub(super) async fn read(place: &Surroundings) -> Result<HuggingFace, String> {
    let place = place.clone();
    on_thread("doctor-hf", move || {
        let cache = cache(&place);
        Ok(HuggingFace {
            token: token(&place),
            repos: cache.as_deref().map(repos).unwrap_or_default(),
            cache: cache.map(|path| path.display().to_string()),
        })
    })
    .await
}

fn home(place: &Surroundings) -> Option<PathBuf> {
    if let Some(home) = place.variable("HF_HOME") {
        return Some(home.into());
    }
    match place.variable("XDG_CACHE_HOME") {
        Some(cache) => Some(Path::new(cache).join("huggingface")),
        None => place.in_home(".cache/huggingface"),
    }
}

fn token(place: &Surroundings) -> bool {
    if ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"].iter().any(|name| place.variable(name).is_some()) {
        return true;
    }
    let file = match place.variable("HF_TOKEN_PATH") {
        Some(path) => Some(path.into()),
        None => home(place).map(|home| home.join("token")),
    };
    file.and_then(|file| fs::metadata(file).ok()).is_some_and(|file| file.is_file() && file.len() > 0)
}

fn cache(place: &Surroundings) -> Option<PathBuf> {
    let named = ["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"].iter().find_map(|name| place.variable(name));
    named.map(PathBuf::from).or_else(|| home(place).map(|home| home.join("hub")))
}

/// Repositories of which weights are there.
fn repos(cache: &Path) -> Vec<String> {
    let mut repos: Vec<String> = fs::read_dir(cache)
        .into_iter()
        .flatten()
        .take(LOOKED_AT)
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let (owner, repo) = name.strip_prefix("models--")?.split_once("--")?;
            has_weights(&entry.path().join("snapshots")).then(|| format!("{owner}/{repo}"))
        })
        .collect();
    repos.sort();
    repos
}

/// Whether a snapshot has weights. What is still being downloaded has none: its link comes last.
fn has_weights(snapshots: &Path) -> bool {
    let snapshots = fs::read_dir(snapshots).into_iter().flatten().take(LOOKED_AT).flatten();
    let files =
        snapshots.flat_map(|snapshot| fs::read_dir(snapshot.path()).into_iter().flatten().take(LOOKED_AT));
    files.flatten().any(|file| {
        let path = file.path();
        let weights = path.extension().is_some_and(|end| WEIGHTS.iter().any(|weights| end == *weights));
        weights && fs::metadata(&path).is_ok_and(|file| file.len() > 0)
    })
}
