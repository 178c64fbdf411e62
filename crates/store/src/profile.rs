//! Where Moshi is: what a person has set up.

use serde::{Deserialize, Serialize};

/// Where a host is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum HostPlace {
    /// This computer: the app starts Moshi itself.
    ThisComputer,
    /// A Moshi server.
    Moshi {
        /// Its address, as typed.
        address: String,
    },
    /// A PersonaPlex Bridge, which has a Moshi of its own.
    Bridge {
        /// Its address, as typed.
        address: String,
    },
    /// A Moshi server behind an SSH tunnel.
    Ssh {
        /// Whom ssh logs in as, and where: `user@host`, or a name from the person's ssh configuration.
        target: String,
        /// The port of its ssh server; `None`: as the person's ssh configuration has it.
        #[serde(default)]
        port: Option<u16>,
        /// The port at which Moshi listens over there, on its loopback.
        #[serde(default = "moshi_port")]
        remote_port: u16,
    },
}

/// The port that Moshi servers take by themselves.
fn moshi_port() -> u16 {
    8998
}

/// A host that was set up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HostProfile {
    /// Unique, and never changes. Its token is kept under it.
    pub id: String,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Where it is.
    pub place: HostPlace,
    /// The SHA-256 of the one certificate that is trusted, as pairs of hexadecimal digits with colons; `None`: those that
    /// the system trusts.
    #[serde(default)]
    pub pin: Option<String>,
    /// Whether words and sound may go there unencrypted, though it is not on this computer.
    #[serde(default)]
    pub plain: bool,
    /// Whether a token is kept for it. The keyring is asked for none otherwise: it may be locked, or not answer.
    #[serde(default)]
    pub token: bool,
    /// What its last test found.
    #[serde(default)]
    pub measured: Option<Measured>,
}

/// What a test of a host found. Durations in milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// The verdict's stable code.
    pub verdict: String,
    /// Until it answered at all.
    #[serde(default)]
    pub reach_ms: Option<f64>,
    /// From the open socket to the handshake.
    #[serde(default)]
    pub handshake_ms: Option<f64>,
    /// The round trip of an empty ping.
    #[serde(default)]
    pub round_trip_ms: Option<f64>,
    /// What a frame of 80 ms takes the host.
    #[serde(default)]
    pub frame_ms: Option<f64>,
    /// What the server says that it is.
    #[serde(default)]
    pub server: Option<String>,
}

/// A program that can be Moshi on this computer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LocalRuntime {
    /// `myca host`, which comes with the app.
    #[default]
    MycaHost,
    /// Kyutai's `moshi.server` in Python.
    PythonMoshi,
    /// NVIDIA's `moshi.server` in Python, for PersonaPlex.
    PersonaPlex,
    /// Kyutai's `moshi-backend` in Rust.
    MoshiBackend,
    /// The Docker image of the Python server.
    Docker,
}

/// How Moshi is started on this computer. An empty text leaves the choice to the program.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LocalSetup {
    /// The program.
    pub runtime: LocalRuntime,
    /// The id of the model.
    pub model: String,
    /// The Python interpreter, or the folder of its virtual environment.
    pub python: String,
    /// The program `moshi-backend`.
    pub backend: String,
    /// The Docker image.
    pub image: String,
    /// Whether it is started together with the app.
    pub with_app: bool,
}
