//! Loops that compilers turn into vector instructions by themselves, to be compiled for each set of them.
//!
//! `M` is multiplication and addition: one instruction where there is one, two elsewhere, as [`f32::mul_add`] would be
//! a slow function there.
#![allow(
    clippy::inline_always,
    reason = "they are only fast as a part of a function for certain instructions"
)]

use super::BLOCK;

/// Sums that are kept apart, so that the additions need not wait for each other.
const LANES: usize = 32;

pub(super) trait MulAdd {
    fn mul_add(a: f32, b: f32, c: f32) -> f32;
}

/// One instruction.
pub(super) struct Fused;

/// Two instructions.
pub(super) struct Apart;

impl MulAdd for Fused {
    #[inline(always)]
    fn mul_add(a: f32, b: f32, c: f32) -> f32 {
        a.mul_add(b, c)
    }
}

impl MulAdd for Apart {
    #[inline(always)]
    fn mul_add(a: f32, b: f32, c: f32) -> f32 {
        a * b + c
    }
}

/// The product of two vectors, the first of which is widened number by number.
#[inline(always)]
pub(super) fn dot<M: MulAdd, const SIZE: usize>(
    row: &[u8],
    column: &[f32],
    widen: impl Fn([u8; SIZE]) -> f32,
) -> f32 {
    let (row, _) = row.as_chunks::<SIZE>();
    let ((rows, row_end), (columns, column_end)) = (row.as_chunks::<LANES>(), column.as_chunks::<LANES>());
    let mut sums = [0.0; LANES];
    for (row, column) in rows.iter().zip(columns) {
        for i in 0..LANES {
            sums[i] = M::mul_add(widen(row[i]), column[i], sums[i]);
        }
    }
    let mut sum = total(&sums);
    for (&number, &x) in row_end.iter().zip(column_end) {
        sum = M::mul_add(widen(number), x, sum);
    }
    sum
}

/// Sums of a column that are kept apart where several are taken at once: one or two registers of them. Compilers make
/// vectors of loops over so many, and of longer ones inside of others they do not.
const FEW: usize = 16;

/// Products of a row of 32-bit floats with columns, `N` at a time, so that each piece of the row is read once for them and
/// their sums do not wait for each other.
#[inline(always)]
pub(super) fn f32_times<M: MulAdd, const N: usize>(row: &[u8], columns: &[&[f32]], out: &mut [f32]) {
    let (many, few) = columns.as_chunks::<N>();
    let (out_many, out_few) = out.as_chunks_mut::<N>();
    for (columns, out) in many.iter().zip(out_many) {
        dots::<M, N>(row, columns, out);
    }
    // Four at once cost as much as one, as all wait for the row. Compilers make no such vectors of fewer.
    for (columns, out) in few.chunks(4).zip(out_few.chunks_mut(4)) {
        let filled = std::array::from_fn(|n| columns[n % columns.len()]);
        let mut products = [0.0; 4];
        dots::<M, 4>(row, &filled, &mut products);
        out.copy_from_slice(&products[..out.len()]);
    }
}

#[inline(always)]
fn dots<M: MulAdd, const N: usize>(row: &[u8], columns: &[&[f32]; N], out: &mut [f32; N]) {
    let (row, _) = row.as_chunks::<4>();
    let (rows, row_end) = row.as_chunks::<FEW>();
    // Cut to the same length, so that nothing needs to be looked at in the loop.
    let columns = columns.map(|column| &column[..row.len()]);
    let pieces = columns.map(|column| &column.as_chunks::<FEW>().0[..rows.len()]);
    let mut sums = [[0.0; FEW]; N];
    for (at, row) in rows.iter().enumerate() {
        for n in 0..N {
            let column = &pieces[n][at];
            for i in 0..FEW {
                sums[n][i] = M::mul_add(f32::from_le_bytes(row[i]), column[i], sums[n][i]);
            }
        }
    }
    for n in 0..N {
        let mut sum = total(&sums[n]);
        for (&number, &x) in row_end.iter().zip(&columns[n][rows.len() * FEW..]) {
            sum = M::mul_add(f32::from_le_bytes(number), x, sum);
        }
        out[n] = sum;
    }
}

