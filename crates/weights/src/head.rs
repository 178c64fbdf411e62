//! The head of a file of weights: which tensors there are, and where.

mod gguf;
mod safetensors;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::Path;

use crate::Format;

/// Largest head that is read, in bytes. That of Moshi 7B has about 100 kB in either kind of file.
const MAX_HEAD: usize = 64 << 20;

/// Most tensors of a file. Moshi 7B has 1,000 at most, depending on how it is cut.
const MAX_TENSORS: usize = 1 << 16;

/// Most dimensions of a tensor.
const MAX_DIMENSIONS: usize = 8;

/// Bytes that are read at first. There are more only in heads with a vocabulary, or when somebody means harm.
const FIRST: usize = 1 << 20;

/// The kinds of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// safetensors.
    Safetensors,
    /// GGUF.
    Gguf,
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
    pub(crate) place: Range<u64>,
}

impl Info {
    /// How many numbers it has.
    #[must_use]
    pub fn numbers(&self) -> u64 {
        // Where one extent is zero, the others can be so large that their product is no number.
        self.shape.iter().fold(1, |all: u64, &extent| all.saturating_mul(extent as u64))
    }

    /// How many bytes it takes in the file.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.place.end - self.place.start
    }
}

/// A head that makes sense, of a file that has all that it promises.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The kind of the file, by its first bytes.
    pub kind: Kind,
    /// Its tensors by name.
    pub tensors: BTreeMap<String, Info>,
}

/// What is wrong with a file.
#[derive(Debug)]
pub enum Flaw {
    /// It can not be read.
    Unreadable(io::Error),
    /// It ends too early. How that is seen, as a part of a sentence.
    CutOff(String),
    /// It makes no sense. Why, as a part of a sentence.
    Senseless(String),
}

/// Why there is no head in some bytes.
enum Stop {
    Flaw(Flaw),
    /// More bytes of the file are needed.
    More,
}

impl<T: Into<String>> From<T> for Stop {
    fn from(senseless: T) -> Self {
        Self::Flaw(Flaw::Senseless(senseless.into()))
    }
}

impl Head {
    /// Reads the head of a file, and nothing else of it. (A [`File`](crate::File) is mapped, and a program that must
    /// not end by a file that somebody cuts off does not map any.)
    ///
    /// # Errors
    /// [`Flaw`].
    pub fn read(path: &Path) -> Result<Self, Flaw> {
        let mut file = File::open(path).map_err(Flaw::Unreadable)?;
        let len = file.metadata().map_err(Flaw::Unreadable)?.len();
        let mut start = Vec::new();
        loop {
            let wanted = (start.len() * 8).clamp(FIRST, MAX_HEAD);
            let more = (wanted - start.len()) as u64;
            let read = file.by_ref().take(more).read_to_end(&mut start).map_err(Flaw::Unreadable)?;
            match Self::of(&start, len) {
                Ok(head) => return Ok(head),
                Err(Stop::Flaw(flaw)) => return Err(flaw),
                Err(Stop::More) if read > 0 && start.len() < MAX_HEAD => {}
                // It has become shorter meanwhile, if it is not the head itself that is long.
                Err(Stop::More) if start.len() < MAX_HEAD => return Err(cut_off()),
                Err(Stop::More) => return Err(too_long()),
            }
        }
    }

    /// The head of a whole file.
    pub(crate) fn of_file(bytes: &[u8]) -> Result<Self, Flaw> {
        let start = bytes.get(..MAX_HEAD).unwrap_or(bytes);
        Self::of(start, bytes.len() as u64).map_err(|stop| match stop {
            Stop::Flaw(flaw) => flaw,
            Stop::More => too_long(),
        })
    }

    /// The head of a file of `len` bytes that starts like this.
    fn of(start: &[u8], len: u64) -> Result<Self, Stop> {
        let (kind, tensors) = if start.starts_with(gguf::MAGIC) {
            (Kind::Gguf, gguf::tensors(start, len)?)
        } else {
            (Kind::Safetensors, safetensors::tensors(start, len)?)
        };
        let end = tensors.values().map(|info| info.place.end).max().unwrap_or(0);
        if end > len {
            let missing = end - len;
            return Err(Stop::Flaw(Flaw::CutOff(format!("{missing} bytes are missing at its end"))));
        }
        let mut places: Vec<(&Range<u64>, &str)> =
            tensors.iter().map(|(name, info)| (&info.place, name.as_str())).collect();
        places.retain(|(place, _)| !place.is_empty());
        places.sort_by_key(|(place, _)| place.start);
        for pair in places.windows(2) {
            if let [(first, name), (second, other)] = pair
                && first.end > second.start
            {
                return Err(format!("tensors {name} and {other} overlap").into());
            }
        }
        Ok(Self { kind, tensors })
    }
}

fn cut_off() -> Flaw {
    Flaw::CutOff("it ends in its head".into())
}

fn too_long() -> Flaw {
    Flaw::Senseless("its head is too long".into())
}

/// Takes in a tensor that a head describes.
fn add(tensors: &mut BTreeMap<String, Info>, name: String, info: Info) -> Result<(), String> {
    if info.shape.len() > MAX_DIMENSIONS {
        return Err(format!("tensor {name} has {} dimensions", info.shape.len()));
    }
    // Shapes with a zero in them can be beyond all numbers elsewhere.
    let bytes = |format: Format| format.tensor_bytes(&info.shape).map(|bytes| bytes as u64);
    if info.format.is_some_and(|format| bytes(format) != Some(info.bytes())) {
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
