//! Which models there are, and what they need.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::name;

/// The catalogue that the program comes with.
const BUILT_IN: &str = include_str!("../../../assets/models.json");

/// The form that this program reads.
const VERSION: u32 = 1;

/// Models that can be downloaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalogue {
    models: Vec<Model>,
}

/// A model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Model {
    /// Unique, and a name for a folder.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// What it is, in a sentence.
    pub what: String,
    /// The repository at Hugging Face: owner and name.
    pub repo: String,
    /// The branch or the commit of it.
    pub revision: String,
    /// What may be done with it.
    pub licence: Licence,
    /// Whether its licence has to be accepted at Hugging Face, with a token to show for it.
    pub gated: bool,
    /// What it is for.
    pub purpose: Purpose,
    /// What runs it.
    pub runtimes: Vec<Runtime>,
    /// What its numbers are.
    pub weights: Weights,
    /// Memory of the device that runs it, in bytes, about.
    pub memory: u64,
    /// Bytes to download, about: Hugging Face says it exactly.
    pub about: u64,
    /// Its files. The first has the weights.
    pub files: Vec<ModelFile>,
}

/// A file of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ModelFile {
    /// Its name in the repository.
    pub name: String,
    /// Bytes, where they are known beforehand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Its SHA-256 in hexadecimal digits, where it is known beforehand. A file with another one is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Whether the model is whole without it, where the repository does not have it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
}

/// What may be done with a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Licence {
    /// What it is called.
    pub name: String,
    /// Where it can be read.
    pub page: String,
    /// Who is to be named.
    pub credit: String,
}

/// What a model is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Purpose {
    /// It listens and speaks.
    Conversation,
    /// It writes down what is said.
    Recognition,
}

/// A program that runs models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Runtime {
    /// `myca host`.
    MycaHost,
    /// Kyutai's `moshi.server` in Python.
    PythonMoshi,
    /// NVIDIA's `moshi.server` in Python.
    PersonaPlex,
    /// Kyutai's `moshi-backend` in Rust.
    MoshiBackend,
    /// The Docker image of Kyutai's server in Python.
    Docker,
}

/// What the numbers of a model are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Weights {
    /// 32 bits each.
    F32,
    /// 16 bits each, half precision.
    F16,
    /// 16 bits each, bfloat16.
    Bf16,
    /// About 8 bits each.
    Q8,
    /// About 4 bits each.
    Q4,
}

/// What is wrong with a catalogue.
#[derive(Debug, Error)]
pub enum CatalogueError {
    /// It is no JSON of this form.
    #[error("The catalogue of models cannot be read: {0}. Install the program again.")]
    Form(#[from] serde_json::Error),
    /// It is of a later form.
    #[error(
        "The catalogue of models is of version {0}, which this program does not know. Update the program."
    )]
    Version(u32),
    /// A model in it makes no sense.
    #[error("The catalogue of models is wrong at {model}: {reason}. Install the program again.")]
    Model {
        /// The id of the model.
        model: String,
        /// What is wrong.
        reason: String,
    },
}

impl CatalogueError {
    /// A name for this kind of error that stays the same.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Form(_) => "models.catalogue.form",
            Self::Version(_) => "models.catalogue.version",
            Self::Model { .. } => "models.catalogue.model",
        }
    }
}

#[derive(Deserialize)]
struct Version {
    version: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Document {
    #[serde(rename = "version")]
    _version: u32,
    licences: BTreeMap<String, Licence>,
    models: Vec<Entry>,
}

/// A model as it stands in the file, with its licence by name.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Entry {
    id: String,
    name: String,
    what: String,
    repo: String,
    revision: String,
    licence: String,
    gated: bool,
    purpose: Purpose,
    runtimes: Vec<Runtime>,
    weights: Weights,
    memory: u64,
    about: u64,
    files: Vec<ModelFile>,
}

impl Catalogue {
    /// The one that the program comes with.
    ///
    /// # Errors
    /// [`CatalogueError`]; a test holds the file against it.
    pub fn built_in() -> Result<Self, CatalogueError> {
        Self::parse(BUILT_IN)
    }

    /// Reads one.
    ///
    /// # Errors
    /// [`CatalogueError`], which says what is wrong and where.
    pub fn parse(json: &str) -> Result<Self, CatalogueError> {
        let Version { version } = serde_json::from_str(json)?;
        if version != VERSION {
            return Err(CatalogueError::Version(version));
        }
        let document: Document = serde_json::from_str(json)?;
        let mut ids = BTreeSet::new();
        let mut models = Vec::new();
        for entry in document.models {
            let model = entry.id.clone();
            let wrong = |reason: &str| CatalogueError::Model { model: model.clone(), reason: reason.into() };
            let licence =
                document.licences.get(&entry.licence).ok_or_else(|| wrong("its licence is not listed"))?;
            let checked = entry.into_model(licence.clone()).map_err(|reason| wrong(&reason))?;
            if !ids.insert(checked.id.clone()) {
                return Err(wrong("it is there twice"));
            }
            models.push(checked);
        }
        Ok(Self { models })
    }

