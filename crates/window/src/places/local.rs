//! The local Moshi: what a start of it means, and how it is shown.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use conversation::{Action, Problem, unix_ms};
use models::HubCache;
use process::Guard;
use runtimes::{
    Chosen, Failure, LocalMoshi, Port, Stage, State, Status, Surroundings, Torch, USUAL_IMAGE, What,
};
use store::{LocalRuntime, LocalSetup};
use tokio::{sync::mpsc, task::JoinHandle};

use super::{News, PlaceOptions, models::Shelf};
use crate::{
    host_list,
    view::{Local, LocalPhase, LocalStage},
};

/// The repository that the Python servers load where no model is set.
const USUAL_REPO: &str = "kyutai/moshiko-pytorch-bf16";
const PERSONA_PLEX_REPO: &str = "nvidia/personaplex-7b-v1";

/// What a start of the local Moshi holds, for as long as it runs.
#[derive(Debug, Default)]
pub(super) struct InUse(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    /// What runs, in a few words.
    what: String,
    models: Vec<models::InUse>,
    /// Whether the run that it is held for has begun: one before may only be ending now.
    begun: bool,
}

impl InUse {
    pub(super) fn set(&self, what: String, models: Vec<models::InUse>) {
        *self.lock() = Held { what, models, begun: false };
    }

