//! candle's reader of GGUF files.

use std::io::Cursor;

use candle_core::Device;
use candle_core::quantized::gguf_file;

/// All tensors of a GGUF file as candle reads them, in the order of their names.
pub(crate) fn by_candle(bytes: &[u8]) -> Vec<(String, Vec<usize>, Vec<f32>)> {
    let mut bytes = Cursor::new(bytes);
    let content = gguf_file::Content::read(&mut bytes).unwrap();
    let read = |name: &String| {
        let tensor = content.tensor(&mut bytes, name, &Device::Cpu).unwrap();
        let numbers = tensor.dequantize(&Device::Cpu).unwrap().flatten_all().unwrap().to_vec1();
        (name.clone(), tensor.shape().dims().to_vec(), numbers.unwrap())
    };
    let mut all: Vec<_> = content.tensor_infos.keys().map(read).collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}
