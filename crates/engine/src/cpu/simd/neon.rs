//! For 64-bit ARM processors, all of which have NEON and fused multiplication.
#![allow(unsafe_code, reason = "loads by pointer")]

use std::arch::aarch64::*;

use super::lanes::{self, Fused};
use super::portable::times;
use super::{BLOCK, Kernels};
use crate::cpu::rounded::{Column, Columns};

pub(super) static KERNELS: Kernels = Kernels {
    name: "NEON",
    f32: lanes::f32_times::<Fused, 4>,
    f16: |row, columns, out| {
        let widen = |bytes| lanes::widen_f16(u16::from_le_bytes(bytes));
        times(columns, out, |column| lanes::dot::<Fused, 2>(row, column, widen));
    },
    bf16: |row, columns, out| {
        times(columns, out, |column| lanes::dot::<Fused, 2>(row, column, lanes::widen_bf16));
    },
    q4_0,
    q8_0,
    q4_k,
    round: lanes::round,
    scores_f32: lanes::scores_f32::<Fused>,
    gather_f32: lanes::gather_f32::<Fused>,
    scores_f16: lanes::scores_f16::<Fused>,
    gather_f16: lanes::gather_f16::<Fused>,
    scores_q8: lanes::scores_q8::<Fused>,
    gather_q8: lanes::gather_q8::<Fused>,
    softmax: lanes::softmax::<Fused>,
    to_f16: |numbers, halves| {
        for (half, &number) in halves.iter_mut().zip(numbers) {
            *half = half::f16::from_f32(number).to_bits();
        }
    },
    silu: lanes::silu::<Fused>,
};

/// The product of a block of weights, as two vectors of signed bytes, with one of a column.
fn product(low: int8x16_t, high: int8x16_t, column: Column<'_>, block: usize) -> f32 {
    let bytes = &column.bytes[block * BLOCK..][..BLOCK];
    // SAFETY: these are 32 bytes, and all such processors have the instructions.
    unsafe {
        let (first, second) = (vld1q_s8(bytes.as_ptr()), vld1q_s8(bytes.as_ptr().add(16)));
        let mut sums = vpaddlq_s16(vmull_s8(vget_low_s8(low), vget_low_s8(first)));
        sums = vpadalq_s16(sums, vmull_high_s8(low, first));
        sums = vpadalq_s16(sums, vmull_s8(vget_low_s8(high), vget_low_s8(second)));
        sums = vpadalq_s16(sums, vmull_high_s8(high, second));
        vaddvq_s32(sums) as f32
    }
}

/// Sixteen bytes: their low nibbles, and their high ones.
fn nibbles(bytes: &[u8; 16]) -> (int8x16_t, int8x16_t) {
    // SAFETY: these are 16 bytes, and all such processors have the instructions.
    unsafe {
        let both = vld1q_u8(bytes.as_ptr());
        let low = vreinterpretq_s8_u8(vandq_u8(both, vdupq_n_u8(15)));
        (low, vreinterpretq_s8_u8(vshrq_n_u8::<4>(both)))
    }
}

fn q8_0(row: &[u8], columns: &Columns<'_>, out: &mut [f32]) {
    let (blocks, _) = row.as_chunks::<34>();
    for (i, out) in out.iter_mut().enumerate().take(columns.len()) {
        let column = columns.column(i);
        *out = 0.0;
        for (block, bytes) in blocks.iter().enumerate() {
            // SAFETY: there are 32 bytes behind the scale.
            let (low, high) = unsafe {
                let weights = bytes.as_ptr().add(2).cast::<i8>();
                (vld1q_s8(weights), vld1q_s8(weights.add(16)))
            };
            let scale = lanes::widen_f16(u16::from_le_bytes([bytes[0], bytes[1]]));
            *out += scale * column.scales[block] * product(low, high, column, block);
        }
    }
}

fn q4_0(row: &[u8], columns: &Columns<'_>, out: &mut [f32]) {
    let (blocks, _) = row.as_chunks::<18>();
    for (i, out) in out.iter_mut().enumerate().take(columns.len()) {
        let column = columns.column(i);
        *out = 0.0;
        for (block, bytes) in blocks.iter().enumerate() {
            let Some(packed) = bytes.last_chunk::<16>() else { continue };
            let (low, high) = nibbles(packed);
            let scale = lanes::widen_f16(u16::from_le_bytes([bytes[0], bytes[1]]));
            let product = column.scales[block] * product(low, high, column, block);
            // What 8 stands for is zero.
            *out += scale * (product - 8.0 * column.sums[block]);
        }
    }
}

fn q4_k(row: &[u8], columns: &Columns<'_>, out: &mut [f32]) {
    for (i, out) in out.iter_mut().enumerate().take(columns.len()) {
        let column = columns.column(i);
        *out = 0.0;
        for (at, block) in row.as_chunks::<144>().0.iter().enumerate() {
            let (scales, least) = scales_of_q4_k(block);
            for (pair, packed) in block[16..].as_chunks::<32>().0.iter().enumerate() {
                let ([first, second], _) = packed.as_chunks::<16>() else { continue };
                let ((a, c), (b, d)) = (nibbles(first), nibbles(second));
                for (part, (low, high)) in [(2 * pair, (a, b)), (2 * pair + 1, (c, d))] {
                    let sub = at * 8 + part;
                    let product = column.scales[sub] * product(low, high, column, sub);
                    *out += scales[part] * product - least[part] * column.sums[sub];
                }
            }
        }
    }
}

/// What the eight sub-blocks of a block are multiplied with, and what is subtracted (ggml's `get_scale_min_k4`).
fn scales_of_q4_k(block: &[u8; 144]) -> ([f32; 8], [f32; 8]) {
    let half = |at: usize| lanes::widen_f16(u16::from_le_bytes([block[at], block[at + 1]]));
    let (scale, least) = (half(0), half(2));
    let packed = &block[4..16];
    let six_bits = |i: usize| match i {
        0..4 => (packed[i] & 63, packed[i + 4] & 63),
        _ => {
            let both = packed[i + 4];
            (both & 15 | (packed[i - 4] >> 6) << 4, both >> 4 | (packed[i] >> 6) << 4)
        }
    };
    let numbers = std::array::from_fn::<_, 8, _>(six_bits);
    (numbers.map(|(a, _)| scale * f32::from(a)), numbers.map(|(_, b)| least * f32::from(b)))
}
