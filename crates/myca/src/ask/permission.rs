//! Whether a tool may do what it asks for.
#![allow(clippy::print_stderr, reason = "sentences are for whoever started it")]

use std::io::{IsTerminal, stdin};

use brain::{Decision, Event, ToolCall, ToolState, What};
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::print::line;

/// Who decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Permission {
    /// Everything was allowed beforehand.
    Given,
    /// The person at the terminal.
    Asked,
    /// Nobody is there.
    Refused,
}

impl Permission {
    /// Everything is allowed if `yes` says so; else whoever is at the terminal decides.
    pub(super) fn new(yes: bool) -> Self {
        match (yes, stdin().is_terminal()) {
            (true, _) => Self::Given,
            (false, true) => Self::Asked,
            (false, false) => Self::Refused,
        }
    }

    /// Decides about the call of an event that waits for it.
    pub(super) async fn decide(self, event: &Event) -> Option<Decision> {
        let What::Tool(ToolCall { id, question: Some(question), state: ToolState::Pending, .. }) =
            &event.what
        else {
            return None;
        };
        let question = line(question);
        let allowed = match self {
            Self::Given => true,
            Self::Asked => {
                eprint!("{question} [y/N] ");
                // A terminal gives one line at a time, so that nothing is lost with the reader.
                let mut typed = String::new();
                let read = BufReader::new(tokio::io::stdin()).read_line(&mut typed).await;
                read.is_ok() && matches!(typed.trim().to_lowercase().as_str(), "y" | "yes")
            }
            Self::Refused => {
                eprintln!("[{question} Nobody can be asked here, so it is not done; --yes allows it.]");
                false
            }
        };
        Some(Decision { call: *id, allowed })
    }
}
