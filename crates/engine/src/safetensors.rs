//! Weights in a safetensors file, read tensor by tensor.
//!
//! The file is an eight-byte length, a JSON header with the place of each tensor, and the numbers. Tensors are read
//! from their place when they are asked for, so that a file of 15 GB never lies in memory as a whole; reading rather
//! than mapping it means that a file that is cut off while it is used is an error and no crash.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::Deserialize;

use crate::Error;

/// Largest header that is read, in bytes. That of Moshi 7B has 60 kB.
const MAX_HEADER: u64 = 64 << 20;

/// Bytes that are read at once when numbers are widened.
const CHUNK: usize = 1 << 20;

/// An open file of weights.
#[derive(Debug)]
pub(crate) struct Safetensors {
    path: PathBuf,
    file: Mutex<File>,
    tensors: BTreeMap<String, TensorInfo>,
    /// Where the numbers begin.
    data: u64,
}

/// Where a tensor is, and what it is made of.
#[derive(Debug, Clone, Deserialize)]
struct TensorInfo {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: (u64, u64),
}

/// Rows of a tensor, along its first dimension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rows {
    pub(crate) start: usize,
    pub(crate) count: usize,
}

impl Safetensors {
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => Error::MissingFile { path: path.into() },
            _ => Error::File { path: path.into(), source },
        })?;
        let len = file.metadata().map_err(|source| Error::File { path: path.into(), source })?.len();
        let mut this = Self { path: path.into(), file: Mutex::new(file), tensors: BTreeMap::new(), data: 0 };
        let mut length = [0; 8];
        if len < 8 {
            return Err(this.damaged("it is too short"));
        }
        this.read_at(0, &mut length)?;
        let header = u64::from_le_bytes(length);
        if header > MAX_HEADER || header > len - 8 {
            return Err(this.damaged("its header is longer than the file"));
        }
        let mut json = vec![0; usize::try_from(header).unwrap_or(0)];
        this.read_at(8, &mut json)?;
        this.data = 8 + header;
        this.tensors = parse_header(&json, len - this.data).map_err(|reason| this.damaged(&reason))?;
        Ok(this)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// How many numbers there are in all tensors.
    pub(crate) fn numbers(&self) -> u64 {
        let of = |info: &TensorInfo| info.shape.iter().fold(1, |all: u64, &n| all.saturating_mul(n as u64));
        self.tensors.values().map(of).fold(0, u64::saturating_add)
    }

    pub(crate) fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|info| info.shape.as_slice())
    }

    /// Reads all of a tensor, or some of its rows, as `f32`.
    pub(crate) fn read(&self, name: &str, rows: Option<Rows>) -> Result<Vec<f32>, Error> {
        let missing = || Error::MissingTensor { path: self.path.clone(), name: name.into() };
        let info = self.tensors.get(name).ok_or_else(missing)?;
        let of_row = info.shape.iter().skip(1).product::<usize>();
        let all = info.shape.first().copied().unwrap_or(1);
        let Rows { start, count } = rows.unwrap_or(Rows { start: 0, count: all });
        if start.saturating_add(count) > all {
            return Err(missing());
        }
        // Neither can overflow: the header was checked against the length of the file.
        let (skipped, numbers) = ((start * of_row) as u64, count * of_row);
        let at = |size: u64| self.data + info.data_offsets.0 + skipped * size;
        match info.dtype.as_str() {
            "F32" => self.read_chunks(at(4), numbers, |bytes: [u8; 4]| f32::from_le_bytes(bytes)),
            // bfloat16 is the upper half of a float32.
            "BF16" => self.read_chunks(at(2), numbers, |[a, b]: [u8; 2]| f32::from_le_bytes([0, 0, a, b])),
            "F16" => self.read_chunks(at(2), numbers, |bytes: [u8; 2]| half(u16::from_le_bytes(bytes))),
            other => {
                Err(Error::TensorType { path: self.path.clone(), name: name.into(), found: other.into() })
            }
        }
    }

    fn read_chunks<const SIZE: usize>(
        &self,
        at: u64,
        numbers: usize,
        widen: impl Fn([u8; SIZE]) -> f32,
    ) -> Result<Vec<f32>, Error> {
        let mut widened = Vec::with_capacity(numbers);
        let mut chunk = vec![0; CHUNK.min(numbers * SIZE)];
        let mut at = at;
        while widened.len() < numbers {
            let len = chunk.len().min((numbers - widened.len()) * SIZE);
            let Some(part) = chunk.get_mut(..len) else { break };
            self.read_at(at, part)?;
            at += len as u64;
            let (exact, _) = part.as_chunks::<SIZE>();
            widened.extend(exact.iter().map(|&bytes| widen(bytes)));
        }
        Ok(widened)
    }

    fn read_at(&self, at: u64, into: &mut [u8]) -> Result<(), Error> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(at)).and_then(|_| file.read_exact(into)).map_err(|source| {
            if source.kind() == std::io::ErrorKind::UnexpectedEof {
                self.damaged("it is cut off")
            } else {
                Error::File { path: self.path.clone(), source }
            }
        })
    }

    fn damaged(&self, reason: &str) -> Error {
        Error::Damaged { path: self.path.clone(), reason: reason.into() }
    }
}

