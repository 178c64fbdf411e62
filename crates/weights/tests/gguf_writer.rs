//! GGUF files that are written: what others read in them, and what stays when one is not whole.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

#[path = "common/candle.rs"]
mod candle;

use std::io::Cursor;
use std::path::Path;

use candle::by_candle;
use candle_core::quantized::gguf_file;
use weights::{Error, File, Format, GgufWriter, Planned, Value};

fn planned(name: &str, shape: &[usize], format: Format) -> Planned {
    Planned { name: name.into(), shape: shape.into(), format }
}

fn create(target: &Path, overwrite: bool) -> Result<GgufWriter, Error> {
    GgufWriter::create(
        target,
        &[],
        vec![planned("a", &[2], Format::F32), planned("b", &[1], Format::F16)],
        overwrite,
    )
}

fn entries(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn candle_and_we_read_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("model.gguf");
    let columns = 512;
    let numbers: Vec<f32> = (0..3 * columns).map(|i| (i as f32 * 0.61).sin()).collect();
    let mut plan: Vec<_> =
        Format::ALL.iter().map(|format| planned(format.name(), &[3, columns], *format)).collect();
    plan.push(planned("norm", &[1, 1, 5], Format::F32));
    let metadata = [
        ("general.architecture", Value::Text("moshi".into())),
        ("a.number", Value::U32(7)),
        ("another", Value::F32(0.5)),
    ];
    let mut writer = GgufWriter::create(&target, &metadata, plan, false).unwrap();
    let mut stored = Vec::new();
    for format in Format::ALL {
        let mut bytes = vec![0; format.tensor_bytes(&[3, columns]).unwrap()];
        format.narrow(&numbers, &mut bytes);
        writer.begin(format.name()).unwrap();
        // In pieces that have nothing to do with blocks.
        bytes.chunks(1001).for_each(|piece| writer.write(piece).unwrap());
        let mut widened = vec![0.0; numbers.len()];
        format.widen(&bytes, &mut widened);
        stored.push((format.name().to_owned(), vec![3, columns], widened));
    }
    writer.begin("norm").unwrap();
    writer.write(&[0; 20]).unwrap();
    stored.push(("norm".into(), vec![1, 1, 5], vec![0.0; 5]));
    stored.sort_by(|a, b| a.0.cmp(&b.0));
    let len = writer.finish().unwrap();
    assert_eq!(entries(folder.path()), ["model.gguf"]);

    let bytes = std::fs::read(&target).unwrap();
    assert_eq!(bytes.len() as u64, len);
    assert_eq!(by_candle(&bytes), stored);
    let content = gguf_file::Content::read(&mut Cursor::new(&bytes)).unwrap();
    assert_eq!(content.metadata["general.architecture"].to_string().unwrap(), "moshi");
    assert_eq!(content.metadata["general.alignment"].to_u32().unwrap(), 32);
    assert_eq!(content.metadata["a.number"].to_u32().unwrap(), 7);
    assert_eq!(content.metadata["another"].to_f32().unwrap(), 0.5);
    let file = File::open(&target).unwrap();
    assert_eq!(file.names().count(), stored.len());
    for (name, shape, numbers) in stored {
        let tensor = file.tensor(&name).unwrap();
        assert_eq!((tensor.shape(), tensor.to_f32()), (shape.as_slice(), numbers), "{name}");
    }
}

#[test]
fn only_what_was_promised_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("model.gguf");
    let after = |steps: &dyn Fn(&mut GgufWriter) -> Result<(), Error>| {
        let mut writer = create(&target, false).unwrap();
        let error = steps(&mut writer).and_then(|()| writer.finish()).unwrap_err();
        assert_eq!(error.code(), "weights.unwritable");
        assert_eq!(entries(folder.path()), [""; 0], "nothing stays after: {error}");
        error.to_string()
    };
    assert!(after(&|_| Ok(())).contains("a was promised and did not come"));
    assert!(after(&|writer| writer.begin("b")).contains("b is not the one that comes next"));
    assert!(after(&|writer| writer.write(&[0])).contains("a tensor was not begun"));
    let begin = |writer: &mut GgufWriter, bytes| writer.begin("a").and_then(|()| writer.write(bytes));
    assert!(after(&|writer| begin(writer, &[0; 9])).contains("a has more bytes than were promised"));
    assert!(after(&|writer| begin(writer, &[0; 7])).contains("a has fewer bytes than were promised"));
    let second = |writer: &mut GgufWriter| begin(writer, &[0; 7]).and_then(|()| writer.begin("b"));
    assert!(after(&second).contains("a has fewer bytes than were promised"));
    assert!(after(&|writer| begin(writer, &[0; 8])).contains("b was promised and did not come"));
}

#[test]
fn what_cannot_be_in_such_a_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("model.gguf");
    for plan in [
        vec![planned("a", &[], Format::F32)],
        vec![planned("a", &[1; 5], Format::F32)],
        vec![planned("a", &[2, 33], Format::Q8_0)],
        vec![planned("a", &[usize::MAX, 4], Format::F32)],
        vec![planned("a", &[1], Format::F32); 2],
        vec![
            planned("a", &[usize::MAX / 4], Format::F32),
            planned("b", &[usize::MAX / 4], Format::F32),
            planned("c", &[usize::MAX / 4], Format::F32),
            planned("d", &[usize::MAX / 4], Format::F32),
            planned("e", &[usize::MAX / 4], Format::F32),
        ],
    ] {
        let error = GgufWriter::create(&target, &[], plan, false).unwrap_err();
        assert_eq!((error.code(), entries(folder.path())), ("weights.unwritable", Vec::new()), "{error}");
    }
}

fn write(mut writer: GgufWriter) -> Result<u64, Error> {
    for (name, bytes) in [("a", &[0_u8; 8][..]), ("b", &[0; 2])] {
        writer.begin(name)?;
        writer.write(bytes)?;
    }
    writer.finish()
}

#[test]
fn a_file_that_is_there_is_only_lost_when_that_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("model.gguf");
    let late = create(&target, false).unwrap();
    std::fs::write(&target, "kept").unwrap();
    assert_eq!(create(&target, false).unwrap_err().code(), "weights.exists");
    assert_eq!(write(late).unwrap_err().code(), "weights.exists", "it came while the other was written");
    assert_eq!(std::fs::read(&target).unwrap(), b"kept");
    drop(create(&target, true).unwrap());
    assert_eq!(std::fs::read(&target).unwrap(), b"kept", "until the new one is whole");
    let len = write(create(&target, true).unwrap()).unwrap();
    assert_eq!(std::fs::metadata(&target).unwrap().len(), len);
    assert_eq!(entries(folder.path()), ["model.gguf"]);
}

#[test]
fn two_do_not_write_the_same_file() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("model.gguf");
    let first = create(&target, false).unwrap();
    assert_eq!(create(&target, false).unwrap_err().code(), "weights.busy");
    write(first).unwrap();
    // What a program left behind that was killed is in nobody's way.
    std::fs::write(folder.path().join("other.gguf.part"), "half").unwrap();
    write(create(&folder.path().join("other.gguf"), false).unwrap()).unwrap();
    assert_eq!(entries(folder.path()).len(), 2);
}

#[test]
fn a_place_that_cannot_be_written_has_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(create(&folder.path().join("none/model.gguf"), false).unwrap_err().code(), "weights.file");
    assert_eq!(create(folder.path(), false).unwrap_err().code(), "weights.exists");
    assert_eq!(create(Path::new("/"), true).unwrap_err().code(), "weights.file");
}
