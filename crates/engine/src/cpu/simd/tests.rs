//! Every set of instructions that this machine has, against sums in 64 bits over the same numbers.

use half::f16;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use weights::Format;

use super::*;
use crate::cpu::rounded::Rounded;

struct Noise(Xoshiro256PlusPlus);

impl Noise {
    fn vector(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| self.0.random::<f32>() * 4.0 - 2.0).collect()
    }
}

fn noise() -> Noise {
    Noise(Xoshiro256PlusPlus::seed_from_u64(7))
}

/// The product, and the sum of its terms' magnitudes, which bounds what rounding may do to it.
fn product(a: &[f32], b: &[f32]) -> (f64, f64) {
    let terms = a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b));
    terms.fold((0.0, 0.0), |(sum, size), term| (sum + term, size + term.abs()))
}

#[track_caller]
fn assert_close(found: f32, (expected, size): (f64, f64), what: &str) {
    let error = (f64::from(found) - expected).abs();
    assert!(error <= 2e-6 * size + 1e-12, "{what}: {found} instead of {expected}");
}

#[test]
fn rows_of_floats_are_multiplied() {
    let mut noise = noise();
    for length in [1, 7, 32, 64, 100, 1000] {
        let numbers = noise.vector(length);
        // More than are taken at once.
        let columns: Vec<_> = (0..15).map(|_| noise.vector(length)).collect();
        let columns: Vec<&[f32]> = columns.iter().map(Vec::as_slice).collect();
        for kernels in all() {
            for (format, times) in
                [(Format::F32, kernels.f32), (Format::F16, kernels.f16), (Format::Bf16, kernels.bf16)]
            {
                let mut row = vec![0; format.row_bytes(length).unwrap()];
                format.narrow(&numbers, &mut row);
                let mut stored = vec![0.0; length];
                format.widen(&row, &mut stored);
                let mut out = [0.0; 15];
                times(&row, &columns, &mut out);
                for (found, column) in out.into_iter().zip(&columns) {
                    assert_close(found, product(&stored, column), &format!("{} {format:?}", kernels.name));
                }
            }
        }
    }
}

#[test]
fn rows_of_blocks_are_multiplied_with_rounded_columns() {
    let mut noise = noise();
    for (length, count) in [(32, 1), (64, 2), (96, 3), (256, 8), (288, 5), (768, 7), (4096, 4)] {
        let numbers = noise.vector(length);
        let columns = noise.vector(length * count);
        for kernels in all() {
            let mut rounded = Rounded::default();
            rounded.round(kernels, &columns, length);
            let formats =
                [(Format::Q4_0, kernels.q4_0), (Format::Q8_0, kernels.q8_0), (Format::Q4K, kernels.q4_k)];
            for (format, times) in formats {
                let Some(size) = format.row_bytes(length) else { continue };
                let mut row = vec![0; size];
                format.narrow(&numbers, &mut row);
                let mut stored = vec![0.0; length];
                format.widen(&row, &mut stored);
                let mut out = vec![0.0; count];
                times(&row, &rounded.columns(0, count), &mut out);
                for (i, found) in out.into_iter().enumerate() {
                    let column = rounded.columns(i, 1).column(0);
                    let back: Vec<_> = (0..length)
                        .map(|at| f32::from(column.bytes[at]) * column.scales[at / BLOCK])
                        .collect();
                    let what = format!("{} {format:?} {length}x{count}", kernels.name);
                    assert_close(found, product(&stored, &back), &what);
                }
            }
        }
    }
}

#[test]
fn extreme_blocks_do_not_overflow() {
    for kernels in all() {
        for (format, times) in [(Format::Q4_0, kernels.q4_0), (Format::Q8_0, kernels.q8_0)] {
            for (weight, activation) in [(-1.0, -1.0), (-1.0, 1.0), (1.0, 1.0)] {
                let mut row = vec![0; format.row_bytes(256).unwrap()];
                format.narrow(&[weight; 256], &mut row);
                let mut stored = [0.0; 256];
                format.widen(&row, &mut stored);
                let mut rounded = Rounded::default();
                rounded.round(kernels, &[activation; 256], 256);
                let mut out = [0.0];
                times(&row, &rounded.columns(0, 1), &mut out);
                assert_close(out[0], product(&stored, &[activation; 256]), kernels.name);
            }
        }
    }
}

#[test]
fn what_is_no_number_is_survived() {
    for kernels in all() {
        for strange in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN_POSITIVE / 2.0] {
            let mut rounded = Rounded::default();
            rounded.round(kernels, &[strange; 64], 64);
            let mut out = [0.0];
            (kernels.q8_0)(&[1; 68], &rounded.columns(0, 1), &mut out);
            let mut classes = [strange; 40];
            (kernels.softmax)(&mut classes);
        }
    }
}

