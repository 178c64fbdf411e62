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
mod head;
pub mod layout;
mod map;
mod part_file;
pub mod quantize;
mod tensor;
mod write_error;

pub use bytes::Bytes;
pub use error::Error;
pub use file::File;
pub use format::Format;
pub use gguf_writer::{GgufWriter, Planned, Value};
pub use head::{Flaw, Head, Info, Kind};
pub use tensor::Tensor;
pub use write_error::WriteError;
