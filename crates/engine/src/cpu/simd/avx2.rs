//! For x86-64 processors since 2013: AVX2, FMA and F16C.
#![allow(
    unsafe_code,
    reason = "functions for instructions whose presence was looked at, and loads by pointer"
)]

use std::arch::x86_64::*;

use super::lanes::{self, Fused};
use super::portable::times;
use super::x86::{here, lanes_for, table};
use super::{BLOCK, Kernels};
use crate::cpu::rounded::{Column, Columns};

/// Whether this processor has them.
pub(super) fn is_there() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c")
}

pub(super) static KERNELS: Kernels = table!("AVX2");

lanes_for!("avx2,fma,f16c", 4);

#[target_feature(enable = "avx2,fma,f16c")]
fn f16_row(row: &[u8], columns: &[&[f32]], out: &mut [f32]) {
    let (row, _) = row.as_chunks::<2>();
    for (column, out) in columns.iter().zip(out) {
        let ((rows, row_end), (columns, column_end)) = (row.as_chunks::<16>(), column.as_chunks::<16>());
        let (mut low, mut high) = (_mm256_setzero_ps(), _mm256_setzero_ps());
        for (row, column) in rows.iter().zip(columns) {
            // SAFETY: there are 16 numbers of each.
            unsafe {
                let halves = row.as_ptr().cast::<__m128i>();
                let x = column.as_ptr();
                low = _mm256_fmadd_ps(_mm256_cvtph_ps(_mm_loadu_si128(halves)), _mm256_loadu_ps(x), low);
                let second = _mm256_cvtph_ps(_mm_loadu_si128(halves.add(1)));
                high = _mm256_fmadd_ps(second, _mm256_loadu_ps(x.add(8)), high);
            }
        }
        let rest = row_end.iter().zip(column_end);
        let rest: f32 = rest.map(|(&bytes, x)| lanes::widen_f16(u16::from_le_bytes(bytes)) * x).sum();
        *out = total(_mm256_add_ps(low, high)) + rest;
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn to_f16(numbers: &[f32], halves: &mut [u16]) {
    let ((numbers, number_end), (halves, half_end)) = (numbers.as_chunks::<8>(), halves.as_chunks_mut::<8>());
    for (numbers, halves) in numbers.iter().zip(halves) {
        // SAFETY: there are eight numbers of each.
        unsafe {
            let rounded = _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(_mm256_loadu_ps(numbers.as_ptr()));
            _mm_storeu_si128(halves.as_mut_ptr().cast(), rounded);
        }
    }
    for (half, &number) in half_end.iter_mut().zip(number_end) {
        *half = half::f16::from_f32(number).to_bits();
    }
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn total(sums: __m256) -> f32 {
    let half = _mm_add_ps(_mm256_castps256_ps128(sums), _mm256_extractf128_ps::<1>(sums));
    let quarter = _mm_add_ps(half, _mm_movehl_ps(half, half));
    _mm_cvtss_f32(_mm_add_ss(quarter, _mm_shuffle_ps::<1>(quarter, quarter)))
}

/// Unsigned bytes times signed ones, in sums of four.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn products(unsigned: __m256i, signed: __m256i) -> __m256 {
    let pairs = _mm256_maddubs_epi16(unsigned, signed);
    _mm256_cvtepi32_ps(_mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn block_of(column: Column<'_>, block: usize) -> __m256i {
    let bytes = &column.bytes[block * BLOCK..][..BLOCK];
    // SAFETY: these are 32 bytes.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn load(bytes: &[u8; 32]) -> __m256i {
    // SAFETY: these are 32 bytes.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

/// A 16-bit float.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn widen_f16(bits: u16) -> f32 {
    _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(i32::from(bits))))
}

#[target_feature(enable = "avx2,fma,f16c")]
fn q8_0(row: &[u8], columns: &Columns<'_>, out: &mut [f32]) {
    let (blocks, _) = row.as_chunks::<34>();
    for (i, out) in out.iter_mut().enumerate().take(columns.len()) {
        let column = columns.column(i);
        let mut sum = _mm256_setzero_ps();
        for (block, bytes) in blocks.iter().enumerate() {
            let Some((&[low, high], weights)) = bytes.split_first_chunk::<2>() else { continue };
            let Some(weights) = weights.first_chunk::<32>() else { continue };
            let (weights, numbers) = (load(weights), block_of(column, block));
            // Both are signed: the sign of the one goes to the other.
            let product = products(_mm256_abs_epi8(weights), _mm256_sign_epi8(numbers, weights));
            let scale = widen_f16(u16::from_le_bytes([low, high])) * column.scales[block];
            sum = _mm256_fmadd_ps(_mm256_set1_ps(scale), product, sum);
        }
        *out = total(sum);
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
fn q4_0(row: &[u8], columns: &Columns<'_>, out: &mut [f32]) {
    let (blocks, _) = row.as_chunks::<18>();
    let nibble = _mm256_set1_epi8(15);
    for (i, out) in out.iter_mut().enumerate().take(columns.len()) {
        let column = columns.column(i);
        let (mut sum, mut zero) = (_mm256_setzero_ps(), 0.0);
        for (block, bytes) in blocks.iter().enumerate() {
            let Some((&[low, high], nibbles)) = bytes.split_first_chunk::<2>() else { continue };
            let Some(nibbles) = nibbles.first_chunk::<16>() else { continue };
            // SAFETY: these are 16 bytes.
            let nibbles = unsafe { _mm_loadu_si128(nibbles.as_ptr().cast()) };
            // The low nibbles are the first half of the block.
            let both = _mm256_set_m128i(_mm_srli_epi16::<4>(nibbles), nibbles);
            let scale = widen_f16(u16::from_le_bytes([low, high]));
            let product = products(_mm256_and_si256(both, nibble), block_of(column, block));
            sum = _mm256_fmadd_ps(_mm256_set1_ps(scale * column.scales[block]), product, sum);
            // What 8 stands for is zero.
            zero += 8.0 * scale * column.sums[block];
        }
        *out = total(sum) - zero;
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
fn q4_k(row: &[u8], columns: &Columns<'_>, out: &mut [f32]) {
    let count = columns.len();
    let mut done = 0;
    while done < count {
        let left = count - done;
        let out = &mut out[done..];
        done += if left >= 4 {
            q4_k_of::<4>(row, std::array::from_fn(|i| columns.column(done + i)), out)
        } else if left >= 2 {
            q4_k_of::<2>(row, std::array::from_fn(|i| columns.column(done + i)), out)
        } else {
            q4_k_of::<1>(row, [columns.column(done)], out)
        };
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
fn q4_k_of<const N: usize>(row: &[u8], columns: [Column<'_>; N], out: &mut [f32]) -> usize {
    let nibble = _mm256_set1_epi8(15);
    let (mut sums, mut zeros) = ([_mm256_setzero_ps(); N], [_mm256_setzero_ps(); N]);
    for (at, block) in row.as_chunks::<144>().0.iter().enumerate() {
        let (scales, least) = scales_of_q4_k(block);
        let mut factors = [[0.0; 8]; N];
        for (i, column) in columns.iter().enumerate() {
            let (of_column, sums) = (&column.scales[at * 8..][..8], &column.sums[at * 8..][..8]);
            // SAFETY: these are eight numbers each.
            unsafe {
                let of_column = _mm256_loadu_ps(of_column.as_ptr());
                _mm256_storeu_ps(factors[i].as_mut_ptr(), _mm256_mul_ps(scales, of_column));
                zeros[i] = _mm256_fmadd_ps(least, _mm256_loadu_ps(sums.as_ptr()), zeros[i]);
            }
        }
        for (pair, nibbles) in block[16..].as_chunks::<32>().0.iter().enumerate() {
            let nibbles = load(nibbles);
            let low = _mm256_and_si256(nibbles, nibble);
            let high = _mm256_and_si256(_mm256_srli_epi16::<4>(nibbles), nibble);
            for (i, column) in columns.iter().enumerate() {
                let (first, second) = (pair * 2, pair * 2 + 1);
                let product = products(low, block_of(*column, at * 8 + first));
                sums[i] = _mm256_fmadd_ps(_mm256_set1_ps(factors[i][first]), product, sums[i]);
                let product = products(high, block_of(*column, at * 8 + second));
                sums[i] = _mm256_fmadd_ps(_mm256_set1_ps(factors[i][second]), product, sums[i]);
            }
        }
    }
    for i in 0..N {
        out[i] = total(_mm256_sub_ps(sums[i], zeros[i]));
    }
    N
}

/// What the eight sub-blocks of a block are multiplied with, and what is subtracted: six bits for each, packed so that
/// the last four of both lend their upper bits to the first four (ggml's `get_scale_min_k4`).
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn scales_of_q4_k(block: &[u8; 144]) -> (__m256, __m256) {
    let word = |at: usize| u32::from_le_bytes([block[at], block[at + 1], block[at + 2], block[at + 3]]);
    let (a, b, c) = (word(4), word(8), word(12));
    let scales = u64::from(c & 0x0f0f_0f0f | (a >> 6 & 0x0303_0303) << 4) << 32 | u64::from(a & 0x3f3f_3f3f);
    let least =
        u64::from(c >> 4 & 0x0f0f_0f0f | (b >> 6 & 0x0303_0303) << 4) << 32 | u64::from(b & 0x3f3f_3f3f);
    let both = _mm_set_epi64x(least as i64, scales as i64);
    let scales = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(both));
    let least = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_unpackhi_epi64(both, both)));
    // The two 16-bit floats in front.
    let of_block = _mm_cvtph_ps(_mm_cvtsi32_si128(word(0) as i32));
    let of_least = _mm_shuffle_ps::<1>(of_block, of_block);
    (
        _mm256_mul_ps(_mm256_broadcastss_ps(of_block), scales),
        _mm256_mul_ps(_mm256_broadcastss_ps(of_least), least),
    )
}

#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn scores_f16(query: &[f32], keys: &[u16], scores: &mut [f32]) {
    if !query.len().is_multiple_of(8) || query.is_empty() {
        return lanes::scores_f16::<Fused>(query, keys, scores);
    }
    for (key, score) in keys.chunks_exact(query.len()).zip(scores) {
        let mut sum = _mm256_setzero_ps();
        for (key, query) in key.as_chunks::<8>().0.iter().zip(query.as_chunks::<8>().0) {
            // SAFETY: there are eight numbers of each.
            unsafe {
                let key = _mm256_cvtph_ps(_mm_loadu_si128(key.as_ptr().cast()));
                sum = _mm256_fmadd_ps(key, _mm256_loadu_ps(query.as_ptr()), sum);
            }
        }
        *score = total(sum);
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn gather_f16(shares: &[f32], values: &[u16], sum: &mut [f32]) {
    if !sum.len().is_multiple_of(8) || sum.is_empty() {
        return lanes::gather_f16::<Fused>(shares, values, sum);
    }
    for (value, &share) in values.chunks_exact(sum.len()).zip(shares) {
        let share = _mm256_set1_ps(share);
        for (value, sum) in value.as_chunks::<8>().0.iter().zip(sum.as_chunks_mut::<8>().0) {
            // SAFETY: there are eight numbers of each.
            unsafe {
                let value = _mm256_cvtph_ps(_mm_loadu_si128(value.as_ptr().cast()));
                let old = _mm256_loadu_ps(sum.as_ptr());
                _mm256_storeu_ps(sum.as_mut_ptr(), _mm256_fmadd_ps(share, value, old));
            }
        }
    }
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn widen(bytes: &[i8; 8]) -> __m256 {
    // SAFETY: these are eight bytes.
    let bytes = unsafe { _mm_loadl_epi64(bytes.as_ptr().cast()) };
    _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes))
}

#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn scores_q8(query: &[f32], keys: &[i8], scales: &[u16], scores: &mut [f32]) {
    let length = query.len();
    if !length.is_multiple_of(BLOCK) || length == 0 {
        return lanes::scores_q8::<Fused>(query, keys, scales, scores);
    }
    let keys = keys.chunks_exact(length).zip(scales.chunks_exact(length / BLOCK));
    for ((key, scales), score) in keys.zip(scores) {
        let mut sum = _mm256_setzero_ps();
        let blocks = key.as_chunks::<BLOCK>().0.iter().zip(query.as_chunks::<BLOCK>().0);
        for ((key, query), &scale) in blocks.zip(scales) {
            let mut of_block = _mm256_setzero_ps();
            for (key, query) in key.as_chunks::<8>().0.iter().zip(query.as_chunks::<8>().0) {
                // SAFETY: these are eight numbers.
                let query = unsafe { _mm256_loadu_ps(query.as_ptr()) };
                of_block = _mm256_fmadd_ps(widen(key), query, of_block);
            }
            sum = _mm256_fmadd_ps(_mm256_set1_ps(widen_f16(scale)), of_block, sum);
        }
        *score = total(sum);
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn gather_q8(shares: &[f32], values: &[i8], scales: &[u16], sum: &mut [f32]) {
    let length = sum.len();
    if !length.is_multiple_of(BLOCK) || length == 0 {
        return lanes::gather_q8::<Fused>(shares, values, scales, sum);
    }
    let values = values.chunks_exact(length).zip(scales.chunks_exact(length / BLOCK));
    for ((value, scales), &share) in values.zip(shares) {
        let blocks = value.as_chunks::<BLOCK>().0.iter().zip(sum.as_chunks_mut::<BLOCK>().0);
        for ((value, sum), &scale) in blocks.zip(scales) {
            let share = _mm256_set1_ps(share * widen_f16(scale));
            for (value, sum) in value.as_chunks::<8>().0.iter().zip(sum.as_chunks_mut::<8>().0) {
                // SAFETY: these are eight numbers.
                unsafe {
                    let old = _mm256_loadu_ps(sum.as_ptr());
                    _mm256_storeu_ps(sum.as_mut_ptr(), _mm256_fmadd_ps(share, widen(value), old));
                }
            }
        }
    }
}
