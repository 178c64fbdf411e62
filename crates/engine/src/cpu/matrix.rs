//! Weights as they lie in the file, and multiplication with them.

use weights::{Format, Tensor};

use super::pool::Pool;
use super::rounded::Rounded;
use super::simd::{self, COLUMNS, Kernels};
use crate::Error;
use crate::tensors::Tensors;

/// Parts that a thread gets of each multiplication on average: more than one, so that a thread that was held up does
/// not hold up the others.
const PARTS: usize = 4;

/// Multiplications of a part at least, some microseconds of them: less is not worth a thread's attention.
const LEAST: usize = 1 << 16;

/// What a multiplication works with. One for each model, as only one runs at a time.
#[derive(Debug)]
pub(crate) struct Workbench {
    pub(crate) pool: Pool,
    pub(crate) kernels: &'static Kernels,
    /// Whether quantized weights are multiplied with the activations as they are, which is slow, instead of with ones
    /// that are rounded to eight bits.
    pub(crate) exact: bool,
    rounded: Rounded,
    transposed: Vec<f32>,
}

impl Workbench {
    /// One that works on the thread that uses it, as exactly as it can.
    ///
    /// # Errors
    /// As [`Pool::new`].
    pub(crate) fn single() -> Result<Self, Error> {
        Ok(Self::new(Pool::new(1)?, simd::best(), true))
    }

    pub(crate) fn new(pool: Pool, kernels: &'static Kernels, exact: bool) -> Self {
        Self { pool, kernels, exact, rounded: Rounded::default(), transposed: Vec::new() }
    }
}

/// A matrix of weights.
#[derive(Debug, Clone)]
pub(crate) struct Matrix {
    tensor: Tensor,
}

/// A matrix by name.
pub(crate) fn matrix(
    tensors: &dyn Tensors,
    name: &str,
    rows: usize,
    columns: usize,
) -> Result<Matrix, Error> {
    Ok(Matrix::new(tensors.tensor(name, &[rows, columns])?))
}

impl Matrix {
    pub(crate) fn new(tensor: Tensor) -> Self {
        Self { tensor }
    }

    pub(crate) fn rows(&self) -> usize {
        self.tensor.rows()
    }

    pub(crate) fn columns(&self) -> usize {
        self.tensor.columns()
    }

    /// Bytes that are read for one multiplication.
    pub(crate) fn bytes(&self) -> usize {
        self.tensor.bytes().len()
    }

    /// One row as numbers.
    ///
    /// # Errors
    /// [`Error::Input`] where there is none.
    pub(crate) fn row(&self, row: u32, into: &mut [f32]) -> Result<(), Error> {
        let bytes = self.tensor.row(row as usize).ok_or_else(|| Error::Input {
            what: format!("token {row} of a vocabulary of {}", self.rows()),
        })?;
        self.tensor.format().widen(bytes, into);
        Ok(())
    }

    /// Multiplies vectors that lie one after the other; the results do so too.
    pub(crate) fn multiply(&self, bench: &mut Workbench, input: &[f32], out: &mut Vec<f32>) {
        let columns = self.columns().max(1);
        if self.is_quantized() && !bench.exact {
            bench.rounded.round(bench.kernels, input, columns);
        }
        let vectors: Vec<&[f32]> = input.chunks_exact(columns).collect();
        self.multiply_prepared(bench, &vectors, out);
    }

    /// The same with vectors that lie anywhere, of a matrix of floats, or exactly.
    pub(crate) fn multiply_each(&self, bench: &mut Workbench, vectors: &[&[f32]], out: &mut Vec<f32>) {
        if self.is_quantized() && !bench.exact {
            return self.multiply(bench, &vectors.concat(), out);
        }
        self.multiply_prepared(bench, vectors, out);
    }

    fn is_quantized(&self) -> bool {
        matches!(self.tensor.format(), Format::Q4_0 | Format::Q8_0 | Format::Q4K)
    }

    /// Multiplies vectors that are rounded already where that is to be.
    fn multiply_prepared(&self, bench: &mut Workbench, vectors: &[&[f32]], out: &mut Vec<f32>) {
        let (rows, columns, count) = (self.rows(), self.columns(), vectors.len());
        let quantized = self.is_quantized();
        let Workbench { pool, kernels, exact, rounded, transposed } = bench;
        let format = self.tensor.format();
        let rounded = &*rounded;
        // The results of a row lie together, so that the rows can be shared out.
        let product = |row: &[u8], wide: &mut Vec<f32>, out: &mut [f32]| {
            if quantized && !*exact {
                let times = match format {
                    Format::Q4_0 => kernels.q4_0,
                    Format::Q8_0 => kernels.q8_0,
                    _ => kernels.q4_k,
                };
                for (at, out) in out.chunks_mut(COLUMNS).enumerate() {
                    times(row, &rounded.columns(at * COLUMNS, out.len()), out);
                }
                return;
            }
            match format {
                Format::F32 => (kernels.f32)(row, vectors, out),
                Format::F16 => (kernels.f16)(row, vectors, out),
                Format::Bf16 => (kernels.bf16)(row, vectors, out),
                Format::Q4_0 | Format::Q8_0 | Format::Q4K => {
                    wide.resize(columns, 0.0);
                    format.widen(row, wide);
                    for (out, vector) in out.iter_mut().zip(vectors) {
                        *out = wide.iter().zip(*vector).map(|(a, b)| a * b).sum();
                    }
                }
            }
        };
        let part = rows.div_ceil(pool.threads() * PARTS).max(LEAST.div_ceil(columns.max(1) * count.max(1)));
        let fill = |part_number: usize, out: &mut [f32]| {
            let mut wide = Vec::new();
            for (row, out) in (part_number * part..).zip(out.chunks_exact_mut(count)) {
                if let Some(row) = self.tensor.row(row) {
                    product(row, &mut wide, out);
                }
            }
        };
        out.resize(rows * count, 0.0);
        if count == 1 {
            pool.fill(out, part, fill);
        } else if count > 1 {
            transposed.resize(rows * count, 0.0);
            pool.fill(transposed, part * count, fill);
            let transposed = &*transposed;
            pool.fill(out, rows, |vector, out| {
                for (number, numbers) in out.iter_mut().zip(transposed.chunks_exact(count)) {
                    *number = numbers[vector];
                }
            });
        }
    }
}
