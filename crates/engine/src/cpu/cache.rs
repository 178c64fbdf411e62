//! What a layer of the transformer remembers of the steps before: a key and a value for each, and for each head.

use std::ops::Range;

use half::f16;

use super::pool::Pool;
use super::simd::{BLOCK, Kernels, scales_of};

/// Numbers that a thread reads at least: less is not worth its attention.
const LEAST: usize = 1 << 16;

/// How the numbers of the cache are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CacheFormat {
    /// 32-bit floats, for comparisons.
    F32,
    /// 16-bit floats: 1.57 GB for 3000 steps of Moshi 7B.
    #[default]
    F16,
    /// Eight bits, and 16 more for each 32 numbers: 0.84 GB for the same.
    Q8,
}

impl CacheFormat {
    /// Bytes of one vector of so many numbers.
    #[must_use]
    pub fn bytes(self, numbers: usize) -> usize {
        match self {
            Self::F32 => 4 * numbers,
            Self::F16 => 2 * numbers,
            Self::Q8 => numbers + 2 * scales_of(numbers),
        }
    }

    /// As it is written in settings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Q8 => "q8",
        }
    }
}

/// Keys and values of one layer, in a ring. The vectors of a head lie one after the other, as they are read.
#[derive(Debug)]
pub(crate) struct Cache {
    heads: usize,
    width: usize,
    /// Positions that the ring has.
    capacity: usize,
    keys: Vectors,
    values: Vectors,
}

#[derive(Debug)]
enum Vectors {
    F32(Vec<f32>),
    F16(Vec<u16>),
    Q8 { bytes: Vec<i8>, scales: Vec<u16> },
}

/// Where a query stands, and how far it looks back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View {
    /// Steps that were taken before this one.
    pub(crate) position: u64,
    /// Steps that are seen, this one among them.
    pub(crate) window: usize,
}

impl Cache {
    /// Room for `capacity` steps of `heads` vectors with `width` numbers. The memory is taken when it is first used.
    pub(crate) fn new(format: CacheFormat, heads: usize, width: usize, capacity: usize) -> Self {
        let vectors = || match format {
            CacheFormat::F32 => Vectors::F32(vec![0.0; heads * capacity * width]),
            CacheFormat::F16 => Vectors::F16(vec![0; heads * capacity * width]),
            CacheFormat::Q8 => Vectors::Q8 {
                bytes: vec![0; heads * capacity * width],
                scales: vec![0; heads * capacity * scales_of(width)],
            },
        };
        Self { heads, width, capacity, keys: vectors(), values: vectors() }
    }

    /// Remembers the keys and values of all heads at a position.
    pub(crate) fn put(&mut self, kernels: &Kernels, position: u64, keys: &[f32], values: &[f32]) {
        let slot = self.slot(position);
        let (width, capacity) = (self.width, self.capacity);
        for (kept, numbers) in [(&mut self.keys, keys), (&mut self.values, values)] {
            for (head, numbers) in numbers.chunks_exact(width).enumerate() {
                kept.put(kernels, head * capacity + slot, numbers);
            }
        }
    }

    /// Remembers noise at these positions.
    pub(crate) fn make_up(&mut self, kernels: &Kernels, positions: Range<usize>) {
        // Numbers from -1 to 1 that do not repeat soon.
        let noise = |i: usize| (i.wrapping_mul(2_654_435_761) % 2001) as f32 / 1000.0 - 1.0;
        let vectors = self.heads * self.width;
        let all: Vec<f32> = (0..vectors + 1000).map(noise).collect();
        for position in positions {
            let (keys, values) = (&all[position % 500..][..vectors], &all[500 + position % 500..][..vectors]);
            self.put(kernels, position as u64, keys, values);
        }
    }

    fn slot(&self, position: u64) -> usize {
        usize::try_from(position % self.capacity.max(1) as u64).unwrap_or(0)
    }

