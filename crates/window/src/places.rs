//! Where Moshi is, as something that goes on beside the window's task: tests of hosts, the local Moshi, the doctor, and
//! downloads. All of it is told as [`News`], and ends with the task.

pub(crate) mod check;
mod doctor;
mod door;
mod fits;
mod local;
mod models;
mod recogniser;

use std::{collections::HashMap, path::PathBuf, sync::Arc};

use conversation::Problem;
use hosts::SshProgram;
use runtimes::LocalMoshi;
use store::{HostProfile, Measured, SecretName, Secrets, Settings};
use tokio::sync::{mpsc, watch};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::view::{self, Download, HostCheck, ModelState, NoticeLevel};

pub(crate) use self::{door::Calling, models::Shelf};

/// News that waits for the window's task. Whoever has more waits.
const NEWS: usize = 64;

/// What goes on beside the window's task.
#[derive(Debug)]
pub(crate) enum News {
    /// A test of the host of that id, as it stands; at its end with what is kept of it.
    Check(String, HostCheck, Option<Measured>),
    /// The local Moshi, as it stands.
    Local(view::Local),
    /// The recogniser on this computer, as it stands.
    Recogniser(view::Local),
    /// The doctor, as it stands.
    Doctor(view::Doctor),
    /// The models that are here, without what is being downloaded.
    Models(view::Models),
    /// A download of the model of that id, as it stands.
    Download(String, ModelState, Option<Download>),
    /// A download is over: why, where it is not whole.
    DownloadOver(String, Option<Problem>),
    /// Something to tell that belongs to no control, or nothing any more.
    Notice(&'static str, Option<(NoticeLevel, Problem)>),
}

/// Where everything lies.
#[derive(Debug, Clone)]
pub struct PlaceOptions {
    /// The program `myca`.
    pub myca: PathBuf,
    /// The folder for models.
    pub models: PathBuf,
    /// The folder for logs.
    pub logs: PathBuf,
    /// A folder for what runtimes need written down.
    pub runtimes: PathBuf,
    /// Whether models in the cache of Hugging Face's own programs are used.
    pub hub_cache: bool,
    /// The program that makes tunnels.
    pub ssh: SshProgram,
}

/// Everything that goes on beside the window's task.
pub(crate) struct Places {
    options: Arc<PlaceOptions>,
    secrets: Option<Secrets>,
    tell: mpsc::Sender<News>,
    local: Arc<LocalMoshi>,
    /// What a start of the local Moshi holds: the model that nobody may delete.
    in_use: Arc<local::InUse>,
    recogniser: recogniser::OnThisComputer,
    checks: HashMap<String, AbortOnDropHandle<()>>,
    doctor: Option<AbortOnDropHandle<()>>,
    /// What the doctor knows of this computer.
    world: watch::Sender<Option<doctor::Known>>,
    shelf: Shelf,
    /// A look at the models that is under way.
    looking: Option<AbortOnDropHandle<()>>,
    downloads: HashMap<String, models::Running>,
    _follows: AbortOnDropHandle<()>,
}

impl Places {
    /// Nothing goes on yet. Needs a Tokio runtime.
    pub(crate) fn new(options: PlaceOptions, secrets: Option<Secrets>) -> (Self, mpsc::Receiver<News>) {
        let (tell, news) = mpsc::channel(NEWS);
        let local = Arc::new(LocalMoshi::new(local::surroundings(&options)));
        let in_use = Arc::default();
        let follows = local::follow(&local, &options, Arc::clone(&in_use), News::Local, tell.clone());
        let shelf = Shelf::new(&options);
        let recogniser = recogniser::OnThisComputer::new(&options, tell.clone());
        let places = Self {
            options: Arc::new(options),
            secrets,
            tell,
            local,
            in_use,
            recogniser,
            checks: HashMap::new(),
            doctor: None,
            world: watch::channel(None).0,
            shelf,
            looking: None,
            downloads: HashMap::new(),
            _follows: AbortOnDropHandle::new(follows),
        };
        (places, news)
    }

    /// Looks which models are here, and starts Moshi where that is wished.
    pub(crate) fn begin(&mut self, settings: &Settings) {
        self.refresh_models(settings);
        if settings.local.with_app {
            self.start_local(settings);
        }
    }

    /// Starts a test of a host, in place of one that is under way.
    pub(crate) fn check(&mut self, profile: HostProfile) {
        let id = profile.id.clone();
        let ways = door::ways(&self.local, &self.options);
        let test = check::run(profile, self.secrets.clone(), ways, self.tell.clone());
        self.checks.retain(|_, test| !test.is_finished());
        self.checks.insert(id, AbortOnDropHandle::new(tokio::spawn(test)));
    }

