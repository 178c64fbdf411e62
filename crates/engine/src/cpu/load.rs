//! Where the weights come from.

use std::path::Path;

use weights::{File, Tensor};

use super::matrix::Matrix;
use crate::Error;
use crate::config::DepformerConfig;
use crate::layout::{self, Place};

/// A source of tensors, asked for by the names of Kyutai's Rust crate.
pub(crate) trait Tensors {
    /// The tensor of this name, which has to have this shape.
    fn tensor(&self, name: &str, shape: &[usize]) -> Result<Tensor, Error>;
}

/// A matrix by name.
pub(crate) fn matrix(
    tensors: &dyn Tensors,
    name: &str,
    rows: usize,
    columns: usize,
) -> Result<Matrix, Error> {
    Ok(Matrix::new(tensors.tensor(name, &[rows, columns])?))
}

/// A file with any of the sets of names that are in use.
#[derive(Debug)]
pub(crate) struct FileTensors<'a> {
    file: File,
    depformer: &'a DepformerConfig,
}

impl<'a> FileTensors<'a> {
    pub(crate) fn open(path: &Path, depformer: &'a DepformerConfig) -> Result<Self, Error> {
        Ok(Self { file: File::open(path)?, depformer })
    }

    fn wrong_shape(&self, name: &str, expected: &[usize], found: &[usize]) -> Error {
        Error::TensorShape {
            path: self.file.path().into(),
            name: name.into(),
            expected: expected.into(),
            found: found.into(),
        }
    }
}

impl Tensors for FileTensors<'_> {
    fn tensor(&self, name: &str, shape: &[usize]) -> Result<Tensor, Error> {
        let places = layout::places(name, self.depformer);
        let Some(Place { tensor, part }) =
            places.iter().find(|place| self.file.info(&place.tensor).is_some()).or(places.last())
        else {
            return Err(Error::MissingTensor { path: self.file.path().into(), name: name.into() });
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
            .ok_or_else(|| self.wrong_shape(tensor, shape, found.shape()))
    }
}
