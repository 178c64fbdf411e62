//! Where models are: the shelf and its catalogue, and a model that a person names.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use models::{Catalogue, HubCache, InUse, Shelf, ShelfError};
use store::Paths;

/// The longest catalogue that is read, in bytes. The program's own has some 10 KB.
const LONGEST: u64 = 1 << 20;

/// Where models are.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Place {
    /// The folder of models; without it the one of MYCA Voice
    #[arg(long, value_name = "FOLDER")]
    models_folder: Option<PathBuf>,
    /// A catalogue of models, in place of the one that the program comes with
    #[arg(long, value_name = "FILE")]
    catalogue: Option<PathBuf>,
}

impl Place {
    /// The folder of models. It need not exist.
    pub(crate) fn folder(&self) -> Result<PathBuf, String> {
        match &self.models_folder {
            Some(folder) => std::path::absolute(folder)
                .map_err(|error| format!("{} is no folder ({error}). Name another.", folder.display())),
            None => Paths::of_user()
                .map(|paths| paths.models())
                .map_err(|error| format!("There is no place for models: {error}.")),
        }
    }

    /// The models that there are.
    pub(crate) fn catalogue(&self) -> Result<Catalogue, String> {
        let Some(path) = &self.catalogue else {
            return Catalogue::built_in().map_err(|error| error.to_string());
        };
        let mut json = String::new();
        File::open(path)
            .and_then(|file| file.take(LONGEST).read_to_string(&mut json))
            .map_err(|error| format!("{} cannot be read ({error}). Name a catalogue.", path.display()))?;
        Catalogue::parse(&json).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// The models that are here, and those that there are.
    pub(crate) fn shelf(&self) -> Result<(Shelf, Catalogue), String> {
        Ok((Shelf::new(self.folder()?, HubCache::of_user()), self.catalogue()?))
    }

    /// The model that a person means: a path if there is something, else the id of a model that is here. What is
    /// neither is left as it is, for whoever opens it to say that it is not there.
    pub(crate) fn find(&self, named: &Path) -> Result<Found, String> {
        let as_it_is = || Found { path: named.to_owned(), _held: None };
        // Only what could be the name of a folder on the shelf.
        let id = named.to_str().filter(|id| named.file_name().is_some_and(|name| name == *id));
        let Some(id) = id.filter(|_| !named.exists()) else { return Ok(as_it_is()) };
        let (shelf, catalogue) = self.shelf()?;
        let known = catalogue.get(id).is_some();
        if !known && !shelf.folder().join(id).is_dir() {
            return Ok(as_it_is());
        }
        match shelf.take(&catalogue, id) {
            Ok(held) => Ok(Found { path: held.weights.clone(), _held: Some(held) }),
            Err(ShelfError::Unknown(_)) if known => {
                Err(format!("{id} is not on this computer. Get it with `myca model download {id}`."))
            }
            Err(ShelfError::Unknown(_)) => Ok(as_it_is()),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// A model that was found. While it is there, one on the shelf is neither deleted nor downloaded over.
#[derive(Debug)]
pub(crate) struct Found {
    /// Its folder, or the file of weights in it.
    pub(crate) path: PathBuf,
    _held: Option<InUse>,
}