    /// Ends a test. Whether one was under way.
    pub(crate) fn cancel_check(&mut self, id: &str) -> bool {
        self.checks.remove(id).is_some_and(|test| !test.is_finished())
    }

    /// The host of these settings, as something that can be called, or why none can.
    pub(crate) fn calling(&self, settings: &Settings) -> Calling {
        Calling {
            settings: settings.clone(),
            secrets: self.secrets.clone(),
            local: Arc::clone(&self.local),
            options: Arc::clone(&self.options),
            in_use: Arc::clone(&self.in_use),
            world: self.world.subscribe(),
            tell: self.tell.clone(),
        }
    }

    /// Starts the local Moshi as these settings say; what runs already is ended first.
    pub(crate) fn start_local(&self, settings: &Settings) {
        let calling = self.calling(settings);
        tokio::spawn(async move { calling.start_local().await });
    }

    /// Has a recogniser run on this computer exactly where these settings want one.
    pub(crate) fn keep_recogniser(&mut self, settings: &Settings) {
        self.recogniser.keep(settings, &self.shelf);
    }

    /// Starts the recogniser that is wanted and does not run, as its model may be here by now.
    pub(crate) fn try_recogniser_again(&mut self, settings: &Settings) {
        self.recogniser.again(settings, &self.shelf);
    }

    /// Ends the local Moshi.
    pub(crate) fn stop_local(&self) {
        let local = Arc::clone(&self.local);
        tokio::spawn(async move { local.stop().await });
    }

    /// What it printed last.
    pub(crate) fn local_log(&self) -> Vec<String> {
        self.local.lines().0.into_iter().map(|line| line.text).collect()
    }

    /// Lets the doctor look at this computer, unless it does already.
    pub(crate) fn run_doctor(&mut self, settings: &Settings) {
        if self.doctor.as_ref().is_some_and(|run| !run.is_finished()) {
            return;
        }
        let look = doctor::Look {
            myca: self.options.myca.clone(),
            shelf: self.shelf.clone(),
            settings: settings.clone(),
            world: self.world.clone(),
        };
        let tell = self.tell.clone();
        self.doctor = Some(AbortOnDropHandle::new(tokio::spawn(async move { look.run(&tell).await })));
    }

    /// Ends it. Whether it was at work.
    pub(crate) fn cancel_doctor(&mut self) -> bool {
        self.doctor.take().is_some_and(|run| !run.is_finished())
    }

    /// Looks anew at the models. A look that is under way is not waited for: what it saw is old.
    pub(crate) fn refresh_models(&mut self, settings: &Settings) {
        let (tell, shelf, settings) = (self.tell.clone(), self.shelf.clone(), settings.clone());
        let known = self.world.borrow().clone();
        self.looking = Some(AbortOnDropHandle::new(tokio::spawn(async move {
            let models = shelf.view(&settings, known).await;
            let _ = tell.send(News::Models(models)).await;
        })));
    }

    /// Downloads a model, or goes on where it stopped. Whether that begins now.
    pub(crate) fn download(&mut self, settings: &Settings, id: String) -> bool {
        self.downloads.retain(|_, running| !running.is_over());
        if self.downloads.contains_key(&id) {
            return false;
        }
        let stop = CancellationToken::new();
        let work = models::Work {
            shelf: self.shelf.clone(),
            settings: settings.clone(),
            secrets: self.secrets.clone(),
            tell: self.tell.clone(),
            id: id.clone(),
        };
        let task = tokio::spawn(work.run(stop.clone()));
        self.downloads.insert(id, models::Running::new(stop, task));
        true
    }

    /// Ends a download; what is here stays.
    pub(crate) fn pause_download(&mut self, id: &str) {
        if let Some(running) = self.downloads.get(id) {
            running.pause();
        }
    }

    pub(crate) fn shelf(&self) -> Shelf {
        self.shelf.clone()
    }

    /// Forgets what was known of a host whose address is another one now, or that is gone: its token must not go there.
    pub(crate) fn forget_host(&mut self, id: String, had_token: bool) {
        self.cancel_check(&id);
        let Some(secrets) = self.secrets.clone().filter(|_| had_token) else { return };
        tokio::spawn(async move {
            let name = SecretName::Host(id);
            let forgotten = tokio::task::spawn_blocking(move || secrets.delete(&name)).await;
            if let Ok(Err(error)) = forgotten {
                tracing::warn!(code = error.code(), "the token of a host that is gone could not be deleted");
            }
        });
    }

    /// Ends everything and waits for it, so that nothing is left behind.
    pub(crate) async fn end(mut self) {
        self.checks.clear();
        self.doctor = None;
        for running in std::mem::take(&mut self.downloads).into_values() {
            running.end().await;
        }
        self.recogniser.stop().await;
        self.local.stop().await;
    }
}
