//! Files of weights: what is read from them, and which ones are refused.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]

#[path = "common/candle.rs"]
mod candle;
#[path = "common/golden.rs"]
mod golden;

use std::io::Cursor;
use std::path::Path;

use candle::by_candle;
use candle_core::quantized::{GgmlDType, QTensor, gguf_file};
use candle_core::{DType, Device};
use golden::golden;
use proptest::prelude::*;
use weights::{Error, File, Format};

fn open(bytes: &[u8]) -> Result<File, Error> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    File::open(file.path())
}

/// Why such a file is refused.
fn refusal(bytes: &[u8]) -> String {
    match open(bytes) {
        Err(Error::Damaged { reason, .. }) => reason,
        other => panic!("it is {other:?}"),
    }
}

fn safetensors(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
}

#[test]
fn a_safetensors_file_shows_its_tensors() {
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
    let file = open(&safetensors(header, &data)).unwrap();
    assert_eq!(file.names().collect::<Vec<_>>(), ["a", "b", "c", "d"]);
    assert_eq!(file.numbers(), 12);
    let a = file.tensor("a").unwrap();
    assert_eq!((a.format(), a.shape(), a.to_f32()), (Format::F32, &[2, 2][..], vec![1.0, 2.0, 3.0, 4.0]));
    assert_eq!(a.part(1, 1).unwrap().to_f32(), [3.0, 4.0]);
    assert_eq!(file.tensor("b").unwrap().to_f32(), [1.0, -2.0, f32::from_bits(0x1_0000)]);
    assert_eq!(file.tensor("c").unwrap().to_f32(), [1.0, -2.0, 2_f32.powi(-24), f32::INFINITY]);
    let d = file.info("d").unwrap();
    assert_eq!((d.format, d.type_name.as_str(), d.shape.as_slice(), d.bytes()), (None, "I64", &[][..], 8));
    let refused = file.tensor("d").unwrap_err();
    assert!(matches!(&refused, Error::TensorType { name, found, .. } if name == "d" && found == "I64"));
    assert_eq!(refused.code(), "weights.tensor_type");
    assert_eq!(file.stored("d"), Some(&[0; 8][..]), "its bytes are there all the same");
    assert_eq!((file.stored("b").map(<[u8]>::len), file.stored("e")), (Some(6), None));
    assert_eq!(file.tensor("e").unwrap_err().code(), "weights.missing_tensor");
    assert!(file.info("e").is_none());
    // What is held stays when the file is closed and has lost its name.
    drop(file);
    assert_eq!(a.to_f32()[3], 4.0);
}

