//! The head of a safetensors file: an eight-byte length, and a JSON object with the place of each tensor.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::{Flaw, Info, MAX_HEAD, Stop, add};
use crate::Format;

/// Where a tensor is, and what it is made of.
#[derive(Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: (u64, u64),
}

/// Reads the head of a file of `len` bytes that starts like this. Whether the tensors are within it is not looked at.
pub(super) fn tensors(start: &[u8], len: u64) -> Result<BTreeMap<String, Info>, Stop> {
    let Some((length, rest)) = start.split_first_chunk::<8>() else {
        return Err(Stop::Flaw(Flaw::CutOff("it is too short".into())));
    };
    let length = u64::from_le_bytes(*length);
    let Some(within) = usize::try_from(length).ok().filter(|&length| length <= MAX_HEAD) else {
        return Err("it is no file of weights that is known".into());
    };
    if length > len.saturating_sub(8) {
        return Err(Stop::Flaw(Flaw::CutOff("its header is longer than the file".into())));
    }
    let json = rest.get(..within).ok_or(Stop::More)?;
    let mut json = serde_json::Deserializer::from_slice(json);
    let entries = Entries { before: 8 + length };
    let tensors = json.deserialize_map(entries).and_then(|tensors| json.end().map(|()| tensors));
    tensors.map_err(|error| {
        // Without the place in the JSON, which says nothing to anybody.
        let words = error.to_string();
        let words = words.split_once(" at line ").map_or(words.as_str(), |(words, _)| words);
        match error.classify() {
            serde_json::error::Category::Data => words.into(),
            _ => format!("its header is no JSON ({words})").into(),
        }
    })
}

/// Takes in the entries one by one, so that nothing larger than the result is ever made of them, and a name that
/// comes twice is seen.
struct Entries {
    /// Bytes before the numbers.
    before: u64,
}

impl<'de> Visitor<'de> for Entries {
    type Value = BTreeMap<String, Info>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with a tensor under each name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut tensors = BTreeMap::new();
        while let Some(name) = map.next_key::<String>()? {
            if name == "__metadata__" {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let entry = map.next_value::<Entry>().map_err(|error| {
                de::Error::custom(format_args!("tensor {name} is not described ({error})"))
            })?;
            let info = self.info(&name, entry).map_err(de::Error::custom)?;
            add(&mut tensors, name, info).map_err(de::Error::custom)?;
        }
        Ok(tensors)
    }
}

impl Entries {
    fn info(&self, name: &str, entry: Entry) -> Result<Info, String> {
        let (start, end) = entry.data_offsets;
        let bytes = end.checked_sub(start).ok_or_else(|| format!("tensor {name} ends before it begins"))?;
        if let Some(size) = size(&entry.dtype) {
            let needed = entry.shape.iter().try_fold(size, |all, &extent| all.checked_mul(extent as u64));
            if needed != Some(bytes) {
                return Err(format!("tensor {name} does not fill its place"));
            }
        }
        // That the sum is no number is no more than that the file is too short.
        let place = start.saturating_add(self.before)..end.saturating_add(self.before);
        Ok(Info {
            format: Format::from_safetensors(&entry.dtype),
            type_name: entry.dtype,
            shape: entry.shape,
            place,
        })
    }
}

/// Bytes of a number, if it is of a type that we know of.
fn size(dtype: &str) -> Option<u64> {
    Some(match dtype {
        "F64" | "I64" | "U64" | "C64" => 8,
        "F32" | "I32" | "U32" => 4,
        "F16" | "BF16" | "I16" | "U16" => 2,
        "I8" | "U8" | "BOOL" | "F8_E4M3" | "F8_E5M2" | "F8_E8M0" => 1,
        _ => return None,
    })
}