    /// What queries see. `queries` and `out` hold the vectors of all heads for each of the views.
    pub(crate) fn attend(
        &self,
        kernels: &Kernels,
        pool: &mut Pool,
        views: &[View],
        queries: &[f32],
        out: &mut [f32],
        transposed: &mut Vec<f32>,
    ) {
        let Self { heads, width, .. } = *self;
        let scale = 1.0 / (width as f32).sqrt();
        let of_head = views.len() * width;
        // The results of a head lie together, so that the heads can be shared out.
        transposed.resize(heads * of_head, 0.0);
        let seen = views.iter().map(|view| self.seen(*view)).max().unwrap_or(0);
        let part = LEAST.div_ceil((seen * of_head).max(1)).min(heads);
        pool.fill(transposed, part * of_head, |at, out| {
            let (mut scores, mut query) = (Vec::new(), vec![0.0; width]);
            for (head, out) in (at * part..).zip(out.chunks_exact_mut(of_head)) {
                for ((i, view), out) in views.iter().enumerate().zip(out.chunks_exact_mut(width)) {
                    let at = (i * heads + head) * width;
                    for (scaled, &number) in query.iter_mut().zip(&queries[at..at + width]) {
                        *scaled = number * scale;
                    }
                    self.look(kernels, head, *view, &query, &mut scores, out);
                }
            }
        });
        for (head, numbers) in transposed.chunks_exact(of_head.max(1)).enumerate() {
            for (i, numbers) in numbers.chunks_exact(width).enumerate() {
                let at = (i * heads + head) * width;
                out[at..at + width].copy_from_slice(numbers);
            }
        }
    }

    /// How many steps are seen from there.
    fn seen(&self, view: View) -> usize {
        usize::try_from(view.position + 1).unwrap_or(usize::MAX).min(view.window)
    }

    fn look(
        &self,
        kernels: &Kernels,
        head: usize,
        view: View,
        query: &[f32],
        scores: &mut Vec<f32>,
        out: &mut [f32],
    ) {
        let seen = self.seen(view);
        let first = self.slot(view.position + 1 - seen as u64);
        // From the oldest to the end of the ring, and on at its start.
        let until_end = seen.min(self.capacity - first);
        let base = head * self.capacity;
        let pieces = [(base + first, 0..until_end), (base, until_end..seen)];
        scores.resize(seen, 0.0);
        for (at, range) in pieces.clone() {
            self.keys.scores(kernels, at, query, &mut scores[range]);
        }
        (kernels.softmax)(scores);
        out.fill(0.0);
        for (at, range) in pieces {
            self.values.gather(kernels, at, &scores[range], out);
        }
    }
}

impl Vectors {
    fn put(&mut self, kernels: &Kernels, at: usize, numbers: &[f32]) {
        let width = numbers.len();
        match self {
            Self::F32(kept) => kept[at * width..][..width].copy_from_slice(numbers),
            Self::F16(halves) => (kernels.to_f16)(numbers, &mut halves[at * width..][..width]),
            Self::Q8 { bytes, scales } => {
                let scales = &mut scales[at * scales_of(width)..][..scales_of(width)];
                let bytes = &mut bytes[at * width..][..width];
                let blocks = numbers.chunks(BLOCK).zip(bytes.chunks_mut(BLOCK));
                for ((numbers, bytes), scale) in blocks.zip(scales) {
                    *scale = round_block(numbers, bytes);
                }
            }
        }
    }

    fn scores(&self, kernels: &Kernels, at: usize, query: &[f32], scores: &mut [f32]) {
        let (width, count) = (query.len(), scores.len());
        match self {
            Self::F32(keys) => (kernels.scores_f32)(query, &keys[at * width..][..count * width], scores),
            Self::F16(halves) => (kernels.scores_f16)(query, &halves[at * width..][..count * width], scores),
            Self::Q8 { bytes, scales } => {
                let (bytes, per) = (&bytes[at * width..][..count * width], scales_of(width));
                (kernels.scores_q8)(query, bytes, &scales[at * per..][..count * per], scores);
            }
        }
    }

    fn gather(&self, kernels: &Kernels, at: usize, shares: &[f32], sum: &mut [f32]) {
        let (width, count) = (sum.len(), shares.len());
        match self {
            Self::F32(values) => (kernels.gather_f32)(shares, &values[at * width..][..count * width], sum),
            Self::F16(halves) => (kernels.gather_f16)(shares, &halves[at * width..][..count * width], sum),
            Self::Q8 { bytes, scales } => {
                let (bytes, per) = (&bytes[at * width..][..count * width], scales_of(width));
                (kernels.gather_q8)(shares, bytes, &scales[at * per..][..count * per], sum);
            }
        }
    }
}

/// Rounds to multiples of a scale that is a 16-bit float itself; returns it.
fn round_block(numbers: &[f32], bytes: &mut [i8]) -> u16 {
    let largest = numbers.iter().fold(0_f32, |largest, number| largest.max(number.abs()));
    // Rounded up, so that the largest number does not leave the range.
    let mut scale = f16::from_f32(largest / 127.0);
    if scale.to_f32() * 127.0 < largest {
        scale = f16::from_bits(scale.to_bits() + 1);
    }
    let inverse = if largest > 0.0 { 1.0 / scale.to_f32() } else { 0.0 };
    for (byte, &number) in bytes.iter_mut().zip(numbers) {
        *byte = (number * inverse).round_ties_even() as i8;
    }
    scale.to_bits()
}
