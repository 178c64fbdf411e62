//! The head of a GGUF file: counts, entries of metadata, and a table with the shape, type and place of each tensor
//! (ggml's `docs/gguf.md`). Lengths are held against the file before they are used.

use std::collections::BTreeMap;

use super::{Info, MAX_HEAD, add};
use crate::Format;

/// How such a file begins.
pub(super) const MAGIC: &[u8] = b"GGUF";

/// Longest name that is read, in bytes.
const MAX_NAME: usize = 65_535;

/// Deepest nesting of lists. There is no use for any.
const MAX_DEPTH: usize = 4;

/// Where tensors begin at multiples of, unless the file says something else; bytes.
const ALIGNMENT: usize = 32;

/// Name, numbers in a block and its bytes, for each type of numbers (ggml's `ggml_type`).
fn block(kind: u32) -> Option<(&'static str, usize, usize)> {
    Some(match kind {
        0 => ("F32", 1, 4),
        1 => ("F16", 1, 2),
        2 => ("Q4_0", 32, 18),
        3 => ("Q4_1", 32, 20),
        6 => ("Q5_0", 32, 22),
        7 => ("Q5_1", 32, 24),
        8 => ("Q8_0", 32, 34),
        9 => ("Q8_1", 32, 36),
        10 => ("Q2_K", 256, 84),
        11 => ("Q3_K", 256, 110),
        12 => ("Q4_K", 256, 144),
        13 => ("Q5_K", 256, 176),
        14 => ("Q6_K", 256, 210),
        15 => ("Q8_K", 256, 292),
        24 => ("I8", 1, 1),
        25 => ("I16", 1, 2),
        26 => ("I32", 1, 4),
        27 => ("I64", 1, 8),
        28 => ("F64", 1, 8),
        30 => ("BF16", 1, 2),
        _ => return None,
    })
}

pub(super) fn head(file: &[u8]) -> Result<BTreeMap<String, Info>, String> {
    let bytes = file.get(..MAX_HEAD).unwrap_or(file);
    Head { bytes, whole: bytes.len() == file.len(), read: 0, long: true }.tensors(file.len())
}

struct Head<'a> {
    /// What is left of it.
    bytes: &'a [u8],
    /// Whether the file ends where the bytes end.
    whole: bool,
    /// Bytes that were read.
    read: usize,
    /// Whether lengths have eight bytes; they have four in version 1.
    long: bool,
}

impl<'a> Head<'a> {
    fn tensors(&mut self, len: usize) -> Result<BTreeMap<String, Info>, String> {
        if self.take(4)? != MAGIC {
            return Err("it is no GGUF file".into());
        }
        let version = self.u32()?;
        if !(1..=3).contains(&version) {
            return Err(format!("it is of version {version}"));
        }
        self.long = version > 1;
        let (count, entries) = (self.length()?, self.length()?);
        let mut alignment = ALIGNMENT;
        for _ in 0..entries {
            let key = self.string()?;
            let kind = self.u32()?;
            if key != "general.alignment" {
                self.skip_value(kind, 0)?;
                continue;
            }
            if kind != 4 {
                return Err("its alignment is no number".into());
            }
            alignment = self.u32()? as usize;
            if !alignment.is_power_of_two() {
                return Err(format!("its alignment is {alignment}"));
            }
        }
        let mut tensors = BTreeMap::new();
        for _ in 0..count {
            let name = self.string()?;
            let info = self.info(&name)?;
            add(&mut tensors, name, info)?;
        }
        // Where the numbers begin is known only now.
        let data = self.read.checked_next_multiple_of(alignment).ok_or("its alignment is too large")?;
        for info in tensors.values_mut() {
            let place = info.place.start.checked_add(data).zip(info.place.end.checked_add(data));
            match place {
                Some((start, end)) if end <= len => info.place = start..end,
                _ => return Err("its tensors end behind its end; it is probably cut off".into()),
            }
        }
        Ok(tensors)
    }

    /// The tensor that is described next; its place is counted from where the numbers begin.
    fn info(&mut self, name: &str) -> Result<Info, String> {
        let dimensions = self.u32()?;
        if !(1..=4).contains(&dimensions) {
            return Err(format!("tensor {name} has {dimensions} dimensions"));
        }
        let no_blocks = || format!("tensor {name} does not fill its blocks");
        let mut shape = Vec::new();
        for _ in 0..dimensions {
            shape.push(usize::try_from(self.length()?).map_err(|_| no_blocks())?);
        }
        let row = shape.first().copied().unwrap_or(0);
        shape.reverse();
        let kind = self.u32()?;
        let Some((type_name, numbers, size)) = block(kind) else {
            return Err(format!("tensor {name} holds numbers of the unknown type {kind}"));
        };
        let start = usize::try_from(u64::from_le_bytes(self.array()?)).map_err(|_| no_blocks())?;
        let all = shape.iter().try_fold(1_usize, |all, &extent| all.checked_mul(extent));
        let all = all.filter(|_| row.is_multiple_of(numbers));
        let end = all.and_then(|all| (all / numbers).checked_mul(size)?.checked_add(start));
        let place = start..end.ok_or_else(no_blocks)?;
        Ok(Info { format: Format::from_ggml_type(kind), type_name: type_name.into(), shape, place })
    }

    fn skip_value(&mut self, kind: u32, depth: usize) -> Result<(), String> {
        match (scalar(kind), kind) {
            (Some(size), _) => self.take(size).map(|_| ()),
            (None, 8) => {
                let len = self.length()?;
                self.skip(len)
            }
            (None, 9) if depth < MAX_DEPTH => {
                let kind = self.u32()?;
                let items = self.length()?;
                match scalar(kind) {
                    Some(size) => self.skip(items.checked_mul(size as u64).ok_or_else(|| self.ended())?),
                    // Each item takes some bytes, so that they end where the file does.
                    None => (0..items).try_for_each(|_| self.skip_value(kind, depth + 1)),
                }
            }
            _ => Err(format!("a value is of the unknown type {kind}")),
        }
    }

    fn string(&mut self) -> Result<String, String> {
        match usize::try_from(self.length()?) {
            Ok(len) if len <= MAX_NAME => Ok(String::from_utf8_lossy(self.take(len)?).into_owned()),
            _ => Err("a name is too long".into()),
        }
    }

    fn length(&mut self) -> Result<u64, String> {
        if self.long { Ok(u64::from_le_bytes(self.array()?)) } else { self.u32().map(u64::from) }
    }

    fn u32(&mut self) -> Result<u32, String> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        self.take(N)?.first_chunk().copied().ok_or_else(|| self.ended())
    }

    fn skip(&mut self, len: u64) -> Result<(), String> {
        let len = usize::try_from(len).map_err(|_| self.ended())?;
        self.take(len).map(|_| ())
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.bytes.split_at_checked(len).ok_or_else(|| self.ended())?;
        self.bytes = rest;
        self.read += len;
        Ok(taken)
    }

    /// Why nothing more comes.
    fn ended(&self) -> String {
        if self.whole { "it is cut off".into() } else { "its head is too long".into() }
    }
}

/// Bytes of a value of metadata that has always the same.
fn scalar(kind: u32) -> Option<usize> {
    match kind {
        0 | 1 | 7 => Some(1),
        2 | 3 => Some(2),
        4..=6 => Some(4),
        10..=12 => Some(8),
        _ => None,
    }
}
