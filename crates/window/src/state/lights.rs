//! The status lights: what is true, in a few words.

use audio::{DeviceError, RouteStatus};
use conversation::Problem;

use super::{Call, Ear, Light, LightId, LightState, Phase, hearing::has_no_ear};
use crate::{
    hearing,
    view::{BrainPanel, BrainState, EarChoice, EarPhase, Local, LocalPhase, MemoryCounts, Settings},
};

/// The light of a microphone or loudspeaker. `open`: whether sound is meant to be open; `nothing`: why there is nothing
/// that could be opened.
pub(super) fn device(
    id: LightId,
    route: Option<&RouteStatus>,
    nothing: Option<&DeviceError>,
    open: bool,
    muted: bool,
) -> Light {
    let error = route.and_then(|route| route.error.as_ref());
    let in_use = route.and_then(|route| route.in_use.as_ref());
    let (state, what, problem) = match (in_use, error.or(nothing)) {
        (Some(device), _) if muted => (LightState::Off, format!("Muted: {}", device.name), None),
        // Where the chosen device fails, another one serves.
        (Some(device), _) => (LightState::Well, device.name.clone(), error.map(Problem::device)),
        (None, Some(error)) => wrong(error),
        (None, None) if open => (LightState::Waiting, "Opening".to_owned(), None),
        (None, None) => (LightState::Off, "Closed until you talk.".to_owned(), None),
    };
    Light { id, state, what, since_ms: 0, ms: None, problem: problem.map(Into::into) }
}

fn wrong(error: &DeviceError) -> (LightState, String, Option<Problem>) {
    let problem = Problem::device(error);
    (LightState::Wrong, problem.what.clone(), Some(problem))
}

/// The light of the Moshi host.
pub(super) fn moshi(call: &Call, no_address: bool) -> Light {
    let (state, what) = match call.phase {
        Phase::Idle if no_address => (LightState::Off, "No host is set up."),
        Phase::Idle => (LightState::Off, "Not connected."),
        Phase::Connecting => (LightState::Waiting, "Connecting"),
        Phase::WarmingUp => (LightState::Waiting, "Preparing"),
        Phase::Busy => (LightState::Waiting, "Busy with someone else"),
        Phase::Live => (LightState::Well, "Listens and talks"),
        Phase::Reconnecting => (LightState::Waiting, "Connecting again"),
        Phase::TypingOnly => (LightState::Off, "Lost; typing goes on."),
        Phase::Failed => (LightState::Wrong, "Does not answer"),
    };
    let problem = match call.phase {
        Phase::Idle if no_address => Some(Problem::no_host().into()),
        _ => call.problem.clone(),
    };
    // A problem that is told apart by its code says more than the phase does.
    let what = match (call.phase, &problem) {
        (Phase::Failed, Some(problem)) => problem.what.clone(),
        _ => what.to_owned(),
    };
    Light { id: LightId::Moshi, state, what, since_ms: 0, ms: None, problem }
}

/// The light of who hears the person.
pub(super) fn ear(ear: &Ear, recogniser: &Local, settings: &Settings) -> Light {
    if settings.ear == EarChoice::ThisComputer && ear.phase == EarPhase::Off {
        let (state, what) = match recogniser.phase {
            LocalPhase::Ready => (LightState::Off, "Closed until you talk."),
            LocalPhase::Starting | LocalPhase::Waiting => (LightState::Waiting, "Is being started"),
            LocalPhase::Off | LocalPhase::Stopping => (LightState::Off, "Does not run."),
            LocalPhase::Failed => (LightState::Wrong, "Cannot run on this computer"),
        };
        let problem = recogniser.problem.clone();
        return Light { id: LightId::Ear, state, what: what.to_owned(), since_ms: 0, ms: None, problem };
    }
    let none = settings.ear == EarChoice::Server && settings.ear_address.is_empty();
    let why = ear.problem.clone();
    let (state, what, problem) = match ear.phase {
        EarPhase::Listening => (LightState::Well, at(ear), None),
        EarPhase::Waiting if why.is_some() => {
            (LightState::Waiting, "Not reached; tried again".to_owned(), why)
        }
        EarPhase::Waiting => (LightState::Waiting, "Being reached".to_owned(), None),
        // A host needs none, and the call goes on as well without it.
        EarPhase::Failed if has_no_ear(ear) => {
            (LightState::Off, "This host does not tell what you say.".to_owned(), why)
        }
        EarPhase::Failed => {
            let what = why.as_ref().map_or_else(|| "Cannot hear".to_owned(), |problem| problem.what.clone());
            (LightState::Wrong, what, why)
        }
        EarPhase::Off if none => {
            (LightState::Off, "No recogniser is set up.".to_owned(), Some(hearing::no_server().into()))
        }
        EarPhase::Off if settings.ear == EarChoice::Off => (LightState::Off, "Not used.".to_owned(), None),
        EarPhase::Off => (LightState::Off, "Closed until you talk.".to_owned(), None),
    };
    Light { id: LightId::Ear, state, what, since_ms: 0, ms: None, problem }
}

/// Where somebody listens, and with which model. What it costs changes each second, and is shown beside the light.
fn at(ear: &Ear) -> String {
    let place = if ear.place.is_empty() { "Listens" } else { &ear.place };
    ear.model.as_ref().map_or_else(|| place.to_owned(), |model| format!("{place}, {model}"))
}

/// The light of whoever answers.
pub(super) fn brain(panel: &BrainPanel) -> Light {
    let (state, what) = match panel.state {
        BrainState::Ready => (LightState::Well, "Ready"),
        BrainState::Thinking => (LightState::Waiting, "Thinking"),
        BrainState::Waiting => (LightState::Waiting, "Waiting"),
        BrainState::Streaming => (LightState::Well, "Answering"),
        BrainState::Failed => (LightState::Wrong, "The last answer failed"),
    };
    let problem = panel.problem.clone().filter(|_| panel.state == BrainState::Failed);
    let ms = panel.first_token_ms.or(panel.latency_ms);
    Light { id: LightId::Brain, state, what: what.to_owned(), since_ms: 0, ms, problem }
}

/// The light of the built-in brain's memory.
pub(super) fn own_memory(problem: Option<&Problem>, counts: &MemoryCounts) -> Light {
    let (state, what) = match problem {
        Some(problem) => (LightState::Wrong, problem.what.clone()),
        None if counts.editable => (LightState::Well, "On this computer".to_owned()),
        None => (LightState::Off, "Not used.".to_owned()),
    };
    Light {
        id: LightId::Memory,
        state,
        what,
        since_ms: 0,
        ms: None,
        problem: problem.cloned().map(Into::into),
    }
}
