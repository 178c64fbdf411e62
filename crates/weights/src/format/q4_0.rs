//! q4_0: a scale in binary16, then 32 numbers of four bits, those of the first half in the low bits of each byte and
//! those of the second half in the high bits. A number is scale times (bits - 8).

use half::f16;

pub(super) fn widen(block: &[u8; 18], numbers: &mut [f32; 32]) {
    let [a, b, bytes @ ..] = block;
    let scale = f16::from_le_bytes([*a, *b]).to_f32();
    let (first, second) = numbers.split_at_mut(16);
    for ((first, second), byte) in first.iter_mut().zip(second).zip(bytes) {
        *first = scale * (f32::from(byte & 15) - 8.0);
        *second = scale * (f32::from(byte >> 4) - 8.0);
    }
}

/// As ggml's `quantize_row_q4_0_ref`: the number that is furthest from zero becomes -8, so that the scale may be
/// negative. ggml's rounding depends on whether the compiler fuses a multiplication with an addition; here it is done
/// as ggml's Python package does it, without rounding between the two.
pub(super) fn narrow(numbers: &[f32; 32], block: &mut [u8; 18]) {
    let furthest = |max: f32, &number: &f32| if number.abs() > max.abs() { number } else { max };
    let scale = numbers.iter().fold(0.0, furthest) / -8.0;
    let inverse = if scale == 0.0 { 0.0 } else { f64::from(1.0 / scale) };
    let bits = |number: f32| ((f64::from(number) * inverse + 8.5) as u8).min(15);
    let [a, b, bytes @ ..] = block;
    [*a, *b] = f16::from_f32(scale).to_le_bytes();
    let (first, second) = numbers.split_at(16);
    for ((byte, &first), &second) in bytes.iter_mut().zip(first).zip(second) {
        *byte = bits(first) | bits(second) << 4;
    }
}
