//! Verdicts, and all that they rest on.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What the doctor says of a machine.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// In plain words, for whoever reads one thing only.
    pub summary: String,
    /// What to do, the best first. Never empty: a remote host and typing always remain.
    pub recommendations: Vec<Recommendation>,
    /// One for each runtime, form of the weights and device.
    pub findings: Vec<Finding>,
    /// What concerns the machine and not one runtime.
    pub notices: Vec<Reason>,
}

impl Report {
    /// What was found for a runtime and a form of the weights; of several cards the best.
    pub fn finding(&self, runtime: Runtime, weights: Weights) -> Option<&Finding> {
        self.findings
            .iter()
            .filter(|finding| finding.runtime == runtime && finding.weights == weights)
            .min_by_key(|finding| finding.verdict)
    }
}

/// Something that a person can do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Recommendation {
    /// What it is.
    pub choice: Choice,
    /// The same in a sentence.
    pub says: String,
}

/// The ways to a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Choice {
    /// Moshi on this computer.
    Run {
        /// What computes.
        runtime: Runtime,
        /// The form of the weights.
        weights: Weights,
        /// The card's name; `None` for the processor.
        device: Option<String>,
    },
    /// Moshi on another computer.
    RemoteHost,
    /// No speech for now.
    Typing,
}

/// What was found for one runtime.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// What would compute.
    pub runtime: Runtime,
    /// The form of the weights.
    pub weights: Weights,
    /// The card's name; `None` for the processor, or where there is no card.
    pub device: Option<String>,
    /// Whether it works.
    pub verdict: Verdict,
    /// What the verdict rests on.
    pub basis: Basis,
    /// Whether something makes it doubtful: there is little room, or a figure is not known.
    pub doubtful: bool,
    /// Why, what decides first.
    pub reasons: Vec<Reason>,
    /// What to do next.
    pub next: Step,
}

/// What can compute Moshi.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Runtime {
    /// `myca host` on a graphics card.
    HostGpu,
    /// `myca host` on the processor.
    HostCpu,
    /// Kyutai's Python server, `moshi.server`.
    MoshiPython,
    /// The same with weights quantised by bitsandbytes.
    MoshiPythonQ8,
    /// NVIDIA's Python server for PersonaPlex.
    Personaplex,
    /// Kyutai's Rust server.
    MoshiBackend,
    /// The Python server in a container.
    Docker,
}

impl Runtime {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::HostGpu,
        Self::HostCpu,
        Self::MoshiPython,
        Self::MoshiPythonQ8,
        Self::Personaplex,
        Self::MoshiBackend,
        Self::Docker,
    ];
}

impl fmt::Display for Runtime {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Self::HostGpu => "myca host, GPU",
            Self::HostCpu => "myca host, processor",
            Self::MoshiPython => "Python moshi.server",
            Self::MoshiPythonQ8 => "Python, bitsandbytes",
            Self::Personaplex => "NVIDIA PersonaPlex",
            Self::MoshiBackend => "moshi-backend",
            Self::Docker => "Docker, Python server",
        })
    }
}

/// The forms in which the 7B weights exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Weights {
    /// 16 bits a weight, as published.
    #[serde(rename = "bf16")]
    Bf16,
    /// 8.5 bits a weight.
    #[serde(rename = "q8_0")]
    Q8,
    /// 4.5 bits a weight.
    #[serde(rename = "q4_k")]
    Q4,
}

impl fmt::Display for Weights {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Self::Bf16 => "bf16",
            Self::Q8 => "q8_0",
            Self::Q4 => "q4_k",
        })
    }
}

/// Whether something works, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Real frames were timed on this machine, in less than 80 ms each.
    Works,
    /// Nothing speaks against it, and it has not been timed.
    ShouldWork,
    /// Too little is known.
    Unknown,
    /// It would start, and fall behind the conversation.
    TooSlow,
    /// Something stands in the way.
    WillNotStart,
}

impl fmt::Display for Verdict {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Self::Works => "works",
            Self::ShouldWork => "should work",
            Self::Unknown => "unknown",
            Self::TooSlow => "too slow",
            Self::WillNotStart => "will not start",
        })
    }
}

/// What a verdict rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// What programs and data sheets say.
    Read,
    /// What happened on this machine.
    Measured,
}

impl fmt::Display for Basis {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Self::Read => "read",
            Self::Measured => "measured",
        })
    }
}

/// One thing that speaks for or against.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reason {
    /// A code that stays the same.
    pub code: &'static str,
    /// What it does to the verdict.
    pub effect: Effect,
    /// What it rests on.
    pub basis: Basis,
    /// A sentence, with the figures.
    pub says: String,
    /// What to do about it.
    pub next: Option<Step>,
}

/// What a reason does to the verdict, the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It will not start.
    Stops,
    /// It is too slow.
    Slows,
    /// It leaves the verdict open.
    Unknown,
    /// It makes it doubtful.
    Doubts,
    /// It proves that it works.
    Proves,
    /// It is good to know.
    Notes,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// A sentence.
    pub says: String,
    /// A line to copy, for those who know where to.
    pub line: Option<String>,
}

impl Step {
    pub(crate) fn new(says: impl Into<String>) -> Self {
        Self { says: says.into(), line: None }
    }

    pub(crate) fn with_line(says: impl Into<String>, line: impl Into<String>) -> Self {
        Self { says: says.into(), line: Some(line.into()) }
    }
}
