//! What somebody put somewhere: is it a model, whole, and what runs it?
//!
//! Only the heads of files are read.

mod description;
mod kind;

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
};

use serde::Serialize;
use thiserror::Error;
use weights::{Flaw, Head};

use crate::{Runtime, Weights};
use description::Description;

/// Names of weights in a folder that does not say, the most likely first.
const WEIGHTS: [&str; 5] =
    ["model.safetensors", "model.q4k.gguf", "model.q8.gguf", "model.gguf", "model.q8.safetensors"];

/// A model that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Examined {
    /// The folder that it lies in.
    pub folder: PathBuf,
    /// The file with the weights of the language model.
    pub weights_file: PathBuf,
    /// Its files: the weights, and what is there of description, codec and tokenizer.
    pub files: Vec<PathBuf>,
    /// What it is.
    pub kind: Kind,
    /// The form of the weights.
    pub format: Format,
    /// After which program its tensors are named.
    pub names: Names,
    /// What most of its numbers are.
    pub weights: Weights,
    /// Bytes of its files.
    pub bytes: u64,
    /// What runs it, as far as its files tell.
    pub runtimes: Vec<Runtime>,
}

/// What a model is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// A Moshi.
    Moshi,
    /// A PersonaPlex: it predicts what the person says too.
    PersonaPlex,
    /// A recogniser of speech.
    Recogniser,
}

/// The form of a file of weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Format {
    /// safetensors.
    Safetensors,
    /// GGUF.
    Gguf,
}

/// After which program tensors are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Names {
    /// Kyutai's in Python, with the attention of all codebooks in one tensor, as it is published.
    Pytorch,
    /// The same with one tensor for each codebook, as current versions of it save.
    PytorchSplit,
    /// Kyutai's in Rust.
    Rust,
}

/// Why something is no model that can be used.
#[derive(Debug, Error)]
pub enum ExamineError {
    /// There is nothing.
    #[error("There is nothing at {}. Choose a folder with a model.", .0.display())]
    NothingThere(PathBuf),
    /// There are no weights.
    #[error("There are no weights of a model in {}. Choose the folder with model.safetensors or a .gguf file.", .0.display())]
    NoWeights(PathBuf),
    /// A file that belongs to it is not there.
    #[error("{} is missing beside the weights. Download the whole model.", .0.display())]
    Missing(PathBuf),
    /// A file ends too early.
    #[error("{} is cut off: {reason}. Download it again.", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// What shows it.
        reason: String,
    },
    /// A file is not of the form that it says.
    #[error("{} is damaged: {reason}. Download it again.", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// It is a model of another kind.
    #[error("{} is {found}, and no Moshi. Choose a model of Kyutai's Moshi or of PersonaPlex.", path.display())]
    WrongKind {
        /// The file.
        path: PathBuf,
        /// What it is.
        found: String,
    },
    /// The system does not let us read.
    #[error("{} cannot be read: {source}. Look at its permissions and at the disk.", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl ExamineError {
    /// A name for this kind of error that stays the same.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NothingThere(_) => "models.examine.nothing",
            Self::NoWeights(_) => "models.examine.no_weights",
            Self::Missing(_) => "models.examine.missing",
            Self::Truncated { .. } => "models.examine.truncated",
            Self::Damaged { .. } => "models.examine.damaged",
            Self::WrongKind { .. } => "models.examine.wrong_kind",
            Self::File { .. } => "models.examine.file",
        }
    }
}

/// Tensors of a file: their names, and how many bytes each type of numbers has.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tensors {
    names: BTreeSet<String>,
    bytes: BTreeMap<Number, u64>,
}

/// A type of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Number {
    F32,
    F16,
    Bf16,
    Eight,
    Four,
    Other,
}

