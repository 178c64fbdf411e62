//! A window without a page, and a host to talk to.
#![allow(dead_code, unreachable_pub, reason = "several test programs share it, and none needs all of it")]

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use audio::ConnectSystem;
use audio::device::virtual_system::{VirtualConfig, VirtualSystem};
use engine::serve::{Echo, Server, ServerSettings, Source};
use store::{Paths, SettingsFile};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use window::view::{Snapshot, UiEvent};
use window::{Options, PlaceOptions, SshProgram, Window};

/// Longer than anything takes on any machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A window, and the events that it is told.
pub struct Shown {
    pub window: Window,
    task: JoinHandle<()>,
    pub batches: mpsc::UnboundedReceiver<Vec<UiEvent>>,
    /// Events that were told while something was waited for.
    pub seen: Vec<UiEvent>,
}

impl Shown {
    pub async fn open(folder: &Path, host: Option<String>) -> Self {
        Self::open_with(folder, host, SshProgram::default()).await
    }

    /// With an ssh of its own.
    pub async fn open_with(folder: &Path, host: Option<String>, ssh: SshProgram) -> Self {
        let paths = Paths::below(folder);
        let (settings, settings_aside) = SettingsFile::open(&paths.settings());
        let sound =
            || -> ConnectSystem { Box::new(|| Ok(Box::new(VirtualSystem::new(VirtualConfig::default())))) };
        let options = Options {
            sound: Arc::new(sound),
            settings,
            settings_aside,
            history: Some(paths.history()),
            data_folder: paths.data().display().to_string(),
            version: "1".into(),
            host,
            places: PlaceOptions {
                myca: folder.join("no-such-program"),
                models: folder.join("models"),
                logs: folder.join("logs"),
                runtimes: folder.join("runtimes"),
                hub_cache: false,
                ssh,
            },
            memories: paths.memories(),
            exports: paths.exports().to_path_buf(),
            secrets: None,
        };
        let (window, task) = Window::start(options).unwrap();
        let (tell, batches) = mpsc::unbounded_channel();
        window.subscribe(Box::new(move |events| tell.send(events).is_ok())).await.unwrap();
        Self { window, task, batches, seen: Vec::new() }
    }

    /// Waits until the window shows what `wanted` looks for.
    #[track_caller]
    pub fn shows(&mut self, wanted: impl Fn(&Snapshot) -> bool) -> impl Future<Output = Snapshot> {
        let caller = std::panic::Location::caller();
        async move {
            let look = async {
                loop {
                    let snapshot = self.window.snapshot().await.unwrap();
                    if wanted(&snapshot) {
                        return snapshot;
                    }
                    // Whatever changes the snapshot is an event, too.
                    self.seen.extend(self.batches.recv().await.unwrap());
                }
            };
            timeout(PATIENCE, look).await.unwrap_or_else(|_| panic!("it is never shown: {caller}"))
        }
    }

    pub async fn close(self) {
        self.window.end().await;
        timeout(PATIENCE, self.task).await.unwrap().unwrap();
    }
}

/// A host that says what it hears, until dropped.
pub struct Host {
    pub address: SocketAddr,
    stop: CancellationToken,
}

impl Host {
    pub fn start() -> Self {
        Self::of(Echo)
    }

    /// A host of something else.
    pub fn of(source: impl Source) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let server =
            Server::bind(ServerSettings { address, ..ServerSettings::default() }, Arc::new(source)).unwrap();
        let (address, stop) = (server.address(), CancellationToken::new());
        tokio::spawn(server.run(stop.clone()));
        Self { address, stop }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