    /// Lets go of the models when the run that they are held for is over. What runs, in a few words.
    fn follow(&self, state: &State) -> String {
        let mut held = self.lock();
        match state {
            State::Starting { .. } => held.begun = true,
            State::Off | State::Failed { .. } if held.begun => held.models.clear(),
            _ => {}
        }
        held.what.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where things are on this computer.
pub(super) fn surroundings(options: &PlaceOptions) -> Surroundings {
    Surroundings {
        myca: options.myca.clone(),
        guard: Some(Guard::new(&options.myca, ["guard"])),
        folder: options.runtimes.clone(),
        logs: options.logs.clone(),
        cache: HubCache::of_user().map(|cache| cache.folder().to_path_buf()),
        docker: None,
    }
}

/// What is to be started, what of it has to be held, and what it is in a few words.
pub(super) fn chosen(
    setup: &LocalSetup,
    shelf: &Shelf,
    model: Option<models::Kept>,
    recogniser: Option<models::Kept>,
) -> Result<(Chosen, Vec<models::InUse>, String), Problem> {
    let repo = |usual: &str| {
        let named = shelf.model(&setup.model).map(|model| model.repo.clone());
        named.unwrap_or_else(|| usual.to_owned())
    };
    let interpreter =
        || PathBuf::from(if setup.python.is_empty() { default_python() } else { setup.python.as_str() });
    let mut held = Vec::new();
    let mut name = String::new();
    let mut weights = || -> Result<PathBuf, Problem> {
        let kept = model.as_ref().ok_or_else(|| no_model(&setup.model))?;
        let in_use = shelf.take(&kept.id)?;
        let weights = in_use.weights.clone();
        name = shelf.model(&kept.id).map_or_else(|| kept.id.clone(), |model| model.name.clone());
        held.push(in_use);
        Ok(weights)
    };
    let (half, torch) = (false, Torch::default());
    let what = match setup.runtime {
        LocalRuntime::MycaHost => {
            let model = weights()?;
            let hears = recogniser.map(|kept| shelf.take(&kept.id)).transpose()?;
            let hear = hears.as_ref().map(|in_use| in_use.folder.clone());
            held.extend(hears);
            What::MycaHost { model, hear }
        }
        LocalRuntime::MoshiBackend => What::MoshiBackend {
            program: PathBuf::from(if setup.backend.is_empty() { "moshi-backend" } else { &setup.backend }),
            model: weights()?,
            cpu: false,
            mimi_on_cpu: false,
        },
        LocalRuntime::PythonMoshi => {
            What::PythonMoshi { interpreter: interpreter(), code: None, repo: repo(USUAL_REPO), half, torch }
        }
        LocalRuntime::PersonaPlex => What::PersonaPlex {
            interpreter: interpreter(),
            code: None,
            repo: repo(PERSONA_PLEX_REPO),
            voices: None,
            offload: false,
            torch,
        },
        LocalRuntime::Docker => {
            let image = if setup.image.is_empty() { USUAL_IMAGE } else { &setup.image };
            What::Docker { image: image.to_owned(), repo: repo(USUAL_REPO), half, torch }
        }
    };
    let shown = match &what {
        What::PythonMoshi { repo, .. } | What::PersonaPlex { repo, .. } | What::Docker { repo, .. } => repo,
        What::MycaHost { .. } | What::Recogniser { .. } | What::MoshiBackend { .. } => &name,
    };
    let shown = format!("{}, {shown}", what.kind());
    Ok((Chosen { what, port: Port::default() }, held, shown))
}

fn default_python() -> &'static str {
    if cfg!(windows) { "python" } else { "python3" }
}

fn no_model(wanted: &str) -> Problem {
    let what = if wanted.is_empty() {
        "No model that this runtime runs is on this computer yet.".to_owned()
    } else {
        format!("The model {wanted} is not on this computer.")
    };
    let actions = &[Action::OpenModels, Action::OpenHostSettings];
    Problem::new("local.no_model", what, "Download one, or use a host that has one.", actions)
}

/// Tells what the local Moshi, or the recogniser, does, for as long as it is there.
pub(super) fn follow(
    local: &LocalMoshi,
    options: &PlaceOptions,
    in_use: Arc<InUse>,
    news: fn(Local) -> News,
    tell: mpsc::Sender<News>,
) -> JoinHandle<()> {
    let mut status = local.status();
    let here = surroundings(options);
    tokio::spawn(async move {
        loop {
            let now = status.borrow_and_update().clone();
            let what = in_use.follow(&now.state);
            let log_file = now.kind.map(|kind| here.log(kind).display().to_string());
            let shown = Local { log_file, ..view(&now, what) };
            if tell.send(news(shown)).await.is_err() || status.changed().await.is_err() {
                return;
            }
        }
    })
}

/// A start that did not come about.
pub(super) fn not_started(problem: Problem) -> Local {
    Local {
        phase: LocalPhase::Failed,
        since_ms: unix_ms(),
        problem: Some(problem.into()),
        ..Local::default()
    }
}

fn view(status: &Status, what: String) -> Local {
    let mut warnings: Vec<String> =
        status.warnings.iter().map(|warning| warning.sentence().to_owned()).collect();
    if let Some(moved) = &status.moved {
        let by = moved.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
        warnings.push(format!("Port {} is taken{by}, so it listens at another one.", moved.from));
    }
    let restarts = u32::try_from(status.restarts).unwrap_or(u32::MAX);
    let mut shown = Local { restarts, warnings, what, since_ms: unix_ms(), ..Local::default() };
    match &status.state {
        State::Off => shown.phase = LocalPhase::Off,
        State::Starting { stage, since, stalled, .. } => {
            shown.phase = LocalPhase::Starting;
            shown.stage = Some(of_stage(*stage));
            shown.since_ms = ago(*since);
            shown.problem = stalled.as_ref().map(|why| problem(why).into());
        }
        State::Ready { local, since } => {
            shown.phase = LocalPhase::Ready;
            shown.since_ms = ago(*since);
            shown.address = Some(local.address.clone());
        }
        State::Stopping => shown.phase = LocalPhase::Stopping,
        State::Waiting { until, why, .. } => {
            shown.phase = LocalPhase::Waiting;
            let wait = until.saturating_duration_since(Instant::now()).as_millis();
            shown.retry_at_ms = Some(unix_ms().saturating_add(i64::try_from(wait).unwrap_or(i64::MAX)));
            shown.problem = Some(problem(why).into());
        }
        State::Failed { why } => {
            shown.phase = LocalPhase::Failed;
            shown.problem = Some(problem(why).into());
        }
    }
    shown
}

/// When something was, in milliseconds since 1970.
fn ago(since: Instant) -> i64 {
    unix_ms().saturating_sub(i64::try_from(since.elapsed().as_millis()).unwrap_or_default())
}

fn of_stage(stage: Stage) -> LocalStage {
    match stage {
        Stage::Preparing | Stage::Started => LocalStage::Launching,
        Stage::Pulling | Stage::Fetching => LocalStage::Downloading,
        Stage::Loading => LocalStage::Loading,
        Stage::WarmingUp | Stage::Answering => LocalStage::WarmingUp,
    }
}

/// Why there is no local Moshi, for people.
pub(super) fn problem(why: &Failure) -> Problem {
    let actions = &[Action::OpenLocalLog, Action::OpenDoctor, Action::OpenHostSettings];
    Problem::new(why.code, why.what.clone(), why.next.clone(), actions)
}

/// Where the local Moshi is called from here.
pub(super) fn way(status: &Status) -> Option<hosts::Local> {
    match &status.state {
        State::Ready { local, .. } => Some(local.clone()),
        _ => None,
    }
}

/// Whether these settings are about the local Moshi.
pub(super) fn is_chosen(settings: &store::Settings) -> bool {
    host_list::chosen(settings).is_some_and(|host| host.place == store::HostPlace::ThisComputer)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_held_from_before_its_run_until_that_is_over() {
        let folder = tempfile::tempdir().unwrap();
        let model = folder.path().join("tiny");
        engine::tiny::write(&model, engine::tiny::TinySettings::default()).unwrap();
        let shelf = models::Shelf::new(folder.path().join("models"), None);
        let catalogue = models::Catalogue::built_in().unwrap();
        let id = shelf.import(&model).unwrap().0.id;
        let is_held = || matches!(shelf.delete(&catalogue, &id), Err(models::ShelfError::InUse(_)));
        let in_use = InUse::default();
        in_use.set("tiny".into(), vec![shelf.take(&catalogue, &id).unwrap()]);
        in_use.follow(&State::Off);
        assert!(is_held(), "that was the end of another run");
        let since = Instant::now();
        in_use.follow(&State::Starting { stage: Stage::Started, since, progress: None, stalled: None });
        assert!(is_held());
        assert_eq!(in_use.follow(&State::Off), "tiny");
        assert!(!is_held(), "nobody uses it any more");
    }
}
