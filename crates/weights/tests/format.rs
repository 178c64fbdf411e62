//! What becomes of numbers in each format.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};
use proptest::prelude::*;
use weights::Format;

/// Numbers that are spread like those of networks: most of them small, few large.
fn numbers(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut uniform = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1 << 24) as f32
    };
    // A sum of twelve is nearly a normal distribution of width one.
    (0..count).map(|_| 0.05 * ((0..12).map(|_| uniform()).sum::<f32>() - 6.0)).collect()
}

fn narrow(format: Format, numbers: &[f32]) -> Vec<u8> {
    let mut bytes = vec![0; format.row_bytes(numbers.len()).unwrap()];
    format.narrow(numbers, &mut bytes);
    bytes
}

fn widen(format: Format, bytes: &[u8]) -> Vec<f32> {
    let (numbers, size) = format.block();
    let mut widened = vec![0.0; bytes.len() / size * numbers];
    format.widen(bytes, &mut widened);
    widened
}

fn there_and_back(format: Format, numbers: &[f32]) -> Vec<f32> {
    widen(format, &narrow(format, numbers))
}

/// Root of the mean square of the error, relative to that of the numbers.
fn relative_error(exact: &[f32], found: &[f32]) -> f64 {
    let square = |number: f32| f64::from(number) * f64::from(number);
    let error: f64 = exact.iter().zip(found).map(|(exact, found)| square(exact - found)).sum();
    (error / exact.iter().copied().map(square).sum::<f64>()).sqrt()
}

fn candle(format: Format, numbers: &[f32]) -> QTensor {
    let kind = match format {
        Format::F32 => GgmlDType::F32,
        Format::F16 => GgmlDType::F16,
        Format::Bf16 => GgmlDType::BF16,
        Format::Q4_0 => GgmlDType::Q4_0,
        Format::Q8_0 => GgmlDType::Q8_0,
        Format::Q4K => GgmlDType::Q4K,
    };
    let tensor = Tensor::from_slice(numbers, (1, numbers.len()), &Device::Cpu).unwrap();
    QTensor::quantize(&tensor, kind).unwrap()
}

