//! Python interpreters, and what of Moshi is installed in them.

use serde::{Deserialize, Serialize};

/// A Python interpreter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Python {
    /// The program, as it was given or found.
    pub path: String,
    /// Its version.
    pub version: Option<String>,
    /// PyTorch, if it is installed.
    pub torch: Option<Torch>,
    /// The version of Triton, if it is installed.
    pub triton: Option<String>,
    /// Moshi, if it is installed.
    pub moshi: Option<Moshi>,
    /// The version of bitsandbytes, if it is installed.
    pub bitsandbytes: Option<String>,
}

/// PyTorch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Torch {
    /// Its version, for example "2.5.1+cu124".
    pub version: String,
    /// The CUDA that it was built with; `None` for the processor alone.
    pub cuda: Option<String>,
    /// The architectures that it was built for ("sm_90"), as it says itself when it is imported.
    pub arch_list: Option<Vec<String>>,
}

/// The Python package moshi.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Moshi {
    /// Whose it is.
    pub flavour: Flavour,
    /// Its version.
    pub version: Option<String>,
}

/// Both packages are imported as `moshi`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flavour {
    /// Kyutai's, for Moshi.
    #[default]
    Kyutai,
    /// NVIDIA's, for PersonaPlex.
    Nvidia,
}

/// The account and the cache of Hugging Face.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HuggingFace {
    /// Whether there is a token. The token itself is never read.
    pub token: bool,
    /// Where downloads are kept.
    pub cache: Option<String>,
    /// Repositories in the cache, as "owner/name".
    pub repos: Vec<String>,
}

impl HuggingFace {
    pub(crate) fn has(&self, repo: &str) -> bool {
        self.repos.iter().any(|cached| cached.eq_ignore_ascii_case(repo))
    }
}
