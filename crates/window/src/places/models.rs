//! Models on this computer: what there is, what fits, and downloads.

use std::path::{Path, PathBuf};

use conversation::{Action, Problem};
use models::{Catalogue, DownloadError, Hub, HubCache, Kept, Origin, Purpose, State};
use net::Token;
use store::{Secret, SecretError, SecretName, Secrets, Settings};
use tokio::{
    sync::{mpsc, watch},
    task::{JoinHandle, spawn_blocking},
};
use tokio_util::sync::CancellationToken;

use super::{News, PlaceOptions, doctor::Known, fits};
use crate::view::{self, Download, Fits, ModelRow, ModelState, Runtime};

/// The models on this computer, and those that there could be.
#[derive(Debug, Clone)]
pub(crate) struct Shelf {
    shelf: models::Shelf,
    /// Empty where the program's own catalogue cannot be read, which a test rules out.
    catalogue: Option<Catalogue>,
}

impl Shelf {
    pub(super) fn new(options: &PlaceOptions) -> Self {
        let cache = options.hub_cache.then(HubCache::of_user).flatten();
        let catalogue =
            Catalogue::built_in().inspect_err(|error| tracing::error!(code = error.code(), "{error}")).ok();
        let shelf = models::Shelf::new(options.models.clone(), cache);
        Self { shelf, catalogue }
    }

    fn list(&self) -> Vec<Kept> {
        self.catalogue.as_ref().map(|catalogue| self.shelf.list(catalogue)).unwrap_or_default()
    }

    /// The model that a start would take: the one that is set, or the best of those that are here and that `runtime` runs
    /// (`myca host`, where none is named).
    pub(super) fn best(&self, settings: &Settings, known: Option<&Known>) -> Option<Kept> {
        let wanted = &settings.local.model;
        let runtime = view::Runtime::from(settings.local.runtime);
        let here = self.list().into_iter().filter(|kept| kept.state == State::Whole);
        if !wanted.is_empty() {
            return here.into_iter().find(|kept| kept.id == *wanted);
        }
        here.filter(|kept| self.runs(kept, runtime)).max_by_key(|kept| {
            let fits = self.model(&kept.id).map_or(Fits::Unknown, |model| fits::fits(model, known).0);
            (rank(fits), kept.origin == Origin::Imported, std::cmp::Reverse(kept.bytes))
        })
    }

    /// The recogniser that is set, or the smallest of those that are here.
    pub(super) fn best_recogniser(&self, settings: &Settings) -> Option<Kept> {
        let wanted = &settings.ear_model;
        let mut here = self.list().into_iter().filter(|kept| kept.state == State::Whole);
        if !wanted.is_empty() {
            return here.find(|kept| kept.id == *wanted);
        }
        here.filter(|kept| self.recognises(kept)).min_by_key(|kept| kept.bytes)
    }

    fn recognises(&self, kept: &Kept) -> bool {
        match self.model(&kept.id) {
            Some(model) => model.purpose == Purpose::Recognition,
            None => {
                models::examine(&kept.folder).is_ok_and(|examined| examined.kind == models::Kind::Recogniser)
            }
        }
    }

    /// Holds a model so that nobody deletes it.
    pub(super) fn take(&self, id: &str) -> Result<models::InUse, Problem> {
        let catalogue = self.catalogue.as_ref().ok_or_else(none)?;
        self.shelf.take(catalogue, id).map_err(|error| problem(error.code(), &error.to_string()))
    }

    /// A model of the catalogue.
    pub(super) fn model(&self, id: &str) -> Option<&models::Model> {
        self.catalogue.as_ref()?.get(id)
    }

    fn runs(&self, kept: &Kept, runtime: Runtime) -> bool {
        match self.model(&kept.id) {
            Some(model) => {
                model.purpose == Purpose::Conversation && model.runtimes.iter().any(|own| of(*own) == runtime)
            }
            None => models::examine(&kept.folder)
                .is_ok_and(|examined| examined.runtimes.iter().any(|own| of(*own) == runtime)),
        }
    }

    /// The folder that downloads go to.
    pub(super) fn folder(&self) -> &Path {
        self.shelf.folder()
    }

    /// What the window shows, without what is being downloaded.
    pub(super) async fn view(&self, settings: &Settings, known: Option<Known>) -> view::Models {
        let (shelf, token) = (self.clone(), settings.hub_token);
        spawn_blocking(move || shelf.look(token, known.as_ref())).await.unwrap_or_default()
    }

