//! The tensors of a recording, each held against the shape that the model gives it.

use std::fs::File as DiskFile;
use std::io::{ErrorKind, Read};
use std::path::Path;

use weights::{File, Info};

use super::flaw::Flaw;
use crate::{Error, LmConfig};

/// Largest description of a model or a prompt, in bytes. Real ones have some thousand.
const MAX_JSON: u64 = 1 << 20;

/// Rows of as many numbers each.
#[derive(Debug)]
pub(super) struct Rows<T> {
    width: usize,
    all: Vec<T>,
}

impl<T> Rows<T> {
    /// Cuts numbers into rows. What is left at the end is no row.
    pub(super) fn new(width: usize, all: Vec<T>) -> Self {
        Self { width: width.max(1), all }
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.all.len() / self.width
    }

    /// One of them; nothing behind the last.
    pub(super) fn get(&self, index: usize) -> Option<&[T]> {
        self.all.chunks_exact(self.width).nth(index)
    }

    /// All of them.
    pub(super) fn iter(&self) -> std::slice::ChunksExact<'_, T> {
        self.all.chunks_exact(self.width)
    }

    /// All numbers.
    pub(super) fn all(&self) -> &[T] {
        &self.all
    }

    /// The same, to be cut in another way.
    pub(super) fn into_all(self) -> Vec<T> {
        self.all
    }
}

impl Rows<i64> {
    /// The rows as tokens; -1 is one that is left out. `name` is for errors.
    pub(super) fn tokens(&self, name: &str) -> Result<Rows<Option<u32>>, Flaw> {
        let token = |&id: &i64| match u32::try_from(id) {
            Ok(token) => Ok(Some(token)),
            Err(_) if id == -1 => Ok(None),
            Err(_) => Err(Flaw::Token { name: name.into(), id }),
        };
        let all = self.all.iter().map(token).collect::<Result<_, _>>()?;
        Ok(Rows { width: self.width, all })
    }

    /// The rows as tokens, all of which are there.
    pub(super) fn codes(&self, name: &str) -> Result<Rows<u32>, Flaw> {
        let code = |&id: &i64| u32::try_from(id).map_err(|_| Flaw::Token { name: name.into(), id });
        let all = self.all.iter().map(code).collect::<Result<_, _>>()?;
        Ok(Rows { width: self.width, all })
    }
}

/// Extents that a tensor has to have.
#[derive(Debug, Clone, Copy)]
pub(super) enum Extents<'a> {
    /// Exactly these.
    Are(&'a [usize]),
    /// These, but for the second, which may be larger: what is behind is of no interest.
    AtLeast(&'a [usize]),
}

/// An open recording. It has to stay as it is while it is.
#[derive(Debug)]
pub(super) struct Recording(File);

impl Recording {
    pub(super) fn open(path: &Path) -> Result<Self, Flaw> {
        Ok(Self(File::open(path).map_err(Error::from)?))
    }

    /// How many steps there are: the first extent of a tensor whose others are `rest`.
    pub(super) fn steps(&self, name: &str, rest: &[usize]) -> Result<usize, Flaw> {
        match self.info(name)?.shape.split_first() {
            Some((&steps, found)) if steps > 0 && found == rest => Ok(steps),
            _ => Err(self.misshapen(name, format!("some steps of {rest:?}"))),
        }
    }

    /// One extent of a tensor.
    pub(super) fn extent(&self, name: &str, axis: usize) -> Result<usize, Flaw> {
        let extent = self.info(name)?.shape.get(axis).copied().filter(|&extent| extent > 0);
        extent.ok_or_else(|| self.misshapen(name, format!("more than {axis} extents")))
    }

    /// Tokens, a row for each of the first extent.
    pub(super) fn ids(&self, name: &str, extents: Extents<'_>) -> Result<Rows<i64>, Flaw> {
        let found = self.info(name)?.type_name.as_str();
        let stored = self.0.stored(name).unwrap_or_default();
        let all = match found {
            "I64" => stored.as_chunks().0.iter().copied().map(i64::from_le_bytes).collect(),
            "I32" => stored.as_chunks().0.iter().copied().map(i32::from_le_bytes).map(i64::from).collect(),
            "U8" | "BOOL" => stored.iter().copied().map(i64::from).collect(),
            _ => {
                let (name, found) = (name.into(), found.into());
                return Err(Flaw::Type { name, found, expected: "whole numbers" });
            }
        };
        self.rows(name, extents, all)
    }

    /// Numbers, a row for each of the first extent.
    pub(super) fn numbers(&self, name: &str, extents: Extents<'_>) -> Result<Rows<f32>, Flaw> {
        let info = self.info(name)?;
        if info.format.is_none() {
            let (name, found) = (name.into(), info.type_name.clone());
            return Err(Flaw::Type { name, found, expected: "fractions" });
        }
        self.rows(name, extents, self.0.tensor(name).map_err(Error::from)?.to_f32())
    }

    /// Whether there is a tensor of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.info(name).is_some()
    }

    /// Cuts all numbers of a tensor into rows.
    fn rows<T>(&self, name: &str, extents: Extents<'_>, all: Vec<T>) -> Result<Rows<T>, Flaw> {
        let found = &self.info(name)?.shape;
        let count = found.first().copied().unwrap_or(0);
        let fits = match extents {
            Extents::Are(expected) => found == expected,
            Extents::AtLeast(expected) => {
                let others = |shape: &[usize]| shape.get(2..).map(<[usize]>::to_vec);
                found.first() == expected.first()
                    && others(found) == others(expected)
                    && found.get(1).is_some_and(|extent| Some(extent) >= expected.get(1))
            }
        };
        let (Extents::Are(expected) | Extents::AtLeast(expected)) = extents;
        if !fits || count == 0 || all.is_empty() {
            return Err(self.misshapen(name, format!("{expected:?}")));
        }
        let wanted: usize = expected.iter().skip(1).product();
        let stored = all.len() / count;
        if wanted == stored {
            return Ok(Rows::new(wanted, all));
        }
        let first = all.into_iter().enumerate().filter(|(at, _)| at % stored.max(1) < wanted);
        Ok(Rows::new(wanted, first.map(|(_, number)| number).collect()))
    }

    fn info(&self, name: &str) -> Result<&Info, Flaw> {
        self.0.info(name).ok_or_else(|| Flaw::MissingTensor { name: name.into() })
    }

    fn misshapen(&self, name: &str, expected: String) -> Flaw {
        let found = self.0.info(name).map(|info| info.shape.clone()).unwrap_or_default();
        Flaw::Shape { name: name.into(), found, expected }
    }
}

/// All of a small file.
pub(super) fn small_file(path: &Path) -> Result<Vec<u8>, Error> {
    let wrong = |source: std::io::Error| match source.kind() {
        ErrorKind::NotFound => Error::MissingFile { path: path.into() },
        _ => Error::File { path: path.into(), source },
    };
    let mut bytes = Vec::new();
    DiskFile::open(path).map_err(wrong)?.take(MAX_JSON + 1).read_to_end(&mut bytes).map_err(wrong)?;
    if bytes.len() as u64 > MAX_JSON {
        return Err(Error::Damaged { path: path.into(), reason: "it is too long".into() });
    }
    Ok(bytes)
}

/// The description of a language model.
pub(super) fn description(path: &Path) -> Result<LmConfig, Error> {
    Ok(LmConfig::parse(&small_file(path)?, path)?.0)
}
