//! The recogniser on this computer: it runs exactly as long as the settings want it to hear.

use std::sync::Arc;

use conversation::{Action, Problem};
use runtimes::{Chosen, LocalMoshi, Port, What};
use store::{EarChoice, Settings};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::{
    News, PlaceOptions,
    local::{self, InUse},
    models::Shelf,
};

/// The recogniser on this computer, which is off at first.
pub(super) struct OnThisComputer {
    process: Arc<LocalMoshi>,
    in_use: Arc<InUse>,
    tell: mpsc::Sender<News>,
    /// The model that it was last wanted with; empty leaves the choice to the program.
    wanted: Option<String>,
    /// What was wished of it last, while that is not done.
    changes: Option<AbortOnDropHandle<()>>,
    _follows: AbortOnDropHandle<()>,
}

impl OnThisComputer {
    /// Needs a Tokio runtime.
    pub(super) fn new(options: &PlaceOptions, tell: mpsc::Sender<News>) -> Self {
        let process = Arc::new(LocalMoshi::new(local::surroundings(options)));
        let in_use = Arc::default();
        let follows = local::follow(&process, options, Arc::clone(&in_use), News::Recogniser, tell.clone());
        let follows = AbortOnDropHandle::new(follows);
        Self { process, in_use, tell, wanted: None, changes: None, _follows: follows }
    }

    /// Starts it, ends it, or starts it with another model, where these settings want something else than those before.
    pub(super) fn keep(&mut self, settings: &Settings, shelf: &Shelf) {
        let wanted = (settings.ear == EarChoice::ThisComputer).then(|| settings.ear_model.clone());
        if wanted == self.wanted {
            return;
        }
        let process = Arc::clone(&self.process);
        self.changes = Some(AbortOnDropHandle::new(if wanted.is_some() {
            let (settings, shelf) = (settings.clone(), shelf.clone());
            let (in_use, tell) = (Arc::clone(&self.in_use), self.tell.clone());
            tokio::spawn(async move {
                // It looks at the disk.
                let chosen = tokio::task::spawn_blocking(move || chosen(&settings, &shelf)).await;
                match chosen.unwrap_or_else(|_| Err(no_model(""))) {
                    Ok((what, held, shown)) => {
                        in_use.set(shown, vec![held]);
                        process.start(Chosen { what, port: Port { wanted: 0, fixed: false } }, None).await;
                    }
                    Err(problem) => {
                        process.stop().await;
                        let _ = tell.send(News::Recogniser(local::not_started(problem))).await;
                    }
                }
            })
        } else {
            tokio::spawn(async move { process.stop().await })
        }));
        self.wanted = wanted;
    }

    /// Tries again what did not come about, as when a model has come meanwhile.
    pub(super) fn again(&mut self, settings: &Settings, shelf: &Shelf) {
        if matches!(
            self.process.status().borrow().state,
            runtimes::State::Off | runtimes::State::Failed { .. }
        ) {
            self.wanted = None;
            self.keep(settings, shelf);
        }
    }

    /// Ends it, and waits for that.
    pub(super) async fn stop(&mut self) {
        self.changes = None;
        self.process.stop().await;
    }
}

fn chosen(settings: &Settings, shelf: &Shelf) -> Result<(What, models::InUse, String), Problem> {
    let kept = shelf.best_recogniser(settings).ok_or_else(|| no_model(&settings.ear_model))?;
    let in_use = shelf.take(&kept.id)?;
    let name = shelf.model(&kept.id).map_or_else(|| kept.id.clone(), |model| model.name.clone());
    Ok((What::Recogniser { model: in_use.folder.clone() }, in_use, name))
}

fn no_model(wanted: &str) -> Problem {
    let what = if wanted.is_empty() {
        "There is no recogniser on this computer yet.".to_owned()
    } else {
        format!("The recogniser {wanted} is not on this computer.")
    };
    let actions = &[Action::OpenModels, Action::OpenHearingSettings];
    Problem::new(
        "ear.no_model",
        what,
        "Download one under Models; the one with 1B hears in real time on most processors.",
        actions,
    )
}
