//! q4_k: 256 numbers in eight groups of 32. A number is `scale * bits - minimum`, and scale and minimum of a group
//! are themselves stored in six bits each, as multiples of a scale of scales and one of minima.
//!
//! | bytes | what |
//! |---|---|
//! | 0..2 | scale of the scales, binary16 |
//! | 2..4 | scale of the minima, binary16 |
//! | 4..16 | scales and minima, see [`packed`] |
//! | 16..144 | 32 bytes for each pair of groups: the first one in the low four bits, the second in the high ones |

mod line;

use half::f16;

use line::Line;

/// Numbers of a group.
const GROUP: usize = 32;

pub(super) fn widen(block: &[u8; 144], numbers: &mut [f32; 256]) {
    let [a, b, c, d, rest @ ..] = block;
    let (of_scales, of_minima) =
        (f16::from_le_bytes([*a, *b]).to_f32(), f16::from_le_bytes([*c, *d]).to_f32());
    let Some((packed, bits)) = rest.split_first_chunk::<12>() else { return };
    let lines = unpacked(packed)
        .map(|(scale, minimum)| (of_scales * f32::from(scale), of_minima * f32::from(minimum)));
    let (pairs, _) = numbers.as_chunks_mut::<{ 2 * GROUP }>();
    for ((pair, bits), [first, second]) in
        pairs.iter_mut().zip(bits.as_chunks::<GROUP>().0).zip(lines.as_chunks().0)
    {
        for (i, bits) in bits.iter().enumerate() {
            pair[i] = first.0 * f32::from(bits & 15) - first.1;
            pair[i + GROUP] = second.0 * f32::from(bits >> 4) - second.1;
        }
    }
}

/// Scale and minimum of each group, six bits each.
///
/// Bytes 0..4 have the scales of groups 0..4 in their low six bits, bytes 4..8 the minima. Bytes 8..12 have the low
/// four bits of scale and minimum of groups 4..8; the upper two are in the upper two of bytes 0..4 and 4..8.
fn unpacked(packed: &[u8; 12]) -> [(u8, u8); 8] {
    let [s0, s1, s2, s3, m0, m1, m2, m3, l0, l1, l2, l3] = *packed;
    let low = |scale: u8, minimum: u8| (scale & 63, minimum & 63);
    let high =
        |scale: u8, minimum: u8, both: u8| (both & 15 | scale >> 6 << 4, both >> 4 | minimum >> 6 << 4);
    [
        low(s0, m0),
        low(s1, m1),
        low(s2, m2),
        low(s3, m3),
        high(s0, m0, l0),
        high(s1, m1, l1),
        high(s2, m2, l2),
        high(s3, m3, l3),
    ]
}

/// The other direction of [`unpacked`].
fn packed(groups: &[(u8, u8); 8]) -> [u8; 12] {
    std::array::from_fn(|at| {
        let (low, high) = (groups[at % 4], groups[at % 4 + 4]);
        match at / 4 {
            0 => low.0 & 63 | high.0 >> 4 << 6,
            1 => low.1 & 63 | high.1 >> 4 << 6,
            _ => high.0 & 15 | high.1 << 4,
        }
    })
}

/// Finds scales and minima that make the error small, as ggml's `quantize_row_q4_K_ref` does:
/// the lines of the groups first, then the units for their scales and minima, then the bits.
pub(super) fn narrow(numbers: &[f32; 256], block: &mut [u8; 144]) {
    let (groups, _) = numbers.as_chunks::<GROUP>();
    let mut lines = [Line::default(); 8];
    for (line, group) in lines.iter_mut().zip(groups) {
        *line = Line::through(group);
    }
    let largest = |of: fn(&Line) -> f32| lines.iter().map(of).fold(0.0, f32::max) / 63.0;
    let (of_scales, of_minima) = (largest(|line| line.scale), largest(|line| line.minimum));
    let six_bits =
        |value: f32, unit: f32| if unit > 0.0 { (value / unit).round_ties_even().min(63.0) as u8 } else { 0 };
    let stored = lines.map(|line| (six_bits(line.scale, of_scales), six_bits(line.minimum, of_minima)));
    let [a, b, c, d, rest @ ..] = block;
    let (of_scales, of_minima) = (f16::from_f32(of_scales), f16::from_f32(of_minima));
    [*a, *b] = of_scales.to_le_bytes();
    [*c, *d] = of_minima.to_le_bytes();
    let Some((scales, bytes)) = rest.split_first_chunk_mut::<12>() else { return };
    *scales = packed(&stored);
    let (of_scales, of_minima) = (of_scales.to_f32(), of_minima.to_f32());
    let (pairs, _) = numbers.as_chunks::<{ 2 * GROUP }>();
    let (bytes, _) = bytes.as_chunks_mut::<GROUP>();
    for ((bytes, pair), [first, second]) in bytes.iter_mut().zip(pairs).zip(stored.as_chunks().0) {
        // By what is stored of scale and minimum, not by what was found.
        let line = |&(scale, minimum): &(u8, u8)| {
            let scale = of_scales * f32::from(scale);
            (if scale > 0.0 { 1.0 / scale } else { 0.0 }, of_minima * f32::from(minimum))
        };
        let bits = |number: f32, (inverse, minimum)| nearest((number + minimum) * inverse) as u8;
        let (first, second) = (line(first), line(second));
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = bits(pair[i], first) | bits(pair[i + GROUP], second) << 4;
        }
    }
}

/// The nearest whole number from 0 to 15; 0 for what is no number.
fn nearest(value: f32) -> f32 {
    // Rounds to nearest, also where the processor has no instruction for it.
    const SHIFT: f32 = 12_582_912.0;
    let value = if value > 0.0 { value } else { 0.0 };
    (if value < 15.0 { value } else { 15.0 }) + SHIFT - SHIFT
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn six_bits_each_survive_packing(groups in prop::array::uniform8((0_u8..64, 0_u8..64))) {
            prop_assert_eq!(unpacked(&packed(&groups)), groups);
        }
    }
}
