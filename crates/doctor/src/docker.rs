//! Docker, as far as it concerns Moshi.

use serde::{Deserialize, Serialize};

use crate::Torch;

/// What is known of Docker.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Docker {
    /// Whether it can be used.
    pub state: DockerState,
    /// The version of its server.
    pub version: Option<String>,
    /// Whether containers can use NVIDIA cards.
    pub nvidia_runtime: Option<bool>,
    /// Images of Moshi.
    pub images: Option<Vec<Image>>,
    /// Volumes that may keep Moshi's 15 GB.
    pub volumes: Option<Vec<String>>,
    /// Containers of Moshi.
    pub containers: Option<Vec<Container>>,
}

/// Whether Docker can be used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DockerState {
    /// There is no Docker.
    #[default]
    Absent,
    /// It is installed, and its server does not run.
    Stopped,
    /// Its server runs and does not serve this user.
    Refused,
    /// It runs.
    Running,
}

/// An image of Moshi.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Image {
    /// Name and tag.
    pub name: String,
    /// The torch in it.
    pub torch: Option<Torch>,
}

/// A container of Moshi.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// How often Docker has started it again.
    pub restarts: u32,
    /// Whether what it downloads outlives it.
    pub keeps_its_cache: bool,
}
