//! What is looked at before a runtime is started, so that what is missing is said in a sentence and not by a crash.

mod interpreter;

use std::path::Path;

pub use self::interpreter::Flavour;
use crate::{Chosen, StartError, Surroundings, What, describe::BESIDE};

/// Whether what was chosen is there. What comes back is the same, with the interpreter found that a folder or a name
/// means.
///
/// # Errors
/// The first thing that is missing.
pub async fn check(chosen: &Chosen, here: &Surroundings) -> Result<Chosen, StartError> {
    let mut chosen = chosen.clone();
    let folder = here.folder_of(&chosen.what);
    match &mut chosen.what {
        What::MycaHost { model, hear } => {
            process::find(&here.myca).ok_or_else(|| StartError::NoMyca(here.myca.clone()))?;
            exists(model)?;
            hear.as_deref().map_or(Ok(()), exists)?;
        }
        What::Recogniser { model } => {
            process::find(&here.myca).ok_or_else(|| StartError::NoMyca(here.myca.clone()))?;
            exists(model)?;
        }
        What::PythonMoshi { interpreter, code, .. } => {
            is_folder(code.as_deref())?;
            *interpreter = interpreter::check(interpreter, Flavour::Kyutai, code.as_deref(), folder).await?;
        }
        What::PersonaPlex { interpreter, code, voices, .. } => {
            is_folder(code.as_deref())?;
            is_folder(voices.as_deref())?;
            *interpreter = interpreter::check(interpreter, Flavour::Nvidia, code.as_deref(), folder).await?;
        }
        What::MoshiBackend { program, model, .. } => {
            process::find(&*program).ok_or_else(|| StartError::NoProgram(program.clone()))?;
            // It would download what is missing, a model of 15 GB for one, and under a name that nobody chose.
            for file in [model.clone()].into_iter().chain(BESIDE.map(|name| model.with_file_name(name))) {
                if !file.is_file() {
                    return Err(StartError::NoModel(file));
                }
            }
        }
        // Docker is asked when the container is made.
        What::Docker { .. } => {}
    }
    Ok(chosen)
}

fn exists(model: &Path) -> Result<(), StartError> {
    if model.exists() { Ok(()) } else { Err(StartError::NoModel(model.to_owned())) }
}

fn is_folder(folder: Option<&Path>) -> Result<(), StartError> {
    match folder.filter(|folder| !folder.is_dir()) {
        Some(folder) => Err(StartError::NoFolder(folder.to_owned())),
        None => Ok(()),
    }
}
