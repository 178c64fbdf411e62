//! A look into a GGUF file before candle reads it.
//!
//! candle trusts the lengths that stand in the file, so that a damaged one can make it ask for all memory there is.
//! Here the whole head of the file is walked, and every length in it held against the length of the file.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

use crate::Error;

/// Largest head that is read, in bytes. That of Moshi 7B has 100 kB.
const MAX_HEAD: u64 = 64 << 20;

/// Deepest nesting of arrays. There is no use for any.
const MAX_DEPTH: usize = 4;

/// Whether a file is one by its name.
pub(crate) fn is_named(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gguf"))
}

/// Checks the file and returns the shape of each of its tensors.
pub(crate) fn check(path: &Path) -> Result<BTreeMap<String, Vec<usize>>, Error> {
    let file = File::open(path).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => Error::MissingFile { path: path.into() },
        _ => Error::File { path: path.into(), source },
    })?;
    let len = file.metadata().map_err(|source| Error::File { path: path.into(), source })?.len();
    let mut head = Head { bytes: BufReader::new(file).take(MAX_HEAD.min(len)), long: true };
    head.tensors(len).map_err(|reason| Error::Damaged { path: path.into(), reason })
}

/// Bytes of a block, and numbers in it, for each type of numbers (ggml's `ggml_type`).
fn block(kind: u32) -> Option<(u64, u64)> {
    Some(match kind {
        0 => (4, 1),      // F32
        1 | 30 => (2, 1), // F16, BF16
        2 => (18, 32),    // Q4_0
        3 => (20, 32),    // Q4_1
        6 => (22, 32),    // Q5_0
        7 => (24, 32),    // Q5_1
        8 => (34, 32),    // Q8_0
        10 => (84, 256),  // Q2_K
        11 => (110, 256), // Q3_K
        12 => (144, 256), // Q4_K
        13 => (176, 256), // Q5_K
        14 => (210, 256), // Q6_K
        15 => (292, 256), // Q8_K
        _ => return None,
    })
}

struct Head<R> {
    bytes: std::io::Take<R>,
    /// Whether lengths have eight bytes; they have four in version 1.
    long: bool,
}

impl<R: Read + Seek> Head<R> {
    fn tensors(&mut self, len: u64) -> Result<BTreeMap<String, Vec<usize>>, String> {
        if self.array()? != *b"GGUF" {
            return Err("it is no GGUF file".into());
        }
        let version = self.u32()?;
        if !(1..=3).contains(&version) {
            return Err(format!("it is of version {version}"));
        }
        self.long = version > 1;
        let (tensors, entries) = (self.length()?, self.length()?);
        let mut alignment = 32;
        for _ in 0..entries {
            let key = self.string()?;
            let kind = self.u32()?;
            if key == "general.alignment" && kind == 4 {
                alignment = u64::from(self.u32()?);
                if !alignment.is_power_of_two() {
                    return Err(format!("its alignment is {alignment}"));
                }
            } else if key == "general.alignment" {
                return Err("its alignment is no number".into());
            } else {
                self.skip_value(kind, 0)?;
            }
        }
        let mut found = BTreeMap::new();
        let mut end = 0;
        for _ in 0..tensors {
            let name = self.string()?;
            let (shape, tensor_end) = self.tensor(&name)?;
            end = end.max(tensor_end);
            found.insert(name, shape);
        }
        let position = self.bytes.get_mut().stream_position().map_err(|error| error.to_string())?;
        let data = position.next_multiple_of(alignment);
        if data.checked_add(end).is_none_or(|end| end > len) {
            return Err("its tensors end behind its end; it is probably cut off".into());
        }
        Ok(found)
    }

    /// Shape of the tensor that is described next, and where it ends behind the head.
    fn tensor(&mut self, name: &str) -> Result<(Vec<usize>, u64), String> {
        let dimensions = self.u32()?;
        if !(1..=4).contains(&dimensions) {
            return Err(format!("tensor {name} has {dimensions} dimensions"));
        }
        let mut shape = Vec::new();
        for _ in 0..dimensions {
            shape.push(self.length()?);
        }
        let row = shape.first().copied().unwrap_or(0);
        shape.reverse();
        let kind = self.u32()?;
        let Some((size, numbers)) = block(kind) else {
            return Err(format!("tensor {name} holds numbers of the unknown type {kind}"));
        };
        let offset = u64::from_le_bytes(self.array()?);
        let all = shape.iter().try_fold(1_u64, |all, &extent| all.checked_mul(extent));
        let fits = row.is_multiple_of(numbers);
        let bytes = all.filter(|_| fits).and_then(|all| (all / numbers).checked_mul(size));
        let end = bytes.and_then(|bytes| bytes.checked_add(offset));
        let end = end.ok_or_else(|| format!("tensor {name} does not fill its blocks"))?;
        Ok((shape.into_iter().map(|extent| usize::try_from(extent).unwrap_or(usize::MAX)).collect(), end))
    }

