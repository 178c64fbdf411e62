//! What a person chose to run on this computer.

use std::path::PathBuf;

use crate::RuntimeKind;

/// The port that every Moshi server takes by itself.
pub const MOSHI_PORT: u16 = 8998;

/// The Docker image with Kyutai's server that its users know.
pub const USUAL_IMAGE: &str = "mycosoft/moshi-voice:latest";

/// A runtime, and how it is to be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// What is run.
    pub what: What,
    /// Where it is to listen.
    pub port: Port,
}

/// The port that a runtime is to have on this computer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Port {
    /// The one that is tried first.
    pub wanted: u16,
    /// Nothing but that one will do, because others know it.
    pub fixed: bool,
}

impl Default for Port {
    fn default() -> Self {
        Self { wanted: MOSHI_PORT, fixed: false }
    }
}

/// What is run, by kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// `myca host`.
    MycaHost {
        /// The folder with the model's files, or the file of weights in it.
        model: PathBuf,
        /// The folder with the recogniser that listens beside it.
        hear: Option<PathBuf>,
    },
    /// `myca host --hear`, without Moshi.
    Recogniser {
        /// The folder with the recogniser's files.
        model: PathBuf,
    },
    /// Kyutai's `moshi.server`.
    PythonMoshi {
        /// A Python interpreter, or the folder of a virtual environment.
        interpreter: PathBuf,
        /// A folder that holds the package `moshi`, where it is not installed.
        code: Option<PathBuf>,
        /// The repository at Hugging Face, such as `kyutai/moshika-pytorch-bf16`.
        repo: String,
        /// Calculate in float16, for cards that know no bfloat16.
        half: bool,
        /// How much of PyTorch is used.
        torch: Torch,
    },
    /// NVIDIA's `moshi.server`.
    PersonaPlex {
        /// A Python interpreter, or the folder of a virtual environment.
        interpreter: PathBuf,
        /// A folder that holds the package `moshi`, where it is not installed.
        code: Option<PathBuf>,
        /// The repository at Hugging Face, `nvidia/personaplex-7b-v1` as a rule.
        repo: String,
        /// The folder with the voices; none for those of the repository.
        voices: Option<PathBuf>,
        /// Keep layers that do not fit in the computer's own memory. Needs the package `accelerate`.
        offload: bool,
        /// How much of PyTorch is used.
        torch: Torch,
    },
    /// Kyutai's `moshi-backend`.
    MoshiBackend {
        /// The program.
        program: PathBuf,
        /// The file of weights. Mimi and the tokenizer lie beside it, under the names that Kyutai gave them.
        model: PathBuf,
        /// Use the processor alone.
        cpu: bool,
        /// Let the processor do Mimi's part, which saves memory of the GPU.
        mimi_on_cpu: bool,
    },
    /// Kyutai's `moshi.server` in a container.
    Docker {
        /// The image, which holds Python with `moshi` in it, such as [`USUAL_IMAGE`].
        image: String,
        /// The repository at Hugging Face.
        repo: String,
        /// Calculate in float16, for cards that know no bfloat16.
        half: bool,
        /// How much of PyTorch is used.
        torch: Torch,
    },
}

/// What of PyTorch is switched off. Nothing, where it works: without graphs a step takes five times as long.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Torch {
    /// Do without `torch.compile`, which needs Triton.
    pub no_compile: bool,
    /// Do without CUDA graphs.
    pub no_graphs: bool,
}

impl What {
    /// Of which kind it is.
    #[must_use]
    pub fn kind(&self) -> RuntimeKind {
        match self {
            Self::MycaHost { .. } => RuntimeKind::MycaHost,
            Self::Recogniser { .. } => RuntimeKind::Recogniser,
            Self::PythonMoshi { .. } => RuntimeKind::PythonMoshi,
            Self::PersonaPlex { .. } => RuntimeKind::PersonaPlex,
            Self::MoshiBackend { .. } => RuntimeKind::MoshiBackend,
            Self::Docker { .. } => RuntimeKind::Docker,
        }
    }
}
