//! Files that hold tensors by name.

mod gguf;
mod safetensors;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::{Bytes, Error, Format, Tensor, map};

/// Largest head that is read, in bytes. That of Moshi 7B has about 100 kB in either kind of file.
const MAX_HEAD: usize = 64 << 20;

/// Most tensors of a file. Moshi 7B has 1,000 at most, depending on how it is cut.
const MAX_TENSORS: usize = 1 << 16;

/// Most dimensions of a tensor.
const MAX_DIMENSIONS: usize = 8;

/// An open file of weights, safetensors or GGUF; which of the two it is, its first bytes say.
///
/// The file is mapped into memory, so that 15 GB are neither read twice nor held twice; see the warning at
/// [`open`](Self::open). What its head says was held against its length before anything is looked at.
#[derive(Clone)]
pub struct File {
    path: PathBuf,
    bytes: Bytes,
    tensors: BTreeMap<String, Info>,
}

/// What the head of a file says of a tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    /// What its bytes mean, if that is something that can be computed with.
    pub format: Option<Format>,
    /// The type of its numbers, as such files name it: `BF16`, `I64`, `Q5_K`.
    pub type_name: String,
    /// Extents, the one that changes slowest first, also where the file has them the other way around.
    pub shape: Vec<usize>,
    /// Where its bytes are in the file.
    pub(crate) place: Range<usize>,
}

impl Info {
    /// How many numbers it has.
    #[must_use]
    pub fn numbers(&self) -> u64 {
        self.shape.iter().fold(1, |all: u64, &extent| all.saturating_mul(extent as u64))
    }

    /// How many bytes it takes in the file.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.place.len() as u64
    }
}

impl File {
    /// Opens a file and checks its whole head.
    ///
    /// The file has to stay as it is while it is open, and while any of its tensors is held: whoever shortens it makes
    /// the next look behind its end kill the program (`SIGBUS`). That is the price for not reading 15 GB twice. To
    /// replace a file, write a new one beside it and rename that, which does no harm.
    ///
    /// # Errors
    /// [`Error::MissingFile`] and [`Error::File`] where there is nothing to read, [`Error::Damaged`] where the head
    /// makes no sense or promises more than the file has.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let wrong = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => Error::MissingFile { path: path.into() },
            _ => Error::File { path: path.into(), source },
        };
        let damaged = |reason: String| Error::Damaged { path: path.into(), reason };
        let file = std::fs::File::open(path).map_err(wrong)?;
        // Not every system maps an empty file.
        if file.metadata().map_err(wrong)?.len() < 8 {
            return Err(damaged("it is too short".into()));
        }
        Self::of_bytes(path, Bytes::of_map(map::map(&file).map_err(wrong)?))
    }

    /// The same of a file that is in memory. The path is for errors.
    ///
    /// # Errors
    /// [`Error::Damaged`], as for [`open`](Self::open).
    pub fn of_bytes(path: &Path, bytes: Bytes) -> Result<Self, Error> {
        let damaged = |reason| Error::Damaged { path: path.into(), reason };
        Ok(Self { path: path.into(), tensors: head(&bytes).map_err(damaged)?, bytes })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The names of all tensors, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// What the head says of each tensor, sorted by name.
    pub fn tensors(&self) -> impl Iterator<Item = (&str, &Info)> {
        self.tensors.iter().map(|(name, info)| (name.as_str(), info))
    }

    /// What the head says of a tensor.
    #[must_use]
    pub fn info(&self, name: &str) -> Option<&Info> {
        self.tensors.get(name)
    }

    /// A tensor. Its bytes are read from the disk when they are looked at.
    ///
    /// # Errors
    /// [`Error::MissingTensor`], and [`Error::TensorType`] where nothing can be computed with its numbers.
    pub fn tensor(&self, name: &str) -> Result<Tensor, Error> {
        let missing = || Error::MissingTensor { path: self.path.clone(), name: name.into() };
        let info = self.tensors.get(name).ok_or_else(missing)?;
        let format = info.format.ok_or_else(|| Error::TensorType {
            path: self.path.clone(),
            name: name.into(),
            found: info.type_name.clone(),
        })?;
        let bytes = self.bytes.slice(info.place.clone()).ok_or_else(missing)?;
        Tensor::new(format, info.shape.clone(), bytes).ok_or_else(missing)
    }

    /// How many numbers there are in all tensors.
    #[must_use]
    pub fn numbers(&self) -> u64 {
        self.tensors.values().map(Info::numbers).fold(0, u64::saturating_add)
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File").field("path", &self.path).field("tensors", &self.tensors.len()).finish()
    }
}

/// Reads the head of a whole file.
fn head(file: &[u8]) -> Result<BTreeMap<String, Info>, String> {
    let tensors = if file.starts_with(gguf::MAGIC) { gguf::head(file)? } else { safetensors::head(file)? };
    let mut places: Vec<(&Range<usize>, &str)> =
        tensors.iter().map(|(name, info)| (&info.place, name.as_str())).collect();
    places.retain(|(place, _)| !place.is_empty());
    places.sort_by_key(|(place, _)| place.start);
    for pair in places.windows(2) {
        if let [(first, name), (second, other)] = pair
            && first.end > second.start
        {
            return Err(format!("tensors {name} and {other} overlap"));
        }
    }
    Ok(tensors)
}

/// Takes in a tensor that a head describes.
fn add(tensors: &mut BTreeMap<String, Info>, name: String, info: Info) -> Result<(), String> {
    if info.shape.len() > MAX_DIMENSIONS {
        return Err(format!("tensor {name} has {} dimensions", info.shape.len()));
    }
    // Shapes with a zero in them can be beyond all numbers elsewhere.
    if info.format.is_some_and(|format| format.tensor_bytes(&info.shape) != Some(info.place.len())) {
        return Err(format!("tensor {name} does not fill its place"));
    }
    if tensors.len() == MAX_TENSORS {
        return Err("it has too many tensors".into());
    }
    match tensors.insert(name, info) {
        None => Ok(()),
        Some(_) => Err("it has two tensors of one name".into()),
    }
}
