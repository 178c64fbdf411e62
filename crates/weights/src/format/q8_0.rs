//! q8_0: a scale in binary16, then 32 signed bytes. A number is scale times byte.

use half::f16;

pub(super) fn widen(block: &[u8; 34], numbers: &mut [f32; 32]) {
    let [a, b, bytes @ ..] = block;
    let scale = f16::from_le_bytes([*a, *b]).to_f32();
    for (number, &byte) in numbers.iter_mut().zip(bytes) {
        *number = scale * f32::from(byte.cast_signed());
    }
}

/// As ggml's `quantize_row_q8_0_ref`: the largest number becomes 127, and halves are rounded away from zero.
pub(super) fn narrow(numbers: &[f32; 32], block: &mut [u8; 34]) {
    let largest = numbers.iter().fold(0.0_f32, |largest, number| largest.max(number.abs()));
    let scale = largest / 127.0;
    let inverse = if scale == 0.0 { 0.0 } else { 1.0 / scale };
    let [a, b, bytes @ ..] = block;
    [*a, *b] = f16::from_f32(scale).to_le_bytes();
    for (byte, number) in bytes.iter_mut().zip(numbers) {
        *byte = ((number * inverse).round() as i8).cast_unsigned();
    }
}
