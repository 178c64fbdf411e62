//! From the conversation's types to the window's. Nothing is decided here.

use audio::{DeviceInfo, DeviceList, FLOOR_DB, RouteStatus};
use conversation::{CallState, ShownTurn};

use crate::view;

mod hearing;
mod hosts;

impl From<store::Theme> for view::Theme {
    fn from(theme: store::Theme) -> Self {
        match theme {
            store::Theme::System => Self::System,
            store::Theme::Light => Self::Light,
            store::Theme::Dark => Self::Dark,
        }
    }
}

impl From<view::Theme> for store::Theme {
    fn from(theme: view::Theme) -> Self {
        match theme {
            view::Theme::System => Self::System,
            view::Theme::Light => Self::Light,
            view::Theme::Dark => Self::Dark,
        }
    }
}

impl view::Settings {
    /// `mas_token` says whether the system's keyring holds one; `ear_key`, whether there is one.
    pub(crate) fn of(settings: &store::Settings, mas_token: bool, ear_key: bool) -> Self {
        let settings = settings.clone();
        // Where none is chosen, the one that is sent is shown.
        let voice = match settings.voice.as_str() {
            "" => wire::ChatQuery::default().voice().to_owned(),
            _ => settings.voice,
        };
        Self {
            welcomed: settings.welcomed,
            use_next_host: settings.use_next_host,
            local: settings.local.into(),
            model_endpoint: settings.model_endpoint,
            handshake_limit_s: settings.handshake_limit_s,
            persona: settings.persona,
            voice,
            input_device: settings.input_device,
            output_device: settings.output_device,
            theme: settings.theme.into(),
            mas_address: settings.mas_address,
            mas_token,
            model_address: settings.model_address,
            model: settings.model,
            person: settings.person,
            ear: settings.ear.into(),
            ear_model: settings.ear_model,
            ear_address: settings.ear_address,
            ear_plain: settings.ear_plain,
            ear_key,
            answerer: settings.answerer.into(),
            says: settings.says.into(),
        }
    }
}

impl From<conversation::Action> for view::Action {
    fn from(action: conversation::Action) -> Self {
        match action {
            conversation::Action::Talk => Self::Talk,
            conversation::Action::Stop => Self::Stop,
            conversation::Action::OpenHostSettings => Self::OpenHostSettings,
            conversation::Action::OpenAudioSettings => Self::OpenAudioSettings,
            conversation::Action::OpenHearingSettings => Self::OpenHearingSettings,
            conversation::Action::OpenPersonaSettings => Self::OpenPersonaSettings,
            conversation::Action::NewConversation => Self::NewConversation,
            conversation::Action::OpenBrainSettings => Self::OpenBrainSettings,
            conversation::Action::OpenDoctor => Self::OpenDoctor,
            conversation::Action::OpenModels => Self::OpenModels,
            conversation::Action::StartLocal => Self::StartLocal,
            conversation::Action::OpenLocalLog => Self::OpenLocalLog,
        }
    }
}

