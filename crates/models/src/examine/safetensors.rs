//! The head of a safetensors file: an eight-byte length, and a JSON object with the place of each tensor.

use std::{
    collections::BTreeMap,
    io::{ErrorKind, Read},
};

use serde::{Deserialize, de::IgnoredAny};

use super::{Flaw, MAX_HEAD, Number, Tensors};

#[derive(Deserialize)]
struct Info {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: (u64, u64),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Entry {
    Tensor(Info),
    Other(IgnoredAny),
}

/// Reads the head of a file of `len` bytes, and holds every length in it against that.
pub(super) fn read(mut file: impl Read, len: u64) -> Result<Tensors, Flaw> {
    let mut length = [0; 8];
    exact(&mut file, &mut length)?;
    let header = u64::from_le_bytes(length);
    if header > MAX_HEAD {
        return Err(Flaw::Senseless("it is no file of weights that is known".into()));
    }
    if header > len.saturating_sub(8) {
        return Err(Flaw::Short("its header is longer than the file".into()));
    }
    let mut json = vec![0; usize::try_from(header).unwrap_or(0)];
    exact(&mut file, &mut json)?;
    let no_json = |error: serde_json::Error| Flaw::Senseless(format!("its header is not one ({error})"));
    let entries: BTreeMap<String, Entry> = serde_json::from_slice(&json).map_err(no_json)?;
    let data = len - 8 - header;
    let mut tensors = Tensors::default();
    let mut end_of_all = 0;
    for (name, entry) in entries {
        if name == "__metadata__" {
            continue;
        }
        let Entry::Tensor(info) = entry else {
            return Err(Flaw::Senseless(format!("tensor {name} is not described")));
        };
        let (start, end) = info.data_offsets;
        let Some(bytes) = end.checked_sub(start) else {
            return Err(Flaw::Senseless(format!("tensor {name} ends before it begins")));
        };
        if let Some(size) = size(&info.dtype) {
            let numbers = info.shape.iter().try_fold(1_u64, |all, extent| all.checked_mul(*extent));
            if numbers.and_then(|numbers| numbers.checked_mul(size)) != Some(bytes) {
                return Err(Flaw::Senseless(format!("tensor {name} does not fill its place")));
            }
        }
        end_of_all = end.max(end_of_all);
        tensors.add(name, number(&info.dtype), bytes);
    }
    if end_of_all > data {
        return Err(Flaw::Short(format!("{} bytes are missing at its end", end_of_all - data)));
    }
    Ok(tensors)
}

fn exact(file: &mut impl Read, into: &mut [u8]) -> Result<(), Flaw> {
    file.read_exact(into).map_err(|error| match error.kind() {
        ErrorKind::UnexpectedEof => Flaw::Short("it ends in its header".into()),
        _ => Flaw::Unreadable(error.to_string()),
    })
}

/// Bytes of a number.
fn size(dtype: &str) -> Option<u64> {
    Some(match dtype {
        "F64" | "I64" | "U64" => 8,
        "F32" | "I32" | "U32" => 4,
        "F16" | "BF16" | "I16" | "U16" => 2,
        "I8" | "U8" | "BOOL" | "F8_E4M3" | "F8_E5M2" => 1,
        _ => return None,
    })
}

fn number(dtype: &str) -> Number {
    match dtype {
        "F32" => Number::F32,
        "F16" => Number::F16,
        "BF16" => Number::Bf16,
        "I8" | "U8" => Number::Eight,
        _ => Number::Other,
    }
}