    fn look(&self, token: bool, known: Option<&Known>) -> view::Models {
        let kept = self.list();
        let of_catalogue = self.catalogue.iter().flat_map(Catalogue::models);
        let mut rows: Vec<ModelRow> = of_catalogue
            .map(|model| {
                let mut row = absent(model, known);
                if let Some(kept) = kept.iter().find(|kept| kept.id == model.id) {
                    add(&mut row, kept);
                }
                row
            })
            .collect();
        rows.extend(kept.iter().filter(|kept| self.model(&kept.id).is_none()).map(imported));
        view::Models {
            rows,
            folder: self.folder().display().to_string(),
            free: models::free(self.folder()).ok(),
            token,
        }
    }

    /// Deletes a model. The answer is how many bytes that freed.
    pub(crate) async fn delete(&self, id: String) -> Result<u64, Problem> {
        let shelf = self.clone();
        self.beside(move || {
            let catalogue = shelf.catalogue.as_ref().ok_or_else(none)?;
            shelf.shelf.delete(catalogue, &id).map_err(|error| problem(error.code(), &error.to_string()))
        })
        .await
    }

    /// Uses a folder with a model where it lies. The answer is its id.
    pub(crate) async fn import(&self, folder: String) -> Result<String, Problem> {
        let shelf = self.clone();
        self.beside(move || {
            let path = PathBuf::from(folder.trim());
            let imported = shelf.shelf.import(&path);
            let (kept, _) = imported.map_err(|error| problem(error.code(), &error.to_string()))?;
            Ok(kept.id)
        })
        .await
    }

    async fn beside<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        spawn_blocking(work).await.unwrap_or_else(|_| Err(none()))
    }
}

/// A model of the catalogue that is not here.
fn absent(model: &models::Model, known: Option<&Known>) -> ModelRow {
    let (fits, fits_why) = fits::fits(model, known);
    ModelRow {
        id: model.id.clone(),
        name: model.name.clone(),
        what: model.what.clone(),
        weights: fits::weights(model.weights).to_owned(),
        licence: model.licence.name.clone(),
        gated: model.gated,
        page: model.page(),
        bytes: Some(model.about),
        recognises: model.purpose == Purpose::Recognition,
        runtimes: model.runtimes.iter().map(|runtime| of(*runtime)).collect(),
        fits,
        fits_why,
        state: ModelState::Absent,
        download: None,
        folder: None,
        frees: None,
        problem: None,
    }
}

fn add(row: &mut ModelRow, kept: &Kept) {
    row.folder = Some(kept.folder.display().to_string());
    row.frees = kept.frees;
    match &kept.state {
        State::Whole => {
            row.bytes = Some(kept.bytes);
            row.state = match kept.origin {
                Origin::Downloaded => ModelState::Here,
                Origin::HubCache => ModelState::InCache,
                Origin::Imported => ModelState::Imported,
            }
        }
        State::Paused { done, total } => {
            row.state = ModelState::Paused;
            row.bytes = Some(*total);
            row.download = Some(Download {
                done: *done,
                total: *total,
                bytes_per_s: 0.0,
                left_s: None,
                file: String::new(),
            });
        }
        State::Damaged { file } => {
            row.state = ModelState::Paused;
            let what = format!("{file} is not there as it was.");
            row.problem =
                Some(Problem::new("models.damaged", what, "Download it again, or delete it.", &[]).into());
        }
    }
}

fn imported(kept: &Kept) -> ModelRow {
    let mut row = ModelRow {
        id: kept.id.clone(),
        name: kept
            .folder
            .file_name()
            .map_or_else(|| kept.id.clone(), |name| name.to_string_lossy().into_owned()),
        what: "A folder of your own.".into(),
        weights: String::new(),
        licence: "As its owner says".into(),
        gated: false,
        page: String::new(),
        bytes: Some(kept.bytes),
        recognises: false,
        runtimes: Vec::new(),
        fits: Fits::Unknown,
        fits_why: "It was not looked at.".into(),
        state: ModelState::Imported,
        download: None,
        folder: None,
        frees: None,
        problem: None,
    };
    if let Ok(examined) = models::examine(&kept.folder) {
        fits::weights(examined.weights).clone_into(&mut row.weights);
        row.recognises = examined.kind == models::Kind::Recogniser;
        row.runtimes = examined.runtimes.iter().map(|runtime| of(*runtime)).collect();
        row.fits_why = "How much memory it takes is not listed.".into();
    }
    add(&mut row, kept);
    row
}

fn rank(fits: Fits) -> u8 {
    match fits {
        Fits::Yes => 3,
        Fits::Unknown => 2,
        Fits::Barely => 1,
        Fits::No => 0,
    }
}

