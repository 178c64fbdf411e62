//! What `myca ask` prints: the reply on standard output, everything else on standard error.
#![allow(clippy::print_stderr, reason = "sentences are for whoever started it")]

use brain::{AgentState, Canned, Event, MemoryUse, ToolState, What};

use crate::print::{line, out, visible};

/// Prints what happens: words as they come, or every event as JSON.
pub(super) struct Printer {
    json: bool,
    /// Whether a line of the reply has begun and not ended.
    open: bool,
}

impl Printer {
    /// Prints words, or events as JSON.
    pub(super) fn new(json: bool) -> Self {
        Self { json, open: false }
    }

    /// Prints an event.
    pub(super) fn event(&mut self, event: &Event) {
        if self.json {
            match serde_json::to_string(event) {
                Ok(line) => out(format_args!("{line}\n")),
                Err(error) => tracing::error!(%error, "an event cannot be written as JSON"),
            }
            if let What::Error(failure) = &event.what {
                eprintln!("{} {}", failure.what, failure.next);
            }
            return;
        }
        match &event.what {
            What::Thinking { .. } => {}
            What::Token { text } => {
                let text = visible(text);
                out(format_args!("{text}"));
                if let Some(last) = text.chars().last() {
                    self.open = last != '\n';
                }
            }
            What::Reply(reply) => {
                self.end_line();
                if !reply.whole {
                    self.note("The reply may not be complete.", None);
                }
                match reply.canned {
                    Canned::No => {}
                    Canned::Perhaps => self.note("This may be a prepared sentence: MAS does not say.", None),
                    Canned::Yes => {
                        self.note("This is a prepared sentence: no model has answered.", None);
                    }
                }
            }
            What::Tool(call) => {
                let state = match call.state {
                    // It is asked about, or runs at once.
                    ToolState::Pending => return self.end_line(),
                    ToolState::Running => "runs",
                    ToolState::Success => "has run",
                    ToolState::Error => "has failed",
                };
                self.note(&format!("Tool {} {state}.", line(&call.name)), None);
            }
            What::Agent(agent) => {
                let state = match agent.state {
                    AgentState::Matched => "would be the one for this",
                    AgentState::Invoked => "was called",
                    AgentState::Processing => "works",
                    AgentState::Completed => "is done",
                    AgentState::Failed => "has failed",
                    AgentState::Unknown => "has something to tell",
                };
                self.note(&format!("Agent {} {state}.", line(&agent.name)), agent.said.as_deref());
            }
            What::Memory(memory) => {
                let used = match memory.used {
                    MemoryUse::Read => "read",
                    MemoryUse::Write => "written",
                };
                self.note(&format!("Memory {used}: {} ({}).", line(&memory.kind), memory.count), None);
            }
            What::Notice(notice) => self.note(&notice.what, notice.said.as_deref()),
            What::Error(failure) => {
                self.end_line();
                eprintln!("{} {}", failure.what, failure.next);
                if let Some(said) = &failure.said {
                    eprintln!("It said: {}", visible(said));
                }
            }
            What::Done { left_out: 0, .. } => self.end_line(),
            What::Done { left_out, .. } => self.note(&format!("{left_out} entries were left out."), None),
        }
    }

    fn note(&mut self, sentence: &str, said: Option<&str>) {
        self.end_line();
        match said {
            Some(said) => eprintln!("[{sentence} {}]", line(said)),
            None => eprintln!("[{sentence}]"),
        }
    }

    fn end_line(&mut self) {
        if std::mem::take(&mut self.open) {
            out(format_args!("\n"));
        }
    }
}
