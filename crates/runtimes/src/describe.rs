//! One description for each runtime.

mod backend;
mod docker;
mod myca;
mod python;

use std::path::{Path, PathBuf};

use process::Guard;

pub(crate) use self::backend::BESIDE;
use crate::{Chosen, Description, RuntimeKind, Secret, StartError, What};

/// Where every Moshi server is called.
const CHATS_AT: &str = "/api/chat";

/// Where things are on this computer, for whatever runs here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surroundings {
    /// The program `myca`, which lies beside the app.
    pub myca: PathBuf,
    /// What stands between the app and a program that starts others, so that nothing of it stays when the app is killed.
    pub guard: Option<Guard>,
    /// A folder of the app's own, for what runtimes need written down.
    pub folder: PathBuf,
    /// The folder for logs.
    pub logs: PathBuf,
    /// The cache of Hugging Face (`HF_HUB_CACHE`), to see a download grow.
    pub cache: Option<PathBuf>,
    /// The socket or pipe of Docker; none for the system's own.
    pub docker: Option<String>,
}

impl Surroundings {
    /// The log of a runtime. Older ones lie beside it, with `.1` and so on behind the name.
    #[must_use]
    pub fn log(&self, kind: RuntimeKind) -> PathBuf {
        self.logs.join(format!("{}.log", kind.id()))
    }

    /// What a runtime may write into.
    pub(crate) fn folder_of(&self, what: &What) -> PathBuf {
        self.folder.join(what.kind().id())
    }

    /// Where a repository of Hugging Face is kept.
    fn cache_of(&self, repo: &str) -> Option<PathBuf> {
        let folder = format!("models--{}", repo.replace('/', "--"));
        self.cache.as_ref().map(|cache| cache.join(folder).join("blobs"))
    }
}

/// Describes how `chosen` is run at `port`, without looking at this computer or changing anything.
///
/// # Errors
/// When a path or a name cannot be handed to it.
pub fn describe(
    chosen: &Chosen,
    port: u16,
    here: &Surroundings,
    token: Option<&Secret>,
) -> Result<Description, StartError> {
    let folder = here.folder_of(&chosen.what);
    match &chosen.what {
        What::MycaHost { model, hear } => {
            Ok(myca::describe(Some(model), hear.as_deref(), port, here, folder))
        }
        What::Recogniser { model } => Ok(myca::describe(None, Some(model), port, here, folder)),
        What::PythonMoshi { interpreter, code, repo, half, torch } => {
            repository(repo)?;
            let server = python::Server { interpreter, code: code.as_deref(), repo, torch: *torch };
            Ok(python::kyutai(&server, *half, port, here, folder, token))
        }
        What::PersonaPlex { interpreter, code, repo, voices, offload, torch } => {
            repository(repo)?;
            let server = python::Server { interpreter, code: code.as_deref(), repo, torch: *torch };
            Ok(python::nvidia(&server, voices.as_deref(), *offload, port, here, folder, token))
        }
        What::MoshiBackend { program, model, cpu, mimi_on_cpu } => {
            backend::describe(program, model, *cpu, *mimi_on_cpu, port, folder)
        }
        What::Docker { image, repo, half, torch } => {
            repository(repo)?;
            docker::describe(image, repo, *half, *torch, port, token)
        }
    }
}

/// A repository is `owner/name`. Anything else could be taken for an option, or for a file.
fn repository(repo: &str) -> Result<(), StartError> {
    let part = |part: &str| {
        part.starts_with(|first: char| first.is_ascii_alphanumeric())
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    match repo.split_once('/') {
        Some((owner, name)) if part(owner) && part(name) && repo.len() <= 200 => Ok(()),
        _ => Err(StartError::NoRepository { name: repo.chars().take(200).collect() }),
    }
}

/// A path as text, for a runtime that takes it as such.
fn text(path: &Path) -> Result<&str, StartError> {
    path.to_str()
        .ok_or_else(|| StartError::Unusable { path: path.to_owned(), why: "its name is not Unicode" })
}

#[cfg(test)]
mod tests;
