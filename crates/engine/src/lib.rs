//! Moshi itself: the Mimi codec and the language model, on the CPU, and a server for them.
//!
//! The networks are Kyutai's (`moshi` crate, candle); what is theirs to read is read from the files that they
//! publish, in every layout that they publish. The stepping is this crate's own, so that a conversation has no end
//! but the one that somebody gives it.

mod backend;
pub mod bench;
mod candle_weights;
pub mod codec;
mod columns;
mod config;
mod cpu;
mod error;
pub mod full;
pub mod fuzzing;
mod generator;
pub mod golden;
pub mod hear;
mod mimi_config;
mod model;
mod personaplex;
mod pipeline;
mod queue;
mod reference;
mod sampling;
pub mod serve;
mod speech;
mod tensors;
mod timed;
mod timing;
pub mod tiny;
mod tokenizer;
mod voice;

pub use backend::{Backend, Input, Picked, Request, TextRule, Trace};
pub use codec::{Decoder, Encoder};
pub use config::{DepformerConfig, FileNames, LmConfig, RecogniserConfig};
pub use cpu::{CacheFormat, Cpu, CpuOptions};
pub use error::Error;
pub use generator::{Generator, Said};
pub use model::{CONFIG, MIMI, MOSHI, Model, Outline, TOKENIZER, load, load_with, outline};
pub use personaplex::{Cell, DEFAULT_PERSONA, Persona, Prompt, Role, TokenRing, VoicePrompt};
pub use pipeline::{Output, Pipeline};
pub use reference::Reference;
pub use sampling::{Sampler, Sampling, TokenSampling};
pub use speech::Speech;
pub use timed::{FrameCost, MOST_FRAMES, time_frames};
pub use tokenizer::{Tokenizer, Unspeakable, Word};
pub use voice::{States, Voice, Voices};

/// What this engine can compute on, in the doctor's words.
pub const BACKENDS: [&str; 1] = ["cpu"];
