//! Small files of weights with the names that real ones have.
#![allow(dead_code, unreachable_pub, reason = "several test programs share it, and none needs all of it")]

use std::{fs, path::Path};

/// The usual name of the codec's weights.
pub const CODEC: &str = "tokenizer-e351c8d8-checkpoint125.safetensors";
/// The usual name of the tokenizer.
pub const TOKENIZER: &str = "tokenizer_spm_32k_3.model";

/// A safetensors file with tensors of these names, of two numbers each.
pub fn safetensors(names: &[String], dtype: &str, size: usize) -> Vec<u8> {
    let tensors = names.iter().enumerate().map(|(index, name)| {
        let (start, end) = (index * 2 * size, (index + 1) * 2 * size);
        format!(r#""{name}":{{"dtype":"{dtype}","shape":[2,1],"data_offsets":[{start},{end}]}}"#)
    });
    let header = format!(r#"{{"__metadata__":{{"format":"pt"}},{}}}"#, tensors.collect::<Vec<_>>().join(","));
    let data = vec![0; names.len() * 2 * size];
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &data].concat()
}

/// A GGUF file with tensors of these names, of a block of 32 numbers in eight bits each.
pub fn gguf(names: &[String], kind: u32, block: u64) -> Vec<u8> {
    let mut file = b"GGUF\x03\0\0\0".to_vec();
    let text = |file: &mut Vec<u8>, text: &str| {
        file.extend_from_slice(&(text.len() as u64).to_le_bytes());
        file.extend_from_slice(text.as_bytes());
    };
    file.extend_from_slice(&(names.len() as u64).to_le_bytes());
    file.extend_from_slice(&1_u64.to_le_bytes());
    text(&mut file, "list");
    // A list of two texts.
    file.extend_from_slice(&[9, 0, 0, 0, 8, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]);
    text(&mut file, "a");
    text(&mut file, "b");
    for (index, name) in names.iter().enumerate() {
        text(&mut file, name);
        file.extend_from_slice(&[2, 0, 0, 0]);
        file.extend_from_slice(&256_u64.to_le_bytes());
        file.extend_from_slice(&1_u64.to_le_bytes());
        file.extend_from_slice(&kind.to_le_bytes());
        file.extend_from_slice(&(index as u64 * block.next_multiple_of(32)).to_le_bytes());
    }
    // The last one ends the file.
    let data = (names.len() as u64 - 1) * block.next_multiple_of(32) + block;
    let data = file.len().next_multiple_of(32) - file.len() + usize::try_from(data).unwrap();
    file.extend(std::iter::repeat_n(0, data));
    file
}

fn names(all: &[&str]) -> Vec<String> {
    all.iter().map(|name| (*name).to_owned()).collect()
}

/// Names of the parts that all models of the family have.
fn core() -> Vec<String> {
    names(&[
        "text_emb.weight",
        "text_linear.weight",
        "emb.0.weight",
        "transformer.layers.0.self_attn.in_proj_weight",
    ])
}

/// Names as in Python, with so many codebooks.
pub fn pytorch(codebooks: usize) -> Vec<String> {
    let each = |index| [format!("depformer_in.{index}.weight"), format!("linears.{index}.weight")];
    core().into_iter().chain((0..codebooks).flat_map(each)).collect()
}

/// Names as in Rust.
pub fn rust(codebooks: usize) -> Vec<String> {
    let each = |i| [format!("depformer.{i}.linear_in.weight"), format!("depformer.{i}.linear_out.weight")];
    core().into_iter().chain((0..codebooks).flat_map(each)).collect()
}

/// Names of a recogniser.
pub fn recogniser() -> Vec<String> {
    core().into_iter().chain(names(&["extra_heads.0.weight"])).collect()
}

/// Weights of a Moshi, as in Python.
pub fn moshi() -> Vec<u8> {
    safetensors(&pytorch(8), "BF16", 2)
}

/// Puts weights and what belongs to them into a folder.
pub fn put_model(folder: &Path, weights: &[u8]) {
    put(folder, "model.safetensors", weights);
}

/// The same under another name.
pub fn put(folder: &Path, name: &str, weights: &[u8]) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join(name), weights).unwrap();
    let codec = safetensors(&names(&["encoder.model.0.conv.weight", "quantizer.x.weight"]), "F32", 4);
    fs::write(folder.join(CODEC), codec).unwrap();
    fs::write(folder.join(TOKENIZER), "words").unwrap();
}
