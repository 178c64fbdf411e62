//! `config.json`, as far as it says which files there are and what they are.

use std::{
    io,
    path::{Component, Path, PathBuf},
};

use serde::Deserialize;

use super::{ExamineError, Kind};
use crate::durable;

/// Longest description that is read, in bytes.
const LIMIT: u64 = 1 << 20;

const CONFIG: &str = "config.json";

/// What a description says.
#[derive(Debug, Default)]
pub(super) struct Description {
    /// The file, if there is one.
    pub(super) file: Option<PathBuf>,
    pub(super) moshi: Option<String>,
    mimi: Option<String>,
    tokenizer: Option<String>,
    /// Such as `moshi`, `personaplex`, `stt`, `llama`.
    pub(super) model_type: Option<String>,
}

#[derive(Deserialize)]
struct Keys {
    moshi_name: Option<String>,
    mimi_name: Option<String>,
    tokenizer_name: Option<String>,
    model_type: Option<String>,
}

impl Description {
    pub(super) fn read(folder: &Path) -> Result<Self, ExamineError> {
        let path = folder.join(CONFIG);
        let damaged = |reason: String| ExamineError::Damaged { path: path.clone(), reason };
        let json = match durable::read(&path, LIMIT) {
            Ok(json) => json,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                return Err(damaged(error.to_string()));
            }
            Err(source) => return Err(ExamineError::File { path, source }),
        };
        let keys: Keys = serde_json::from_slice(&json).map_err(|error| damaged(error.to_string()))?;
        let beside = |name: Option<String>| {
            name.map(|name| beside(&name).ok_or_else(|| damaged(format!("{name:?} is no file beside it"))))
                .transpose()
        };
        Ok(Self {
            moshi: beside(keys.moshi_name)?,
            mimi: beside(keys.mimi_name)?,
            tokenizer: beside(keys.tokenizer_name)?,
            model_type: keys.model_type,
            file: Some(path),
        })
    }

    /// What the file of the codec is called.
    pub(super) fn codec(&self, kind: Kind) -> String {
        let usual = match kind {
            Kind::Recogniser => "mimi-pytorch-e351c8d8@125.safetensors",
            Kind::Moshi | Kind::PersonaPlex => "tokenizer-e351c8d8-checkpoint125.safetensors",
        };
        self.mimi.clone().unwrap_or_else(|| usual.into())
    }

    /// What the file of the text's tokenizer is called.
    pub(super) fn tokenizer(&self, kind: Kind) -> String {
        let usual = match kind {
            Kind::Recogniser => "tokenizer_en_fr_audio_8000.model",
            Kind::Moshi | Kind::PersonaPlex => "tokenizer_spm_32k_3.model",
        };
        self.tokenizer.clone().unwrap_or_else(|| usual.into())
    }
}

/// The file that a description names, in its folder: a file of another repository is looked for there by its last part.
fn beside(name: &str) -> Option<String> {
    let name = match name.strip_prefix("hf://") {
        Some(remote) => remote.rsplit('/').next().unwrap_or(remote),
        None => name,
    };
    let inside = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
    (inside && !name.is_empty() && !name.contains("://")).then(|| name.to_owned())
}
