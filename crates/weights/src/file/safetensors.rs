//! The head of a safetensors file: an eight-byte length, and a JSON object with the place of each tensor.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::{Info, MAX_HEAD, add};
use crate::Format;

/// Where a tensor is, and what it is made of.
#[derive(Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: (usize, usize),
}

pub(super) fn head(file: &[u8]) -> Result<BTreeMap<String, Info>, String> {
    let (length, rest) = file.split_first_chunk::<8>().ok_or("it is too short")?;
    let length = u64::from_le_bytes(*length);
    let length = usize::try_from(length).ok().filter(|&length| length <= rest.len());
    let length = length.ok_or("its header is longer than the file")?;
    if length > MAX_HEAD {
        return Err("its header is too long".into());
    }
    let (json, data) = rest.split_at_checked(length).unwrap_or_default();
    let mut json = serde_json::Deserializer::from_slice(json);
    let entries = Entries { before: 8 + length, data: data.len() };
    let tensors = json.deserialize_map(entries).and_then(|tensors| json.end().map(|()| tensors));
    tensors.map_err(|error| {
        // Without the place in the JSON, which says nothing to anybody.
        let words = error.to_string();
        let words = words.split_once(" at line ").map_or(words.as_str(), |(words, _)| words);
        match error.classify() {
            serde_json::error::Category::Data => words.into(),
            _ => format!("its header is no JSON ({words})"),
        }
    })
}

/// Takes in the entries one by one, so that nothing larger than the result is ever made of them, and a name that
/// comes twice is seen.
struct Entries {
    /// Bytes before the numbers.
    before: usize,
    /// Bytes of the numbers.
    data: usize,
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
        if start > end || end > self.data {
            return Err(format!("tensor {name} ends behind the file's end; it is probably cut off"));
        }
        if let Some(size) = size(&entry.dtype) {
            let bytes = entry.shape.iter().try_fold(size, |all, &extent| all.checked_mul(extent));
            if bytes != Some(end - start) {
                return Err(format!("tensor {name} does not fill its place"));
            }
        }
        let place = self.before + start..self.before + end;
        Ok(Info {
            format: Format::from_safetensors(&entry.dtype),
            type_name: entry.dtype,
            shape: entry.shape,
            place,
        })
    }
}

/// Bytes of a number, if it is of a type that we know of.
fn size(dtype: &str) -> Option<usize> {
    Some(match dtype {
        "F64" | "I64" | "U64" | "C64" => 8,
        "F32" | "I32" | "U32" => 4,
        "F16" | "BF16" | "I16" | "U16" => 2,
        "I8" | "U8" | "BOOL" | "F8_E4M3" | "F8_E5M2" | "F8_E8M0" => 1,
        _ => return None,
    })
}
