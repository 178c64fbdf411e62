//! What a person is told about a call.

use super::{
    MOST_IN_VAIN,
    call::{Call, GIVE_UP},
};
use crate::problem::{Action, LinkError, Problem};

/// The same problem while it is being dealt with: there is nothing to begin, but something to stop.
pub(super) fn while_waiting(mut problem: Problem) -> Problem {
    problem.actions.retain(|action| !matches!(action, Action::Talk | Action::Stop));
    problem.actions.insert(0, Action::Stop);
    problem
}

pub(super) fn warming_up(host: &str) -> Problem {
    Problem::new(
        "call.warming_up",
        format!("{host} prepares the conversation: it reads the persona and warms up its model."),
        "This takes seconds on a fast host, and a minute or more on the first call after its start.",
        &[Action::Stop],
    )
}

pub(super) fn seems_busy(host: &str) -> Problem {
    Problem::new(
        "call.seems_busy",
        format!("{host} has not begun yet. Somebody else may hold it, or it still reads the persona."),
        "It answers one caller at a time and does not say so. You can wait, or use another host.",
        &[Action::Stop, Action::OpenHostSettings],
    )
}

pub(super) fn no_handshake(call: &Call) -> Problem {
    let host = &call.host.shown;
    let seconds = call.host.handshake_limit.as_secs();
    Problem::new(
        "call.no_handshake",
        format!("{host} did not begin the conversation within {seconds} seconds."),
        "Somebody else may hold it, or it is slow; try again, or raise the limit in Settings.",
        &[Action::Talk, Action::OpenHostSettings],
    )
}

pub(super) fn gone(host: &str) -> Problem {
    Problem::new(
        "call.gone",
        format!("{host} was lost and has not come back for {} minutes.", GIVE_UP.as_secs() / 60),
        "You can go on typing; press Talk when the host is back.",
        &[Action::Talk, Action::OpenHostSettings],
    )
}

pub(super) fn ended_before_it_began(error: &LinkError, host: &str) -> Problem {
    let said = match error {
        LinkError::Closed(Some((code, words))) if !words.is_empty() => format!(" ({words}, code {code})"),
        LinkError::Closed(Some((code, _))) => format!(" (code {code})"),
        _ => String::new(),
    };
    Problem::new(
        "call.ended_before_it_began",
        format!("{host} ended the call before it began{said}."),
        "It may not know the voice, or have failed while it read the persona; look into its log, or try again.",
        &[Action::Talk, Action::OpenPersonaSettings],
    )
}

pub(super) fn ends_at_once(error: &LinkError, host: &str) -> Problem {
    let problem = error.problem(host);
    Problem::new(
        "call.ends_at_once",
        format!(
            "{host} has ended the call {MOST_IN_VAIN} times right after it began. Last: {}",
            problem.what
        ),
        "Look into the host's log; it may not be fast enough or not take this program's sound.",
        &[Action::Talk, Action::OpenHostSettings],
    )
}