#[inline(always)]
pub(super) fn total<const N: usize>(sums: &[f32; N]) -> f32 {
    let mut sums = *sums;
    let mut left = N;
    while left > 1 {
        left /= 2;
        for i in 0..left {
            sums[i] += sums[i + left];
        }
    }
    sums[0]
}

/// As `half` does it, but without asking each time what the processor has. Exact.
#[inline(always)]
pub(super) fn widen_f16(bits: u16) -> f32 {
    let magnitude = u32::from(bits & 0x7fff);
    // The exponent of a 16-bit float becomes that of a 32-bit one by a multiplication, which is right for subnormals too.
    let number = f32::from_bits(magnitude << 13) * f32::from_bits(0x7780_0000);
    let number = if magnitude >= 0x7c00 { f32::from_bits(magnitude << 13 | 0x7f80_0000) } else { number };
    f32::from_bits(number.to_bits() | u32::from(bits & 0x8000) << 16)
}

/// bfloat16 is the upper half of a 32-bit float.
#[inline(always)]
pub(super) fn widen_bf16([low, high]: [u8; 2]) -> f32 {
    f32::from_bits(u32::from(low) << 16 | u32::from(high) << 24)
}

/// As [`super::Kernels::round`].
#[inline(always)]
pub(super) fn round(numbers: &[f32], bytes: &mut [i8], scales: &mut [f32], sums: &mut [f32]) {
    let (numbers, bytes) = (numbers.as_chunks::<BLOCK>().0, bytes.as_chunks_mut::<BLOCK>().0);
    for (((numbers, bytes), scale), sum) in numbers.iter().zip(bytes).zip(scales).zip(sums) {
        let largest = numbers.iter().fold(0_f32, |largest, number| largest.max(number.abs()));
        let inverse = if largest > 0.0 { 127.0 / largest } else { 0.0 };
        let mut total = 0;
        for i in 0..BLOCK {
            let rounded = round_to_int(numbers[i] * inverse);
            bytes[i] = rounded as i8;
            // Where weights are damaged, what is rounded is no number.
            total = i32::wrapping_add(total, rounded);
        }
        *scale = largest / 127.0;
        *sum = *scale * total as f32;
    }
}

/// To the nearest integer, for magnitudes below 2^22: the sum with this constant has no bits left for a fraction.
#[inline(always)]
fn round_to_int(number: f32) -> i32 {
    const SHIFT: f32 = 12_582_912.0;
    ((number + SHIFT).to_bits() as i32).wrapping_sub(SHIFT.to_bits() as i32)
}

/// The exponential function, within a few units in the last place where the result is a normal number. After the usual
/// reduction to `2^n * e^r` with `|r| <= ln(2) / 2`, and the series of `e^r`.
#[inline(always)]
pub(super) fn exp<M: MulAdd>(x: f32) -> f32 {
    // ln(2) in two parts, so that the reduction is exact.
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let x = x.clamp(-87.0, 88.0);
    let n = round_to_int(x * std::f32::consts::LOG2_E);
    let r = M::mul_add(n as f32, -LN2_HIGH, x);
    let r = M::mul_add(n as f32, -LN2_LOW, r);
    let mut sum = 1.0 / 5040.0;
    for coefficient in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        sum = M::mul_add(sum, r, coefficient);
    }
    sum * f32::from_bits(((n + 127) as u32) << 23)
}

/// As [`super::Kernels::softmax`].
#[inline(always)]
pub(super) fn softmax<M: MulAdd>(scores: &mut [f32]) {
    let largest = {
        let (chunks, rest) = scores.as_chunks::<16>();
        let mut largest = [f32::NEG_INFINITY; 16];
        for chunk in chunks {
            for i in 0..16 {
                largest[i] = if chunk[i] > largest[i] { chunk[i] } else { largest[i] };
            }
        }
        largest.iter().chain(rest).copied().fold(f32::NEG_INFINITY, f32::max)
    };
    let (chunks, rest) = scores.as_chunks_mut::<16>();
    let mut sums = [0.0; 16];
    for chunk in chunks {
        for i in 0..16 {
            chunk[i] = exp::<M>(chunk[i] - largest);
            sums[i] += chunk[i];
        }
    }
    let mut sum = total(&sums);
    for score in rest {
        *score = exp::<M>(*score - largest);
        sum += *score;
    }
    let inverse = 1.0 / sum;
    for score in scores {
        *score *= inverse;
    }
}

