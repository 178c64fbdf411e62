//! Weights as candle asks for them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{DType, Device, Shape, Tensor};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};

use crate::Error;
use crate::tensors::Tensors;

/// Tensors of which several networks can be built, which then share them. What was wrong is remembered, as candle's
/// errors can not carry it.
#[derive(Debug, Clone)]
pub(crate) struct SharedWeights(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    tensors: Box<dyn Tensors>,
    /// Those that were asked for, as 32-bit floats.
    made: Mutex<HashMap<String, Tensor>>,
    first_error: Mutex<Option<Error>>,
}

/// Builds a network of candle's out of tensors, all of which become 32-bit floats.
pub(crate) fn build<T>(
    tensors: Box<dyn Tensors>,
    build: impl FnOnce(VarBuilder<'static>) -> candle_core::Result<T>,
) -> Result<T, Error> {
    SharedWeights::new(tensors).build(build)
}

impl SharedWeights {
    pub(crate) fn new(tensors: Box<dyn Tensors>) -> Self {
        Self(Arc::new(Inner { tensors, made: Mutex::default(), first_error: Mutex::new(None) }))
    }

    /// The tensors as they are.
    pub(crate) fn tensors(&self) -> &dyn Tensors {
        &*self.0.tensors
    }

    /// Builds a network.
    pub(crate) fn build<T>(
        &self,
        build: impl FnOnce(VarBuilder<'static>) -> candle_core::Result<T>,
    ) -> Result<T, Error> {
        let builder = VarBuilder::from_backend(Box::new(self.clone()), DType::F32, Device::Cpu);
        build(builder).map_err(|error| {
            let first = self.0.first_error.lock().unwrap_or_else(PoisonError::into_inner).take();
            first.unwrap_or(Error::Compute(error))
        })
    }
}

impl SimpleBackend for SharedWeights {
    fn get(
        &self,
        shape: Shape,
        name: &str,
        _: Init,
        dtype: DType,
        device: &Device,
    ) -> candle_core::Result<Tensor> {
        let mut made = self.0.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tensor) = made.get(name).filter(|tensor| *tensor.shape() == shape) {
            return tensor.to_dtype(dtype);
        }
        let numbers = self.0.tensors.tensor(name, shape.dims()).map_err(|error| {
            let for_candle = candle_core::Error::msg(&error);
            self.0.first_error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
            for_candle
        })?;
        let tensor = Tensor::from_vec(numbers.to_f32(), shape, device)?;
        made.insert(name.to_owned(), tensor.clone());
        tensor.to_dtype(dtype)
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> candle_core::Result<Tensor> {
        candle_core::bail!("{name} is asked for without a shape")
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.0.tensors.has(name)
    }
}
