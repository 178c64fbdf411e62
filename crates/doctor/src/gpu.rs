//! A graphics adapter.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A graphics adapter, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Gpu {
    /// Its name, as its driver says it.
    pub name: String,
    /// Who made it.
    pub vendor: Option<Vendor>,
    /// Whether it has memory of its own.
    pub kind: Option<GpuKind>,
    /// Memory on the card, in bytes. Never what it may borrow from the machine.
    pub memory_total_bytes: Option<u64>,
    /// Of that, what no program holds, in bytes.
    pub memory_free_bytes: Option<u64>,
    /// What CUDA calls its abilities.
    pub compute_capability: Option<ComputeCapability>,
    /// The version of its driver.
    pub driver: Option<String>,
    /// The interfaces through which it can be used.
    pub apis: Option<Vec<Api>>,
    /// Programs that hold its memory, as far as the driver tells.
    pub held_by: Vec<Holder>,
}

/// Who made a graphics adapter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Vendor {
    /// NVIDIA.
    Nvidia,
    /// AMD.
    Amd,
    /// Intel.
    Intel,
    /// Somebody else.
    Other,
}

/// Where an adapter computes, and with whose memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GpuKind {
    /// A card with memory of its own.
    Discrete,
    /// A part of the processor, with the machine's memory.
    Integrated,
    /// The processor, pretending.
    Software,
}

/// A way to compute on an adapter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Api {
    /// NVIDIA's CUDA.
    Cuda,
    /// Vulkan.
    Vulkan,
    /// Direct3D 12, on Windows.
    Dx12,
}

/// A program that holds an adapter's memory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Holder {
    /// The program's name.
    pub program: String,
    /// How much it holds, in bytes. Windows does not tell.
    pub bytes: Option<u64>,
}

/// NVIDIA's number for what a card can do, as in "8.9".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ComputeCapability {
    /// The generation.
    pub major: u32,
    /// The variant.
    pub minor: u32,
}

impl ComputeCapability {
    /// From both numbers.
    pub const fn new(major: u32, minor: u32) -> Self {
        Self { major, minor }
    }

    /// As in the architecture lists of compilers: sm_89.
    pub(crate) fn sm(self) -> String {
        format!("sm_{}{}", self.major, self.minor)
    }
}

impl fmt::Display for ComputeCapability {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}", self.major, self.minor)
    }
}

impl FromStr for ComputeCapability {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (major, minor) = text.trim().split_once('.').unwrap_or((text.trim(), "0"));
        match (major.parse(), minor.parse()) {
            (Ok(major), Ok(minor)) => Ok(Self { major, minor }),
            _ => Err(format!("a compute capability looks like \"8.9\", not \"{}\"", text.escape_debug())),
        }
    }
}

impl TryFrom<String> for ComputeCapability {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<ComputeCapability> for String {
    fn from(capability: ComputeCapability) -> Self {
        capability.to_string()
    }
}

impl Gpu {
    /// Whether Moshi could run on it with memory of its own. Without a word about its kind, a card that has memory
    /// is taken for one.
    pub(crate) fn is_discrete(&self) -> bool {
        match self.kind {
            Some(kind) => kind == GpuKind::Discrete,
            None => self.memory_total_bytes.is_some(),
        }
    }

    pub(crate) fn has(&self, api: Api) -> Option<bool> {
        self.apis.as_ref().map(|apis| apis.contains(&api))
    }

    /// What is free, or all of it where that is not known.
    pub(crate) fn room(&self) -> Option<u64> {
        self.memory_free_bytes.or(self.memory_total_bytes)
    }
}