/// Reads the header and checks that each tensor lies within `data` bytes and fills its place.
fn parse_header(json: &[u8], data: u64) -> Result<BTreeMap<String, TensorInfo>, String> {
    let entries: BTreeMap<String, serde_json::Value> =
        serde_json::from_slice(json).map_err(|error| format!("its header is no JSON ({error})"))?;
    let mut tensors = BTreeMap::new();
    for (name, entry) in entries {
        if name == "__metadata__" {
            continue;
        }
        let info: TensorInfo = serde_json::from_value(entry)
            .map_err(|error| format!("tensor {name} is not described ({error})"))?;
        let (start, end) = info.data_offsets;
        if start > end || end > data {
            return Err(format!("tensor {name} ends behind the file's end; it is probably cut off"));
        }
        let size = match info.dtype.as_str() {
            "F64" | "I64" | "U64" => 8,
            "F32" | "I32" | "U32" => 4,
            "F16" | "BF16" | "I16" | "U16" => 2,
            _ => 1,
        };
        let numbers = info.shape.iter().try_fold(1_usize, |all, &extent| all.checked_mul(extent));
        let bytes = numbers.and_then(|numbers| numbers.checked_mul(size));
        let known = size > 1 || matches!(info.dtype.as_str(), "I8" | "U8" | "BOOL");
        if known && bytes.map(|bytes| bytes as u64) != Some(end - start) {
            return Err(format!("tensor {name} does not fill its place"));
        }
        tensors.insert(name, info);
    }
    Ok(tensors)
}

/// Widens an IEEE 754 binary16.
pub(crate) fn half(bits: u16) -> f32 {
    let sign = u32::from(bits & 0x8000) << 16;
    let exponent = u32::from(bits >> 10 & 0x1f);
    let fraction = u32::from(bits & 0x3ff);
    let magnitude = match (exponent, fraction) {
        (0, 0) => 0,
        // Subnormal: a multiple of 2^-24, which an f32 holds exactly.
        (0, fraction) => (fraction as f32 * 2_f32.powi(-24)).to_bits(),
        (31, fraction) => 0x7f80_0000 | fraction << 13,
        (exponent, fraction) => (exponent + 112) << 23 | fraction << 13,
    };
    f32::from_bits(sign | magnitude)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn write(bytes: &[u8]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        file
    }

    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
    }

    #[test]
    fn numbers_are_widened_and_rows_cut_out() {
        let header = r#"{"__metadata__":{"format":"pt"},
            "a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},
            "b":{"dtype":"BF16","shape":[3],"data_offsets":[16,22]},
            "c":{"dtype":"F16","shape":[4],"data_offsets":[22,30]},
            "d":{"dtype":"I64","shape":[],"data_offsets":[30,38]}}"#;
        let mut data = Vec::new();
        for number in [1.0_f32, 2.0, 3.0, 4.0] {
            data.extend_from_slice(&number.to_le_bytes());
        }
        for bits in [0x3f80_u16, 0xc000, 0x0001, 0x3c00, 0xc000, 0x0001, 0x7c00] {
            data.extend_from_slice(&bits.to_le_bytes());
        }
        data.extend_from_slice(&[0; 8]);
        let file = write(&file(header, &data));
        let weights = Safetensors::open(file.path()).unwrap();
        assert_eq!(weights.shape("a"), Some(&[2, 2][..]));
        assert_eq!(weights.read("a", None).unwrap(), [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(weights.read("a", Some(Rows { start: 1, count: 1 })).unwrap(), [3.0, 4.0]);
        assert_eq!(weights.read("b", None).unwrap(), [1.0, -2.0, f32::from_bits(0x1_0000)]);
        assert_eq!(weights.read("c", None).unwrap(), [1.0, -2.0, 2_f32.powi(-24), f32::INFINITY]);
        let code = |error: Result<Vec<f32>, Error>| error.unwrap_err().code();
        assert_eq!(code(weights.read("d", None)), "engine.tensor_type");
        assert_eq!(code(weights.read("e", None)), "engine.missing_tensor");
        assert_eq!(code(weights.read("a", Some(Rows { start: 1, count: 2 }))), "engine.missing_tensor");
    }

    #[test]
    fn broken_files_are_named_as_such() {
        let good = file(r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, &[0; 8]);
        let open = |bytes: &[u8]| Safetensors::open(write(bytes).path()).map(|_| ()).unwrap_err().code();
        for len in 0..good.len() {
            assert_eq!(open(&good[..len]), "engine.damaged", "cut off after {len} bytes");
        }
        for header in [
            r#"{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#,
            r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#,
            r#"{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}"#,
            r#"{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}}"#,
            r#"{"a":7}"#,
            "[]",
        ] {
            assert_eq!(open(&file(header, &[0; 8])), "engine.damaged", "{header}");
        }
        assert_eq!(open(&u64::MAX.to_le_bytes()), "engine.damaged");
        let missing = Safetensors::open(Path::new("/nowhere/model.safetensors")).map(|_| ()).unwrap_err();
        assert_eq!(missing.code(), "engine.missing_file");
    }

    proptest! {
        #[test]
        fn any_header_is_read_or_refused(json in "\\PC{0,80}", data in 0_u64..100) {
            let _ = parse_header(json.as_bytes(), data);
        }
    }
}
