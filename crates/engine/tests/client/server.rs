//! A server on a port of its own.

use std::sync::Arc;

use engine::Error;
use engine::serve::{Server, ServerSettings, Source};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A server that runs until it is dropped.
pub(crate) struct Running {
    pub(crate) port: u16,
    pub(crate) stop: CancellationToken,
    pub(crate) task: JoinHandle<Result<(), Error>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Starts a server with these settings, but for the address.
pub(crate) fn serve(source: impl Source, settings: ServerSettings) -> Running {
    let settings = ServerSettings { address: ([127, 0, 0, 1], 0).into(), ..settings };
    let server = Server::bind(settings, Arc::new(source)).unwrap();
    let (port, stop) = (server.address().port(), CancellationToken::new());
    let task = tokio::spawn(server.run(stop.clone()));
    Running { port, stop, task }
}
