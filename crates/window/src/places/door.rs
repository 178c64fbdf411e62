//! The way to the host that Talk calls: the local Moshi is started where it does not run, a tunnel is opened, and where
//! the chosen host does not answer the next one is called.

use std::{sync::Arc, time::Duration};

use conversation::{Behind, Door, EarServer, Finding, Found, Host, NoWay, Problem, Way};
use hosts::{Kind, Obstacle, Opened, Ways};
use net::Token;
use runtimes::{LocalMoshi, State};
use store::{EarChoice, HostPlace, HostProfile, Secrets, Settings};
use tokio::sync::{mpsc, watch};

use super::{
    News, PlaceOptions,
    check::{in_the_way, token},
    doctor::Known,
    local::{self, InUse},
    models::{Shelf, hub_token},
};
use crate::{hearing, host_list, view::NoticeLevel};

/// How long a better host is waited for, where another one has answered.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a tunnel may take.
const TUNNEL: Duration = Duration::from_secs(20);
/// How long the local Moshi may take from its start to its first answer. Gigabytes may have to be read from a slow disk.
const LOCAL: Duration = Duration::from_secs(1_800);
/// The notice about a host that was called in the place of another one.
const ELSEWHERE: &str = "elsewhere";

/// What a call needs to know. Each try asks it anew.
#[derive(Clone)]
pub(crate) struct Calling {
    pub(super) settings: Settings,
    pub(super) secrets: Option<Secrets>,
    pub(super) local: Arc<LocalMoshi>,
    pub(super) options: Arc<PlaceOptions>,
    pub(super) in_use: Arc<InUse>,
    pub(super) world: watch::Receiver<Option<Known>>,
    pub(super) tell: mpsc::Sender<News>,
}

impl Calling {
    /// The host that Talk calls.
    ///
    /// # Errors
    /// No host is set up.
    pub(crate) fn host(self) -> Result<Host, Problem> {
        let chosen = host_list::chosen(&self.settings).ok_or_else(Problem::no_host)?;
        let mut handshake_limit = Duration::from_secs(self.settings.handshake_limit_s.into());
        if local::is_chosen(&self.settings) {
            handshake_limit += LOCAL;
        }
        let shown = host_list::shown(chosen);
        Ok(Host { way: Way::Behind(Behind(Arc::new(self))), shown, handshake_limit })
    }

    /// The recogniser of the host that Talk calls, for dictation.
    ///
    /// # Errors
    /// No host is set up, it does not run, its token cannot be read, or there is no way to its recogniser alone.
    pub(crate) async fn ear(&self) -> Result<EarServer, Problem> {
        let host = host_list::chosen(&self.settings).ok_or_else(Problem::no_host)?;
        let shown = host_list::shown(host);
        match host.place {
            HostPlace::ThisComputer | HostPlace::Moshi { .. } => {}
            HostPlace::Bridge { .. } => {
                return Err(hearing::host_cannot_be_dictated_to(&host.name, "through a bridge"));
            }
            HostPlace::Ssh { .. } => return Err(hearing::host_cannot_be_dictated_to(&host.name, "by ssh")),
        }
        let token = token(self.secrets.clone(), host).await?;
        let opened = hosts::open(host, token.clone(), &ways(&self.local, &self.options), TUNNEL).await;
        let Opened { address, access, .. } = opened.map_err(|obstacle| in_the_way(&obstacle, &host.name))?;
        let server = hearing::beside_moshi(&address, token, host.plain)?;
        Ok(EarServer { access, shown, ..server })
    }

    /// Starts the local Moshi. What stands in the way is shown there.
    pub(super) async fn start_local(&self) {
        if let Err(problem) = self.try_start().await {
            let _ = self.tell.send(News::Local(local::not_started(problem))).await;
        }
    }

    async fn try_start(&self) -> Result<(), Problem> {
        let shelf = Shelf::new(&self.options);
        let (settings, known) = (self.settings.clone(), self.world.borrow().clone());
        // It looks at the disk.
        let chosen = tokio::task::spawn_blocking(move || {
            let model = shelf.best(&settings, known.as_ref());
            let hears = settings.ear == EarChoice::Host;
            let recogniser = if hears { shelf.best_recogniser(&settings) } else { None };
            local::chosen(&settings.local, &shelf, model, recogniser)
        });
        let (chosen, held, what) = chosen.await.map_err(|_| broken())??;
        let token = hub_token(self.secrets.clone(), &self.settings).await?;
        self.in_use.set(what, held);
        let token = token.map(|token| runtimes::Secret::new(token.expose()));
        self.local.start(chosen, token).await;
        Ok(())
    }

    /// Waits until the local Moshi takes calls, and starts it where it does not run.
    async fn local_is_ready(&self) -> Result<(), NoWay> {
        let mut status = self.local.status();
        let mut started = false;
        loop {
            let state = status.borrow_and_update().state.clone();
            match state {
                State::Ready { .. } => return Ok(()),
                State::Off | State::Failed { .. } if !started => {
                    started = true;
                    if let Err(problem) = self.try_start().await {
                        let _ = self.tell.send(News::Local(local::not_started(problem.clone()))).await;
                        return Err(NoWay { problem, may_pass: false });
                    }
                }
                State::Failed { why } => {
                    return Err(NoWay { problem: local::problem(&why), may_pass: false });
                }
                State::Off | State::Starting { .. } | State::Stopping | State::Waiting { .. } => {}
            }
            if status.changed().await.is_err() {
                return Err(NoWay { problem: broken(), may_pass: false });
            }
        }
    }