    /// All of them, the first ones first to be offered.
    #[must_use]
    pub fn models(&self) -> &[Model] {
        &self.models
    }

    /// The one with this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Model> {
        self.models.iter().find(|model| model.id == id)
    }
}

impl Entry {
    fn into_model(self, licence: Licence) -> Result<Model, String> {
        if !is_id(&self.id) {
            return Err("its id is no name for a folder".into());
        }
        if name::of_repository(&self.repo).is_none() {
            return Err(format!("{:?} is no repository", self.repo));
        }
        if !name::is_plain(&self.revision) {
            return Err(format!("{:?} is no revision", self.revision));
        }
        if self.files.first().is_none_or(|weights| weights.optional) {
            return Err("it has no weights".into());
        }
        let mut names = BTreeSet::new();
        for file in &self.files {
            if !name::is_inside(&file.name) || file.name.starts_with("myca-") {
                return Err(format!("{:?} is no name for a file", file.name));
            }
            if !names.insert(file.name.to_lowercase()) {
                return Err(format!("{} is there twice", file.name));
            }
            if file.sha256.as_deref().is_some_and(|hash| !is_sha256(hash)) {
                return Err(format!("the hash of {} is no SHA-256", file.name));
            }
        }
        Ok(Model {
            id: self.id,
            name: self.name,
            what: self.what,
            repo: self.repo,
            revision: self.revision,
            licence,
            gated: self.gated,
            purpose: self.purpose,
            runtimes: self.runtimes,
            weights: self.weights,
            memory: self.memory,
            about: self.about,
            files: self.files,
        })
    }
}

impl Model {
    /// Its page at Hugging Face, where its licence is read and accepted.
    #[must_use]
    pub fn page(&self) -> String {
        format!("https://huggingface.co/{}", self.repo)
    }
}

/// Whether this can be the id of a model: lower case, as some systems take folders that differ in case for one.
pub(crate) fn is_id(id: &str) -> bool {
    name::is_plain(id)
        && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.'))
}

pub(crate) fn is_sha256(hash: &str) -> bool {
    hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(file: &str) -> Result<Catalogue, CatalogueError> {
        Catalogue::parse(&format!(
            r#"{{"version":1,"licences":{{"l":{{"name":"L","page":"https://l.example","credit":"C"}}}},"models":[{{
                "id":"m","name":"M","what":"It is.","repo":"o/m","revision":"main","licence":"l","gated":false,
                "purpose":"conversation","runtimes":["mycaHost"],"weights":"q8","memory":1,"about":1,
                "files":[{file}]}}]}}"#
        ))
    }

    #[test]
    fn the_catalogue_of_the_program_is_right() {
        let catalogue = Catalogue::built_in().unwrap();
        for model in catalogue.models() {
            let known: u64 = model.files.iter().filter_map(|file| file.size).sum();
            assert!(model.about >= known, "{}", model.id);
            assert_eq!(model.licence.page.split("://").next(), Some("https"), "{}", model.id);
            assert!(model.what.ends_with('.'), "{}", model.id);
            if model.purpose == Purpose::Conversation {
                assert!(!model.runtimes.is_empty() && model.memory > model.about, "{}", model.id);
            }
        }
        let gated: Vec<&str> =
            catalogue.models().iter().filter(|model| model.gated).map(|model| model.id.as_str()).collect();
        assert_eq!(gated, ["personaplex-7b-v1"]);
        for voice in ["moshiko", "moshika"] {
            for form in ["pytorch-bf16", "pytorch-q8", "candle-bf16", "candle-q8"] {
                let model = catalogue.get(&format!("{voice}-{form}")).unwrap();
                assert_eq!(model.page(), format!("https://huggingface.co/kyutai/{voice}-{form}"));
            }
        }
        assert_eq!(catalogue.get("stt-1b-en_fr-candle").unwrap().purpose, Purpose::Recognition);
    }

    #[test]
    fn a_wrong_catalogue_says_what_is_wrong() {
        assert!(with(r#"{"name":"a"}"#).is_ok());
        let hash = "a".repeat(63);
        for (file, reason) in [
            (r#"{"name":"../a"}"#.to_owned(), "no name for a file"),
            (r#"{"name":"myca-model.json"}"#.to_owned(), "no name for a file"),
            (r#"{"name":"a"},{"name":"A"}"#.to_owned(), "there twice"),
            (r#"{"name":"a","optional":true}"#.to_owned(), "no weights"),
            (format!(r#"{{"name":"a","sha256":"{hash}"}}"#), "no SHA-256"),
            (String::new(), "no weights"),
        ] {
            let error = with(&file).unwrap_err();
            assert_eq!(error.code(), "models.catalogue.model");
            assert!(error.to_string().contains(reason), "{error}");
        }
        assert_eq!(with(r#"{"name":"a","sice":1}"#).unwrap_err().code(), "models.catalogue.form");
        assert_eq!(Catalogue::parse(r#"{"version":2}"#).unwrap_err().code(), "models.catalogue.version");
        assert_eq!(Catalogue::parse("").unwrap_err().code(), "models.catalogue.form");
    }
}
