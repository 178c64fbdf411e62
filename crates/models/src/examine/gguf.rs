//! The head of a GGUF file: counts, entries of metadata, and a table with the shape, type and place of each tensor.

use std::{
    fs::File,
    io::{self, BufReader, ErrorKind, Read, Seek, SeekFrom, Take},
};

use super::{Flaw, MAX_HEAD, Number, Tensors};

/// Longest name that is read, in bytes.
const MAX_NAME: u64 = 65_535;

/// Deepest nesting of lists.
const MAX_DEPTH: usize = 4;

/// Whether the file begins like one. Leaves it at its beginning.
pub(super) fn is_one(file: &mut File) -> io::Result<bool> {
    let mut magic = Vec::new();
    file.take(4).read_to_end(&mut magic)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(magic == b"GGUF")
}

/// Reads the head of a file of `len` bytes, and holds every length in it against that.
pub(super) fn read(file: impl Read, len: u64) -> Result<Tensors, Flaw> {
    let limit = MAX_HEAD.min(len);
    Head { bytes: BufReader::new(file).take(limit), limit, long: true }.tensors(len)
}

/// Bytes of a block, how many numbers are in it, and what they are, for each of ggml's types.
fn block(kind: u32) -> Option<(u64, u64, Number)> {
    use Number::{Bf16, Eight, F16, F32, Four};
    Some(match kind {
        0 => (4, 1, F32),
        1 => (2, 1, F16),
        30 => (2, 1, Bf16),
        2 => (18, 32, Four),
        3 => (20, 32, Four),
        6 => (22, 32, Eight),
        7 => (24, 32, Eight),
        8 => (34, 32, Eight),
        10 => (84, 256, Four),
        11 => (110, 256, Four),
        12 => (144, 256, Four),
        13 => (176, 256, Eight),
        14 => (210, 256, Eight),
        15 => (292, 256, Eight),
        _ => return None,
    })
}

struct Head<R> {
    bytes: Take<R>,
    limit: u64,
    /// Whether lengths have eight bytes; they have four in version 1.
    long: bool,
}

fn senseless<T>(reason: impl Into<String>) -> Result<T, Flaw> {
    Err(Flaw::Senseless(reason.into()))
}

impl<R: Read> Head<R> {
    fn tensors(&mut self, len: u64) -> Result<Tensors, Flaw> {
        if self.array()? != *b"GGUF" {
            return senseless("it is no GGUF file");
        }
        let version = self.u32()?;
        if !(1..=3).contains(&version) {
            return senseless(format!("it is of version {version}"));
        }
        self.long = version > 1;
        let (count, entries) = (self.length()?, self.length()?);
        let mut alignment = 32;
        for _ in 0..entries {
            let key = self.string()?;
            let kind = self.u32()?;
            if key == "general.alignment" && kind == 4 {
                alignment = u64::from(self.u32()?);
                if !alignment.is_power_of_two() {
                    return senseless(format!("its alignment is {alignment}"));
                }
            } else {
                self.skip_value(kind, 0)?;
            }
        }
        let mut tensors = Tensors::default();
        let mut end = 0;
        for _ in 0..count {
            end = self.tensor(&mut tensors)?.max(end);
        }
        let data = (self.limit - self.bytes.limit()).next_multiple_of(alignment);
        match data.checked_add(end) {
            Some(end) if end <= len => Ok(tensors),
            Some(end) => Err(Flaw::Short(format!("{} bytes are missing at its end", end - len))),
            None => senseless("its tensors end nowhere"),
        }
    }

    /// Takes the next tensor of the table. Returns where it ends behind the head.
    fn tensor(&mut self, tensors: &mut Tensors) -> Result<u64, Flaw> {
        let name = self.string()?;
        let dimensions = self.u32()?;
        if !(1..=4).contains(&dimensions) {
            return senseless(format!("tensor {name} has {dimensions} dimensions"));
        }
        let mut shape = Vec::new();
        for _ in 0..dimensions {
            shape.push(self.length()?);
        }
        let kind = self.u32()?;
        let Some((size, numbers, number)) = block(kind) else {
            return senseless(format!("tensor {name} holds numbers of the unknown type {kind}"));
        };
        let offset = u64::from_le_bytes(self.array()?);
        let row = shape.first().copied().unwrap_or(0);
        let all = shape.iter().try_fold(1_u64, |all, extent| all.checked_mul(*extent));
        let bytes =
            all.filter(|_| row.is_multiple_of(numbers)).and_then(|all| (all / numbers).checked_mul(size));
        let Some((bytes, end)) = bytes.and_then(|bytes| Some((bytes, bytes.checked_add(offset)?))) else {
            return senseless(format!("tensor {name} does not fill its blocks"));
        };
        tensors.add(name, number, bytes);
        Ok(end)
    }

    fn skip_value(&mut self, kind: u32, depth: usize) -> Result<(), Flaw> {
        match kind {
            0 | 1 | 7 => self.skip(1),
            2 | 3 => self.skip(2),
            4..=6 => self.skip(4),
            10..=12 => self.skip(8),
            8 => {
                let len = self.length()?;
                self.skip(len)
            }
            9 if depth < MAX_DEPTH => {
                let kind = self.u32()?;
                let items = self.length()?;
                if items > self.bytes.limit() {
                    return Err(Flaw::Short("a list is longer than the file".into()));
                }
                (0..items).try_for_each(|_| self.skip_value(kind, depth + 1))
            }
            _ => senseless(format!("a value is of the unknown type {kind}")),
        }
    }

    fn skip(&mut self, len: u64) -> Result<(), Flaw> {
        let skipped = io::copy(&mut self.bytes.by_ref().take(len), &mut io::sink());
        match skipped {
            Ok(skipped) if skipped == len => Ok(()),
            Ok(_) => Err(self.ended()),
            Err(error) => Err(Flaw::Unreadable(error.to_string())),
        }
    }

    fn string(&mut self) -> Result<String, Flaw> {
        let len = self.length()?;
        if len > MAX_NAME {
            return senseless("a name is too long");
        }
        let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
        self.exact(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn length(&mut self) -> Result<u64, Flaw> {
        if self.long { Ok(u64::from_le_bytes(self.array()?)) } else { self.u32().map(u64::from) }
    }

    fn u32(&mut self) -> Result<u32, Flaw> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Flaw> {
        let mut bytes = [0; N];
        self.exact(&mut bytes)?;
        Ok(bytes)
    }

    fn exact(&mut self, into: &mut [u8]) -> Result<(), Flaw> {
        self.bytes.read_exact(into).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => self.ended(),
            _ => Flaw::Unreadable(error.to_string()),
        })
    }

    /// Why nothing more comes.
    fn ended(&self) -> Flaw {
        if self.limit == MAX_HEAD {
            Flaw::Senseless("its head is too long".into())
        } else {
            Flaw::Short("it ends in its head".into())
        }
    }
}
