//! NVIDIA's PersonaPlex: Moshi with a role and a voice.
//!
//! It has Moshi's networks, with a depformer that also guesses what the other speaker is about to say, and of which
//! only the half that is heard is computed here. What is its own is the beginning of a conversation: before anybody
//! speaks, it goes through a voice and a text as if they had been said ([`Prompt`]). The semantics are those of
//! `LMGen` in `moshi/models/lm.py` of github.com/NVIDIA/personaplex.

mod config;
mod prompt;
mod ring;
mod role;
mod stepping;

pub(crate) use self::config::{is_declared, look};
pub use self::prompt::{DEFAULT_PERSONA, Persona, Prompt, VoicePrompt};
pub use self::ring::{Cell, TokenRing};
pub use self::role::Role;
pub(crate) use self::stepping::ring;

/// What it says while it is silent, by codebook.
pub(crate) const SILENCE: [u32; 8] = [948, 243, 1178, 546, 1736, 1030, 1978, 2008];

/// What it hears until somebody speaks: a tone of 440 Hz, by codebook.
pub(crate) const SINE: [u32; 8] = [430, 1268, 381, 1611, 1095, 1495, 56, 472];

/// Frames of silence before the text and behind it: half a second each, whole frames of it.
pub(crate) const SILENT_FRAMES: usize = 6;
