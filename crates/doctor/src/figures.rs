//! Every figure that verdicts rest on, and where it is from.
//!
//! A GB is 10^9 bytes everywhere. "Shapes" is the arithmetic of the published 7B model: 7.69 thousand million weights
//! (8.37 in PersonaPlex), of which a step reads all but the embeddings it does not look up.

use crate::Weights;

/// One frame of the model: 1920 samples at 24 kHz.
pub(crate) const FRAME_MS: f64 = 80.0;

/// The fewest timed frames that a verdict rests on: 4 s of a conversation.
pub const ENOUGH_FRAMES: u32 = 50;

/// Beyond this part of a frame, or of the memory, there is little room for anything that was not counted.
pub(crate) const TIGHT: f64 = 0.85;

/// A real program reaches half of the bandwidth or more, so that a floor beyond half a frame leaves little room.
pub(crate) const TIGHT_FLOOR_MS: f64 = FRAME_MS / 2.0;

/// What one form of the weights takes.
pub(crate) struct Needs {
    /// Read from memory for every frame, in GB. Shapes.
    pub(crate) streamed: f64,
    /// All weights, in GB. Shapes; what a download takes on disk, Mimi and the tokenizer not counted.
    pub(crate) weights: f64,
    /// With a cache of 3000 steps in f16, Mimi and what computing takes, in GB. Shapes, and Kyutai's pull request 202.
    pub(crate) memory: f64,
}

impl Weights {
    pub(crate) const fn needs(self) -> Needs {
        match self {
            Self::Bf16 => Needs { streamed: 14.75, weights: 15.4, memory: 17.5 },
            Self::Q8 => Needs { streamed: 7.84, weights: 8.2, memory: 10.2 },
            Self::Q4 => Needs { streamed: 4.15, weights: 4.33, memory: 6.4 },
        }
    }
}

/// The cache after 3000 steps, in f16, in GB: it is read for every frame as well. Shapes.
pub(crate) const CACHE: f64 = 1.57;

/// q4_k with a cache in q8, in GB: the smallest form there is.
pub(crate) const Q4_SMALL_MEMORY: f64 = 5.6;

/// Mimi and the tokenizer on disk, in GB.
pub(crate) const MIMI_DISK: f64 = 0.4;

/// Mimi takes this of one core for a frame, beside the model. Measured on a Zen 5 core: 19 ms to encode, 18 to decode.
pub(crate) const MIMI_MS: f64 = 37.0;

/// Kyutai's server with bf16, in GB. Kyutai measured 18 with a full cache; its README asks for a card with 24.
pub(crate) const MOSHI_PYTHON: f64 = 18.0;

/// What Kyutai's README asks for.
pub(crate) const MOSHI_PYTHON_ASKED: f64 = 24.0;

/// Kyutai's server with q8, in GB, measured by Kyutai (pull request 202).
pub(crate) const MOSHI_PYTHON_Q8: f64 = 12.0;

/// NVIDIA's server, in GB: 18 to 19, measured by NVIDIA.
pub(crate) const PERSONAPLEX: f64 = 19.0;

/// PersonaPlex's weights on disk, in GB. Shapes.
pub(crate) const PERSONAPLEX_DISK: f64 = 16.7;

/// A Python server on the processor, in GB of the machine's memory: 18 to 20, from container restarts at less.
pub(crate) const PYTHON_ON_CPU: f64 = 20.0;

/// A step of Kyutai's server on an RTX 5090 with CUDA graphs, as measured, in ms.
pub(crate) const GRAPHS_MS: f64 = 30.75;

/// The same on an RTX 5090 without them; 150 to 200 on an RTX 4080.
pub(crate) const NO_GRAPHS_MS: f64 = 201.0;

/// `myca host` with q4_k on 2 cores at 40 GB/s, as measured, in ms, beside a floor of 104.
pub(crate) const CPU_REFERENCE_MS: f64 = 116.0;

/// The least time for a frame, in ms, at a bandwidth in GB/s: what is streamed has to pass once.
pub(crate) fn floor_ms(gigabytes: f64, gb_per_s: f64) -> f64 {
    gigabytes / gb_per_s * 1000.0
}

/// The least bandwidth, in GB/s, at which that much can be streamed for every frame.
pub(crate) fn least_gb_per_s(gigabytes: f64) -> f64 {
    gigabytes * 1000.0 / FRAME_MS
}

/// A time in ms, for people: as exact as it makes a difference.
pub(crate) fn ms(time: f64) -> String {
    if time < 20.0 { format!("{time:.1} ms") } else { format!("{time:.0} ms") }
}

/// In GB, for people.
pub(crate) fn gb(bytes: u64) -> String {
    format!("{:.1} GB", gigabytes(bytes))
}

/// Bytes as GB.
pub(crate) fn gigabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e9
}
