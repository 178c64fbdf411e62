//! The inner loops, once for each set of instructions that processors have. Which set there is, is found out when the
//! program runs, so that one build is fast everywhere.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod lanes;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

use super::rounded::Columns;

/// Activation columns that the multiplication of a row takes at once.
pub(crate) const COLUMNS: usize = 8;

/// Numbers in a block of rounded activations.
pub(crate) const BLOCK: usize = 32;

/// The product of one row of weights, in the bytes of its format, with each of up to [`COLUMNS`] columns of numbers.
pub(crate) type RowTimesFloats = fn(row: &[u8], columns: &[&[f32]], out: &mut [f32]);

/// The same with columns that were rounded to eight bits.
pub(crate) type RowTimesRounded = fn(row: &[u8], columns: &Columns<'_>, out: &mut [f32]);

/// Rounding of blocks of [`BLOCK`] numbers.
pub(crate) type Round = fn(numbers: &[f32], bytes: &mut [i8], scales: &mut [f32], sums: &mut [f32]);

/// A query or shares, vectors of bytes, and the scales of their blocks.
pub(crate) type WithBytes = fn(with: &[f32], bytes: &[i8], scales: &[u16], out: &mut [f32]);

/// The inner loops for one set of instructions.
pub(crate) struct Kernels {
    /// Name of the instructions.
    pub(crate) name: &'static str,
    pub(crate) f32: RowTimesFloats,
    pub(crate) f16: RowTimesFloats,
    pub(crate) bf16: RowTimesFloats,
    pub(crate) q4_0: RowTimesRounded,
    pub(crate) q8_0: RowTimesRounded,
    pub(crate) q4_k: RowTimesRounded,
    /// Rounds blocks of [`BLOCK`] numbers: to bytes, with a scale for each, and the sum of each times its scale.
    pub(crate) round: Round,
    /// Products of a query with each key.
    pub(crate) scores_f32: fn(query: &[f32], keys: &[f32], scores: &mut [f32]),
    /// Adds values, each times its share.
    pub(crate) gather_f32: fn(shares: &[f32], values: &[f32], sum: &mut [f32]),
    /// Products of a query with each key: `keys` holds as many numbers in 16 bits for each score as the query has.
    pub(crate) scores_f16: fn(query: &[f32], keys: &[u16], scores: &mut [f32]),
    /// Adds values in 16 bits, each times its share.
    pub(crate) gather_f16: fn(shares: &[f32], values: &[u16], sum: &mut [f32]),
    /// Products of a query with keys of eight bits; each block of a key has a scale in 16 bits.
    pub(crate) scores_q8: WithBytes,
    /// Adds values in eight bits, each times its share.
    pub(crate) gather_q8: WithBytes,
    /// Turns scores into shares of one. There has to be a finite one.
    pub(crate) softmax: fn(scores: &mut [f32]),
    /// Numbers into 16 bits.
    pub(crate) to_f16: fn(numbers: &[f32], halves: &mut [u16]),
    /// `gate` becomes SiLU of itself times `up`.
    pub(crate) silu: fn(gate: &mut [f32], up: &[f32]),
}

impl std::fmt::Debug for Kernels {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Kernels").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Scale blocks of a cached vector of so many numbers: each block of [`BLOCK`] has one, a shorter vector has one.
pub(crate) fn scales_of(numbers: usize) -> usize {
    numbers.div_ceil(BLOCK)
}

/// The fastest that this processor has.
pub(crate) fn best() -> &'static Kernels {
    all().first().copied().unwrap_or(&portable::KERNELS)
}

/// All that this processor has, the fastest first.
pub(crate) fn all() -> Vec<&'static Kernels> {
    let mut all = Vec::new();
    #[cfg(target_arch = "x86_64")]
    {
        if avx512::is_there() {
            all.push(&avx512::KERNELS);
        }
        if avx2::is_there() {
            all.push(&avx2::KERNELS);
        }
    }
    #[cfg(target_arch = "aarch64")]
    all.push(&neon::KERNELS);
    all.push(&portable::KERNELS);
    all
}

#[cfg(test)]
mod tests;
