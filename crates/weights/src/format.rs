//! The formats that numbers are stored in.
//!
//! The block formats are ggml's (`ggml/src/ggml-common.h`, `ggml-quants.c`): a block of numbers has one scale (and,
//! for some, one minimum), and few bits for each number. Everything is little endian.

mod q4_0;
mod q4_k;
mod q8_0;

use std::fmt;

use half::{bf16, f16};

/// How numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// IEEE 754 binary32.
    F32,
    /// IEEE 754 binary16.
    F16,
    /// The upper half of a binary32.
    Bf16,
    /// 32 numbers of 4 bits and a scale, 4.5 bits for a number.
    Q4_0,
    /// 32 numbers of 8 bits and a scale, 8.5 bits for a number.
    Q8_0,
    /// 256 numbers of 4 bits in eight groups, each with a scale and a minimum of 6 bits; 4.5 bits for a number.
    Q4K,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::F32, Self::F16, Self::Bf16, Self::Q4_0, Self::Q8_0, Self::Q4K];

    /// Numbers in a block, and its bytes.
    #[must_use]
    pub const fn block(self) -> (usize, usize) {
        match self {
            Self::F32 => (1, 4),
            Self::F16 | Self::Bf16 => (1, 2),
            Self::Q4_0 => (32, 18),
            Self::Q8_0 => (32, 34),
            Self::Q4K => (256, 144),
        }
    }

    /// Bytes of a row of so many numbers; `None` where they do not fill blocks.
    #[must_use]
    pub fn row_bytes(self, columns: usize) -> Option<usize> {
        let (numbers, bytes) = self.block();
        if columns.is_multiple_of(numbers) { (columns / numbers).checked_mul(bytes) } else { None }
    }

    /// Bytes of a tensor; `None` where its last dimension does not fill blocks, and where there is no such number.
    #[must_use]
    pub fn tensor_bytes(self, shape: &[usize]) -> Option<usize> {
        let (last, others) = shape.split_last().unwrap_or((&1, &[]));
        others.iter().try_fold(self.row_bytes(*last)?, |bytes, &extent| bytes.checked_mul(extent))
    }

    /// Turns stored numbers into `f32`: as many whole blocks as both sides hold.
    pub fn widen(self, bytes: &[u8], into: &mut [f32]) {
        match self {
            Self::F32 => each(bytes, into, f32::from_le_bytes),
            Self::F16 => each(bytes, into, |bytes| f16::from_le_bytes(bytes).to_f32()),
            Self::Bf16 => each(bytes, into, |bytes| bf16::from_le_bytes(bytes).to_f32()),
            Self::Q4_0 => blocks(bytes, into, q4_0::widen),
            Self::Q8_0 => blocks(bytes, into, q8_0::widen),
            Self::Q4K => blocks(bytes, into, q4_k::widen),
        }
    }

    /// Stores numbers: as many whole blocks as both sides hold. `F16` and `Bf16` round to the nearest, as the scales
    /// of blocks do. What is not finite, or too large for the format, comes out as something else or not finite.
    pub fn narrow(self, numbers: &[f32], into: &mut [u8]) {
        match self {
            Self::F32 => each_back(numbers, into, f32::to_le_bytes),
            Self::F16 => each_back(numbers, into, |number| f16::from_f32(number).to_le_bytes()),
            Self::Bf16 => each_back(numbers, into, |number| bf16::from_f32(number).to_le_bytes()),
            Self::Q4_0 => blocks_back(numbers, into, q4_0::narrow),
            Self::Q8_0 => blocks_back(numbers, into, q8_0::narrow),
            Self::Q4K => blocks_back(numbers, into, q4_k::narrow),
        }
    }

    /// Its name in words: `f32`, `q4_k`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
            Self::Q4_0 => "q4_0",
            Self::Q8_0 => "q8_0",
            Self::Q4K => "q4_k",
        }
    }

    /// The format of this [name](Self::name), in any case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name().eq_ignore_ascii_case(name))
    }

    /// Its number in GGUF files (`enum ggml_type`).
    #[must_use]
    pub const fn ggml_type(self) -> u32 {
        match self {
            Self::F32 => 0,
            Self::F16 => 1,
            Self::Q4_0 => 2,
            Self::Q8_0 => 8,
            Self::Q4K => 12,
            Self::Bf16 => 30,
        }
    }

    /// The format of this number in GGUF files.
    #[must_use]
    pub fn from_ggml_type(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.ggml_type() == number)
    }

    /// The format of this name (`dtype`) in safetensors files.
    #[must_use]
    pub fn from_safetensors(dtype: &str) -> Option<Self> {
        match dtype {
            "F32" => Some(Self::F32),
            "F16" => Some(Self::F16),
            "BF16" => Some(Self::Bf16),
            _ => None,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

fn each<const SIZE: usize>(bytes: &[u8], into: &mut [f32], widen: impl Fn([u8; SIZE]) -> f32) {
    for (number, &bytes) in into.iter_mut().zip(bytes.as_chunks().0) {
        *number = widen(bytes);
    }
}

fn each_back<const SIZE: usize>(numbers: &[f32], into: &mut [u8], narrow: impl Fn(f32) -> [u8; SIZE]) {
    for (bytes, &number) in into.as_chunks_mut().0.iter_mut().zip(numbers) {
        *bytes = narrow(number);
    }
}

fn blocks<const SIZE: usize, const COUNT: usize>(
    bytes: &[u8],
    into: &mut [f32],
    widen: impl Fn(&[u8; SIZE], &mut [f32; COUNT]),
) {
    for (numbers, block) in into.as_chunks_mut().0.iter_mut().zip(bytes.as_chunks().0) {
        widen(block, numbers);
    }
}

fn blocks_back<const SIZE: usize, const COUNT: usize>(
    numbers: &[f32],
    into: &mut [u8],
    narrow: impl Fn(&[f32; COUNT], &mut [u8; SIZE]),
) {
    for (block, numbers) in into.as_chunks_mut().0.iter_mut().zip(numbers.as_chunks().0) {
        narrow(numbers, block);
    }
}
