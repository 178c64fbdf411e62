//! A call on its way: where it stands, what is waited for, and how that is shown.

use std::time::Duration;

use wire::HostMetadata;

use super::{CallState, Moment, Phase, words};
use crate::{host::Host, problem::LinkError};

/// A host that answers the upgrade but not more for this long is probably held by somebody else: stock servers say
/// nothing then.
const SEEMS_BUSY: Duration = Duration::from_secs(8);
/// A lost host is tried again for this long before the conversation goes on in text alone.
pub(super) const GIVE_UP: Duration = Duration::from_secs(300);

#[derive(Debug, Clone)]
pub(super) enum Stage {
    Connecting,
    WarmingUp { since: Duration },
    Live { since: Duration },
    Waiting { until: Duration },
}

#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) host: Host,
    pub(super) link: u64,
    pub(super) stage: Stage,
    /// Since when a handshake is waited for: since Talk, or since the connection was lost.
    pub(super) waiting_since: Moment,
    pub(super) was_live: bool,
    pub(super) attempt: u32,
    /// Calls in a row that came to nothing.
    pub(super) in_vain: u32,
    pub(super) metadata: HostMetadata,
    pub(super) error: Option<LinkError>,
}

impl Call {
    pub(super) fn limit(&self) -> Duration {
        if self.was_live { GIVE_UP } else { self.host.handshake_limit }
    }

    pub(super) fn learn(&mut self, metadata: HostMetadata) {
        let known = &mut self.metadata;
        if metadata.server.is_some() {
            known.server = metadata.server;
        }
        if metadata.version.is_some() {
            known.version = metadata.version;
        }
        if metadata.model.is_some() {
            known.model = metadata.model;
        }
        if !metadata.capabilities.is_empty() {
            known.capabilities = metadata.capabilities;
        }
    }

    pub(super) fn deadline(&self, phase: Phase) -> Option<Duration> {
        let limit = self.waiting_since.mono + self.limit();
        match self.stage {
            Stage::Live { .. } => None,
            Stage::Connecting => Some(limit),
            Stage::WarmingUp { since } if phase == Phase::WarmingUp && !self.says_when_busy() => {
                Some(limit.min(since + SEEMS_BUSY))
            }
            Stage::WarmingUp { .. } => Some(limit),
            Stage::Waiting { until } => Some(limit.min(until)),
        }
    }

    pub(super) fn phase(&self, now: Duration) -> Phase {
        match self.stage {
            Stage::Live { .. } => Phase::Live,
            Stage::Connecting | Stage::WarmingUp { .. } | Stage::Waiting { .. } if self.was_live => {
                Phase::Reconnecting
            }
            // A busy host that is asked again stays busy to the eye until it lets this call in.
            Stage::Connecting if self.error.is_some() => Phase::Busy,
            Stage::Connecting => Phase::Connecting,
            Stage::WarmingUp { since } if self.seems_busy(since, now) => Phase::Busy,
            Stage::WarmingUp { .. } if self.error.is_some() => Phase::Busy,
            Stage::WarmingUp { .. } => Phase::WarmingUp,
            Stage::Waiting { .. } => Phase::Busy,
        }
    }

    pub(super) fn seems_busy(&self, since: Duration, now: Duration) -> bool {
        now.saturating_sub(since) >= SEEMS_BUSY && !self.says_when_busy()
    }

    /// Our own hosts say when they are busy, so their silence means work.
    pub(super) fn says_when_busy(&self) -> bool {
        self.metadata.can(wire::capability::REFUSES_WHEN_BUSY)
    }

    /// Whether the host says texts that it is given, now.
    pub(super) fn speaks(&self) -> bool {
        matches!(self.stage, Stage::Live { .. }) && self.metadata.can(wire::capability::SPEAKS)
    }

    /// Whether the host tells what the person says, now.
    pub(super) fn hears(&self) -> bool {
        matches!(self.stage, Stage::Live { .. }) && self.metadata.can(wire::capability::HEARS)
    }

    /// Whether it is not known yet what the host can.
    pub(super) fn is_live(&self) -> bool {
        matches!(self.stage, Stage::Live { .. })
    }

    pub(super) fn describe(&self, phase: Phase, now: Moment, state: &mut CallState) {
        state.host.clone_from(&self.host.shown);
        state.server = self.metadata.server.clone().map(|server| match &self.metadata.version {
            Some(version) => format!("{server} {version}"),
            None => server,
        });
        state.model.clone_from(&self.metadata.model);
        state.attempt = self.attempt;
        if !matches!(self.stage, Stage::Live { .. }) {
            state.waiting_since_ms = Some(self.waiting_since.unix_ms);
            state.limit = Some(self.limit());
        }
        if let Stage::Waiting { until } = self.stage {
            let wait = until.saturating_sub(now.mono).as_millis();
            state.retry_at_ms = Some(now.unix_ms + i64::try_from(wait).unwrap_or(0));
        }
        state.problem = match (phase, &self.error) {
            (Phase::Live, _) => None,
            (_, Some(error)) => Some(words::while_waiting(error.problem(&self.host.shown))),
            (Phase::Busy, None) => Some(words::seems_busy(&self.host.shown)),
            (Phase::WarmingUp, None) => Some(words::warming_up(&self.host.shown)),
            (_, None) => None,
        };
    }
}