fn of(runtime: models::Runtime) -> Runtime {
    match runtime {
        models::Runtime::MycaHost => Runtime::MycaHost,
        models::Runtime::PythonMoshi => Runtime::PythonMoshi,
        models::Runtime::PersonaPlex => Runtime::PersonaPlex,
        models::Runtime::MoshiBackend => Runtime::MoshiBackend,
        models::Runtime::Docker => Runtime::Docker,
    }
}

/// An error's sentences: what happened comes first, what to do behind it.
fn problem(code: &'static str, said: &str) -> Problem {
    let (what, next) = said.split_once(". ").unwrap_or((said, ""));
    Problem::new(code, format!("{}.", what.trim_end_matches('.')), next, &[Action::OpenModels])
}

fn none() -> Problem {
    problem("models.unusable", "The models cannot be looked at. Start MYCA Voice again.")
}

/// A download that is under way.
#[derive(Debug)]
pub(super) struct Running {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    pub(super) fn new(stop: CancellationToken, task: JoinHandle<()>) -> Self {
        Self { stop, task }
    }

    pub(super) fn is_over(&self) -> bool {
        self.task.is_finished()
    }

    pub(super) fn pause(&self) {
        self.stop.cancel();
    }

    /// Ends it and waits until what has come is on the disk.
    pub(super) async fn end(self) {
        self.stop.cancel();
        let _ = self.task.await;
    }
}

/// A download to be done.
pub(super) struct Work {
    pub(super) shelf: Shelf,
    pub(super) settings: Settings,
    pub(super) secrets: Option<Secrets>,
    pub(super) tell: mpsc::Sender<News>,
    pub(super) id: String,
}

impl Work {
    pub(super) async fn run(self, stop: CancellationToken) {
        let (to_progress, mut progress) = watch::channel(models::Progress::default());
        let download = self.download(to_progress, &stop);
        tokio::pin!(download);
        let result = loop {
            tokio::select! {
                biased;
                result = &mut download => break result,
                Ok(()) = progress.changed() => {
                    let now = progress.borrow_and_update().clone();
                    let state = match now.phase {
                        models::Phase::Checking => ModelState::Checking,
                        models::Phase::Asking | models::Phase::Fetching => ModelState::Downloading,
                    };
                    let news = News::Download(self.id.clone(), state, Some(of_progress(now)));
                    let _ = self.tell.send(news).await;
                }
            }
        };
        let _ = self.tell.send(News::DownloadOver(self.id.clone(), result.err())).await;
    }

    async fn download(
        &self,
        progress: watch::Sender<models::Progress>,
        stop: &CancellationToken,
    ) -> Result<(), Problem> {
        let model = self.shelf.model(&self.id).ok_or_else(|| {
            problem("models.unknown", "There is no such model any more. Look at the list again.")
        })?;
        let token = hub_token(self.secrets.clone(), &self.settings).await?;
        let token = token.map(|secret| Token::new(secret.expose())).transpose().map_err(|_| {
            problem("models.bad_token", "The kept token of Hugging Face is none. Enter it again.")
        })?;
        let endpoint = self.settings.model_endpoint.as_str();
        let hub = if endpoint.is_empty() { Hub::of_user(token) } else { Hub::new(endpoint, token) };
        let hub = hub.map_err(|error| problem(error.code(), &error.to_string()))?;
        let options = models::Options::default();
        match models::download(&self.shelf.shelf, model, &hub, &options, progress, stop).await {
            Ok(_) | Err(DownloadError::Paused) => Ok(()),
            Err(error) => Err(problem(error.code(), &error.to_string())),
        }
    }
}

fn of_progress(progress: models::Progress) -> Download {
    let models::Progress { file, done, total, bytes_per_s, left_s, .. } = progress;
    Download { done, total, bytes_per_s, left_s, file }
}

/// The token of Hugging Face, where one is kept.
pub(super) async fn hub_token(
    secrets: Option<Secrets>,
    settings: &Settings,
) -> Result<Option<Secret>, Problem> {
    let Some(secrets) = secrets.filter(|_| settings.hub_token) else { return Ok(None) };
    let kept = spawn_blocking(move || secrets.get(&SecretName::HuggingFace)).await;
    match kept.unwrap_or_else(|error| Err(SecretError::Failed(error.to_string()))) {
        Ok(token) => Ok(token),
        Err(error) => Err(problem(
            error.code(),
            &format!("The token of Hugging Face cannot be read: {error}. Unlock the keyring."),
        )),
    }
}
