//! `myca frames`: times frames of a model in a process of its own. Loading cannot be interrupted, and a model that is
//! too large for this machine takes its process along; the doctor lives on then.
#![allow(clippy::print_stderr, reason = "sentences are for whoever started it")]

use std::{path::PathBuf, process::ExitCode, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{print::out, server::NO_MODEL};

/// The longest that it goes on, in seconds.
const LONGEST: u64 = 3_600;

/// Time frames.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The folder with the model's files, or the file of weights in it
    #[arg(long, value_name = "PATH")]
    model: PathBuf,
    /// When no further frame is begun, in milliseconds
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(..LONGEST * 1_000))]
    limit: u64,
}

/// A line that is printed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Said {
    /// The model is loaded, and so many frames are timed.
    Timed {
        /// How many.
        frames: u32,
    },
    /// It is done.
    Cost {
        /// How many frames were timed.
        frames: u32,
        /// Half of them cost no more, in milliseconds.
        median_ms: f64,
        /// Nineteen of twenty cost no more, in milliseconds.
        p95_ms: f64,
    },
}

impl Said {
    fn print(self) {
        match serde_json::to_string(&self) {
            Ok(line) => out(format_args!("{line}\n")),
            Err(error) => tracing::error!(%error, "a line cannot be written as JSON"),
        }
    }
}

pub(crate) fn run(args: &Args) -> ExitCode {
    let limit = Duration::from_millis(args.limit);
    match engine::time_frames(&args.model, limit, |frames| Said::Timed { frames }.print()) {
        Ok(cost) => {
            let (median_ms, p95_ms) = (cost.median_ms.into(), cost.p95_ms.into());
            Said::Cost { frames: cost.frames, median_ms, p95_ms }.print();
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(NO_MODEL)
        }
    }
}