/// Looks at a folder with a model, or at a file of weights in one. Reads the heads of its files.
///
/// # Errors
/// [`ExamineError`], which says what is wrong and with which file.
pub fn examine(path: &Path) -> Result<Examined, ExamineError> {
    let there = path.metadata().map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => ExamineError::NothingThere(path.into()),
        _ => ExamineError::File { path: path.into(), source },
    })?;
    let folder = if there.is_dir() { path } else { path.parent().unwrap_or(Path::new("")) };
    let description = Description::read(folder)?;
    let weights_file = if there.is_dir() { find_weights(folder, &description)? } else { path.to_owned() };
    let (format, tensors) = open(&weights_file)?;
    let (kind, names) = kind::tell(&tensors, &description)
        .map_err(|found| ExamineError::WrongKind { path: weights_file.clone(), found })?;
    let mut files = vec![weights_file.clone()];
    for name in [description.codec(kind), description.tokenizer(kind)] {
        let file = folder.join(&name);
        if !file.is_file() {
            return Err(ExamineError::Missing(file));
        }
        files.push(file);
    }
    // What is in the codec is not our matter, only that it is whole.
    if let Some(codec) = files.get(1).filter(|file| file.extension().is_some_and(|end| end == "safetensors"))
    {
        open(codec)?;
    }
    files.extend(description.file.clone());
    let bytes = files.iter().filter_map(|file| file.metadata().ok()).map(|there| there.len()).sum();
    let weights = tensors.weights();
    let runtimes = kind::runtimes(kind, names, format, weights, tensors.is_bitsandbytes());
    Ok(Examined { folder: folder.into(), weights_file, files, kind, format, names, weights, bytes, runtimes })
}

fn find_weights(folder: &Path, description: &Description) -> Result<PathBuf, ExamineError> {
    if let Some(name) = &description.moshi {
        let file = folder.join(name);
        return if file.is_file() { Ok(file) } else { Err(ExamineError::Missing(file)) };
    }
    let there = WEIGHTS.iter().map(|name| folder.join(name)).find(|file| file.is_file());
    there.ok_or_else(|| ExamineError::NoWeights(folder.into()))
}

/// Reads the head of a file of weights, whatever its name says.
fn open(path: &Path) -> Result<(Format, Tensors), ExamineError> {
    let head = Head::read(path).map_err(|flaw| match flaw {
        Flaw::CutOff(reason) => ExamineError::Truncated { path: path.into(), reason },
        Flaw::Senseless(reason) => ExamineError::Damaged { path: path.into(), reason },
        Flaw::Unreadable(source) => ExamineError::File { path: path.into(), source },
    })?;
    let format = match head.kind {
        weights::Kind::Safetensors => Format::Safetensors,
        weights::Kind::Gguf => Format::Gguf,
    };
    let mut tensors = Tensors::default();
    for (name, info) in head.tensors {
        tensors.add(name, number(&info.type_name), info.bytes());
    }
    Ok((format, tensors))
}

/// What numbers of a type are, as files name it.
fn number(type_name: &str) -> Number {
    match type_name {
        "F32" => Number::F32,
        "F16" => Number::F16,
        "BF16" => Number::Bf16,
        "I8" | "U8" | "Q5_0" | "Q5_1" | "Q8_0" | "Q8_1" | "Q5_K" | "Q6_K" | "Q8_K" => Number::Eight,
        "Q4_0" | "Q4_1" | "Q2_K" | "Q3_K" | "Q4_K" => Number::Four,
        _ => Number::Other,
    }
}

impl Tensors {
    fn add(&mut self, name: String, number: Number, bytes: u64) {
        let all = self.bytes.entry(number).or_default();
        // They are held against the file only when all are known.
        *all = all.saturating_add(bytes);
        self.names.insert(name);
    }

    fn has(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    fn any(&self, test: impl Fn(&str) -> bool) -> bool {
        self.names.iter().any(|name| test(name))
    }

    /// What most of the bytes are made of.
    fn weights(&self) -> Weights {
        let most = self.bytes.iter().max_by_key(|(_, bytes)| **bytes).map(|(number, _)| *number);
        match most {
            Some(Number::F16) => Weights::F16,
            Some(Number::Bf16) => Weights::Bf16,
            Some(Number::Eight) => Weights::Q8,
            Some(Number::Four) => Weights::Q4,
            Some(Number::F32 | Number::Other) | None => Weights::F32,
        }
    }

    /// Whether its numbers are packed as bitsandbytes does it.
    fn is_bitsandbytes(&self) -> bool {
        self.any(|name| name.ends_with(".weight_scb") || name.ends_with(".SCB"))
    }
}
