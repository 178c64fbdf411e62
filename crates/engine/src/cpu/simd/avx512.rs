//! For x86-64 processors with 512-bit vectors and products of bytes: AVX-512 F, BW, DQ, VL and VNNI.
#![allow(
    unsafe_code,
    reason = "functions for instructions whose presence was looked at, and loads by pointer"
)]

use std::arch::x86_64::*;

use super::avx2::{self, to_f16};
use super::lanes::{self, Fused};
use super::portable::times;
use super::x86::{here, lanes_for, table};
use super::{BLOCK, Kernels};
use crate::cpu::rounded::{Column, Columns};

/// Whether this processor has them.
pub(super) fn is_there() -> bool {
    avx2::is_there()
        && is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512vnni")
}

pub(super) static KERNELS: Kernels = table!("AVX-512");

lanes_for!("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c", 8);

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
fn f16_row(row: &[u8], columns: &[&[f32]], out: &mut [f32]) {
    let (row, _) = row.as_chunks::<2>();
    for (column, out) in columns.iter().zip(out) {
        let ((rows, row_end), (columns, column_end)) = (row.as_chunks::<32>(), column.as_chunks::<32>());
        let (mut low, mut high) = (_mm512_setzero_ps(), _mm512_setzero_ps());
        for (row, column) in rows.iter().zip(columns) {
            // SAFETY: there are 32 numbers of each.
            unsafe {
                let (halves, x) = (row.as_ptr().cast::<__m256i>(), column.as_ptr());
                low = _mm512_fmadd_ps(_mm512_cvtph_ps(_mm256_loadu_si256(halves)), _mm512_loadu_ps(x), low);
                let second = _mm512_cvtph_ps(_mm256_loadu_si256(halves.add(1)));
                high = _mm512_fmadd_ps(second, _mm512_loadu_ps(x.add(16)), high);
            }
        }
        let rest = row_end.iter().zip(column_end);
        let rest: f32 = rest.map(|(&bytes, x)| lanes::widen_f16(u16::from_le_bytes(bytes)) * x).sum();
        *out = _mm512_reduce_add_ps(_mm512_add_ps(low, high)) + rest;
    }
}

/// Eight blocks of [`BLOCK`] weights as unsigned numbers, two in each vector, what each block is multiplied with, and
/// what is subtracted for each unit of its activations.
struct Eight {
    weights: [__m512i; 4],
    scales: __m256,
    least: __m256,
}

/// Formats of quantized weights, as constants that functions are compiled for.
const Q4_0: usize = 0;
const Q8_0: usize = 1;
const Q4_K: usize = 2;

/// Bytes that weights are asked for before they are needed.
const AHEAD: usize = 3072;

/// Bytes of eight blocks in each format.
const SIZES: [usize; 3] = [8 * 18, 8 * 34, 144];

