//! Files that hold tensors by name.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::{Bytes, Error, Flaw, Head, Info, Tensor, map};

/// An open file of weights, safetensors or GGUF; which of the two it is, its first bytes say.
///
/// The file is mapped into memory, so that 15 GB are neither read twice nor held twice; see the warning at
/// [`open`](Self::open). What its head says was held against its length before anything is looked at.
#[derive(Clone)]
pub struct File {
    path: PathBuf,
    bytes: Bytes,
    head: Head,
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
        let file = std::fs::File::open(path).map_err(wrong)?;
        // Not every system maps an empty file.
        if file.metadata().map_err(wrong)?.len() < 8 {
            return Err(Error::Damaged { path: path.into(), reason: "it is too short".into() });
        }
        Self::of_bytes(path, Bytes::of_map(map::map(&file).map_err(wrong)?))
    }

    /// The same of a file that is in memory. The path is for errors.
    ///
    /// # Errors
    /// [`Error::Damaged`], as for [`open`](Self::open).
    pub fn of_bytes(path: &Path, bytes: Bytes) -> Result<Self, Error> {
        let head = Head::of_file(&bytes).map_err(|flaw| match flaw {
            Flaw::Unreadable(source) => Error::File { path: path.into(), source },
            Flaw::CutOff(reason) | Flaw::Senseless(reason) => Error::Damaged { path: path.into(), reason },
        })?;
        Ok(Self { path: path.into(), bytes, head })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The names of all tensors, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.head.tensors.keys().map(String::as_str)
    }

    /// What the head says of each tensor, sorted by name.
    pub fn tensors(&self) -> impl Iterator<Item = (&str, &Info)> {
        self.head.tensors.iter().map(|(name, info)| (name.as_str(), info))
    }

    /// What the head says of a tensor.
    #[must_use]
    pub fn info(&self, name: &str) -> Option<&Info> {
        self.head.tensors.get(name)
    }

    /// A tensor. Its bytes are read from the disk when they are looked at.
    ///
    /// # Errors
    /// [`Error::MissingTensor`], and [`Error::TensorType`] where nothing can be computed with its numbers.
    pub fn tensor(&self, name: &str) -> Result<Tensor, Error> {
        let missing = || Error::MissingTensor { path: self.path.clone(), name: name.into() };
        let info = self.head.tensors.get(name).ok_or_else(missing)?;
        let format = info.format.ok_or_else(|| Error::TensorType {
            path: self.path.clone(),
            name: name.into(),
            found: info.type_name.clone(),
        })?;
        // Within the file, which is in memory: the head was held against it.
        let place = info.place.start as usize..info.place.end as usize;
        let bytes = self.bytes.slice(place).ok_or_else(missing)?;
        Tensor::new(format, info.shape.clone(), bytes).ok_or_else(missing)
    }

    /// The bytes of a tensor as they are stored, whatever their type: also of tokens and masks, with which no network
    /// computes. They are as many as [`Info::bytes`] says.
    #[must_use]
    pub fn stored(&self, name: &str) -> Option<&[u8]> {
        let place = &self.head.tensors.get(name)?.place;
        self.bytes.get(place.start as usize..place.end as usize)
    }

    /// How many numbers there are in all tensors.
    #[must_use]
    pub fn numbers(&self) -> u64 {
        self.head.tensors.values().map(Info::numbers).fold(0, u64::saturating_add)
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File").field("path", &self.path).field("tensors", &self.head.tensors.len()).finish()
    }
}