fn widened_by_candle(tensor: &QTensor) -> Vec<f32> {
    tensor.dequantize(&Device::Cpu).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn what_candle_stores_is_read_as_candle_reads_it() {
    let exact = numbers(8192, 1);
    for format in Format::ALL {
        let stored = candle(format, &exact);
        assert_eq!(widen(format, &stored.data().unwrap()), widened_by_candle(&stored), "{format}");
    }
}

#[test]
fn without_choice_we_store_what_candle_stores() {
    let exact = numbers(8192, 2);
    for format in [Format::F32, Format::F16, Format::Bf16, Format::Q8_0] {
        assert_eq!(narrow(format, &exact), *candle(format, &exact).data().unwrap(), "{format}");
    }
}

#[test]
fn errors_are_as_large_as_they_are_for_others() {
    let exact = numbers(1 << 16, 3);
    let error = |format| relative_error(&exact, &there_and_back(format, &exact));
    let of_candle = |format| relative_error(&exact, &widened_by_candle(&candle(format, &exact)));
    assert!(error(Format::Q8_0) < 0.006, "{}", error(Format::Q8_0));
    assert!(error(Format::Q4_0) < 1.001 * of_candle(Format::Q4_0));
    // candle takes the plainer one of ggml's searches.
    let (ours, theirs) = (error(Format::Q4K), of_candle(Format::Q4K));
    assert!(ours < 0.98 * theirs && ours < 0.08, "{ours} {theirs}");
    assert!(ours < 0.9 * error(Format::Q4_0));
}

#[test]
fn halves_round_away_from_zero_in_q8_0() {
    let mut exact = [0.0; 32];
    exact[..5].copy_from_slice(&[127.0, 2.5, -2.5, 3.5, -0.5]);
    assert_eq!(there_and_back(Format::Q8_0, &exact)[..5], [127.0, 3.0, -3.0, 4.0, -1.0]);
}

#[test]
fn the_furthest_number_is_exact_in_q4_0() {
    let mut exact = [0.0; 32];
    exact[..4].copy_from_slice(&[8.0, -8.0, 2.0, -3.4]);
    exact[16..18].copy_from_slice(&[5.0, -5.0]);
    let found = there_and_back(Format::Q4_0, &exact);
    assert_eq!(found[..4], [8.0, -7.0, 2.0, -3.0]);
    assert_eq!(found[16..18], [5.0, -5.0]);
}

#[test]
fn names_and_numbers_lead_back() {
    for format in Format::ALL {
        assert_eq!(Format::from_name(&format.name().to_uppercase()), Some(format));
        assert_eq!(Format::from_ggml_type(format.ggml_type()), Some(format));
        let (numbers, bytes) = format.block();
        assert_eq!(format.row_bytes(3 * numbers), Some(3 * bytes));
        assert_eq!(format.row_bytes(3 * numbers - 1).is_some(), numbers == 1);
    }
    assert_eq!(Format::Q8_0.row_bytes(usize::MAX - 31), None);
    assert_eq!(Format::from_name("q5_k"), None);
    assert_eq!(Format::from_ggml_type(13), None);
    assert_eq!(Format::from_safetensors("BF16"), Some(Format::Bf16));
    assert_eq!(Format::from_safetensors("I64"), None);
}

#[test]
fn only_whole_blocks_are_touched() {
    let bytes = narrow(Format::Q8_0, &numbers(64, 4));
    let mut into = [7.0; 70];
    Format::Q8_0.widen(&bytes[..67], &mut into);
    assert!(into[..32].iter().all(|&number| number != 7.0) && into[32..] == [7.0; 38]);
    let mut into = [7; 40];
    Format::Q8_0.narrow(&numbers(31, 4), &mut into);
    assert_eq!(into, [7; 40]);
}

/// The most that a number of a block may be off, where `largest` is the largest magnitude in it.
fn bound(format: Format, number: f32, largest: f32) -> f32 {
    let half_precision = largest / 2048.0;
    match format {
        Format::F32 => 0.0,
        Format::F16 => number.abs() / 2048.0 + 3e-8,
        Format::Bf16 => number.abs() / 256.0,
        // Half a step, and the scale is rounded.
        Format::Q8_0 => largest / 254.0 + 1.01 * half_precision,
        // A whole step for what lies opposite of the furthest number.
        Format::Q4_0 => largest / 8.0 + 1.01 * half_precision,
        // Half a step of the largest span, a step of the scale, and what the search leaves out.
        Format::Q4K => 0.2 * largest,
    }
}

proptest! {
    #[test]
    fn errors_are_bounded(
        numbers in prop::collection::vec(-1.0_f32..1.0, 256),
        exponent in -6_i32..4,
        large in 0_usize..256,
    ) {
        let mut numbers: Vec<f32> = numbers.into_iter().map(|number| number * 2_f32.powi(exponent)).collect();
        numbers[large] *= 4.0;
        for format in Format::ALL {
            let found = there_and_back(format, &numbers);
            let (block, _) = format.block();
            for (exact, found) in numbers.chunks(block).zip(found.chunks(block)) {
                let largest = exact.iter().fold(0.0_f32, |largest, number| largest.max(number.abs()));
                for (exact, found) in exact.iter().zip(found) {
                    let bound = bound(format, *exact, largest);
                    prop_assert!((exact - found).abs() <= bound, "{format}: {exact} {found} {largest}");
                }
            }
        }
    }

    #[test]
    fn any_bits_are_survived(bits in prop::collection::vec(any::<u32>(), 256), bytes in prop::collection::vec(any::<u8>(), 288)) {
        let numbers: Vec<f32> = bits.into_iter().map(f32::from_bits).collect();
        for format in Format::ALL {
            there_and_back(format, &numbers);
            let (_, size) = format.block();
            widen(format, &bytes[..bytes.len() / size * size]);
        }
    }

    /// Only the search of q4_k may still find better lines.
    #[test]
    fn storing_again_changes_nothing(numbers in prop::collection::vec(-1.0_f32..1.0, 256)) {
        for format in [Format::F32, Format::F16, Format::Bf16, Format::Q4_0, Format::Q8_0] {
            let once = there_and_back(format, &numbers);
            let twice = there_and_back(format, &once);
            let off = once.iter().zip(&twice).fold(0.0_f32, |off, (once, twice)| off.max((once - twice).abs()));
            prop_assert_eq!(off, 0.0, "{}", format);
        }
    }
}
