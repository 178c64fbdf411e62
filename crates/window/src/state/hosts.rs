//! The hosts and the local Moshi, as they are shown.

use std::collections::HashMap;

use store::HostProfile;

use super::{Line, LogLevel, LogSource, State, host_list};
use crate::{
    places::check::of_measured,
    view::{self, HostCheck, Hosts, Local, LocalPhase, UiEvent},
};

/// What is known of hosts beside the settings, by their ids.
#[derive(Debug, Default)]
pub(super) struct KnownOfHosts {
    checks: HashMap<String, HostCheck>,
}

impl KnownOfHosts {
    pub(super) fn checked(&mut self, id: String, check: HostCheck) {
        self.checks.insert(id, check);
    }

    pub(super) fn moved(&mut self, id: &str) {
        self.checks.remove(id);
    }

    fn profile(&self, host: &HostProfile) -> view::HostProfile {
        view::HostProfile {
            id: host.id.clone(),
            name: host.name.clone(),
            place: host.place.clone().into(),
            shown: host_list::shown(host),
            plain: host.plain,
            pin: host.pin.clone(),
            token: host.token,
            check: self.checks.get(&host.id).cloned().or_else(|| host.measured.as_ref().map(of_measured)),
        }
    }
}

impl State {
    /// The host that Talk would call.
    pub(super) fn chosen_host(&self) -> Option<&HostProfile> {
        host_list::chosen(&self.settings)
    }

    /// Its address, as it is shown.
    pub(super) fn shown_host(&self) -> String {
        self.chosen_host().map(host_list::shown).unwrap_or_default()
    }

    pub(super) fn show_hosts(&mut self, events: &mut Vec<UiEvent>) {
        let known = |id: &String| self.settings.hosts.iter().any(|host| host.id == *id);
        self.hosts.checks.retain(|id, _| known(id));
        let chosen = self.chosen_host().map(|host| host.id.clone());
        let hosts = Hosts {
            profiles: self.settings.hosts.iter().map(|host| self.hosts.profile(host)).collect(),
            for_this_run: chosen.as_deref() == Some(host_list::FOR_THIS_RUN),
            chosen,
        };
        if hosts != self.snapshot.hosts {
            self.snapshot.hosts.clone_from(&hosts);
            events.push(UiEvent::Hosts { hosts });
        }
    }

    pub(super) fn local(&mut self, local: Local, now_ms: i64, events: &mut Vec<UiEvent>) {
        if local.phase != self.snapshot.local.phase {
            let problem = local.problem.as_ref();
            let level = match local.phase {
                LocalPhase::Failed => LogLevel::Error,
                LocalPhase::Waiting => LogLevel::Warning,
                _ => LogLevel::Info,
            };
            let what = problem.map_or_else(|| phase(local.phase).to_owned(), |problem| problem.what.clone());
            self.log(Line::new(LogSource::Moshi, what).level(level), now_ms, events);
        }
        self.snapshot.local.clone_from(&local);
        events.push(UiEvent::Local { local });
    }
}

fn phase(phase: LocalPhase) -> &'static str {
    match phase {
        LocalPhase::Off => "Moshi does not run on this computer.",
        LocalPhase::Starting => "Moshi is being started on this computer.",
        LocalPhase::Ready => "Moshi takes calls on this computer.",
        LocalPhase::Stopping => "Moshi is being stopped on this computer.",
        LocalPhase::Waiting => "Moshi ended by itself on this computer and is started again.",
        LocalPhase::Failed => "Moshi cannot run on this computer.",
    }
}
