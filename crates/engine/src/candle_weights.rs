//! Weights as candle asks for them.

use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{DType, Device, Shape, Tensor};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};

use crate::Error;
use crate::tensors::Tensors;

/// A source of tensors for [`VarBuilder`] that remembers what was wrong, which candle's errors can not carry.
#[derive(Debug, Clone)]
struct Source(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    tensors: Box<dyn Tensors>,
    first_error: Mutex<Option<Error>>,
}

/// Builds a network of candle's out of tensors, all of which become 32-bit floats.
pub(crate) fn build<T>(
    tensors: Box<dyn Tensors>,
    build: impl FnOnce(VarBuilder<'static>) -> candle_core::Result<T>,
) -> Result<T, Error> {
    let source = Source(Arc::new(Inner { tensors, first_error: Mutex::new(None) }));
    let builder = VarBuilder::from_backend(Box::new(source.clone()), DType::F32, Device::Cpu);
    build(builder).map_err(|error| {
        let first = source.0.first_error.lock().unwrap_or_else(PoisonError::into_inner).take();
        first.unwrap_or(Error::Compute(error))
    })
}

impl SimpleBackend for Source {
    fn get(
        &self,
        shape: Shape,
        name: &str,
        _: Init,
        dtype: DType,
        device: &Device,
    ) -> candle_core::Result<Tensor> {
        let numbers = self.0.tensors.tensor(name, shape.dims()).map_err(|error| {
            let for_candle = candle_core::Error::msg(&error);
            self.0.first_error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
            for_candle
        })?;
        Tensor::from_vec(numbers.to_f32(), shape, device)?.to_dtype(dtype)
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> candle_core::Result<Tensor> {
        candle_core::bail!("{name} is asked for without a shape")
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.0.tensors.has(name)
    }
}
