//! Kyutai's server in a container.

use super::CHATS_AT;
use super::python::{LINES, switched};
use crate::{
    Container, Description, MOSHI_PORT, Run, RuntimeKind, Scheme, Secret, StartError, Torch, Warning,
};

/// The volume that keeps 15 GB of downloads from one container to the next. It has the name that the image's own instructions
/// give it, so that what was downloaded by them is used.
const VOLUME: &str = "moshi-model-cache";
/// Where the cache is in the image, whose server runs as root.
const CACHE: &str = "/root/.cache";

pub(super) fn describe(
    image: &str,
    repo: &str,
    half: bool,
    torch: Torch,
    port: u16,
    token: Option<&Secret>,
) -> Result<Description, StartError> {
    reference(image)?;
    let inside = MOSHI_PORT.to_string();
    // Inside, the server must listen on all addresses: what reaches it from this computer comes through the container's network.
    let server = ["python3", "-m", "moshi.server", "--host", "0.0.0.0", "--port", &inside];
    let model = ["--hf-repo", repo, "--device", "cuda", "--static", "none"];
    let half = half.then_some("--half");
    let command = server.into_iter().chain(model).chain(half).map(str::to_owned).collect();
    let lines = LINES.into_iter().map(|(name, value)| (name, value.to_owned()));
    let cache = ("HF_HOME", format!("{CACHE}/huggingface"));
    Ok(Description {
        kind: RuntimeKind::Docker,
        run: Run::Container(Container {
            image: image.to_owned(),
            command,
            set: lines.chain([cache]).chain(switched(torch).map(|name| (name, "1".to_owned()))).collect(),
            token: token.cloned(),
            volume: VOLUME,
            volume_at: CACHE,
            inside: MOSHI_PORT,
            outside: port,
        }),
        scheme: Scheme::Ws,
        path: CHATS_AT,
        folders: Vec::new(),
        emptied: Vec::new(),
        files: Vec::new(),
        certificate: None,
        cache: None,
        warnings: if torch.no_graphs { vec![Warning::NoGraphs] } else { Vec::new() },
    })
}

/// The name of an image, with its registry and its tag if need be.
fn reference(image: &str) -> Result<(), StartError> {
    let fits = image.starts_with(|first: char| first.is_ascii_alphanumeric())
        && image.len() <= 300
        && image.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./:@".contains(&byte));
    if fits { Ok(()) } else { Err(StartError::NoImageName { name: image.chars().take(300).collect() }) }
}