/// As [`super::Kernels::silu`].
#[inline(always)]
pub(super) fn silu<M: MulAdd>(gate: &mut [f32], up: &[f32]) {
    for (gate, up) in gate.iter_mut().zip(up) {
        *gate = *gate / (1.0 + exp::<M>(-*gate)) * up;
    }
}

/// As [`super::Kernels::scores_f32`].
#[inline(always)]
pub(super) fn scores_f32<M: MulAdd>(query: &[f32], keys: &[f32], scores: &mut [f32]) {
    for (key, score) in keys.chunks_exact(query.len().max(1)).zip(scores) {
        *score = short_dot::<M>(query, |i| key[i]);
    }
}

/// As [`super::Kernels::gather_f32`].
#[inline(always)]
pub(super) fn gather_f32<M: MulAdd>(shares: &[f32], values: &[f32], sum: &mut [f32]) {
    for (value, &share) in values.chunks_exact(sum.len().max(1)).zip(shares) {
        for (sum, &number) in sum.iter_mut().zip(value) {
            *sum = M::mul_add(share, number, *sum);
        }
    }
}

/// As [`super::Kernels::scores_f16`].
#[inline(always)]
pub(super) fn scores_f16<M: MulAdd>(query: &[f32], keys: &[u16], scores: &mut [f32]) {
    for (key, score) in keys.chunks_exact(query.len().max(1)).zip(scores) {
        *score = short_dot::<M>(query, |i| widen_f16(key[i]));
    }
}

#[inline(always)]
fn short_dot<M: MulAdd>(query: &[f32], key: impl Fn(usize) -> f32) -> f32 {
    let (chunks, rest) = query.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for (at, chunk) in chunks.iter().enumerate() {
        for i in 0..8 {
            sums[i] = M::mul_add(chunk[i], key(at * 8 + i), sums[i]);
        }
    }
    let mut sum = total(&sums);
    for (i, &number) in rest.iter().enumerate() {
        sum = M::mul_add(number, key(chunks.len() * 8 + i), sum);
    }
    sum
}

/// As [`super::Kernels::gather_f16`].
#[inline(always)]
pub(super) fn gather_f16<M: MulAdd>(shares: &[f32], values: &[u16], sum: &mut [f32]) {
    for (value, &share) in values.chunks_exact(sum.len().max(1)).zip(shares) {
        for (sum, &number) in sum.iter_mut().zip(value) {
            *sum = M::mul_add(share, widen_f16(number), *sum);
        }
    }
}

/// As [`super::Kernels::scores_q8`].
#[inline(always)]
pub(super) fn scores_q8<M: MulAdd>(query: &[f32], keys: &[i8], scales: &[u16], scores: &mut [f32]) {
    let length = query.len().max(1);
    let keys = keys.chunks_exact(length).zip(scales.chunks_exact(super::scales_of(length)));
    for ((key, scales), score) in keys.zip(scores) {
        let blocks = query.chunks(BLOCK).zip(key.chunks(BLOCK)).zip(scales);
        *score = blocks
            .map(|((query, key), &scale)| widen_f16(scale) * short_dot::<M>(query, |i| f32::from(key[i])))
            .sum();
    }
}

/// As [`super::Kernels::gather_q8`].
#[inline(always)]
pub(super) fn gather_q8<M: MulAdd>(shares: &[f32], values: &[i8], scales: &[u16], sum: &mut [f32]) {
    let length = sum.len().max(1);
    let values = values.chunks_exact(length).zip(scales.chunks_exact(super::scales_of(length)));
    for ((value, scales), &share) in values.zip(shares) {
        for ((sum, value), &scale) in sum.chunks_mut(BLOCK).zip(value.chunks(BLOCK)).zip(scales) {
            let share = share * widen_f16(scale);
            for (sum, &number) in sum.iter_mut().zip(value) {
                *sum = M::mul_add(share, f32::from(number), *sum);
            }
        }
    }
}