    async fn way(&self) -> Result<Found, NoWay> {
        let Some(chosen) = host_list::chosen(&self.settings).cloned() else {
            return Err(NoWay { problem: Problem::no_host(), may_pass: false });
        };
        if chosen.place == HostPlace::ThisComputer {
            self.local_is_ready().await?;
        }
        let ways = ways(&self.local, &self.options);
        let others = self.settings.hosts.iter().filter(|host| {
            // One that would have to be started first is no way out.
            host.id != chosen.id && (host.place != HostPlace::ThisComputer || ways.local.is_some())
        });
        let others: Vec<HostProfile> = others.cloned().collect();
        if others.is_empty() || !self.settings.use_next_host {
            let token = self.token_of(&chosen).await?;
            let opened = hosts::open(&chosen, token, &ways, TUNNEL).await;
            let opened = opened.map_err(|obstacle| no_way(&obstacle, &chosen.name))?;
            return self.found(&chosen, opened);
        }
        let mut asked = Vec::new();
        for host in std::iter::once(chosen.clone()).chain(others) {
            // A host whose token cannot be read is left out, unless it is the one that was chosen.
            match self.token_of(&host).await {
                Ok(token) => asked.push((host, token)),
                Err(no_way) if host.id == chosen.id => return Err(no_way),
                Err(_) => {}
            }
        }
        match hosts::first_that_answers(&asked, &ways, PATIENCE).await {
            Ok(first) => {
                let instead = (first.index > 0).then(|| elsewhere(&chosen.name, &asked[first.index].0.name));
                let notice = instead.map(|problem| (NoticeLevel::Warning, problem));
                let _ = self.tell.send(News::Notice(ELSEWHERE, notice)).await;
                self.found(&asked[first.index].0, first.opened)
            }
            // What stands in front of the one that was chosen is what the person wants to know.
            Err(obstacles) => Err(match obstacles.first() {
                // It will let this call in, when it is free.
                Some(Obstacle::Busy) => return self.alone(&asked, &ways).await,
                Some(obstacle) => no_way(obstacle, &chosen.name),
                None => NoWay { problem: broken(), may_pass: true },
            }),
        }
    }

    /// The chosen host, without another look at whether it answers.
    async fn alone(&self, asked: &[(HostProfile, Option<Token>)], ways: &Ways) -> Result<Found, NoWay> {
        let Some((host, token)) = asked.first() else {
            return Err(NoWay { problem: broken(), may_pass: false });
        };
        let opened = hosts::open(host, token.clone(), ways, TUNNEL).await;
        self.found(host, opened.map_err(|obstacle| no_way(&obstacle, &host.name))?)
    }

    async fn token_of(&self, host: &HostProfile) -> Result<Option<Token>, NoWay> {
        token(self.secrets.clone(), host).await.map_err(|problem| NoWay { problem, may_pass: false })
    }

    fn found(&self, profile: &HostProfile, opened: Opened) -> Result<Found, NoWay> {
        let Opened { kind, address, access, keeps, .. } = opened;
        let limit = Duration::from_secs(self.settings.handshake_limit_s.into());
        let host = match kind {
            Kind::Moshi => Host::speaking(&address, &self.settings.persona, &self.settings.voice, limit),
            Kind::Bridge => Host::bridge(&address, limit),
        };
        let host = host.map_err(|problem| NoWay { problem, may_pass: false })?.with_access(access);
        // The port of a tunnel, or of the local Moshi, says nothing to anybody.
        let host = Host { shown: host_list::shown(profile), ..host };
        Ok(Found { host, keeps: keeps.map(|tunnel| Box::new(tunnel) as _) })
    }
}

impl Door for Calling {
    fn find(&self) -> Finding {
        let calling = self.clone();
        Box::pin(async move { calling.way().await })
    }
}

/// What this computer has on the way to a host.
pub(super) fn ways(local: &LocalMoshi, options: &PlaceOptions) -> Ways {
    Ways { local: local::way(&local.status().borrow()), ssh: options.ssh.clone() }
}

fn no_way(obstacle: &Obstacle, host: &str) -> NoWay {
    NoWay { problem: in_the_way(obstacle, host), may_pass: obstacle.may_pass() }
}

fn elsewhere(chosen: &str, called: &str) -> Problem {
    Problem::new(
        "host.elsewhere",
        format!("{chosen} does not answer, so {called} is called."),
        "Nothing needs to be done; the next call tries the first one again.",
        &[conversation::Action::OpenHostSettings],
    )
}

fn broken() -> Problem {
    Problem::new(
        "host.broken",
        "Moshi on this computer cannot be looked at any more.",
        "Start MYCA Voice again.",
        &[],
    )
}
