//! The two servers that are called `moshi.server`.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use super::{CHATS_AT, Surroundings};
use crate::{Description, Program, Run, RuntimeKind, Scheme, Secret, Torch, Warning};

/// What the two have in common.
pub(super) struct Server<'a> {
    pub(super) interpreter: &'a Path,
    pub(super) code: Option<&'a Path>,
    pub(super) repo: &'a str,
    pub(super) torch: Torch,
}

/// Switches of PyTorch. A server inherits none of them: `NO_TORCH_COMPILE` counts as set whatever its value is, also `0`,
/// and a person who set one for another program gets a server that is five times slower and does not say why.
pub(super) const SWITCHES: [&str; 3] = ["NO_TORCH_COMPILE", "NO_CUDA_GRAPH", "TORCHDYNAMO_DISABLE"];

/// Those that are wanted.
pub(super) fn switched(torch: Torch) -> impl Iterator<Item = &'static str> {
    let Torch { no_compile, no_graphs } = torch;
    [(no_compile, "NO_TORCH_COMPILE"), (no_graphs, "NO_CUDA_GRAPH")]
        .into_iter()
        .filter_map(|(wanted, name)| wanted.then_some(name))
}

/// What both servers need, so that their lines come when they are printed and in UTF-8, and nobody counts them.
pub(super) const LINES: [(&str, &str); 3] =
    [("PYTHONUNBUFFERED", "1"), ("PYTHONUTF8", "1"), ("HF_HUB_DISABLE_TELEMETRY", "1")];

pub(super) fn kyutai(
    server: &Server<'_>,
    half: bool,
    port: u16,
    here: &Surroundings,
    folder: PathBuf,
    token: Option<&Secret>,
) -> Description {
    let more = half.then_some("--half".into());
    describe(RuntimeKind::PythonMoshi, server, more, port, here, folder, token)
}

pub(super) fn nvidia(
    server: &Server<'_>,
    voices: Option<&Path>,
    offload: bool,
    port: u16,
    here: &Surroundings,
    folder: PathBuf,
    token: Option<&Secret>,
) -> Description {
    let voices = voices.into_iter().flat_map(|voices| ["--voice-prompt-dir".into(), voices.into()]);
    let more = offload.then_some("--cpu-offload".into()).into_iter().chain(voices);
    let mut description = describe(RuntimeKind::PersonaPlex, server, more, port, here, folder, token);
    // It parses --host and hands it to nobody.
    description.warnings.insert(0, Warning::OpenToTheNetwork);
    description
}

fn describe(
    kind: RuntimeKind,
    server: &Server<'_>,
    more: impl IntoIterator<Item = OsString>,
    port: u16,
    here: &Surroundings,
    folder: PathBuf,
    token: Option<&Secret>,
) -> Description {
    let &Server { interpreter, code, repo, torch } = server;
    let mut arguments: Vec<OsString> = ["-m", "moshi.server"].map(Into::into).into();
    arguments.extend(options(port, repo).map(Into::into));
    arguments.extend(more);
    let lines = LINES.into_iter().map(|(name, value)| (name, value.into()));
    let set = lines.chain(switched(torch).map(|name| (name, "1".into()))).collect();
    // An app that comes as one file brings a Python of its own, which is not the server's.
    let mut removed = vec!["PYTHONHOME"];
    removed.extend(SWITCHES);
    if token.is_some() {
        removed.push("HUGGING_FACE_HUB_TOKEN");
    }
    Description {
        kind,
        run: Run::Program(Program {
            program: interpreter.into(),
            arguments,
            set,
            removed,
            token: token.cloned(),
            // Python looks for packages where it is started.
            folder: code.map_or_else(|| folder.clone(), Path::to_owned),
        }),
        scheme: Scheme::Ws,
        path: CHATS_AT,
        folders: vec![folder],
        emptied: Vec::new(),
        files: Vec::new(),
        certificate: None,
        cache: here.cache_of(repo),
        warnings: if torch.no_graphs { vec![Warning::NoGraphs] } else { Vec::new() },
    }
}

/// The options that both know. Without `--static none` they download a web page first.
fn options(port: u16, repo: &str) -> impl Iterator<Item = String> {
    let port = port.to_string();
    ["--host", "127.0.0.1", "--port", &port, "--hf-repo", repo, "--device", "cuda", "--static", "none"]
        .map(str::to_owned)
        .into_iter()
}
