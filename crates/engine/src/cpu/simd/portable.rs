//! For processors of which nothing is known, and what the others are tested against.

use half::f16;
use weights::Format;

use super::lanes::{self, Apart};
use super::{BLOCK, Kernels};
use crate::cpu::rounded::Columns;

pub(super) static KERNELS: Kernels = Kernels {
    name: "portable",
    f32: |row, columns, out| {
        times(columns, out, |column| lanes::dot::<Apart, 4>(row, column, f32::from_le_bytes));
    },
    f16: |row, columns, out| {
        let widen = |bytes| lanes::widen_f16(u16::from_le_bytes(bytes));
        times(columns, out, |column| lanes::dot::<Apart, 2>(row, column, widen));
    },
    bf16: |row, columns, out| {
        times(columns, out, |column| lanes::dot::<Apart, 2>(row, column, lanes::widen_bf16));
    },
    q4_0: |row, columns, out| quantized(Format::Q4_0, row, columns, out),
    q8_0: |row, columns, out| quantized(Format::Q8_0, row, columns, out),
    q4_k: |row, columns, out| quantized(Format::Q4K, row, columns, out),
    round: lanes::round,
    scores_f32: lanes::scores_f32::<Apart>,
    gather_f32: lanes::gather_f32::<Apart>,
    scores_f16: lanes::scores_f16::<Apart>,
    gather_f16: lanes::gather_f16::<Apart>,
    scores_q8: lanes::scores_q8::<Apart>,
    gather_q8: lanes::gather_q8::<Apart>,
    softmax: lanes::softmax::<Apart>,
    to_f16: |numbers, halves| {
        for (half, &number) in halves.iter_mut().zip(numbers) {
            *half = f16::from_f32(number).to_bits();
        }
    },
    silu: lanes::silu::<Apart>,
};

/// One product for each column.
pub(super) fn times(columns: &[&[f32]], out: &mut [f32], product: impl Fn(&[f32]) -> f32) {
    for (column, out) in columns.iter().zip(out) {
        *out = product(column);
    }
}

/// The numbers themselves are made of a piece of the row at a time.
pub(super) fn quantized(format: Format, row: &[u8], columns: &Columns<'_>, out: &mut [f32]) {
    let (numbers, size) = format.block();
    out.fill(0.0);
    let mut wide = [0.0; 256];
    let wide = &mut wide[..numbers];
    for (at, piece) in row.chunks_exact(size).enumerate() {
        format.widen(piece, wide);
        for (i, out) in out.iter_mut().enumerate().take(columns.len()) {
            let column = columns.column(i);
            for (block, wide) in (at * numbers / BLOCK..).zip(wide.chunks_exact(BLOCK)) {
                let bytes = &column.bytes[block * BLOCK..][..BLOCK];
                let product: f32 =
                    wide.iter().zip(bytes).map(|(&weight, &byte)| weight * f32::from(byte)).sum();
                *out += product * column.scales[block];
            }
        }
    }
}
