//! `myca echo` and `myca host`.

use std::path::Path;

use tempfile::TempDir;

use super::program::{Program, argument, myca, output};

/// A running server.
pub struct Server {
    program: Program,
    port: u16,
}

impl Server {
    /// A host that says what it hears.
    pub fn echo() -> Self {
        Self::start(&["echo"], 0)
    }

    /// The same at a port that it had before.
    pub fn echo_at(port: u16) -> Self {
        Self::start(&["echo"], port)
    }

    /// A host that runs a model.
    pub fn host(model: &Path) -> Self {
        Self::host_at(model, 0)
    }

    /// The same at a port that it had before.
    pub fn host_at(model: &Path, port: u16) -> Self {
        Self::start(&["host", "--greedy", "--model", argument(model)], port)
    }

    /// A host that runs a model, and a recogniser beside it.
    pub fn host_that_hears(model: &Path, recogniser: &Path) -> Self {
        let (model, recogniser) = (argument(model), argument(recogniser));
        Self::start(&["host", "--greedy", "--model", model, "--hear", recogniser], 0)
    }

    fn start(arguments: &[&str], port: u16) -> Self {
        let mut command = myca(arguments);
        command.args(["--json", "--port", &port.to_string()]);
        let mut program = Program::start(command);
        let ready = program.wait_for("the server is ready", |event| event["event"] == "ready");
        let port = u16::try_from(ready["port"].as_u64().unwrap()).unwrap();
        Self { program, port }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn url(&self) -> String {
        format!("ws://127.0.0.1:{}", self.port)
    }

    /// Ends it as a crash does: without a word to anybody. Returns its port.
    pub fn crash(mut self) -> u16 {
        self.program.kill();
        self.port
    }
}

/// A small model with random weights in a folder of its own.
pub fn tiny_model() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    output(&mut myca(&["model", "tiny", argument(folder.path())]));
    folder
}

/// A small recogniser in a folder of its own. It says words at sound.
pub fn tiny_recogniser() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    output(&mut myca(&["model", "tiny", "--hear", argument(folder.path())]));
    folder
}
