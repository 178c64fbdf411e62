//! The programs that are Moshi.

use std::fmt;

/// A program that can be Moshi on this computer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RuntimeKind {
    /// Ours, `myca host`.
    MycaHost,
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
            Self::PythonMoshi => "Kyutai's moshi.server",
            Self::PersonaPlex => "NVIDIA's moshi.server",
            Self::MoshiBackend => "moshi-backend",
            Self::Docker => "Moshi in Docker",
        }
    }

    /// As it stands in the names of files and folders.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::MycaHost => "myca_host",
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
