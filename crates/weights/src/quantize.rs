//! Published weights made smaller: a GGUF file under the names of Kyutai's Rust crate, which candle's loaders read.
//!
//! Tensors go through in pieces, so that the memory that it takes does not depend on the model.

mod convert;
mod plan;

use std::num::NonZero;
use std::path::Path;

use serde::{Serialize, Serializer};

use crate::layout::Depformer;
use crate::{Error, File, Format, GgufWriter, Planned, Value};

pub use convert::Off;

/// What is to be made of the weights.
#[derive(Debug, Clone)]
pub struct Options {
    /// The format of matrices whose rows fill its blocks. Others have the next larger one that their rows fill, and
    /// what is no matrix is stored as `f32`.
    pub format: Format,
    /// Whether a file that is in the place of the new one may be lost.
    pub overwrite: bool,
    /// How many threads compute.
    pub threads: NonZero<usize>,
}

impl Options {
    /// This format, on all processors, and no file is lost.
    #[must_use]
    pub fn new(format: Format) -> Self {
        let threads = std::thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN);
        Self { format, overwrite: false, threads }
    }
}

/// How far it is, in bytes of the published weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress<'a> {
    /// Bytes that are done.
    pub done: u64,
    /// All bytes.
    pub total: u64,
    /// The tensor that is at work, as the new file names it.
    pub tensor: &'a str,
}

/// A tensor of the new file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Written {
    /// Its name.
    pub name: String,
    /// Extents, the one that changes slowest first.
    pub shape: Vec<usize>,
    /// How its numbers are stored.
    #[serde(serialize_with = "by_name")]
    pub format: Format,
    /// Bytes that it takes.
    pub bytes: u64,
    /// How far its numbers are off.
    #[serde(flatten)]
    pub off: Off,
}

/// What became of the weights.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Every tensor, in the order of the file.
    pub tensors: Vec<Written>,
    /// Bytes of the file.
    pub bytes: u64,
    /// How far all numbers are off.
    #[serde(flatten)]
    pub off: Off,
}

fn by_name<S: Serializer>(format: &Format, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(format.name())
}

/// Writes a file with the weights of another one, whose depformer looks like this; only the codebooks that it has are
/// taken. `go_on` is asked between pieces, which take less than a second each; nothing is left when it says no.
///
/// # Errors
/// What is wrong with the weights: [`Error::Damaged`] and [`Error::TensorType`], and with a number of them
/// [`Error::NotFinite`] and [`Error::TooLarge`]. [`Error::Cancelled`] when it was told to stop. What [`GgufWriter`]
/// says of the new file.
pub fn quantize(
    weights: &File,
    depformer: &Depformer,
    target: &Path,
    options: &Options,
    go_on: &mut dyn FnMut(Progress<'_>) -> bool,
) -> Result<Report, Error> {
    if target
        .canonicalize()
        .is_ok_and(|target| weights.path().canonicalize().is_ok_and(|path| path == target))
    {
        return Err(Error::Exists { path: target.into() });
    }
    let steps = plan::plan(weights, depformer, options.format)?;
    let planned = steps.iter().map(plan::Step::planned).collect();
    let mut writer = GgufWriter::create(target, &metadata(options.format), planned, options.overwrite)?;
    let mut converter = convert::Converter::open(weights.path(), options.threads)?;
    let total = steps.iter().map(plan::Step::bytes).sum();
    let (mut done, mut off) = (0, Off::default());
    let mut tensors = Vec::new();
    for step in &steps {
        let Planned { name, shape, format } = step.planned();
        writer.begin(&name)?;
        let of_tensor = converter.convert(step, |stored, read| {
            writer.write(stored)?;
            done += read;
            let goes_on = go_on(Progress { done, total, tensor: &name });
            if goes_on { Ok(()) } else { Err(Error::Cancelled { path: target.into() }) }
        })?;
        off = off.and(of_tensor);
        let bytes = format.tensor_bytes(&shape).unwrap_or(0) as u64;
        tensors.push(Written { name, shape, format, bytes, off: of_tensor });
    }
    let bytes = writer.finish()?;
    Ok(Report { tensors, bytes, off })
}

/// What other programs want to know. Our own asks the description of the model.
fn metadata(format: Format) -> [(&'static str, Value); 3] {
    // `enum llama_ftype`, and the version of ggml's block formats.
    let file_type = match format {
        Format::F32 => 0,
        Format::F16 => 1,
        Format::Q4_0 => 2,
        Format::Q8_0 => 7,
        Format::Q4K => 14,
        Format::Bf16 => 32,
    };
    [
        ("general.architecture", Value::Text("moshi".into())),
        ("general.file_type", Value::U32(file_type)),
        ("general.quantization_version", Value::U32(2)),
    ]
}
