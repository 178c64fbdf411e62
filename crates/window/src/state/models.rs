//! The models as they are shown: what was found when somebody looked, and above it what is being downloaded.

use std::collections::HashMap;

use super::State;
use crate::view::{Download, ModelState, Models, Problem, UiEvent};

/// What is known of the models.
#[derive(Debug, Default)]
pub(super) struct KnownOfModels {
    /// What was found on the disk.
    found: Models,
    /// Downloads under way, by the model's id.
    downloads: HashMap<String, (ModelState, Option<Download>)>,
    /// Why the last download of a model did not come to its end.
    problems: HashMap<String, Problem>,
}

impl KnownOfModels {
    fn shown(&self) -> Models {
        let mut models = self.found.clone();
        for row in &mut models.rows {
            if let Some((state, download)) = self.downloads.get(&row.id) {
                row.state = *state;
                row.download = download.clone().or(row.download.take());
                row.problem = None;
            } else if let Some(problem) = self.problems.get(&row.id) {
                row.problem = Some(problem.clone());
            }
        }
        models
    }
}

impl State {
    /// Somebody has looked.
    pub(super) fn models(&mut self, found: Models, events: &mut Vec<UiEvent>) {
        self.models.found = found;
        self.show_models(events);
    }

    /// A download goes on.
    pub(super) fn download(
        &mut self,
        id: String,
        state: ModelState,
        download: Option<Download>,
        events: &mut Vec<UiEvent>,
    ) {
        self.models.problems.remove(&id);
        self.models.downloads.insert(id, (state, download));
        self.show_models(events);
    }

    /// A download has ended. What it has brought is known when somebody looks.
    pub(super) fn download_over(&mut self, id: String, problem: Option<Problem>, events: &mut Vec<UiEvent>) {
        self.models.downloads.remove(&id);
        if let Some(problem) = problem {
            self.models.problems.insert(id, problem);
        }
        self.show_models(events);
    }

    fn show_models(&mut self, events: &mut Vec<UiEvent>) {
        let models = self.models.shown();
        if models != self.snapshot.models {
            self.snapshot.models.clone_from(&models);
            events.push(UiEvent::Models { models });
        }
    }
}
