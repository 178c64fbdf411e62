//! What a person says, as words: Kyutai's streaming recognisers (`stt-1b-en_fr`, `stt-2.6b-en`).
//!
//! A recogniser is a language model without a depformer that hears all 32 codebooks of the codec and says the words of
//! what it heard a while ago; small heads beside the text tell whether the person pauses. [`Recogniser`] is one of them, a
//! frame of 80 ms at a time. [`Listener`] runs it on a thread of its own, so that nobody waits for it: what it can not
//! keep up with is lost in whole frames and counted, and its clock goes on. [`Ears`] lends it to one listener after the
//! other.

mod ears;
mod listener;
mod recogniser;
mod words;

pub use ears::{Ears, Loan};
pub(crate) use listener::Feed;
pub use listener::{Heard, Listener};
pub use recogniser::{Recogniser, Step};
pub use words::WordFormer;
