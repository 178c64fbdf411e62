//! Where the weights of a network come from.

use std::fmt::Debug;
use std::path::Path;

use weights::layout::{self, Depformer, Place};
use weights::{File, Tensor};

use crate::Error;

/// A source of tensors, asked for by the names of Kyutai's Rust crate.
pub(crate) trait Tensors: Debug + Send + Sync {
    /// The tensor of this name, which has to have this shape.
    fn tensor(&self, name: &str, shape: &[usize]) -> Result<Tensor, Error>;

    /// Whether there is one of this name.
    fn has(&self, name: &str) -> bool;
}

/// A file with any of the sets of names that are in use.
#[derive(Debug)]
pub(crate) struct FileTensors {
    file: File,
    depformer: Option<Depformer>,
}

impl FileTensors {
    /// Weights of a language model.
    pub(crate) fn of_lm(path: &Path, depformer: &Depformer) -> Result<Self, Error> {
        Ok(Self { file: File::open(path)?, depformer: Some(depformer.clone()) })
    }

    /// Weights of a codec, which all have the same names.
    pub(crate) fn of_codec(path: &Path) -> Result<Self, Error> {
        Ok(Self { file: File::open(path)?, depformer: None })
    }

    fn places(&self, name: &str) -> Vec<Place> {
        match &self.depformer {
            Some(depformer) => layout::places(name, depformer),
            None => vec![Place { tensor: name.into(), part: None }],
        }
    }
}

impl Tensors for FileTensors {
    fn tensor(&self, name: &str, shape: &[usize]) -> Result<Tensor, Error> {
        let places = self.places(name);
        let there = places.iter().find(|place| self.file.info(&place.tensor).is_some());
        // The last place is the one in the layout that is published most.
        let Some(Place { tensor, part }) = there.or(places.last()) else {
            let (path, name) = (self.file.path().into(), name.into());
            return Err(weights::Error::MissingTensor { path, name }.into());
        };
        let found = self.file.tensor(tensor)?;
        let of_part = match (part, shape.first()) {
            (Some(part), Some(&rows)) => found.part(*part, rows),
            _ => Some(found.clone()),
        };
        // Files disagree about extents of one in front.
        let extents = |shape: &[usize]| shape.iter().copied().filter(|&n| n != 1).collect::<Vec<_>>();
        of_part
            .filter(|part| extents(part.shape()) == extents(shape))
            .and_then(|part| Tensor::new(part.format(), shape.into(), part.bytes().clone()))
            .ok_or_else(|| Error::TensorShape {
                path: self.file.path().into(),
                name: tensor.clone(),
                expected: shape.into(),
                found: found.shape().into(),
            })
    }

    fn has(&self, name: &str) -> bool {
        self.places(name).iter().any(|place| self.file.info(&place.tensor).is_some())
    }
}
