//! Activations in eight bits, for weights that are quantized themselves: integers multiply several times faster.

use super::simd::{BLOCK, Kernels};

/// Columns of numbers that were rounded in blocks of [`BLOCK`], each to the nearest multiple of a 127th of its largest
/// magnitude.
#[derive(Debug, Default)]
pub(crate) struct Rounded {
    length: usize,
    bytes: Vec<i8>,
    scales: Vec<f32>,
    sums: Vec<f32>,
}

/// Some of the columns.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Columns<'a> {
    rounded: &'a Rounded,
    first: usize,
    count: usize,
}

/// One column.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column<'a> {
    /// The rounded numbers.
    pub(crate) bytes: &'a [i8],
    /// What each block's bytes are multiplied with.
    pub(crate) scales: &'a [f32],
    /// The sum of each block's numbers after rounding.
    pub(crate) sums: &'a [f32],
}

impl Rounded {
    /// Rounds columns of `length` numbers, which is a multiple of [`BLOCK`].
    pub(crate) fn round(&mut self, kernels: &Kernels, numbers: &[f32], length: usize) {
        debug_assert!(length.is_multiple_of(BLOCK) && numbers.len().is_multiple_of(length));
        self.length = length;
        self.bytes.resize(numbers.len(), 0);
        self.scales.resize(numbers.len() / BLOCK, 0.0);
        self.sums.resize(numbers.len() / BLOCK, 0.0);
        (kernels.round)(numbers, &mut self.bytes, &mut self.scales, &mut self.sums);
    }

    /// `count` columns from `first` on.
    pub(crate) fn columns(&self, first: usize, count: usize) -> Columns<'_> {
        Columns { rounded: self, first, count }
    }
}

impl<'a> Columns<'a> {
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Panics where it is not there.
    #[allow(clippy::indexing_slicing, reason = "columns are counted by whoever rounded them")]
    pub(crate) fn column(&self, i: usize) -> Column<'a> {
        let Rounded { length, bytes, scales, sums } = self.rounded;
        let (at, blocks) = ((self.first + i) * length, length / BLOCK);
        let block = at / BLOCK;
        Column {
            bytes: &bytes[at..at + length],
            scales: &scales[block..block + blocks],
            sums: &sums[block..block + blocks],
        }
    }
}
