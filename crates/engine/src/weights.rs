//! Weights as candle asks for them, out of a safetensors file with either set of names.

use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{DType, Device, Shape, Tensor};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};

use crate::Error;
use crate::config::DepformerConfig;
use crate::layout::{self, Place};
use crate::safetensors::{Rows, Safetensors};

/// A source of tensors for [`VarBuilder`] that remembers what was wrong, which candle's errors can not carry.
#[derive(Debug, Clone)]
pub(crate) struct Weights(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    file: Safetensors,
    /// Of a language model: how its depformer is laid out.
    depformer: Option<DepformerConfig>,
    first_error: Mutex<Option<Error>>,
}

impl Weights {
    pub(crate) fn new(file: Safetensors, depformer: Option<DepformerConfig>) -> Self {
        Self(Arc::new(Inner { file, depformer, first_error: Mutex::new(None) }))
    }

    /// Builds something out of these weights.
    pub(crate) fn build<T>(
        &self,
        build: impl FnOnce(VarBuilder<'static>) -> candle_core::Result<T>,
    ) -> Result<T, Error> {
        let tensors = VarBuilder::from_backend(Box::new(self.clone()), DType::F32, Device::Cpu);
        build(tensors).map_err(|error| {
            let first = self.0.first_error.lock().unwrap_or_else(PoisonError::into_inner).take();
            first.unwrap_or(Error::Compute(error))
        })
    }
}

impl Inner {
    fn places(&self, name: &str) -> Vec<Place> {
        match &self.depformer {
            Some(depformer) => layout::places(name, depformer),
            None => vec![Place { tensor: name.into(), part: None }],
        }
    }

    fn find(&self, name: &str) -> Option<(Place, &[usize])> {
        self.places(name).into_iter().find_map(|place| {
            let shape = self.file.shape(&place.tensor)?;
            Some((place, shape))
        })
    }

    fn get(&self, name: &str, expected: Option<&[usize]>) -> Result<Tensor, Error> {
        let Some((place, found)) = self.find(name) else {
            // The last place is the one in the layout that is published most.
            let name = self.places(name).pop().map_or_else(|| name.into(), |place| place.tensor);
            return Err(Error::MissingTensor { path: self.file.path().into(), name });
        };
        let expected = expected.unwrap_or(found);
        let wrong_shape = || Error::TensorShape {
            path: self.file.path().into(),
            name: place.tensor.clone(),
            expected: expected.into(),
            found: found.into(),
        };
        let rows = match place.part {
            None if found == expected => None,
            None => return Err(wrong_shape()),
            Some(part) => {
                let (Some((&all, of_row)), Some((&count, of_row_expected))) =
                    (found.split_first(), expected.split_first())
                else {
                    return Err(wrong_shape());
                };
                let start = part * count;
                if of_row != of_row_expected || !all.is_multiple_of(count.max(1)) || start + count > all {
                    return Err(wrong_shape());
                }
                Some(Rows { start, count })
            }
        };
        let numbers = self.file.read(&place.tensor, rows)?;
        Ok(Tensor::from_vec(numbers, expected, &Device::Cpu)?)
    }

    fn get_or_remember(&self, name: &str, shape: Option<&[usize]>) -> candle_core::Result<Tensor> {
        self.get(name, shape).map_err(|error| {
            let for_candle = candle_core::Error::msg(&error);
            let mut first = self.first_error.lock().unwrap_or_else(PoisonError::into_inner);
            first.get_or_insert(error);
            for_candle
        })
    }
}

impl SimpleBackend for Weights {
    fn get(
        &self,
        shape: Shape,
        name: &str,
        _: Init,
        dtype: DType,
        device: &Device,
    ) -> candle_core::Result<Tensor> {
        self.0.get_or_remember(name, Some(shape.dims()))?.to_dtype(dtype)?.to_device(device)
    }

    fn get_unchecked(&self, name: &str, dtype: DType, device: &Device) -> candle_core::Result<Tensor> {
        self.0.get_or_remember(name, None)?.to_dtype(dtype)?.to_device(device)
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.0.find(name).is_some()
    }
}
