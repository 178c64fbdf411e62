//! Numbers in files: the formats that weights are stored in, tensors of them, and the files that hold tensors.
//!
//! [`File`] opens safetensors and GGUF files, [`Tensor`] is a piece of one, and [`Format`] says what its bytes mean.
//! Nothing here knows what a network is.

mod bytes;
mod error;
mod file;
mod format;
#[doc(hidden)]
pub mod fuzzing;
mod gguf_writer;
pub mod layout;
mod map;
mod part_file;
pub mod quantize;
mod tensor;

pub use bytes::Bytes;
pub use error::Error;
pub use file::{File, Info};
pub use format::Format;
pub use gguf_writer::{GgufWriter, Planned, Value};
pub use tensor::Tensor;