/// Products of a row with columns: all that is whole in groups of eight blocks, and then the rest, which is copied and
/// filled up with blocks whose activations are zero.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
fn row_times<const FORMAT: usize>(row: &[u8], columns: &Columns<'_>, out: &mut [f32]) {
    let count = columns.len();
    let mut done = 0;
    while done < count {
        let left = count - done;
        let out = &mut out[done..];
        done += if left >= 4 {
            row_times_some::<FORMAT, 4>(row, std::array::from_fn(|i| columns.column(done + i)), out)
        } else if left >= 2 {
            row_times_some::<FORMAT, 2>(row, std::array::from_fn(|i| columns.column(done + i)), out)
        } else {
            row_times_some::<FORMAT, 1>(row, [columns.column(done)], out)
        };
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
fn row_times_some<const FORMAT: usize, const N: usize>(
    row: &[u8],
    columns: [Column<'_>; N],
    out: &mut [f32],
) -> usize {
    let (mut sums, mut zeros) = ([_mm512_setzero_ps(); N], [_mm256_setzero_ps(); N]);
    let groups = row.chunks_exact(SIZES[FORMAT]);
    let rest = groups.remainder();
    let whole = row.len() / SIZES[FORMAT];
    // Looked at once, so that nothing needs to be looked at in the loop, which can be unrolled then.
    for column in &columns {
        assert!(column.bytes.len() >= 8 * BLOCK * whole, "a column is as long as the row");
        assert!(column.scales.len() >= 8 * whole && column.sums.len() >= 8 * whole, "and has its scales");
    }
    let starts = columns.map(|column| (column.bytes.as_ptr(), column.scales.as_ptr(), column.sums.as_ptr()));
    for (at, bytes) in groups.enumerate() {
        // Weights come from memory, which is asked for them ahead: what the processor itself does ends at every page.
        let ahead = bytes.as_ptr().wrapping_add(AHEAD);
        _mm_prefetch::<_MM_HINT_T0>(ahead.cast());
        _mm_prefetch::<_MM_HINT_T0>(ahead.wrapping_add(64).cast());
        _mm_prefetch::<_MM_HINT_T0>(ahead.wrapping_add(128).cast());
        let eight = unpack::<FORMAT>(bytes);
        for i in 0..N {
            let (bytes, scales, of_blocks) = starts[i];
            // SAFETY: there are so many groups of 256 bytes and eight numbers each.
            unsafe {
                let (bytes, scales) = (bytes.add(8 * BLOCK * at), scales.add(8 * at));
                let of_blocks = of_blocks.add(8 * at);
                if N == 1 {
                    add::<true>(&eight, bytes, scales, of_blocks, &mut sums[i], &mut zeros[i]);
                } else {
                    add::<false>(&eight, bytes, scales, of_blocks, &mut sums[i], &mut zeros[i]);
                }
            }
        }
    }
    if !rest.is_empty() {
        let mut filled = [0; 272];
        filled[..rest.len()].copy_from_slice(rest);
        let eight = unpack::<FORMAT>(&filled[..SIZES[FORMAT]]);
        for (i, column) in columns.iter().enumerate() {
            let (mut bytes, mut scales, mut of_blocks) = ([0; 256], [0.0; 8], [0.0; 8]);
            let (of_bytes, of_scales) = (&column.bytes[whole * 8 * BLOCK..], &column.scales[whole * 8..]);
            bytes[..of_bytes.len()].copy_from_slice(of_bytes);
            scales[..of_scales.len()].copy_from_slice(of_scales);
            of_blocks[..of_scales.len()].copy_from_slice(&column.sums[whole * 8..]);
            // SAFETY: these are 256 bytes and eight numbers each.
            unsafe {
                add::<false>(
                    &eight,
                    bytes.as_ptr(),
                    scales.as_ptr(),
                    of_blocks.as_ptr(),
                    &mut sums[i],
                    &mut zeros[i],
                );
            };
        }
    }
    for i in 0..N {
        let zero = _mm512_insertf32x8::<0>(_mm512_setzero_ps(), zeros[i]);
        out[i] = _mm512_reduce_add_ps(_mm512_sub_ps(sums[i], zero));
    }
    N
}

/// Adds the products of eight blocks, of one column `ALONE` or of several in turn.
///
/// # Safety
/// There are 256 bytes, and eight numbers of each kind.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
unsafe fn add<const ALONE: bool>(
    eight: &Eight,
    bytes: *const i8,
    scales: *const f32,
    of_blocks: *const f32,
    sums: &mut __m512,
    zeros: &mut __m256,
) {
    // SAFETY: as promised by the caller.
    let (scales, of_blocks) = unsafe { (_mm256_loadu_ps(scales), _mm256_loadu_ps(of_blocks)) };
    let factors = _mm512_castps256_ps512(_mm256_mul_ps(eight.scales, scales));
    *zeros = _mm256_fmadd_ps(eight.least, of_blocks, *zeros);
    let products = |pair: usize| {
        // SAFETY: as promised by the caller.
        let numbers = unsafe { _mm512_loadu_si512(bytes.add(64 * pair).cast()) };
        _mm512_cvtepi32_ps(_mm512_dpbusd_epi32(_mm512_setzero_si512(), eight.weights[pair], numbers))
    };
    // Eight lanes for the first block of the pair, and eight for the second.
    let scaled = |pair: usize| {
        let first = _mm512_set1_epi32(2 * pair as i32);
        _mm512_permutexvar_ps(_mm512_mask_add_epi32(first, 0xff00, first, _mm512_set1_epi32(1)), factors)
    };
    if ALONE {
        // Four sums one after the other would be waited for.
        let low = _mm512_fmadd_ps(scaled(1), products(1), _mm512_mul_ps(scaled(0), products(0)));
        let high = _mm512_fmadd_ps(scaled(3), products(3), _mm512_mul_ps(scaled(2), products(2)));
        *sums = _mm512_add_ps(*sums, _mm512_add_ps(low, high));
    } else {
        for pair in 0..4 {
            *sums = _mm512_fmadd_ps(scaled(pair), products(pair), *sums);
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
fn q4_0(row: &[u8], columns: &Columns<'_>, out: &mut [f32]) {
    row_times::<Q4_0>(row, columns, out);
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
fn q8_0(row: &[u8], columns: &Columns<'_>, out: &mut [f32]) {
    row_times::<Q8_0>(row, columns, out);
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
fn q4_k(row: &[u8], columns: &Columns<'_>, out: &mut [f32]) {
    row_times::<Q4_K>(row, columns, out);
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
fn unpack<const FORMAT: usize>(bytes: &[u8]) -> Eight {
    match FORMAT {
        Q4_0 => unpack_q4_0(bytes),
        Q8_0 => unpack_q8_0(bytes),
        _ => unpack_q4_k(bytes),
    }
}

/// The scales of eight blocks of `SIZE` bytes that begin with them.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
fn scales_of<const SIZE: usize>(blocks: &[[u8; SIZE]]) -> __m256 {
    let halves: [u16; 8] =
        std::array::from_fn(|i| blocks.get(i).map_or(0, |block| u16::from_le_bytes([block[0], block[1]])));
    // SAFETY: these are 16 bytes.
    _mm256_cvtph_ps(unsafe { _mm_loadu_si128(halves.as_ptr().cast()) })
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
fn unpack_q4_0(bytes: &[u8]) -> Eight {
    let (blocks, _) = bytes.as_chunks::<18>();
    let scales = scales_of(blocks);
    let nibble = _mm512_set1_epi8(15);
    let mut weights = [_mm512_setzero_si512(); 4];
    for (weights, pair) in weights.iter_mut().zip(blocks.as_chunks::<2>().0) {
        // SAFETY: each block has 16 bytes behind its scale.
        let [first, second] = [&pair[0], &pair[1]].map(|block| unsafe {
            let nibbles = _mm_loadu_si128(block.as_ptr().add(2).cast());
            // The low nibbles are the first half of the block.
            _mm256_set_m128i(_mm_srli_epi16::<4>(nibbles), nibbles)
        });
        let both = _mm512_inserti64x4::<1>(_mm512_castsi256_si512(first), second);
        *weights = _mm512_and_si512(both, nibble);
    }
    // What 8 stands for is zero.
    Eight { weights, scales, least: _mm256_mul_ps(scales, _mm256_set1_ps(8.0)) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
fn unpack_q8_0(bytes: &[u8]) -> Eight {
    let (blocks, _) = bytes.as_chunks::<34>();
    let scales = scales_of(blocks);
    let mut weights = [_mm512_setzero_si512(); 4];
    for (weights, pair) in weights.iter_mut().zip(blocks.as_chunks::<2>().0) {
        // SAFETY: each block has 32 bytes behind its scale.
        let [first, second] =
            [&pair[0], &pair[1]].map(|block| unsafe { _mm256_loadu_si256(block.as_ptr().add(2).cast()) });
        let both = _mm512_inserti64x4::<1>(_mm512_castsi256_si512(first), second);
        // Signed numbers become unsigned ones that are larger by 128.
        *weights = _mm512_xor_si512(both, _mm512_set1_epi8(-128));
    }
    Eight { weights, scales, least: _mm256_mul_ps(scales, _mm256_set1_ps(128.0)) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
fn unpack_q4_k(bytes: &[u8]) -> Eight {
    let mut weights = [_mm512_setzero_si512(); 4];
    let Some(block) = bytes.first_chunk::<144>() else {
        return Eight { weights, scales: _mm256_setzero_ps(), least: _mm256_setzero_ps() };
    };
    let (scales, least) = avx2::scales_of_q4_k(block);
    let nibble = _mm512_set1_epi8(15);
    for (weights, nibbles) in weights.iter_mut().zip(block[16..].as_chunks::<32>().0) {
        // SAFETY: these are 32 bytes.
        let nibbles = unsafe { _mm256_loadu_si256(nibbles.as_ptr().cast()) };
        // The low nibbles are a block, and the high ones are the next.
        let both = _mm512_inserti64x4::<1>(_mm512_castsi256_si512(nibbles), _mm256_srli_epi16::<4>(nibbles));
        *weights = _mm512_and_si512(both, nibble);
    }
    Eight { weights, scales, least }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
fn scores_f16(query: &[f32], keys: &[u16], scores: &mut [f32]) {
    if !query.len().is_multiple_of(32) || query.is_empty() {
        return avx2::scores_f16(query, keys, scores);
    }
    for (key, score) in keys.chunks_exact(query.len()).zip(scores) {
        let (mut low, mut high) = (_mm512_setzero_ps(), _mm512_setzero_ps());
        for (key, query) in key.as_chunks::<32>().0.iter().zip(query.as_chunks::<32>().0) {
            // SAFETY: there are 32 numbers of each.
            unsafe {
                let (key, query) = (key.as_ptr().cast::<__m256i>(), query.as_ptr());
                low = _mm512_fmadd_ps(_mm512_cvtph_ps(_mm256_loadu_si256(key)), _mm512_loadu_ps(query), low);
                let second = _mm512_cvtph_ps(_mm256_loadu_si256(key.add(1)));
                high = _mm512_fmadd_ps(second, _mm512_loadu_ps(query.add(16)), high);
            }
        }
        *score = _mm512_reduce_add_ps(_mm512_add_ps(low, high));
    }
}

/// Numbers of a vector that are gathered at once: as many as the vectors that hold their sums.
const AT_ONCE: usize = 128;

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
fn gather_f16(shares: &[f32], values: &[u16], sum: &mut [f32]) {
    let Some(sum) = sum.as_mut_array::<AT_ONCE>() else { return avx2::gather_f16(shares, values, sum) };
    let mut sums = load_sums(sum);
    for (value, &share) in values.as_chunks::<AT_ONCE>().0.iter().zip(shares) {
        let share = _mm512_set1_ps(share);
        for (sum, value) in sums.iter_mut().zip(value.as_chunks::<16>().0) {
            // SAFETY: these are 16 numbers.
            let value = _mm512_cvtph_ps(unsafe { _mm256_loadu_si256(value.as_ptr().cast()) });
            *sum = _mm512_fmadd_ps(share, value, *sum);
        }
    }
    store_sums(sums, sum);
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
fn load_sums(sum: &[f32; AT_ONCE]) -> [__m512; AT_ONCE / 16] {
    // SAFETY: each time there are 16 numbers from there on.
    std::array::from_fn(|i| unsafe { _mm512_loadu_ps(sum.as_ptr().add(16 * i)) })
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
fn store_sums(sums: [__m512; AT_ONCE / 16], into: &mut [f32; AT_ONCE]) {
    for (sum, into) in sums.into_iter().zip(into.as_chunks_mut::<16>().0) {
        // SAFETY: these are 16 numbers.
        unsafe { _mm512_storeu_ps(into.as_mut_ptr(), sum) };
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
fn widen(bytes: &[i8; 16]) -> __m512 {
    // SAFETY: these are 16 bytes.
    let bytes = unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) };
    _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes))
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
fn scores_q8(query: &[f32], keys: &[i8], scales: &[u16], scores: &mut [f32]) {
    let length = query.len();
    if !length.is_multiple_of(BLOCK) || length == 0 {
        return avx2::scores_q8(query, keys, scales, scores);
    }
    let keys = keys.chunks_exact(length).zip(scales.chunks_exact(length / BLOCK));
    for ((key, scales), score) in keys.zip(scores) {
        let mut sum = _mm512_setzero_ps();
        let blocks = key.as_chunks::<BLOCK>().0.iter().zip(query.as_chunks::<BLOCK>().0);
        for ((key, query), &scale) in blocks.zip(scales) {
            let (key, query) = (key.as_chunks::<16>().0, query.as_ptr());
            // SAFETY: there are 32 numbers from there on.
            let (low, high) = unsafe { (_mm512_loadu_ps(query), _mm512_loadu_ps(query.add(16))) };
            let of_block = _mm512_fmadd_ps(widen(&key[0]), low, _mm512_mul_ps(widen(&key[1]), high));
            sum = _mm512_fmadd_ps(_mm512_set1_ps(avx2::widen_f16(scale)), of_block, sum);
        }
        *score = _mm512_reduce_add_ps(sum);
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
fn gather_q8(shares: &[f32], values: &[i8], scales: &[u16], sum: &mut [f32]) {
    let Some(sum) = sum.as_mut_array::<AT_ONCE>() else {
        return avx2::gather_q8(shares, values, scales, sum);
    };
    let mut sums = load_sums(sum);
    let values = values.as_chunks::<AT_ONCE>().0.iter().zip(scales.as_chunks::<{ AT_ONCE / BLOCK }>().0);
    for ((value, scales), &share) in values.zip(shares) {
        let pieces = value.as_chunks::<16>().0;
        for (block, &scale) in scales.iter().enumerate() {
            let share = _mm512_set1_ps(share * avx2::widen_f16(scale));
            for half in 0..2 {
                let at = 2 * block + half;
                sums[at] = _mm512_fmadd_ps(share, widen(&pieces[at]), sums[at]);
            }
        }
    }
    store_sums(sums, sum);
}
