//! Published weights, quantized.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

#[path = "common/candle.rs"]
mod candle;
#[path = "common/golden.rs"]
mod golden;

use std::collections::BTreeMap;
use std::num::NonZero;
use std::path::{Path, PathBuf};

use candle::by_candle;
use golden::golden;
use tempfile::TempDir;
use weights::layout::Depformer;
use weights::quantize::{Options, Progress, Report, quantize};
use weights::{Error, File, Format, GgufWriter, Planned};

const SEVEN: &str = "lm_7bshape_weights.safetensors";

struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn is_empty(&self) -> bool {
        self.folder.path().read_dir().unwrap().next().is_none()
    }
}

fn run(weights: &Path, slices: usize, target: &Path, format: Format) -> Result<Report, Error> {
    let weights = File::open(weights).unwrap();
    let depformer = Depformer::described(b"{}", &weights).unwrap().first(slices);
    quantize(&weights, &depformer, target, &Options::new(format), &mut |_| true)
}

/// Format, shape and bytes of every tensor.
fn contents(path: &Path) -> BTreeMap<String, (Format, Vec<usize>, Vec<u8>)> {
    let file = File::open(path).unwrap();
    let content = |name: &str| {
        let tensor = file.tensor(name).unwrap();
        (name.to_owned(), (tensor.format(), tensor.shape().to_vec(), tensor.bytes().to_vec()))
    };
    file.names().map(content).collect()
}

/// A safetensors file of `f32`.
fn safetensors(path: &Path, tensors: &[(&str, &[usize], Vec<f32>)]) {
    let (mut head, mut data) = (serde_json::Map::new(), Vec::new());
    for (name, shape, numbers) in tensors {
        let start = data.len();
        data.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        let entry =
            serde_json::json!({ "dtype": "F32", "shape": shape, "data_offsets": [start, data.len()] });
        head.insert((*name).into(), entry);
    }
    let head = serde_json::to_vec(&head).unwrap();
    std::fs::write(path, [(head.len() as u64).to_le_bytes().to_vec(), head, data].concat()).unwrap();
}

/// Different numbers for each tensor.
fn numbers(count: usize, seed: usize) -> Vec<f32> {
    (0..count).map(|i| ((i + 1) as f32 * 0.37 + seed as f32).sin()).collect()
}

#[test]
fn the_result_is_what_others_made_of_the_same_weights() {
    let place = Place::new();
    for (format, recorded) in [(Format::Q8_0, "lm_7bshape_q8_0.gguf"), (Format::Q4_0, "lm_7bshape_q4_0.gguf")]
    {
        let target = place.path(recorded);
        run(&golden(SEVEN), 8, &target, format).unwrap();
        let (ours, recorded) = (contents(&target), contents(&golden(recorded)));
        assert_eq!(ours.keys().collect::<Vec<_>>(), recorded.keys().collect::<Vec<_>>());
        for (name, tensor) in recorded {
            assert!(ours[&name] == tensor, "{format} {name}");
        }
    }
}

#[test]
fn the_report_tells_what_it_cost() {
    let place = Place::new();
    let target = place.path("model.gguf");
    let report = run(&golden(SEVEN), 8, &target, Format::Q8_0).unwrap();
    assert_eq!(report.bytes, target.metadata().unwrap().len());
    let (exact, stored) = (File::open(&golden(SEVEN)).unwrap(), File::open(&target).unwrap());
    assert_eq!(report.off.numbers(), stored.numbers());
    assert_eq!(report.tensors.len(), stored.names().count());
    let of = |name: &str| report.tensors.iter().find(|tensor| tensor.name == name).unwrap();
    let norm = of("out_norm.alpha");
    assert_eq!((norm.format, norm.off.relative_rms(), norm.bytes), (Format::F32, 0.0, 256));
    let name = "text_emb.weight";
    let (exact, stored) = (exact.tensor(name).unwrap().to_f32(), stored.tensor(name).unwrap().to_f32());
    let square = |number: f32| f64::from(number).powi(2);
    let errors: Vec<f32> = exact.iter().zip(&stored).map(|(exact, stored)| exact - stored).collect();
    let rms =
        errors.iter().copied().map(square).sum::<f64>() / exact.iter().copied().map(square).sum::<f64>();
    let emb = of(name);
    assert!((emb.off.relative_rms() - rms.sqrt()).abs() < 1e-9 && emb.off.relative_rms() > 1e-3);
    assert_eq!(emb.off.largest(), errors.iter().fold(0.0, |most: f32, error| most.max(error.abs())));
    assert_eq!((emb.format, emb.shape.as_slice(), emb.bytes), (Format::Q8_0, &[97, 64][..], 97 * 68));
    assert!(report.off.relative_rms() < 0.01 && report.off.relative_rms() > 1e-3);

    let shown = serde_json::to_value(emb).unwrap();
    assert_eq!(shown["format"], "q8_0");
    assert_eq!(shown["numbers"], 97 * 64);
    assert_eq!(shown["relativeRmsError"], emb.off.relative_rms());
}

