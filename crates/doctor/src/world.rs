//! What is known of a machine.
//!
//! A [`World`] is read by the probes, measured, or written by hand as JSON (README.md has the table). Whatever is left
//! out is not known; a list that is there and empty says that somebody looked and found nothing.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{Gpu, HuggingFace, Measured, Python, docker::Docker};

/// The longest description that is read, in bytes. A full one has some 10 KB.
const LONGEST: usize = 1 << 20;

/// A machine, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct World {
    /// The operating system.
    pub os: Os,
    /// The processor.
    pub cpu: Cpu,
    /// The machine's memory.
    pub ram: Ram,
    /// The disk that models are kept on.
    pub disk: Disk,
    /// Graphics adapters, software ones among them.
    pub gpus: Option<Vec<Gpu>>,
    /// Docker, and what it has of Moshi.
    pub docker: Option<Docker>,
    /// Python interpreters.
    pub pythons: Option<Vec<Python>>,
    /// Whether Kyutai's program moshi-backend was found.
    pub moshi_backend: Option<bool>,
    /// Those of the asked-for ports on which something listens.
    pub taken_ports: Option<Vec<u16>>,
    /// The account and the cache of Hugging Face.
    pub hugging_face: Option<HuggingFace>,
    /// Variables of the environment that change what Python servers do.
    pub environment: Environment,
    /// Our own runtime.
    pub host: Option<Host>,
    /// What was measured, as opposed to read.
    pub measured: Measured,
    /// Probes that gave no answer, and why.
    pub unread: Vec<Unread>,
}

/// An operating system.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Os {
    /// Which kind it is.
    pub family: Option<OsFamily>,
    /// Its name and version, for people.
    pub name: Option<String>,
    /// Whether this is Linux inside Windows (WSL).
    pub wsl: bool,
}

/// The kinds of operating systems that make a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OsFamily {
    /// Linux, also inside WSL.
    Linux,
    /// Windows itself.
    Windows,
    /// macOS.
    Macos,
}

/// A processor.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cpu {
    /// Its name.
    pub name: Option<String>,
    /// Cores, not counting the second thread of each.
    pub physical_cores: Option<u32>,
    /// Those of its abilities that matter: avx2, fma, f16c, avx512f.
    pub features: Option<Vec<String>>,
}

/// The machine's memory, in bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ram {
    /// All of it.
    pub total_bytes: Option<u64>,
    /// What a new program could have without anything being swapped out.
    pub available_bytes: Option<u64>,
}

/// The disk that models are kept on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Disk {
    /// The folder of the models.
    pub folder: Option<String>,
    /// Free there, in bytes.
    pub free_bytes: Option<u64>,
}

/// Variables that change what Python servers do. `None` is a variable that is not set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Environment {
    /// `NO_TORCH_COMPILE`: any text turns compilation off, "0" as well.
    pub no_torch_compile: Option<String>,
    /// `NO_CUDA_GRAPH`: "", "0", "no" and "n" leave graphs on.
    pub no_cuda_graph: Option<String>,
}

impl Environment {
    /// Whether Moshi would not compile its model.
    pub(crate) fn compile_is_off(&self) -> bool {
        self.no_torch_compile.as_deref().is_some_and(|value| !value.is_empty())
    }

    /// Whether Moshi would compute without CUDA graphs.
    pub(crate) fn graphs_are_off(&self) -> bool {
        self.no_cuda_graph
            .as_deref()
            .is_some_and(|value| !["", "0", "no", "n"].contains(&value.to_ascii_lowercase().as_str()))
    }
}

/// Our own runtime, `myca host`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Host {
    /// Its version.
    pub version: Option<String>,
    /// What it can compute on: "cpu", "gpu".
    pub backends: Vec<String>,
}

/// A probe that gave no answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Unread {
    /// What was to be read, for people.
    pub probe: String,
    /// What came in between, for people.
    pub why: String,
}

/// Why a described machine cannot be judged.
#[derive(Debug, Error)]
pub enum WorldError {
    /// It is longer than any description.
    #[error("the description has {0} bytes, and more than {LONGEST} are not read")]
    TooLong(usize),
    /// It is no JSON, or JSON of something else.
    #[error("the description cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
}

impl WorldError {
    /// A code that stays the same.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLong(_) => "world.too-long",
            Self::Unreadable(_) => "world.unreadable",
        }
    }
}

impl World {
    /// Reads a description of a machine.
    ///
    /// # Errors
    ///
    /// If it is longer than 1 MiB, no JSON, or has a field that does not exist: a slip of the pen would otherwise
    /// change a verdict without a word.
    pub fn from_json(text: &str) -> Result<Self, WorldError> {
        if text.len() > LONGEST {
            return Err(WorldError::TooLong(text.len()));
        }
        Ok(serde_json::from_str(text)?)
    }

    /// The description of this machine.
    ///
    /// # Errors
    ///
    /// If a measured figure is no number.
    pub fn to_json(&self) -> Result<String, WorldError> {
        Ok(serde_json::to_string_pretty(self)?)
    }
}
