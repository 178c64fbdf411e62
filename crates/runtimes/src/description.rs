//! How a runtime is run, as plain values.

use std::{ffi::OsString, path::PathBuf};

use crate::{RuntimeKind, Secret};

/// Everything there is to know about running one runtime on one port. Nothing has been done for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// The runtime.
    pub kind: RuntimeKind,
    /// What is started.
    pub run: Run,
    /// How it is spoken with.
    pub scheme: Scheme,
    /// The path at which it is called.
    pub path: &'static str,
    /// Folders that must be there. They are made for this person alone.
    pub folders: Vec<PathBuf>,
    /// Folders that are emptied before it starts and after it ends, because it writes down what was talked about.
    pub emptied: Vec<PathBuf>,
    /// Files that are written before it starts, with what is in them.
    pub files: Vec<(PathBuf, String)>,
    /// The certificate that it shows, once it has made one.
    pub certificate: Option<PathBuf>,
    /// The folder that grows while it downloads a model.
    pub cache: Option<PathBuf>,
    /// What a person should know before it runs.
    pub warnings: Vec<Warning>,
}

/// What is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Run {
    /// A program.
    Program(Program),
    /// A container.
    Container(Container),
}

/// A program, and all that it is started with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// Where it is.
    pub program: PathBuf,
    /// Its arguments. None of them is a secret, as everybody on the computer can read them.
    pub arguments: Vec<OsString>,
    /// Variables of the environment that it gets.
    pub set: Vec<(&'static str, OsString)>,
    /// Variables that it does not inherit.
    pub removed: Vec<&'static str>,
    /// The token for Hugging Face, which it gets as `HF_TOKEN`.
    pub token: Option<Secret>,
    /// The folder that it works in.
    pub folder: PathBuf,
}

/// A container of Docker, which is made, run once, and removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// The image that it is made of.
    pub image: String,
    /// What runs in it.
    pub command: Vec<String>,
    /// Variables of the environment that it gets.
    pub set: Vec<(&'static str, String)>,
    /// The token for Hugging Face. It goes in through standard input, because Docker writes the environment of a container down.
    pub token: Option<Secret>,
    /// The volume that keeps what was downloaded.
    pub volume: &'static str,
    /// Where the volume is in the container.
    pub volume_at: &'static str,
    /// The port in the container.
    pub inside: u16,
    /// The port on this computer, at its own address alone.
    pub outside: u16,
}

/// How a runtime is spoken with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// A WebSocket.
    Ws,
    /// A WebSocket over TLS, with a certificate that the runtime signed itself.
    Wss,
}

impl Scheme {
    /// The address of a call.
    pub(crate) fn url(self, port: u16, path: &str) -> String {
        let scheme = match self {
            Self::Ws => "ws",
            Self::Wss => "wss",
        };
        format!("{scheme}://127.0.0.1:{port}{path}")
    }
}

/// What a person should know of a runtime that works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Warning {
    /// It listens on all of the computer's addresses, whatever it is told.
    OpenToTheNetwork,
    /// It writes down what is talked about.
    WritesTranscripts,
    /// It ends each call by itself.
    EndsCalls,
    /// It is slower than real time on any card.
    NoGraphs,
}

impl Warning {
    /// What it is, and what to do.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::OpenToTheNetwork => {
                "NVIDIA's server listens on all of this computer's addresses, so that everybody in the network can talk \
                 with it and choose files as voices. Close its port in the firewall where the network is not your own."
            }
            Self::WritesTranscripts => {
                "moshi-backend writes the words and codes of every conversation into a folder. The folder is emptied when \
                 it starts and when it ends."
            }
            Self::EndsCalls => "moshi-backend ends every call after six minutes. The next one begins anew.",
            Self::NoGraphs => {
                "Without CUDA graphs a step takes 150 to 200 ms on the cards that were measured, and the conversation \
                 stutters. Allow them unless the server does not start with them."
            }
        }
    }
}
