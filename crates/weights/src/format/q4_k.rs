//! q4_k: 256 numbers in eight groups of 32. A number is `scale * bits - minimum`, and scale and minimum of a group
//! are themselves stored in six bits each, as multiples of a scale of scales and one of minima.
//!
//! | bytes | what |
//! |---|---|
//! | 0..2 | scale of the scales, binary16 |
//! | 2..4 | scale of the minima, binary16 |
//! | 4..16 | scales and minima, see [`packed`] |
//! | 16..144 | 32 bytes for each pair of groups: the first one in the low four bits, the second in the high ones |

use half::f16;

/// Numbers of a group.
const GROUP: usize = 32;

pub(super) fn widen(block: &[u8; 144], numbers: &mut [f32; 256]) {
    let [a, b, c, d, rest @ ..] = block;
    let (of_scales, of_minima) =
        (f16::from_le_bytes([*a, *b]).to_f32(), f16::from_le_bytes([*c, *d]).to_f32());
    let Some((packed, bits)) = rest.split_first_chunk::<12>() else { return };
    let groups = unpacked(packed)
        .map(|(scale, minimum)| (of_scales * f32::from(scale), of_minima * f32::from(minimum)));
    for ((numbers, bits), groups) in numbers
        .as_chunks_mut::<{ 2 * GROUP }>()
        .0
        .iter_mut()
        .zip(bits.as_chunks::<GROUP>().0)
        .zip(groups.as_chunks::<2>().0)
    {
        let [(scale, minimum), (second_scale, second_minimum)] = groups;
        let (first, second) = numbers.split_at_mut(GROUP);
        for ((first, second), bits) in first.iter_mut().zip(second).zip(bits) {
            *first = scale * f32::from(bits & 15) - minimum;
            *second = second_scale * f32::from(bits >> 4) - second_minimum;
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
    let [first @ .., g4, g5, g6, g7] = *groups;
    let mut packed = [0; 12];
    for (i, ((scale, minimum), (high_scale, high_minimum))) in
        first.into_iter().zip([g4, g5, g6, g7]).enumerate()
    {
        let bytes = [
            (i, scale & 63 | high_scale >> 4 << 6),
            (i + 4, minimum & 63 | high_minimum >> 4 << 6),
            (i + 8, high_scale & 15 | high_minimum << 4),
        ];
        for (at, byte) in bytes {
            if let Some(place) = packed.get_mut(at) {
                *place = byte;
            }
        }
    }
    packed
}

/// Finds scales and minima that make the error small, as ggml's `quantize_row_q4_K_ref` does.
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
    for ((bytes, groups), stored) in bytes
        .as_chunks_mut::<GROUP>()
        .0
        .iter_mut()
        .zip(groups.as_chunks::<2>().0)
        .zip(stored.as_chunks::<2>().0)
    {
        // With what is stored of scale and minimum, not with what was found.
        let [first, second] = [0, 1].map(|i| {
            let (scale, minimum) = stored[i];
            let (scale, minimum) = (of_scales * f32::from(scale), of_minima * f32::from(minimum));
            let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
            groups[i].map(|number| nearest((number + minimum) * inverse) as u8)
        });
        for ((byte, first), second) in bytes.iter_mut().zip(first).zip(second) {
            *byte = first | second << 4;
        }
    }
}

/// The nearest whole number from 0 to 15; 0 for what is no number.
fn nearest(value: f32) -> f32 {
    // Rounds to nearest, also where the processor has no instruction for it.
    const SHIFT: f32 = 12_582_912.0;
    value.max(0.0).min(15.0) + SHIFT - SHIFT
}

/// `scale * bits - minimum`, both not negative.
#[derive(Debug, Clone, Copy, Default)]
struct Line {
    scale: f32,
    minimum: f32,
}

impl Line {
    fn through(_group: &[f32; GROUP]) -> Self {
        let low = _group.iter().fold(0.0_f32, |low, &number| low.min(number));
        let high = _group.iter().fold(low, |high, &number| high.max(number));
        Self { scale: (high - low) / 15.0, minimum: -low }
    }
}
