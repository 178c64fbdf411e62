//! How fast each set of instructions gets through weights, beside how fast one thread can read them.

use std::time::Instant;

use weights::{Format, Tensor};

use super::{BANDWIDTH_RUNS, read};
use crate::Error;
use crate::cpu::kernels::{Cache, CacheFormat, Matrix, Pool, View, Workbench, all};

/// Extent of the matrices: those of Moshi 7B.
const EXTENT: usize = 4096;

/// Bytes of weights that are gone through, many times what caches hold.
const BYTES: usize = 512 << 20;

/// Steps that attention sees.
const STEPS: usize = 3000;

/// What was measured, with one thread.
#[derive(Debug, Clone, PartialEq)]
pub struct KernelFigures {
    /// The instructions.
    pub instructions: &'static str,
    /// What they went through.
    pub what: String,
    /// Bytes in a second.
    pub bandwidth: f64,
    /// The time, by the time of reading as many bytes.
    pub ratio: f64,
}

/// Measures all sets of instructions that this machine has and whose names have `wanted` in them. Returns what one thread reads in a second, too.
///
/// # Errors
/// [`Error::Thread`] where the system has no threads left.
pub fn kernels(wanted: &str) -> Result<(f64, Vec<KernelFigures>), Error> {
    let numbers: Vec<u64> = (0..BYTES as u64 / 8).collect();
    let reads = (0..BANDWIDTH_RUNS).map(|_| {
        let began = Instant::now();
        std::hint::black_box(read(&numbers));
        BYTES as f64 / began.elapsed().as_secs_f64()
    });
    let fastest = reads.fold(0.0, f64::max);
    let mut figures = Vec::new();
    for kernels in all().into_iter().filter(|kernels| kernels.name.contains(wanted)) {
        let mut bench = Workbench::new(Pool::new(1)?, kernels, false);
        let mut add = |what: String, bytes: usize, work: &mut dyn FnMut(&mut Workbench)| {
            let runs = (0..3).map(|_| {
                let began = Instant::now();
                work(&mut bench);
                bytes as f64 / began.elapsed().as_secs_f64()
            });
            let bandwidth = runs.fold(0.0, f64::max);
            figures.push(KernelFigures {
                instructions: kernels.name,
                what,
                bandwidth,
                ratio: fastest / bandwidth,
            });
        };
        for format in Format::ALL {
            let matrices = matrices(format, &numbers);
            let bytes = matrices.iter().map(Matrix::bytes).sum();
            for columns in [1, 8] {
                let (input, mut out) = (vec![0.5; columns * EXTENT], Vec::new());
                add(format!("{} x {columns}", format.name()), bytes, &mut |bench| {
                    matrices.iter().for_each(|matrix| matrix.multiply(bench, &input, &mut out));
                });
            }
        }
        for format in [CacheFormat::F16, CacheFormat::Q8] {
            let (heads, width) = (32, 128);
            let mut caches: Vec<_> = (0..4).map(|_| Cache::new(format, heads, width, STEPS)).collect();
            caches.iter_mut().for_each(|cache| cache.make_up(kernels, 0..STEPS));
            let bytes = caches.len() * STEPS * heads * 2 * format.bytes(width);
            let views = [View { position: STEPS as u64 - 1, window: STEPS }];
            let (query, mut out, mut scratch) =
                (vec![0.1; heads * width], vec![0.0; heads * width], Vec::new());
            add(format!("attention, {}", format.name()), bytes, &mut |bench| {
                for cache in &caches {
                    cache.attend(bench.kernels, &mut bench.pool, &views, &query, &mut out, &mut scratch);
                }
            });
        }
    }
    Ok((fastest, figures))
}

/// As many matrices as there are bytes for.
fn matrices(format: Format, numbers: &[u64]) -> Vec<Matrix> {
    let shape = vec![EXTENT, EXTENT];
    let size = format.tensor_bytes(&shape).unwrap_or(1);
    // What the numbers mean does not matter, as long as none is infinite.
    let bytes =
        || numbers.iter().take(size / 8).flat_map(|number| (number & 0x0f0f_0f0f_0f0f_0f0f).to_le_bytes());
    (0..BYTES / size)
        .filter_map(|_| Tensor::new(format, shape.clone(), bytes().collect::<Vec<u8>>().into()))
        .map(Matrix::new)
        .collect()
}
