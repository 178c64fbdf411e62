//! What was told of a turn, to look at.
#![allow(dead_code, unreachable_pub, reason = "several test programs share it, and none needs all of it")]

use std::time::Duration;

use brain::{Answer, Event, Failure, MemoryUse, Notice, Outcome, Reply, ToolCall, ToolState, What};
use tokio::time::timeout;

/// Longer than anything takes on any machine.
const PATIENCE: Duration = Duration::from_secs(60);

pub async fn next(answer: &mut Answer) -> Option<Event> {
    timeout(PATIENCE, answer.next()).await.expect("something happens in time")
}

/// A person who decides the same about everything.
#[derive(Debug, Clone, Copy)]
pub enum Person {
    Allows,
    Refuses,
    /// Is not asked.
    Rests,
}

/// All events of a turn, which hold what holds for every turn.
pub async fn all(answer: Answer) -> Told {
    take(answer, |_, call| assert_eq!(call.question, None, "nobody is asked")).await
}

/// The same of a turn that calls tools of ours, and asks a person whether it may.
pub async fn all_with(answer: Answer, person: Person) -> Told {
    let told = take(answer, |answer, call| {
        let Some(question) = &call.question else { return };
        assert_eq!(call.state, ToolState::Pending);
        let allowed = match person {
            Person::Allows => true,
            Person::Refuses => false,
            Person::Rests => panic!("the person is asked: {question}"),
        };
        answer.reins().decide(brain::Decision { call: call.id, allowed });
    });
    let told = told.await;
    told.tools_hold();
    told
}

async fn take(mut answer: Answer, call: impl Fn(&Answer, &ToolCall)) -> Told {
    let mut told = Vec::new();
    while let Some(event) = next(&mut answer).await {
        assert_eq!((event.turn, event.number), (answer.turn(), told.len() as u64));
        if let What::Tool(tool) = &event.what {
            call(&answer, tool);
        }
        told.push(event.what);
    }
    let told = Told { told };
    told.holds();
    told
}

#[derive(Debug)]
pub struct Told {
    pub told: Vec<What>,
}

impl Told {
    fn holds(&self) {
        let ends = self.told.iter().filter(|what| matches!(what, What::Done { .. })).count();
        assert!(
            ends == 1 && matches!(self.told.last(), Some(What::Done { .. })),
            "the end is told: {self:?}"
        );
        assert!(self.told.iter().filter(|what| matches!(what, What::Reply(_))).count() <= 1, "{self:?}");
        let tokens = self
            .told
            .iter()
            .filter_map(|what| if let What::Token { text } = what { Some(&**text) } else { None });
        let reply = self.reply().map_or("", |reply| &reply.text);
        assert_eq!(tokens.collect::<String>(), reply, "the pieces are the whole");
    }

    /// What holds for calls of tools that are ours.
    fn tools_hold(&self) {
        for call in self.tools() {
            let states: Vec<_> =
                self.tools().filter(|other| other.id == call.id).map(|call| call.state).collect();
            assert_eq!(states[0], ToolState::Pending, "{self:?}");
            assert!(
                states.is_sorted_by_key(|state| state.is_final()),
                "nothing comes after the end: {states:?}"
            );
            assert_eq!(states.iter().filter(|state| state.is_final()).count(), 1, "it ends once: {states:?}");
            assert_eq!(
                call.measured.is_some(),
                states.contains(&ToolState::Running) && call.state != ToolState::Pending
            );
        }
    }

    pub fn reply(&self) -> Option<&Reply> {
        self.told.iter().find_map(|what| if let What::Reply(reply) = what { Some(reply) } else { None })
    }

    #[track_caller]
    pub fn answered(&self) -> &Reply {
        assert_eq!(self.outcome(), Outcome::Answered, "{self:?}");
        self.reply().unwrap()
    }

    #[track_caller]
    pub fn failed(&self) -> &Failure {
        assert_eq!(self.outcome(), Outcome::Failed, "{self:?}");
        self.told
            .iter()
            .find_map(|what| if let What::Error(error) = what { Some(error) } else { None })
            .unwrap()
    }

    pub fn outcome(&self) -> Outcome {
        let Some(What::Done { outcome, .. }) = self.told.last() else { unreachable!("`holds` has looked") };
        *outcome
    }

    pub fn left_out(&self) -> u64 {
        let Some(What::Done { left_out, .. }) = self.told.last() else { unreachable!("`holds` has looked") };
        *left_out
    }

    pub fn asks(&self) -> Vec<&str> {
        self.told
            .iter()
            .filter_map(|what| if let What::Thinking { asks } = what { Some(&**asks) } else { None })
            .collect()
    }

    pub fn notices(&self) -> Vec<&Notice> {
        self.told
            .iter()
            .filter_map(|what| if let What::Notice(notice) = what { Some(notice) } else { None })
            .collect()
    }

    pub fn notice_codes(&self) -> Vec<&str> {
        self.notices().iter().map(|notice| notice.code).collect()
    }

    pub fn memory(&self) -> Vec<(MemoryUse, &str, u64)> {
        let memory =
            self.told.iter().filter_map(|what| if let What::Memory(m) = what { Some(m) } else { None });
        memory.map(|memory| (memory.used, memory.kind.as_str(), memory.count)).collect()
    }

    pub fn tools(&self) -> impl Iterator<Item = &ToolCall> {
        self.told.iter().filter_map(|what| if let What::Tool(call) = what { Some(call) } else { None })
    }

    /// The calls that ended, with how and with what came of them.
    pub fn ended(&self) -> Vec<(&str, ToolState, &str)> {
        let ended = self.tools().filter(|call| call.state.is_final());
        ended.map(|call| (&*call.name, call.state, call.result.as_deref().unwrap_or_default())).collect()
    }

    pub fn questions(&self) -> Vec<&str> {
        self.tools().filter_map(|call| call.question.as_deref()).collect()
    }
}
