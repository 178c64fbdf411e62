//! The same for ears, dictation and times.

use crate::{state::host_frames, view};

impl From<store::EarChoice> for view::EarChoice {
    fn from(choice: store::EarChoice) -> Self {
        match choice {
            store::EarChoice::Off => Self::Off,
            store::EarChoice::Host => Self::Host,
            store::EarChoice::ThisComputer => Self::ThisComputer,
            store::EarChoice::Server => Self::Server,
        }
    }
}

impl From<view::EarChoice> for store::EarChoice {
    fn from(choice: view::EarChoice) -> Self {
        match choice {
            view::EarChoice::Off => Self::Off,
            view::EarChoice::Host => Self::Host,
            view::EarChoice::ThisComputer => Self::ThisComputer,
            view::EarChoice::Server => Self::Server,
        }
    }
}

impl From<store::Answerer> for view::Answerer {
    fn from(choice: store::Answerer) -> Self {
        match choice {
            store::Answerer::Moshi => Self::Moshi,
            store::Answerer::BrainThroughMoshi => Self::BrainThroughMoshi,
            store::Answerer::BrainInText => Self::BrainInText,
        }
    }
}

impl From<view::Answerer> for store::Answerer {
    fn from(choice: view::Answerer) -> Self {
        match choice {
            view::Answerer::Moshi => Self::Moshi,
            view::Answerer::BrainThroughMoshi => Self::BrainThroughMoshi,
            view::Answerer::BrainInText => Self::BrainInText,
        }
    }
}

impl From<store::Says> for view::Says {
    fn from(choice: store::Says) -> Self {
        match choice {
            store::Says::AtPause => Self::AtPause,
            store::Says::AtOnce => Self::AtOnce,
        }
    }
}

impl From<view::Says> for store::Says {
    fn from(choice: view::Says) -> Self {
        match choice {
            view::Says::AtPause => Self::AtPause,
            view::Says::AtOnce => Self::AtOnce,
        }
    }
}

impl From<conversation::EarPhase> for view::EarPhase {
    fn from(phase: conversation::EarPhase) -> Self {
        match phase {
            conversation::EarPhase::Off => Self::Off,
            conversation::EarPhase::Waiting => Self::Waiting,
            conversation::EarPhase::Listening => Self::Listening,
            conversation::EarPhase::Failed => Self::Failed,
        }
    }
}

impl From<conversation::EarState> for view::Ear {
    fn from(ear: conversation::EarState) -> Self {
        Self {
            phase: ear.phase.into(),
            place: ear.place,
            of_host: ear.of_host,
            model: ear.model,
            delay_ms: ear.delay_ms,
            frames: ear.timing.and_then(host_frames),
            lost_ms: 0.0,
            problem: ear.problem.map(Into::into),
        }
    }
}

impl From<conversation::Dictation> for view::Dictation {
    fn from(dictation: conversation::Dictation) -> Self {
        let conversation::Dictation { on, text, problem } = dictation;
        Self { on, text, problem: problem.map(Into::into) }
    }
}

impl From<conversation::TurnTimes> for view::TurnTimes {
    fn from(times: conversation::TurnTimes) -> Self {
        Self {
            turn: times.turn.to_string(),
            said_ms: times.said_ms,
            known_ms: times.known_ms,
            words_late_ms: times.words_late_ms,
            asked_ms: times.asked_ms,
            first_token_ms: times.first_token_ms,
            sayable_ms: times.sayable_ms,
            given_ms: times.given_ms,
            sounds_ms: times.sounds_ms,
            replied_ms: times.replied_ms,
        }
    }
}
