//! A test of a host, from its beginning to what is kept of it.

use conversation::{Action, Problem, unix_ms};
use hosts::{Obstacle, StepReport, Ways};
use net::Token;
use store::{HostProfile, Measured, Secrets};
use tokio::sync::{mpsc, watch};

use super::News;
use crate::view::{CheckStep, HostCheck, HostVerdict, StepState};

/// Tests a host and tells how it goes on.
pub(super) async fn run(
    profile: HostProfile,
    secrets: Option<Secrets>,
    ways: Ways,
    tell: mpsc::Sender<News>,
) {
    let (id, at_ms) = (profile.id.clone(), unix_ms());
    let (to_steps, mut steps) = watch::channel(Vec::new());
    let token = match token(secrets, &profile).await {
        Ok(token) => token,
        Err(problem) => {
            let found = problem.what.clone();
            let check =
                HostCheck { problem: Some(problem.into()), found, ..ended(at_ms, HostVerdict::Refused) };
            let _ = tell.send(News::Check(id, check, None)).await;
            return;
        }
    };
    let check = hosts::check(&profile, token, &ways, &to_steps);
    tokio::pin!(check);
    let done = loop {
        tokio::select! {
            biased;
            done = &mut check => break done,
            Ok(()) = steps.changed() => {
                let shown = under_way(at_ms, &steps.borrow_and_update());
                if tell.send(News::Check(id.clone(), shown, None)).await.is_err() {
                    return;
                }
            }
        }
    };
    let kept = Measured { at_ms, ..done.measured() };
    let shown = HostCheck {
        at_ms,
        running: false,
        steps: done.steps.iter().map(step).collect(),
        verdict: Some(verdict(done.verdict)),
        found: done.found,
        problem: done.obstacle.as_ref().map(|obstacle| in_the_way(obstacle, &profile.name).into()),
        offered: done.offered.map(|fingerprint| fingerprint.to_string()),
        server: done.server,
    };
    let _ = tell.send(News::Check(id, shown, Some(kept))).await;
}

/// The token of a host, where one is kept.
pub(super) async fn token(secrets: Option<Secrets>, host: &HostProfile) -> Result<Option<Token>, Problem> {
    let Some(secrets) = secrets.filter(|_| host.token) else { return Ok(None) };
    match hosts::token_of(secrets, &host.id).await {
        Ok(token) => Ok(token),
        Err(error) => Err(Problem::new(
            error.code(),
            format!("The host's token cannot be read: {error}."),
            "Unlock the keyring, or enter the token once more in Settings.",
            OPEN,
        )),
    }
}

const OPEN: &[Action] = &[Action::OpenHostSettings];

/// What stands in the way to a host, for people. `host`: what it is called.
pub(super) fn in_the_way(obstacle: &Obstacle, host: &str) -> Problem {
    let actions: &[Action] = match obstacle {
        Obstacle::NotRunning => &[Action::StartLocal, Action::OpenHostSettings],
        _ => OPEN,
    };
    Problem::new(obstacle.code(), obstacle.what(host), obstacle.next(), actions)
}

/// A test that was cancelled.
pub(crate) fn cancelled() -> HostCheck {
    HostCheck { verdict: None, found: "Cancelled.".into(), ..ended(unix_ms(), HostVerdict::Unreachable) }
}

fn ended(at_ms: i64, verdict: HostVerdict) -> HostCheck {
    HostCheck {
        at_ms,
        running: false,
        steps: Vec::new(),
        verdict: Some(verdict),
        found: String::new(),
        problem: None,
        offered: None,
        server: None,
    }
}

fn under_way(at_ms: i64, steps: &[StepReport]) -> HostCheck {
    HostCheck {
        running: true,
        verdict: None,
        steps: steps.iter().map(step).collect(),
        ..ended(at_ms, HostVerdict::Unreachable)
    }
}

/// The last test, as far as it was kept.
pub(crate) fn of_measured(measured: &Measured) -> HostCheck {
    let figures = [
        ("round trip", measured.round_trip_ms),
        ("handshake", measured.handshake_ms),
        ("frame", measured.frame_ms),
    ];
    let words = figures.iter().filter_map(|(name, ms)| Some(format!("{name} {:.0} ms", (*ms)?)));
    HostCheck {
        verdict: verdict_of_code(&measured.verdict),
        found: words.collect::<Vec<_>>().join(", "),
        server: measured.server.clone(),
        ..ended(measured.at_ms, HostVerdict::Unreachable)
    }
}

fn step(report: &StepReport) -> CheckStep {
    CheckStep {
        name: report.step.name().to_owned(),
        state: match report.state {
            hosts::StepState::Waiting => StepState::Waiting,
            hosts::StepState::Running => StepState::Running,
            hosts::StepState::Done => StepState::Done,
            hosts::StepState::Failed => StepState::Failed,
            hosts::StepState::Skipped => StepState::Skipped,
        },
        ms: report.ms,
        found: report.found.clone(),
    }
}

fn verdict(verdict: hosts::Verdict) -> HostVerdict {
    match verdict {
        hosts::Verdict::Works => HostVerdict::Works,
        hosts::Verdict::TooSlow => HostVerdict::TooSlow,
        hosts::Verdict::Busy => HostVerdict::Busy,
        hosts::Verdict::NotMoshi => HostVerdict::NotMoshi,
        hosts::Verdict::Unreachable => HostVerdict::Unreachable,
        hosts::Verdict::Refused => HostVerdict::Refused,
    }
}

/// A kept verdict; one of a later version says nothing.
fn verdict_of_code(code: &str) -> Option<HostVerdict> {
    use hosts::Verdict as V;
    let all = [V::Works, V::TooSlow, V::Busy, V::NotMoshi, V::Unreachable, V::Refused];
    all.into_iter().find(|verdict| verdict.code() == code).map(verdict)
}
