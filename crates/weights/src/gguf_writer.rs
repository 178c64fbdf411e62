//! GGUF files to write, of any size: the head says what will come, then the tensors come one after another.

use std::collections::BTreeSet;
use std::path::Path;

use crate::part_file::PartFile;
use crate::{Error, Format};

/// Where tensors begin at multiples of, in bytes.
const ALIGNMENT: u32 = 32;

/// Most dimensions of a tensor in such a file.
const MAX_DIMENSIONS: usize = 4;

/// Version of the file format.
const VERSION: u32 = 3;

/// A value of metadata.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Text.
    Text(String),
    /// A number.
    U32(u32),
    /// Another number.
    F32(f32),
}

/// A tensor that will be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// Its name.
    pub name: String,
    /// Extents, the one that changes slowest first.
    pub shape: Vec<usize>,
    /// What its bytes mean.
    pub format: Format,
}

/// A GGUF file that is being written: as `TARGET.part`, which gets its name in [`finish`](Self::finish) and is removed
/// when that does not happen.
#[derive(Debug)]
pub struct GgufWriter {
    file: PartFile,
    /// What is left to come, the next one last.
    planned: Vec<Planned>,
    /// The tensor that is being written, and how many of its bytes are still to come.
    current: Option<(String, usize)>,
    /// Bytes of the file so far.
    bytes: u64,
}

impl GgufWriter {
    /// Starts a file with this metadata (`general.alignment` is added) and these tensors in this order.
    ///
    /// # Errors
    /// [`Error::Exists`] where there is a file that may not be overwritten, [`Error::Busy`] where another program
    /// writes it, [`Error::File`] where the system refuses, and [`Error::Unwritable`] for what cannot be in such a file.
    pub fn create(
        target: &Path,
        metadata: &[(&str, Value)],
        mut planned: Vec<Planned>,
        overwrite: bool,
    ) -> Result<Self, Error> {
        let head = head(metadata, &planned).map_err(|(name, reason)| Error::Unwritable {
            path: target.into(),
            name,
            reason: reason.into(),
        })?;
        planned.reverse();
        let file = PartFile::create(target, overwrite)?;
        let mut writer = Self { file, planned, current: None, bytes: 0 };
        writer.put(&head)?;
        writer.pad()?;
        Ok(writer)
    }

    /// Begins the next tensor, which has to have this name.
    ///
    /// # Errors
    /// [`Error::Unwritable`] where another one comes next, or where the one before is not whole.
    pub fn begin(&mut self, name: &str) -> Result<(), Error> {
        self.end()?;
        match self.planned.pop() {
            Some(next) if next.name == name => {
                // Every size was known when the head was made.
                let bytes = next.format.tensor_bytes(&next.shape).unwrap_or(0);
                self.current = Some((next.name, bytes));
                Ok(())
            }
            _ => Err(self.broken(name, "is not the one that comes next")),
        }
    }

    /// Writes some more of the tensor.
    ///
    /// # Errors
    /// [`Error::Unwritable`] where that is more than its shape takes, [`Error::File`] where the system refuses.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let Some((name, left)) = &mut self.current else {
            return Err(self.broken("a tensor", "was not begun"));
        };
        let Some(rest) = left.checked_sub(bytes.len()) else {
            let name = name.clone();
            return Err(self.broken(&name, "has more bytes than were promised"));
        };
        *left = rest;
        self.put(bytes)
    }

    /// Ends the file, brings it to the disk and gives it its name. Returns its length in bytes.
    ///
    /// # Errors
    /// [`Error::Unwritable`] where something of what was promised is missing, [`Error::Exists`] where there is a file
    /// by now, [`Error::File`] where the system refuses.
    pub fn finish(mut self) -> Result<u64, Error> {
        self.end()?;
        if let Some(missing) = self.planned.pop() {
            return Err(self.broken(&missing.name, "was promised and did not come"));
        }
        self.file.finish()?;
        Ok(self.bytes)
    }

    /// Ends the tensor that is being written.
    fn end(&mut self) -> Result<(), Error> {
        match self.current.take() {
            None => Ok(()),
            Some((_, 0)) => self.pad(),
            Some((name, _)) => Err(self.broken(&name, "has fewer bytes than were promised")),
        }
    }

    fn pad(&mut self) -> Result<(), Error> {
        let padding = self.bytes.next_multiple_of(ALIGNMENT.into()) - self.bytes;
        let zeros = [0; ALIGNMENT as usize];
        self.put(zeros.get(..padding as usize).unwrap_or_default())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file.write(bytes)?;
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    fn broken(&self, name: &str, reason: &str) -> Error {
        Error::Unwritable { path: self.file.target().into(), name: name.into(), reason: reason.into() }
    }
}

/// The head of a file; an error has a name and what is wrong with it.
fn head(metadata: &[(&str, Value)], planned: &[Planned]) -> Result<Vec<u8>, (String, &'static str)> {
    let mut head = b"GGUF".to_vec();
    head.extend(VERSION.to_le_bytes());
    head.extend((planned.len() as u64).to_le_bytes());
    head.extend((metadata.len() as u64 + 1).to_le_bytes());
    let alignment = ("general.alignment", Value::U32(ALIGNMENT));
    for (key, value) in metadata.iter().chain([&alignment]) {
        text(&mut head, key);
        match value {
            Value::U32(number) => head.extend([4_u32.to_le_bytes(), number.to_le_bytes()].concat()),
            Value::F32(number) => head.extend([6_u32.to_le_bytes(), number.to_le_bytes()].concat()),
            Value::Text(words) => {
                head.extend(8_u32.to_le_bytes());
                text(&mut head, words);
            }
        }
    }
    let mut names = BTreeSet::new();
    let mut offset = 0_u64;
    for Planned { name, shape, format } in planned {
        let wrong = |reason| (name.clone(), reason);
        if !names.insert(name) {
            return Err(wrong("comes twice"));
        }
        if shape.is_empty() || shape.len() > MAX_DIMENSIONS {
            return Err(wrong("does not have one to four dimensions"));
        }
        let bytes = format.tensor_bytes(shape).ok_or_else(|| wrong("does not fill its blocks"))?;
        text(&mut head, name);
        head.extend((shape.len() as u32).to_le_bytes());
        for &extent in shape.iter().rev() {
            head.extend((extent as u64).to_le_bytes());
        }
        head.extend(format.ggml_type().to_le_bytes());
        head.extend(offset.to_le_bytes());
        let end = offset.checked_add(bytes as u64);
        let end = end.and_then(|end| end.checked_next_multiple_of(ALIGNMENT.into()));
        offset = end.ok_or_else(|| wrong("is too large"))?;
    }
    Ok(head)
}

fn text(head: &mut Vec<u8>, text: &str) {
    head.extend((text.len() as u64).to_le_bytes());
    head.extend(text.as_bytes());
}