#[test]
fn both_sets_of_names_lead_to_the_same_file() {
    let place = Place::new();
    // Through a file in the Rust crate's names and back.
    let (rust, direct, again) = (place.path("rust"), place.path("direct"), place.path("again"));
    run(&golden(SEVEN), 8, &rust, Format::F32).unwrap();
    run(&golden(SEVEN), 8, &direct, Format::Q4_0).unwrap();
    run(&rust, 8, &again, Format::Q4_0).unwrap();
    assert!(contents(&direct) == contents(&again));
}

#[test]
fn threads_change_nothing() {
    let place = Place::new();
    let weights = File::open(&golden(SEVEN)).unwrap();
    let depformer = Depformer::described(b"{}", &weights).unwrap();
    let files: Vec<_> = [1, 5]
        .map(|threads| {
            let target = place.path(&threads.to_string());
            let threads = NonZero::new(threads).unwrap();
            let options = Options { threads, ..Options::new(Format::Q4_0) };
            quantize(&weights, &depformer, &target, &options, &mut |_| true).unwrap();
            std::fs::read(target).unwrap()
        })
        .into();
    assert!(files[0] == files[1]);
}

#[test]
fn slices_that_nobody_needs_are_left_out() {
    let place = Place::new();
    let (all, some) = (place.path("all"), place.path("some"));
    run(&golden(SEVEN), 8, &all, Format::Q8_0).unwrap();
    run(&golden(SEVEN), 3, &some, Format::Q8_0).unwrap();
    let (mut all, some) = (contents(&all), contents(&some));
    all.retain(|name, _| !(3..8).any(|codebook| name.starts_with(&format!("depformer.{codebook}."))));
    assert!(all == some);
    assert!(some.contains_key("depformer.2.transformer.layers.1.self_attn.in_proj_weight"));
}

/// A made-up model with a depformer of two slices.
fn made_up(path: &Path) {
    let tensors: Vec<(&str, &[usize])> = vec![
        ("text_emb.weight", &[5, 512]),
        ("transformer.layers.0.self_attn.in_proj_weight", &[1536, 512]),
        ("transformer.layers.0.norm1.alpha", &[1, 1, 512]),
        ("depformer.layers.0.self_attn.in_proj_weight", &[2 * 3 * 96, 96]),
        ("depformer.layers.0.self_attn.out_proj.weight", &[2 * 96, 96]),
        ("linears.0.weight", &[3, 24]),
        ("linears.1.weight", &[3, 24]),
    ];
    let with_numbers: Vec<_> = tensors
        .into_iter()
        .enumerate()
        .map(|(seed, (name, shape))| (name, shape, numbers(shape.iter().product(), seed)))
        .collect();
    safetensors(path, &with_numbers);
}

#[test]
fn rows_that_do_not_fill_blocks_have_a_larger_format() {
    let place = Place::new();
    let (weights, target) = (place.path("weights"), place.path("model.gguf"));
    made_up(&weights);
    let report = run(&weights, 2, &target, Format::Q4K).unwrap();
    let formats: BTreeMap<_, _> =
        report.tensors.iter().map(|tensor| (tensor.name.as_str(), tensor.format)).collect();
    assert_eq!(formats["text_emb.weight"], Format::Q4K);
    assert_eq!(formats["transformer.layers.0.norm1.alpha"], Format::F32);
    assert_eq!(formats["depformer.1.transformer.layers.0.self_attn.in_proj_weight"], Format::Q8_0);
    assert_eq!(formats["depformer.1.linear_out.weight"], Format::F32);
    // candle reads the same numbers, and they are those of the right part.
    let by_candle = by_candle(&std::fs::read(&target).unwrap());
    let (file, exact) = (File::open(&target).unwrap(), File::open(&weights).unwrap());
    for (name, _, numbers) in &by_candle {
        assert_eq!(&file.tensor(name).unwrap().to_f32(), numbers, "{name}");
    }
    for (projection, rows) in [("in_proj_weight", 3 * 96), ("out_proj.weight", 96)] {
        let exact = exact.tensor(&format!("depformer.layers.0.self_attn.{projection}")).unwrap();
        let exact = exact.part(1, rows).unwrap().to_f32();
        let name = format!("depformer.1.transformer.layers.0.self_attn.{projection}");
        let stored = file.tensor(&name).unwrap().to_f32();
        let off = exact.iter().zip(stored).fold(0.0, |off: f32, (a, b)| off.max((a - b).abs()));
        assert!(off < 0.01, "{projection} {off}");
    }
}

