//! The programs that are Moshi, and the one that hears beside it.

use std::fmt;

/// A program that can be Moshi on this computer, or hear beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RuntimeKind {
    /// Ours, `myca host`.
    MycaHost,
    /// Ours, `myca host --hear`: no Moshi, but what makes text of what a person says.
    Recogniser,
    /// Kyutai's `moshi.server` in Python.
    PythonMoshi,
    /// NVIDIA's `moshi.server` in Python, for PersonaPlex.
    PersonaPlex,
    /// Kyutai's `moshi-backend` in Rust.
    MoshiBackend,
    /// Kyutai's `moshi.server` in a Docker container.
    Docker,
}

impl RuntimeKind {
    /// What people call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::MycaHost => "myca host",
            Self::Recogniser => "the recogniser",
            Self::PythonMoshi => "Kyutai's moshi.server",
            Self::PersonaPlex => "NVIDIA's moshi.server",
            Self::MoshiBackend => "moshi-backend",
            Self::Docker => "Moshi in Docker",
        }
    }

    /// Whether it is `myca`, whose exit codes and lines are known.
    pub(crate) fn is_ours(self) -> bool {
        matches!(self, Self::MycaHost | Self::Recogniser)
    }

    /// As it stands in the names of files and folders.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::MycaHost => "myca_host",
            Self::Recogniser => "recogniser",
            Self::PythonMoshi => "python_moshi",
            Self::PersonaPlex => "persona_plex",
            Self::MoshiBackend => "moshi_backend",
            Self::Docker => "docker",
        }
    }
}

impl fmt::Display for RuntimeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
