//! What travels between MYCA Voice and its servers.
//!
//! Types and codecs only: nothing here opens a socket, reads a clock or starts a thread. Whatever comes from the
//! network is bounded in size before it is looked at, and nothing in this crate panics on any input.

mod asr;
pub mod bridge;
mod chat_url;
mod cut;
mod fields;
mod frame;
#[doc(hidden)]
pub mod fuzzing;
mod hearing;
mod metadata;
mod speech;
mod utf8;

pub use asr::{ASR_KEY_HEADER, ASR_PATH, AsrError, AsrReply, AsrRequest, LARGEST_REPLY, LARGEST_REQUEST};
pub use chat_url::{ChatQuery, ChatUrlError, MAX_REQUEST_TARGET, VOICES, ask_to_hear, chat_url, service_url};
pub use cut::{CUT_MARK, cut};
pub use fields::Fields;
pub use frame::{Control, Frame, FrameError, close, limit};
pub use hearing::{
    HEARING_STEP, Hearing, LONGEST_UTTERANCE, PAUSE_HEAD, Recognised, Utterance, UtteranceState, Utterances,
};
pub use metadata::{FrameTiming, HostMetadata, capability};
pub use speech::{LONGEST_SPEECH, MOST_SPEECHES, SpeechNews, SpeechState, SpeechWish};
pub use utf8::Utf8Stream;

/// Sample rate of everything that Moshi hears and says, in hertz.
pub const SAMPLE_RATE: u32 = 24_000;

/// Samples in one frame of the model: 80 ms at [`SAMPLE_RATE`].
pub const MODEL_FRAME: usize = 1920;