#[test]
fn it_can_be_stopped_and_leaves_nothing() {
    let place = Place::new();
    let target = place.path("model.gguf");
    let weights = File::open(&golden(SEVEN)).unwrap();
    let depformer = Depformer::described(b"{}", &weights).unwrap();
    let mut seen = Vec::new();
    let mut go_on = |progress: Progress<'_>| {
        seen.push((progress.done, progress.total, progress.tensor.to_owned()));
        seen.len() < 5
    };
    let error = quantize(&weights, &depformer, &target, &Options::new(Format::Q8_0), &mut go_on).unwrap_err();
    assert_eq!(error.code(), "weights.cancelled");
    assert!(place.is_empty());
    assert_eq!(seen.len(), 5);
    assert!(seen.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 == pair[1].1));
    let mut last = None;
    let mut go_on = |progress: Progress<'_>| {
        last = Some((progress.done, progress.total));
        true
    };
    quantize(&weights, &depformer, &target, &Options::new(Format::Q8_0), &mut go_on).unwrap();
    let (done, total) = last.unwrap();
    assert_eq!(done, total);
}

#[test]
fn numbers_that_are_none_are_named() {
    let place = Place::new();
    let (weights, target) = (place.path("weights"), place.path("model.gguf"));
    let refused = |at: usize, value: f32, format| {
        let mut numbers = numbers(20 * 512, 0);
        numbers[at..].iter_mut().for_each(|number| *number = value);
        safetensors(&weights, &[("text_emb.weight", &[20, 512], numbers)]);
        let error = run(&weights, 0, &target, format).unwrap_err();
        assert!(!target.exists() && !place.path("model.gguf.part").exists());
        error
    };
    for format in Format::ALL {
        for value in [f32::NAN, f32::NEG_INFINITY] {
            let error = refused(7777, value, format);
            assert!(
                matches!(&error, Error::NotFinite { name, index: 7777, .. } if name == "text_emb.weight"),
                "{format} {error}"
            );
        }
    }
    for format in [Format::F16, Format::Q4_0, Format::Q8_0, Format::Q4K] {
        let error = refused(7777, -1e30, format);
        assert!(matches!(&error, Error::TooLarge { value, .. } if *value == -1e30), "{format} {error}");
    }
    // A number is counted in the tensor that is published, not in the part that it is of.
    let mut stack = numbers(2 * 96 * 96, 0);
    stack[96 * 96 + 3] = f32::NAN;
    let tensors: [(&str, &[usize], _); 3] = [
        ("linears.0.weight", &[1, 1], vec![0.0]),
        ("linears.1.weight", &[1, 1], vec![0.0]),
        ("depformer.layers.0.self_attn.out_proj.weight", &[2 * 96, 96], stack),
    ];
    safetensors(&weights, &tensors);
    let error = run(&weights, 2, &target, Format::Q8_0).unwrap_err();
    assert!(matches!(error, Error::NotFinite { index, .. } if index == 96 * 96 + 3));
    run(&weights, 1, &target, Format::Q8_0).unwrap();
}

#[test]
fn weights_that_make_no_sense_are_refused() {
    let place = Place::new();
    let (weights, target) = (place.path("weights"), place.path("model.gguf"));
    let refused = |tensors: &[(&str, &[usize], Vec<f32>)]| {
        safetensors(&weights, tensors);
        let error = run(&weights, 8, &target, Format::Q8_0).unwrap_err();
        assert!(!target.exists());
        error.to_string()
    };
    let linears = ("linears.1.weight", &[1, 1][..], vec![0.0]);
    let twice = refused(&[
        ("transformer.layers.0.self_attn.in_projs.0.weight", &[3, 1], vec![0.0; 3]),
        ("transformer.layers.0.self_attn.in_proj_weight", &[3, 1], vec![0.0; 3]),
    ]);
    assert!(twice.contains("are both transformer.layers.0.self_attn.in_proj_weight"), "{twice}");
    for shape in [&[3 * 32, 32][..], &[5 * 32, 32], &[6, 32], &[6 * 32 * 32], &[0, 0]] {
        let stack = vec![0.0; shape.iter().product()];
        let error =
            refused(&[linears.clone(), ("depformer.layers.0.self_attn.in_proj_weight", shape, stack)]);
        assert!(error.contains("has no part"), "{error}");
    }
    let integers = r#"{"a":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}}"#;
    let bytes = [&(integers.len() as u64).to_le_bytes(), integers.as_bytes(), &[0; 8]].concat();
    std::fs::write(&weights, bytes).unwrap();
    assert_eq!(run(&weights, 8, &target, Format::Q8_0).unwrap_err().code(), "weights.tensor_type");
}

#[test]
fn weights_are_not_replaced_by_themselves() {
    let place = Place::new();
    let path = place.path("model.gguf");
    let planned = Planned { name: "text_emb.weight".into(), shape: vec![1, 32], format: Format::F32 };
    let mut writer = GgufWriter::create(&path, &[], vec![planned], false).unwrap();
    writer.begin("text_emb.weight").unwrap();
    writer.write(&[0; 128]).unwrap();
    writer.finish().unwrap();
    let weights = File::open(&path).unwrap();
    let depformer = Depformer::described(b"{}", &weights).unwrap();
    let options = Options { overwrite: true, ..Options::new(Format::Q8_0) };
    let error = quantize(&weights, &depformer, &path, &options, &mut |_| true).unwrap_err();
    assert_eq!(error.code(), "weights.exists");
    quantize(&weights, &depformer, &place.path("other"), &options, &mut |_| true).unwrap();
}
