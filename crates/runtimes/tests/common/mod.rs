//! A place where a runtime is played by the stand-in, or by a daemon of Docker that is played itself.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]
#![allow(dead_code, reason = "each test has its own use for it")]

pub(crate) mod daemon;

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    time::Duration,
};

use runtimes::{Chosen, Failure, Guard, LocalMoshi, Port, Stage, State, Status, Surroundings, Torch, What};
use tempfile::TempDir;
use tokio::{sync::watch, time::timeout};

/// A test that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(90);

pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    /// A Python whose server does what the scenario says.
    pub(crate) fn new(scenario: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for inner in ["code", "data/myca_host", "data/moshi_backend"] {
            let inner = folder.path().join(inner);
            fs::create_dir_all(&inner).unwrap();
            fs::write(inner.join("scenario"), scenario).unwrap();
        }
        Self { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn here(&self) -> Surroundings {
        Surroundings {
            myca: stand_in(),
            guard: Some(Guard::new(stand_in(), ["guard"])),
            folder: self.path("data"),
            logs: self.path("logs"),
            cache: None,
            docker: Some(self.path("docker.sock").to_str().unwrap().to_owned()),
        }
    }

    pub(crate) fn moshi(&self) -> LocalMoshi {
        LocalMoshi::new(self.here())
    }

    pub(crate) fn kyutai(&self) -> What {
        What::PythonMoshi {
            interpreter: stand_in(),
            code: Some(self.path("code")),
            repo: "kyutai/moshika-pytorch-bf16".into(),
            half: false,
            torch: Torch::default(),
        }
    }

    /// The processes that were started, in their order.
    pub(crate) fn starts(&self) -> Vec<u32> {
        numbers(&self.path("code/starts"))
    }

    pub(crate) fn grandchildren(&self) -> Vec<u32> {
        numbers(&self.path("code/grandchildren"))
    }

    pub(crate) fn log(&self, name: &str) -> String {
        fs::read_to_string(self.path("logs").join(name)).unwrap()
    }
}

pub(crate) fn stand_in() -> PathBuf {
    env!("CARGO_BIN_EXE_runtimes-stand-in").into()
}

fn numbers(file: &Path) -> Vec<u32> {
    fs::read_to_string(file).unwrap_or_default().lines().map(|line| line.parse().unwrap()).collect()
}

/// What was chosen, at any port.
pub(crate) fn anywhere(what: What) -> Chosen {
    Chosen { what, port: Port { wanted: 0, fixed: false } }
}

/// What was chosen, at a port.
pub(crate) fn at(what: What, wanted: u16, fixed: bool) -> Chosen {
    Chosen { what, port: Port { wanted, fixed } }
}

/// A port with somebody at it.
pub(crate) fn taken() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

pub(crate) fn runs(process: u32) -> bool {
    let state = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // One that has ended is there until somebody has asked how.
    state.rsplit_once(')').is_some_and(|(_, rest)| !rest.starts_with(" Z"))
}

/// Waits until the state is as it should be.
pub(crate) async fn until(
    status: &mut watch::Receiver<Status>,
    mut is: impl FnMut(&State) -> bool,
) -> Status {
    let found = timeout(LIMIT, status.wait_for(|status| is(&status.state))).await;
    let found = found.ok().map(|status| status.unwrap().clone());
    found.unwrap_or_else(|| panic!("it stays {:?}", status.borrow()))
}

pub(crate) async fn until_ready(status: &mut watch::Receiver<Status>) -> Status {
    let is = |state: &State| matches!(state, State::Ready { .. } | State::Failed { .. });
    let found = until(status, is).await;
    assert!(matches!(found.state, State::Ready { .. }), "{found:?}");
    found
}

pub(crate) async fn until_failed(status: &mut watch::Receiver<Status>) -> Failure {
    let is = |state: &State| matches!(state, State::Failed { .. } | State::Ready { .. });
    match until(status, is).await.state {
        State::Failed { why } => why,
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn until_waiting(status: &mut watch::Receiver<Status>) -> Failure {
    match until(status, |state| matches!(state, State::Waiting { .. } | State::Failed { .. })).await.state {
        State::Waiting { why, .. } => why,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn stage(state: &State) -> Option<Stage> {
    match state {
        State::Starting { stage, .. } => Some(*stage),
        _ => None,
    }
}
