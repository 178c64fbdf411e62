//! Calls of tools, as they are told.

use std::time::Instant;

use serde_json::Value;
use uuid::Uuid;

use super::course::Course;
use crate::{
    Tool, ToolAnswer, ToolCall, ToolState, What,
    bounded::{NAME, TEXT, cut},
    interface::Gone,
    tool,
};

/// A call that was told of and has not ended.
pub(super) struct Open {
    told: ToolCall,
    runs_since: Option<Instant>,
}

/// What became of a call.
pub(super) enum Called {
    /// It ended well.
    Well(ToolAnswer),
    /// It did not; a sentence says why.
    Badly(String),
    /// The person did not want it.
    Refused,
}

/// Whether the person still has to be asked where a tool wants that.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Asking {
    /// They asked for it themselves, in these words.
    NotNeeded,
    /// Somebody else thought of it.
    Needed,
}

impl Course<'_> {
    /// Tells of a call that is to be made, and returns our id of it.
    pub(super) async fn announce(
        &mut self,
        name: &str,
        arguments: &str,
        their_id: Option<&str>,
    ) -> Result<Uuid, Gone> {
        let told = ToolCall {
            id: Uuid::now_v7(),
            their_id: their_id.map(|id| cut(id, NAME)),
            name: cut(name, NAME),
            arguments: Some(cut(arguments, TEXT)),
            question: None,
            state: ToolState::Pending,
            measured: None,
            reported: None,
            result: None,
        };
        let id = told.id;
        self.teller.tell(What::Tool(told.clone())).await?;
        self.called = true;
        self.open.push(Open { told, runs_since: None });
        Ok(id)
    }

    /// Makes a call that was announced: asks the person where that is needed, runs it, and tells of all that.
    pub(super) async fn call(
        &mut self,
        id: Uuid,
        tool: &dyn Tool,
        arguments: Value,
        asking: Asking,
    ) -> Result<Called, Gone> {
        let question = tool.question(&arguments).filter(|_| asking == Asking::Needed);
        if let Some(question) = question {
            self.change(id, |call| call.question = Some(cut(&question, TEXT))).await?;
            let asked = Instant::now();
            let allowed = self.teller.decision(id).await;
            self.waited += asked.elapsed();
            if !allowed? {
                self.fail(id, "The person did not allow it.").await?;
                return Ok(Called::Refused);
            }
        }
        if let Some(open) = self.open.iter_mut().find(|open| open.told.id == id) {
            open.runs_since = Some(Instant::now());
        }
        self.change(id, |call| {
            call.question = None;
            call.state = ToolState::Running;
        })
        .await?;
        match tool::call(tool, arguments, tool::LIMIT).await {
            Ok(answer) => {
                let text = answer.text.clone();
                self.change(id, |call| (call.state, call.result) = (ToolState::Success, Some(text))).await?;
                if let Some(memory) = answer.memory.clone() {
                    self.teller.tell(What::Memory(memory)).await?;
                }
                Ok(Called::Well(answer))
            }
            Err(why) => {
                self.fail(id, &why).await?;
                Ok(Called::Badly(why))
            }
        }
    }

    /// Tells that a call did not end well.
    pub(super) async fn fail(&mut self, id: Uuid, why: &str) -> Result<(), Gone> {
        self.change(id, |call| {
            (call.state, call.question, call.result) = (ToolState::Error, None, Some(why.to_owned()));
        })
        .await
    }

    /// Tells that what is under way will not end by itself any more: the turn is over.
    pub(super) async fn close(&mut self) -> Result<(), Gone> {
        while let Some(id) = self.open.first().map(|open| open.told.id) {
            self.fail(id, "The turn ended before the call did.").await?;
        }
        Ok(())
    }

    async fn change(&mut self, id: Uuid, change: impl FnOnce(&mut ToolCall)) -> Result<(), Gone> {
        let Some(at) = self.open.iter().position(|open| open.told.id == id) else { return Ok(()) };
        let mut told = self.open[at].told.clone();
        change(&mut told);
        told.measured = self.open[at].runs_since.map(|since| since.elapsed());
        // In this order: where the turn is cancelled while there is no room, it was not told.
        self.teller.tell(What::Tool(told.clone())).await?;
        if told.state.is_final() {
            self.open.remove(at);
        } else {
            self.open[at].told = told;
        }
        Ok(())
    }
}