#[test]
fn rounding_is_to_the_nearest_of_the_block() {
    let mut numbers = noise().vector(96);
    numbers[32..64].fill(0.0);
    for kernels in all() {
        let (mut bytes, mut scales, mut sums) = ([0_i8; 96], [0.0; 3], [0.0; 3]);
        (kernels.round)(&numbers, &mut bytes, &mut scales, &mut sums);
        for block in 0..3 {
            let of_block = &numbers[block * 32..][..32];
            let largest = of_block.iter().fold(0_f32, |largest, number| largest.max(number.abs()));
            assert!((scales[block] - largest / 127.0).abs() < 1e-7, "{}", kernels.name);
            let mut sum = 0;
            for (&number, &byte) in of_block.iter().zip(&bytes[block * 32..]) {
                assert!((number - f32::from(byte) * scales[block]).abs() <= 0.5001 * scales[block] + 1e-9);
                sum += i32::from(byte);
            }
            assert!((sums[block] - sum as f32 * scales[block]).abs() < 1e-4, "{}", kernels.name);
        }
    }
}

#[test]
fn attention_is_a_weighted_sum() {
    let mut noise = noise();
    for (width, count) in [(8, 5), (16, 3), (32, 9), (64, 4), (128, 33), (12, 3)] {
        let (query, keys) = (noise.vector(width), noise.vector(width * count));
        let shares = noise.vector(count);
        let halves: Vec<u16> = keys.iter().map(|&key| f16::from_f32(key).to_bits()).collect();
        let half_keys: Vec<f32> = halves.iter().map(|&half| f16::from_bits(half).to_f32()).collect();
        let per = scales_of(width);
        let bytes: Vec<i8> = keys.iter().map(|key| (key * 60.0) as i8).collect();
        let scales: Vec<u16> =
            (0..count * per).map(|i| f16::from_f32(0.01 + 0.001 * i as f32).to_bits()).collect();
        let byte_keys: Vec<f32> = bytes
            .iter()
            .enumerate()
            .map(|(at, &byte)| {
                let scale = scales[at / width * per + at % width / BLOCK];
                f32::from(byte) * f16::from_bits(scale).to_f32()
            })
            .collect();
        for kernels in all() {
            let mut scores = [vec![0.0; count], vec![0.0; count], vec![0.0; count]];
            (kernels.scores_f32)(&query, &keys, &mut scores[0]);
            (kernels.scores_f16)(&query, &halves, &mut scores[1]);
            (kernels.scores_q8)(&query, &bytes, &scales, &mut scores[2]);
            let start = noise.vector(width);
            let mut sums = [start.clone(), start.clone(), start.clone()];
            (kernels.gather_f32)(&shares, &keys, &mut sums[0]);
            (kernels.gather_f16)(&shares, &halves, &mut sums[1]);
            (kernels.gather_q8)(&shares, &bytes, &scales, &mut sums[2]);
            for (kind, stored) in [&keys, &half_keys, &byte_keys].into_iter().enumerate() {
                let what = format!("{} {kind} {width}x{count}", kernels.name);
                for (&score, key) in scores[kind].iter().zip(stored.chunks_exact(width)) {
                    assert_close(score, product(&query, key), &what);
                }
                for (at, &sum) in sums[kind].iter().enumerate() {
                    let column: Vec<_> = stored.iter().skip(at).step_by(width).copied().collect();
                    let (expected, size) = product(&shares, &column);
                    assert_close(sum, (expected + f64::from(start[at]), size + 2.0), &what);
                }
            }
        }
    }
}

#[test]
fn the_nonlinear_functions_are_what_they_are_called() {
    let mut noise = noise();
    for kernels in all() {
        for count in [1, 5, 16, 100] {
            let scores: Vec<_> = noise.vector(count).iter().map(|score| score * 20.0).collect();
            let largest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let powers: Vec<_> = scores.iter().map(|score| f64::from(score - largest).exp()).collect();
            let sum: f64 = powers.iter().sum();
            let mut shares = scores.clone();
            (kernels.softmax)(&mut shares);
            for (found, power) in shares.iter().zip(&powers) {
                assert!(
                    (f64::from(*found) - power / sum).abs() < 1e-6 * power / sum + 1e-30,
                    "{}",
                    kernels.name
                );
            }
            let (gate, up) = (scores, noise.vector(count));
            let mut out = gate.clone();
            (kernels.silu)(&mut out, &up);
            for ((found, gate), up) in out.iter().zip(&gate).zip(&up) {
                let (gate, up) = (f64::from(*gate), f64::from(*up));
                let expected = gate / (1.0 + (-gate).exp()) * up;
                assert!(
                    (f64::from(*found) - expected).abs() < 1e-6 * expected.abs() + 1e-30,
                    "{}",
                    kernels.name
                );
            }
        }
        let mut far = [-1e30, 0.0, f32::NEG_INFINITY];
        (kernels.softmax)(&mut far);
        assert_eq!(far.map(|share| share > 0.5), [false, true, false]);
        let mut halves = [0; 20];
        let numbers = noise.vector(20);
        (kernels.to_f16)(&numbers, &mut halves);
        assert!(halves.iter().zip(&numbers).all(|(&half, &number)| half == f16::from_f32(number).to_bits()));
    }
}

#[test]
fn sixteen_bits_are_widened_exactly() {
    for bits in 0..=u16::MAX {
        let (found, expected) = (lanes::widen_f16(bits), f16::from_bits(bits).to_f32());
        assert!(found.to_bits() == expected.to_bits() || (found.is_nan() && expected.is_nan()), "{bits:x}");
    }
}
