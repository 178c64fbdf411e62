//! A voice as PersonaPlex saves it: `torch.save({"embeddings": …, "cache": …})`, read without running anything.
//!
//! The file is a zip archive with a pickle, which describes the tensors, and a file with the numbers of each
//! (`torch/serialization.py`). PyTorch's own reader runs the pickle, and with it whatever somebody put there; here it
//! is data (see [`super::pickle`]).

use half::{bf16, f16};

use super::pickle::{self, Description, Kind};
use super::zip::Archive;
use super::{Array, Saved};

/// Reads the bytes of a file; fails with a reason in words.
pub(super) fn read(bytes: &[u8]) -> Result<Saved, String> {
    if !bytes.starts_with(b"PK") {
        return Err("it is not in the form that torch.save writes since PyTorch 1.6; save it again".into());
    }
    let archive = Archive::open(bytes)?;
    let pickles: Vec<_> = archive.names().filter_map(|name| name.strip_suffix("/data.pkl")).collect();
    let [folder] = *pickles else { return Err("it was not written by torch.save".into()) };
    let file = |name: &str| archive.get(&format!("{folder}/{name}"));
    if file("byteorder").is_some_and(|order| order != b"little") {
        return Err("its numbers are in big-endian order; save it on another machine".into());
    }
    let tensors = pickle::tensors(file("data.pkl").unwrap_or_default())?;
    let find = |name: &str| {
        let mut found = tensors.iter().filter(|(key, _)| *key == name);
        match (found.next(), found.next()) {
            (Some((_, tensor)), None) => {
                let storage = file(&format!("data/{}", tensor.storage));
                Ok((tensor, storage.ok_or_else(|| format!("the numbers of {name} are missing"))?))
            }
            _ => Err(format!("it has no tensor {name}")),
        }
    };
    let (embeddings, storage) = find("embeddings")?;
    let number = match embeddings.kind {
        Kind::F32 => |bytes: &[u8]| bytes.try_into().map(f32::from_le_bytes).ok(),
        Kind::BF16 => |bytes: &[u8]| bytes.try_into().map(|bytes| bf16::from_le_bytes(bytes).to_f32()).ok(),
        Kind::F16 => |bytes: &[u8]| bytes.try_into().map(|bytes| f16::from_le_bytes(bytes).to_f32()).ok(),
        Kind::I64 | Kind::I32 => return Err("its embeddings are whole numbers".into()),
    };
    let embeddings = gather(embeddings, storage, number)?;
    let (cache, storage) = find("cache")?;
    let number = match cache.kind {
        Kind::I64 => |bytes: &[u8]| bytes.try_into().map(i64::from_le_bytes).ok(),
        Kind::I32 => |bytes: &[u8]| bytes.try_into().map(|bytes| i32::from_le_bytes(bytes).into()).ok(),
        _ => return Err("its cache does not hold tokens".into()),
    };
    Ok(Saved { embeddings, cache: gather(cache, storage, number)? })
}

/// The numbers of a tensor, in the order of its last dimension first.
fn gather<T>(
    tensor: &Description<'_>,
    storage: &[u8],
    number: impl Fn(&[u8]) -> Option<T>,
) -> Result<Array<T>, String> {
    const OUTSIDE: &str = "a tensor in it reaches beyond its numbers";
    let Description { kind, numbers, offset, shape, strides, .. } = tensor;
    let there = storage.len() / kind.size();
    let all = shape.iter().try_fold(1_usize, |all, &extent| all.checked_mul(extent)).ok_or(OUTSIDE)?;
    // A tensor may be a part of its storage, and in another order, but one with more numbers would say some twice.
    if *numbers > there || all > there || shape.len() != strides.len() || shape.len() > 8 {
        return Err(OUTSIDE.into());
    }
    let mut gathered = Vec::with_capacity(all);
    for index in 0..all {
        let (mut rest, mut at) = (index, *offset);
        for (&extent, &stride) in shape.iter().zip(strides).rev() {
            let step = (rest % extent).checked_mul(stride).ok_or(OUTSIDE)?;
            at = at.checked_add(step).ok_or(OUTSIDE)?;
            rest /= extent;
        }
        // Within the storage, this can not overflow.
        let bytes = if at < there { storage.get(at * kind.size()..(at + 1) * kind.size()) } else { None };
        gathered.push(bytes.and_then(&number).ok_or(OUTSIDE)?);
    }
    Ok(Array { shape: shape.clone(), numbers: gathered })
}
