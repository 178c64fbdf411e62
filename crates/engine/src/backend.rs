//! What computes a language model: a step at a time, from the tokens that go in to the tokens that come out.
//!
//! The border lies around the whole step, sampling included, so that a device with memory of its own is asked once for
//! each frame and answers with a few numbers.

use std::fmt::Debug;

use crate::{Error, LmConfig, Sampling};

/// What goes into the temporal transformer at one step.
#[derive(Debug, Clone, Copy)]
pub enum Input<'a> {
    /// One token for each stream: text first, then the codebooks, delays applied. `None` leaves a stream out.
    Tokens(&'a [Option<u32>]),
    /// What the sum of the embeddings of all streams would be: as many numbers as the transformer is wide.
    Embedded(&'a [f32]),
}

/// Which text token comes out of a step, by the kind of the token that the model picked. `None` keeps that token.
///
/// It is given before the step because what the model picked decides, and the codebooks of the same step depend on
/// the decision.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TextRule {
    /// Instead of the token for "nothing is said here".
    pub padding: Option<u32>,
    /// Instead of the token for "a word begins at the next step".
    pub end_of_padding: Option<u32>,
    /// Instead of all others, which are parts of words.
    pub word: Option<u32>,
}

impl TextRule {
    /// The model says what it picks.
    pub const FREE: Self = Self { padding: None, end_of_padding: None, word: None };

    /// This token, whatever the model picks.
    #[must_use]
    pub const fn force(token: u32) -> Self {
        Self { padding: Some(token), end_of_padding: Some(token), word: Some(token) }
    }

    /// What comes out where the model picked `picked`.
    #[must_use]
    pub fn apply(self, picked: u32, config: &LmConfig) -> u32 {
        let instead = if picked == config.padding {
            self.padding
        } else if picked == config.end_of_padding {
            self.end_of_padding
        } else {
            self.word
        };
        instead.unwrap_or(picked)
    }
}

/// What is asked of one step.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// What goes in.
    pub input: Input<'a>,
    /// Which text comes out.
    pub text: TextRule,
    /// By codebook, the token that the next codebook sees instead of the one that was picked. Those that are missing
    /// at the end are free.
    pub audio: &'a [Option<u32>],
    /// How tokens are picked.
    pub sampling: Sampling,
    /// Whether the numbers behind the choices are wanted too.
    pub trace: bool,
}

impl<'a> Request<'a> {
    /// A step in which nothing is forced.
    #[must_use]
    pub fn free(input: Input<'a>, sampling: Sampling) -> Self {
        Self { input, text: TextRule::FREE, audio: &[], sampling, trace: false }
    }
}

/// What one step came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Picked {
    /// The text token after [`Request::text`].
    pub text: u32,
    /// The text token that the model picked.
    pub picked_text: u32,
    /// The token that was picked for each generated codebook, before [`Request::audio`].
    pub audio: Vec<u32>,
    /// Probabilities of the classes of each extra head.
    pub extra_heads: Vec<Vec<f32>>,
    /// As asked for.
    pub trace: Option<Trace>,
}

/// The numbers behind the choices of one step.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// What the temporal transformer gives to everything behind it, after its last norm.
    pub hidden: Vec<f32>,
    /// A logit for each text token that can come out.
    pub text_logits: Vec<f32>,
    /// A logit for each entry of each generated codebook.
    pub audio_logits: Vec<Vec<f32>>,
}

/// Something that computes a language model and remembers its place in time.
///
/// After an error it is at no place in time any more; [`reset`](Self::reset) makes it usable again.
pub trait Backend: Debug + Send {
    /// What the model looks like.
    fn config(&self) -> &LmConfig;

    /// Goes back to the start of time. The same seed picks the same tokens again.
    fn reset(&mut self, seed: u64);

    /// Takes steps of which nothing comes out: only the temporal transformer runs. As many at once as there are is
    /// fastest.
    ///
    /// # Errors
    /// [`Error::Input`] for another number of streams or a token outside of its vocabulary.
    fn prefill(&mut self, inputs: &[Input<'_>]) -> Result<(), Error>;

    /// Takes one step.
    ///
    /// # Errors
    /// As for [`prefill`](Self::prefill), and for forced tokens outside of their vocabulary.
    fn step(&mut self, request: &Request<'_>) -> Result<Picked, Error>;
}