#[test]
fn broken_safetensors_files_are_refused() {
    let good = safetensors(r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, &[0; 8]);
    open(&good).unwrap();
    for len in 0..good.len() {
        assert_eq!(open(&good[..len]).unwrap_err().code(), "weights.damaged", "cut off after {len} bytes");
    }
    let entry = |dtype: &str, shape: &str, place: &str| {
        format!(r#"{{"dtype":"{dtype}","shape":[{shape}],"data_offsets":[{place}]}}"#)
    };
    let one = |entry: String| refusal(&safetensors(&format!(r#"{{"a":{entry}}}"#), &[0; 8]));
    assert_eq!(one(entry("F32", "3", "0,8")), "tensor a does not fill its place");
    assert_eq!(one(entry("F32", "4611686018427387904,4", "0,0")), "tensor a does not fill its place");
    assert_eq!(one(entry("F32", &format!("0,{0},{0}", u64::MAX), "0,0")), "tensor a does not fill its place");
    assert_eq!(one(entry("F32", "2", "8,0")), "tensor a ends before it begins");
    assert_eq!(one(entry("F32", "2", "0,9")), "tensor a does not fill its place");
    assert_eq!(one(entry("F32", "2", "1,9")), "1 bytes are missing at its end");
    assert!(one(entry("X", "1", "0,18446744073709551615")).ends_with(" bytes are missing at its end"));
    assert!(one(entry("F32", "-2", "0,8")).starts_with("tensor a is not described ("));
    assert!(one("7".into()).starts_with("tensor a is not described ("));
    assert_eq!(one(entry("U8", "1,1,1,1,1,1,1,1,1", "0,1")), "tensor a has 9 dimensions");
    let two = |second: &str, place: &str| {
        let (first, second) = (entry("U8", "2", "0,2"), format!(r#""{second}":{}"#, entry("U8", "2", place)));
        refusal(&safetensors(&format!(r#"{{"a":{first},{second}}}"#), &[0; 8]))
    };
    assert_eq!(two("b", "1,3"), "tensors a and b overlap");
    assert_eq!(two("a", "2,4"), "it has two tensors of one name");
    for json in ["[]", "7", "{", "", "{}{}"] {
        let reason = refusal(&safetensors(json, &[0; 8]));
        assert!(!reason.contains("line"), "{json}: {reason}");
    }
    assert_eq!(refusal(&u64::MAX.to_le_bytes()), "it is no file of weights that is known");
    assert_eq!(refusal(&9_u64.to_le_bytes()), "its header is longer than the file");
    let mut long = safetensors("", &vec![b' '; (64 << 20) + 1]);
    long[..8].copy_from_slice(&((64_u64 << 20) + 1).to_le_bytes());
    assert_eq!(refusal(&long), "it is no file of weights that is known");
    let entry = entry("U8", "0", "0,0");
    let many: Vec<_> = (0..=1 << 16).map(|i| format!(r#""{i}":{entry}"#)).collect();
    assert_eq!(refusal(&safetensors(&format!("{{{}}}", many.join(",")), &[])), "it has too many tensors");
}

#[test]
fn what_cannot_be_opened_has_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let code = |path: &Path| File::open(path).unwrap_err().code();
    assert_eq!(code(&folder.path().join("model.safetensors")), "weights.missing_file");
    assert_ne!(code(folder.path()), "weights.missing_file");
    assert_eq!(refusal(&[]), "it is too short");
}

fn gguf() -> Vec<u8> {
    let tensor = |kind, columns: usize| {
        let numbers: Vec<f32> = (0..4 * columns).map(|i| (i as f32 * 0.37).sin()).collect();
        let numbers = candle_core::Tensor::from_vec(numbers, (4, columns), &Device::Cpu).unwrap();
        QTensor::quantize(&numbers, kind).unwrap()
    };
    let tensors = [
        ("a", tensor(GgmlDType::Q8_0, 64)),
        ("b.weight", tensor(GgmlDType::F32, 3)),
        ("c", tensor(GgmlDType::Q4K, 256)),
        ("d", tensor(GgmlDType::Q5K, 256)),
    ];
    let list = gguf_file::Value::Array(vec![gguf_file::Value::U32(7); 3]);
    let name = gguf_file::Value::String("name".into());
    let mut out = Cursor::new(Vec::new());
    let tensors: Vec<_> = tensors.iter().map(|(name, tensor)| (*name, tensor)).collect();
    gguf_file::write(&mut out, &[("list", &list), ("name", &name)], &tensors).unwrap();
    out.into_inner()
}

#[test]
fn a_gguf_file_shows_its_tensors() {
    let bytes = gguf();
    let file = open(&bytes).unwrap();
    assert_eq!(file.names().collect::<Vec<_>>(), ["a", "b.weight", "c", "d"]);
    assert_eq!(file.numbers(), 4 * (64 + 3 + 256 + 256));
    assert_eq!((file.info("d").unwrap().format, file.info("d").unwrap().type_name.as_str()), (None, "Q5_K"));
    assert_eq!(file.tensor("d").unwrap_err().code(), "weights.tensor_type");
    for (name, shape, numbers) in by_candle(&bytes).into_iter().filter(|(name, ..)| name != "d") {
        let tensor = file.tensor(&name).unwrap();
        assert_eq!((tensor.shape(), tensor.to_f32()), (shape.as_slice(), numbers), "{name}");
    }
}

#[test]
fn published_files_are_read_as_candle_reads_them() {
    let quantized = File::open(&golden("lm_7bshape_q8_0.gguf")).unwrap();
    let all = by_candle(&std::fs::read(quantized.path()).unwrap());
    assert_eq!(all.len(), quantized.names().count());
    for (name, shape, numbers) in all {
        let tensor = quantized.tensor(&name).unwrap();
        assert_eq!((tensor.shape(), tensor.to_f32()), (shape.as_slice(), numbers), "{name}");
    }
    let published = File::open(&golden("stt_tiny_weights.safetensors")).unwrap();
    let all = candle_core::safetensors::load(published.path(), &Device::Cpu).unwrap();
    assert_eq!(all.len(), published.names().count());
    for (name, tensor) in all {
        let numbers = tensor.to_dtype(DType::F32).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let ours = published.tensor(&name).unwrap();
        assert_eq!((ours.shape(), ours.to_f32()), (tensor.dims(), numbers), "{name}");
    }
}

#[test]
fn a_gguf_file_that_is_cut_off_anywhere_is_refused() {
    let file = gguf();
    for len in (0..file.len()).step_by(7) {
        assert_eq!(open(&file[..len]).unwrap_err().code(), "weights.damaged", "after {len} bytes");
    }
}

/// A GGUF file of version 3 with these entries of metadata and tensors, and some room behind its head.
fn head(entries: &[Vec<u8>], tensors: &[Vec<u8>]) -> Vec<u8> {
    let counts = [(tensors.len() as u64).to_le_bytes(), (entries.len() as u64).to_le_bytes()].concat();
    let mut file = [b"GGUF\x03\0\0\0", counts.as_slice(), &entries.concat(), &tensors.concat()].concat();
    file.resize(file.len() + 256, 0);
    file
}

fn string(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat()
}

fn entry(key: &str, kind: u32, value: &[u8]) -> Vec<u8> {
    [string(key).as_slice(), &kind.to_le_bytes(), value].concat()
}

fn tensor(name: &str, dimensions: &[u64], kind: u32, offset: u64) -> Vec<u8> {
    let mut entry = [string(name), (dimensions.len() as u32).to_le_bytes().into()].concat();
    entry.extend(dimensions.iter().flat_map(|extent| extent.to_le_bytes()));
    [entry.as_slice(), &kind.to_le_bytes(), &offset.to_le_bytes()].concat()
}

#[test]
fn a_hostile_gguf_file_is_refused() {
    let one = |tensor: Vec<u8>| refusal(&head(&[], &[tensor]));
    let end = |reason: String| assert!(reason.ends_with(" bytes are missing at its end"), "{reason}");
    end(one(tensor("a", &[1000], 0, 0)));
    end(one(tensor("a", &[1], 0, 1000)));
    end(one(tensor("a", &[1], 0, u64::MAX - 1000)));
    assert_eq!(one(tensor("a", &[1], 0, u64::MAX - 10)), "tensor a ends nowhere");
    let blocks = "tensor a does not fill its blocks";
    assert_eq!(one(tensor("a", &[1 << 62, 4], 0, 0)), blocks);
    assert_eq!(one(tensor("a", &[1], 0, u64::MAX)), blocks);
    assert_eq!(one(tensor("a", &[31, 2], 8, 0)), blocks);
    assert_eq!(one(tensor("a", &[16, 2], 8, 0)), blocks, "rows do not share a block");
    assert_eq!(one(tensor("a", &[], 0, 0)), "tensor a has 0 dimensions");
    assert_eq!(one(tensor("a", &[1; 5], 0, 0)), "tensor a has 5 dimensions");
    assert_eq!(one(tensor("a", &[1], 99, 0)), "tensor a holds numbers of the unknown type 99");
    assert_eq!(one(tensor(&"a".repeat(65_536), &[1], 0, 0)), "a name is too long");
    let two = |name, offset| refusal(&head(&[], &[tensor("a", &[8], 0, 0), tensor(name, &[8], 0, offset)]));
    assert_eq!(two("b", 16), "tensors a and b overlap");
    assert_eq!(two("a", 32), "it has two tensors of one name");

    let meta = |entry: Vec<u8>| refusal(&head(&[entry], &[]));
    assert_eq!(meta(entry("general.alignment", 4, &24_u32.to_le_bytes())), "its alignment is 24");
    assert_eq!(meta(entry("general.alignment", 4, &0_u32.to_le_bytes())), "its alignment is 0");
    assert_eq!(meta(entry("general.alignment", 8, &string("32"))), "its alignment is no number");
    assert_eq!(meta(entry("k", 13, &[])), "a value is of the unknown type 13");
    assert_eq!(meta(entry("k", 8, &u64::MAX.to_le_bytes())), "it ends in its head");
    let list = |kind: u32, items: u64| [&kind.to_le_bytes()[..], &items.to_le_bytes()].concat();
    for kind in [0, 10, 8, 9] {
        assert_eq!(
            meta(entry("k", 9, &list(kind, u64::MAX))),
            "it ends in its head",
            "a long list of {kind}"
        );
    }
    assert_eq!(meta(entry("k", 9, &list(9, 1).repeat(5))), "a value is of the unknown type 9");

    let mut file = head(&[], &[]);
    file[4] = 4;
    assert_eq!(refusal(&file), "it is of version 4");
    file[4] = 3;
    file[8..16].copy_from_slice(&u64::MAX.to_le_bytes());
    assert_ne!(refusal(&file), "", "tensors without end");
}

#[test]
fn a_gguf_file_may_say_how_it_is_aligned() {
    let aligned = entry("general.alignment", 4, &8_u32.to_le_bytes());
    let mut file = head(&[aligned], &[tensor("a", &[2, 3], 0, 8)]);
    let data = (file.len() - 256).next_multiple_of(8) + 8;
    file[data..data + 4].copy_from_slice(&1.5_f32.to_le_bytes());
    let file = open(&file).unwrap();
    let tensor = file.tensor("a").unwrap();
    assert_eq!((tensor.shape(), tensor.to_f32()[0]), (&[3, 2][..], 1.5));
}

proptest! {
    #[test]
    fn broken_bytes_are_refused_or_harmless(at in 0_usize..300, byte in any::<u8>()) {
        let mut bytes = gguf();
        bytes[at] = byte;
        weights::fuzzing::file(&bytes);
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        weights::fuzzing::file(&bytes);
        weights::fuzzing::gguf(&[b"\x03\0\0\0", bytes.as_slice()].concat());
    }

    #[test]
    fn any_header_is_survived(json in "\\PC{0,80}", rest in "[\\[\\]{}:,\"a0-9]{0,40}") {
        weights::fuzzing::safetensors(json.as_bytes());
        weights::fuzzing::safetensors(format!(r#"{{"a":{{"dtype":"F32","shape":[{rest}"#).as_bytes());
    }
}
