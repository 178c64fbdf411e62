//! The command line of the desktop app.

use clap::Parser;

/// Talk, full duplex, with Kyutai Moshi and NVIDIA PersonaPlex.
#[derive(Debug, Clone, Parser)]
#[command(name = "myca-voice", version)]
pub(crate) struct Args {
    /// Call this host instead of the one in Settings, for this run; for example ws://127.0.0.1:8998
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) host: Option<String>,
    /// Begin to talk at once
    #[arg(long)]
    pub(crate) talk: bool,
}
