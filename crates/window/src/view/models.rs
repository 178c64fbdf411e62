//! Models on this computer, as the window shows them.

use serde::Serialize;
use ts_rs::TS;

use super::{Problem, Runtime};

/// Where a model stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum ModelState {
    /// It is not here.
    Absent,
    /// It is being downloaded.
    Downloading,
    /// A part of it is here; the download goes on where it stopped.
    Paused,
    /// It is being looked at: hashed, or examined.
    Checking,
    /// It is in the folder of models, whole.
    Here,
    /// It is in Hugging Face's own cache, and used as it is.
    InCache,
    /// It is a folder that the person pointed to.
    Imported,
}

/// Whether a model fits this computer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum Fits {
    /// The doctor has not looked yet.
    Unknown,
    /// Something here can run it.
    Yes,
    /// Something here can run it with little to spare, or too slowly for speech.
    Barely,
    /// Nothing here can run it.
    No,
}

/// A download.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Download {
    /// Bytes that are here.
    pub done: u64,
    /// Bytes in all.
    pub total: u64,
    /// Over the last seconds.
    pub bytes_per_s: f64,
    /// What is left of the time, in seconds, while it can be told.
    pub left_s: Option<u64>,
    /// The file that it is at.
    pub file: String,
}

/// A model.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct ModelRow {
    /// Unique: the repository's name, or an imported folder's.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// What it is, in a sentence.
    pub what: String,
    /// Its weights: bf16, q8, q4.
    pub weights: String,
    /// Its licence's name.
    pub licence: String,
    /// Whether its licence has to be accepted on Hugging Face first.
    pub gated: bool,
    /// The page with the model and its licence, to be shown and copied.
    pub page: String,
    /// Bytes of the whole, where they are known.
    pub bytes: Option<u64>,
    /// Whether it makes text of speech, and is no Moshi.
    pub recognises: bool,
    /// What runs it.
    pub runtimes: Vec<Runtime>,
    /// Whether it fits this computer.
    pub fits: Fits,
    /// Why, in a sentence.
    pub fits_why: String,
    /// Where it stands.
    pub state: ModelState,
    /// The download, while it is under way or paused.
    pub download: Option<Download>,
    /// The folder that it lies in.
    pub folder: Option<String>,
    /// Bytes that deleting it frees; null: it is not ours to delete.
    pub frees: Option<u64>,
    /// What went wrong with it.
    pub problem: Option<Problem>,
}

/// The models.
#[derive(Debug, Clone, Default, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Models {
    /// Those of the catalogue, and those that were imported.
    pub rows: Vec<ModelRow>,
    /// The folder that downloads go to.
    pub folder: String,
    /// Bytes that are free there.
    pub free: Option<u64>,
    /// Whether a token of Hugging Face is kept.
    pub token: bool,
}
