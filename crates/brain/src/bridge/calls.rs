//! Tool calls on one connection, told apart and measured.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use uuid::Uuid;
use wire::bridge::{BridgeToolCall, ToolStatus};

use crate::{
    ToolCall, ToolState,
    bounded::{ENTRIES, NAME, TEXT, cut},
};

/// Calls that were told of. A bridge makes its id from the session, so that each turn has the same one, and two turns
/// may be under way at once: a call is its id, its name, and its place among those that have not ended.
#[derive(Debug, Default)]
pub(super) struct Calls {
    open: VecDeque<Open>,
}

#[derive(Debug)]
struct Open {
    id: Uuid,
    their_id: Option<String>,
    name: String,
    arguments: Option<String>,
    state: ToolState,
    began: Instant,
}

impl Calls {
    /// What is told of a call, as an event of ours.
    pub(super) fn told(&mut self, call: BridgeToolCall, now: Instant) -> ToolCall {
        let state = match call.status {
            ToolStatus::Pending => ToolState::Pending,
            ToolStatus::Running => ToolState::Running,
            ToolStatus::Success => ToolState::Success,
            ToolStatus::Failed => ToolState::Error,
        };
        let their_id = call.id.as_deref().map(|id| cut(id, NAME));
        let name = call.tool.as_deref().map_or_else(|| "unnamed".to_owned(), |name| cut(name, NAME));
        let arguments = call.query.as_deref().map(|query| cut(query, TEXT));
        // A call that runs is another one than a call that runs already; the oldest that runs is the one that ends.
        let goes_on = |open: &Open| {
            let earlier = match state {
                ToolState::Pending => false,
                ToolState::Running => open.state == ToolState::Pending,
                ToolState::Success | ToolState::Error => true,
            };
            earlier && open.name == name && open.their_id == their_id
        };
        let found = self.open.iter().position(goes_on);
        let measured = found.map(|at| now.saturating_duration_since(self.open[at].began));
        let (id, arguments) = match found {
            Some(at) if state.is_final() => {
                let ended = self.open.remove(at);
                ended.map_or((Uuid::now_v7(), None), |open| (open.id, arguments.or(open.arguments)))
            }
            Some(at) => {
                let open = &mut self.open[at];
                open.state = state;
                if arguments.is_some() {
                    open.arguments.clone_from(&arguments);
                }
                (open.id, open.arguments.clone())
            }
            None => {
                let id = Uuid::now_v7();
                if !state.is_final() {
                    self.begin(Open {
                        id,
                        their_id: their_id.clone(),
                        name: name.clone(),
                        arguments: arguments.clone(),
                        state,
                        began: now,
                    });
                }
                (id, arguments)
            }
        };
        ToolCall {
            id,
            their_id,
            name,
            arguments,
            question: None,
            state,
            measured,
            reported: call.duration_ms.and_then(|ms| Duration::try_from_secs_f64(ms / 1e3).ok()),
            result: call.result.map(|result| cut(&result, TEXT)),
        }
    }

    fn begin(&mut self, open: Open) {
        // A bridge may tell for days of calls that never end.
        if self.open.len() >= ENTRIES {
            self.open.pop_front();
        }
        self.open.push_back(open);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(status: ToolStatus, query: Option<&str>) -> BridgeToolCall {
        BridgeToolCall {
            id: Some("brain_1234abcd".into()),
            tool: Some("mas_brain_query".into()),
            query: query.map(str::to_owned),
            result: None,
            status,
            duration_ms: None,
        }
    }

    #[test]
    fn an_id_that_comes_again_is_another_call_and_the_oldest_ends_first() {
        let (mut calls, now) = (Calls::default(), Instant::now());
        let later = |ms| now + Duration::from_millis(ms);
        let first = calls.told(call(ToolStatus::Running, Some("one")), now);
        let second = calls.told(call(ToolStatus::Running, Some("two")), later(10));
        assert_ne!(first.id, second.id);
        let ended = calls.told(call(ToolStatus::Success, None), later(50));
        assert_eq!((ended.id, ended.arguments.as_deref()), (first.id, Some("one")));
        assert_eq!(ended.measured, Some(Duration::from_millis(50)));
        let failed = calls.told(call(ToolStatus::Failed, None), later(70));
        assert_eq!((failed.id, failed.state), (second.id, ToolState::Error));
        assert_eq!(failed.measured, Some(Duration::from_millis(60)));
    }

    #[test]
    fn a_call_of_which_only_the_end_is_told_is_not_measured() {
        let mut calls = Calls::default();
        let ended = calls.told(
            BridgeToolCall { duration_ms: Some(12.5), ..call(ToolStatus::Success, None) },
            Instant::now(),
        );
        assert_eq!((ended.measured, ended.reported), (None, Some(Duration::from_micros(12_500))));
        let again = calls.told(call(ToolStatus::Success, None), Instant::now());
        assert_ne!(ended.id, again.id);
    }

    #[test]
    fn calls_without_an_end_are_forgotten_and_names_are_cut() {
        let (mut calls, now) = (Calls::default(), Instant::now());
        for _ in 0..ENTRIES * 3 {
            calls.told(call(ToolStatus::Running, None), now);
        }
        assert_eq!(calls.open.len(), ENTRIES);
        let long = BridgeToolCall { tool: Some("x".repeat(NAME * 2)), ..call(ToolStatus::Running, None) };
        assert!(calls.told(long, now).name.len() <= NAME);
    }
}