    fn skip_value(&mut self, kind: u32, depth: usize) -> Result<(), String> {
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
                    return Err("a list is longer than the file".into());
                }
                (0..items).try_for_each(|_| self.skip_value(kind, depth + 1))
            }
            _ => Err(format!("a value is of the unknown type {kind}")),
        }
    }

    fn skip(&mut self, len: u64) -> Result<(), String> {
        let skipped = std::io::copy(&mut self.bytes.by_ref().take(len), &mut std::io::sink());
        if skipped.is_ok_and(|skipped| skipped == len) { Ok(()) } else { Err(cut_off()) }
    }

    fn string(&mut self) -> Result<String, String> {
        let len = self.length()?;
        if len > 65_535 {
            return Err("a name is too long".into());
        }
        let mut bytes = Vec::new();
        let read = self.bytes.by_ref().take(len).read_to_end(&mut bytes);
        if read.is_ok_and(|read| read as u64 == len) {
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        } else {
            Err(cut_off())
        }
    }

    fn length(&mut self) -> Result<u64, String> {
        if self.long { Ok(u64::from_le_bytes(self.array()?)) } else { self.u32().map(u64::from) }
    }

    fn u32(&mut self) -> Result<u32, String> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let mut bytes = [0; N];
        self.bytes.read_exact(&mut bytes).map_err(|_| cut_off())?;
        Ok(bytes)
    }
}

fn cut_off() -> String {
    "it is cut off".into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::quantized::{GgmlDType, QTensor, gguf_file};
    use candle_core::{Device, Tensor};
    use proptest::prelude::*;
    use std::io::Cursor;

    fn file() -> Vec<u8> {
        let tensor = |kind| {
            let numbers = Tensor::zeros((4, 64), candle_core::DType::F32, &Device::Cpu).unwrap();
            QTensor::quantize(&numbers, kind).unwrap()
        };
        let (a, b) = (tensor(GgmlDType::Q8_0), tensor(GgmlDType::F32));
        let list = gguf_file::Value::Array(vec![gguf_file::Value::U32(7); 3]);
        let name = gguf_file::Value::String("name".into());
        let mut out = Cursor::new(Vec::new());
        gguf_file::write(&mut out, &[("list", &list), ("name", &name)], &[("a", &a), ("b.weight", &b)])
            .unwrap();
        out.into_inner()
    }

    fn check(bytes: &[u8]) -> Result<BTreeMap<String, Vec<usize>>, String> {
        let len = bytes.len() as u64;
        Head { bytes: BufReader::new(Cursor::new(bytes)).take(len), long: true }.tensors(len)
    }

    #[test]
    fn a_good_file_shows_its_tensors() {
        let shapes = check(&file()).unwrap();
        assert_eq!(
            shapes.into_iter().collect::<Vec<_>>(),
            [("a".to_owned(), vec![4, 64]), ("b.weight".to_owned(), vec![4, 64])]
        );
    }

    #[test]
    fn a_file_that_is_cut_off_anywhere_is_refused() {
        let file = file();
        for len in (0..file.len()).step_by(7) {
            assert!(check(&file[..len]).is_err(), "after {len} bytes");
        }
    }

    proptest! {
        /// What passes here, candle reads without asking for more memory than the file has.
        #[test]
        fn broken_bytes_are_refused_or_harmless(at in 0_usize..200, byte in any::<u8>()) {
            let mut file = file();
            file[at] = byte;
            if check(&file).is_ok() {
                let mut file = Cursor::new(file);
                if let Ok(content) = gguf_file::Content::read(&mut file) {
                    for name in content.tensor_infos.keys() {
                        let _ = content.tensor(&mut file, name, &Device::Cpu);
                    }
                }
            }
        }

        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = check(&bytes);
            let _ = check(&[b"GGUF\x03\0\0\0", bytes.as_slice()].concat());
        }
    }
}