impl From<conversation::Problem> for view::Problem {
    fn from(problem: conversation::Problem) -> Self {
        Self {
            code: problem.code.to_owned(),
            what: problem.what,
            next: problem.next,
            actions: problem.actions.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<conversation::Phase> for view::Phase {
    fn from(phase: conversation::Phase) -> Self {
        match phase {
            conversation::Phase::Idle => Self::Idle,
            conversation::Phase::Connecting => Self::Connecting,
            conversation::Phase::WarmingUp => Self::WarmingUp,
            conversation::Phase::Busy => Self::Busy,
            conversation::Phase::Live => Self::Live,
            conversation::Phase::Reconnecting => Self::Reconnecting,
            conversation::Phase::TypingOnly => Self::TypingOnly,
            conversation::Phase::Failed => Self::Failed,
        }
    }
}

impl From<CallState> for view::Call {
    fn from(call: CallState) -> Self {
        Self {
            phase: call.phase.into(),
            since_ms: call.since_ms,
            waiting_since_ms: call.waiting_since_ms,
            limit_s: call.limit.map(|limit| limit.as_secs()),
            attempt: call.attempt,
            retry_at_ms: call.retry_at_ms,
            host: call.host,
            server: call.server,
            model: call.model,
            problem: call.problem.map(Into::into),
            muted: call.muted,
        }
    }
}

impl From<store::Delivery> for view::Delivery {
    fn from(delivery: store::Delivery) -> Self {
        match delivery {
            store::Delivery::Waiting => Self::Waiting,
            store::Delivery::Sent => Self::Sent,
            store::Delivery::Delivered => Self::Delivered,
            store::Delivery::Failed => Self::Failed,
        }
    }
}

impl From<brain::ToolState> for view::ToolState {
    fn from(state: brain::ToolState) -> Self {
        match state {
            brain::ToolState::Pending => Self::Pending,
            brain::ToolState::Running => Self::Running,
            brain::ToolState::Success => Self::Success,
            brain::ToolState::Error => Self::Error,
        }
    }
}

impl From<brain::AgentState> for view::AgentState {
    fn from(state: brain::AgentState) -> Self {
        match state {
            brain::AgentState::Matched => Self::Matched,
            brain::AgentState::Invoked => Self::Invoked,
            brain::AgentState::Processing => Self::Processing,
            brain::AgentState::Completed => Self::Completed,
            brain::AgentState::Failed => Self::Failed,
            brain::AgentState::Unknown => Self::Unknown,
        }
    }
}

impl From<brain::Canned> for view::Canned {
    fn from(canned: brain::Canned) -> Self {
        match canned {
            brain::Canned::No => Self::No,
            brain::Canned::Perhaps => Self::Perhaps,
            brain::Canned::Yes => Self::Yes,
        }
    }
}

impl From<brain::Failure> for view::Problem {
    fn from(failure: brain::Failure) -> Self {
        Self { code: failure.code.to_owned(), what: failure.what, next: failure.next, actions: Vec::new() }
    }
}

impl view::Consciousness {
    /// What the agent system said of itself at `at_ms`.
    pub(crate) fn of(said: brain::mas::Consciousness, at_ms: i64) -> Self {
        let emotions = said.emotions.into_iter();
        Self {
            state: said.state,
            name: said.name,
            awake_since: said.awake_since,
            dominant_emotion: said.dominant_emotion,
            emotions: emotions.map(|(name, strength)| view::Emotion { name, strength }).collect(),
            thoughts: said.thoughts_processed,
            memories: said.memories_recalled,
            agents: said.agents_coordinated,
            world_updates: said.world_updates,
            at_ms,
        }
    }
}

/// A duration in milliseconds, with one digit behind the point.
pub(crate) fn millis(duration: std::time::Duration) -> f64 {
    (duration.as_secs_f64() * 1e4).round() / 10.0
}

/// A turn, known to be on disk or not.
pub(crate) fn turn(turn: store::Turn, saved: bool) -> view::Turn {
    view::Turn {
        id: turn.number.to_string(),
        speaker: match turn.speaker {
            store::Speaker::Person => view::Speaker::Person,
            store::Speaker::Moshi => view::Speaker::Moshi,
            store::Speaker::Brain => view::Speaker::Brain,
        },
        source: match turn.source {
            store::Source::Typed => view::TurnSource::Typed,
            store::Source::Heard => view::TurnSource::Heard,
            store::Source::Spoken => view::TurnSource::Spoken,
            store::Source::Written => view::TurnSource::Written,
        },
        text: turn.text,
        at_ms: turn.at_ms,
        open: turn.open,
        saved,
        delivery: turn.delivery.map(Into::into),
        note: turn.note,
    }
}

impl From<ShownTurn> for view::Turn {
    fn from(shown: ShownTurn) -> Self {
        turn(shown.turn, shown.saved)
    }
}

impl From<&DeviceInfo> for view::Device {
    fn from(device: &DeviceInfo) -> Self {
        Self { id: device.id.0.clone(), name: device.name.clone(), is_default: device.is_default }
    }
}

/// Microphones and loudspeakers of a list.
pub(crate) fn devices(list: &DeviceList) -> (Vec<view::Device>, Vec<view::Device>) {
    let all = |devices: &[DeviceInfo]| devices.iter().map(Into::into).collect();
    (all(&list.inputs), all(&list.outputs))
}

impl From<&RouteStatus> for view::Route {
    fn from(route: &RouteStatus) -> Self {
        Self {
            chosen: route.chosen.as_ref().map(|id| id.0.clone()),
            in_use: route.in_use.as_ref().map(|device| device.name.clone()),
            chosen_missing: route.chosen_missing,
        }
    }
}

impl From<audio::Level> for view::Level {
    fn from(level: audio::Level) -> Self {
        // JSON has no number for the level of perfect silence.
        let above_floor = |db: f32| if db.is_finite() { db.max(FLOOR_DB) } else { FLOOR_DB };
        Self { peak_db: above_floor(level.peak_db), rms_db: above_floor(level.rms_db) }
    }
}
