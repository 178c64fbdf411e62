//! Moshi step by step: from the codes that were heard to text and codes that are said.
//!
//! The semantics are those of `LMGen` in Kyutai's Python code (`moshi/models/lm.py`), without its limits: streams
//! are late by their delays, everything begins with start tokens, and it goes on for as long as it is asked to.

use crate::columns::Columns;
use crate::{Backend, Error, Input, LmConfig, Prompt, Request, Sampling, TextRule, TokenRing, personaplex};

/// What one step says, with all delays taken out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Text token.
    pub text: u32,
    /// One token for each generated codebook.
    pub codes: Vec<u32>,
}

/// A language model in a conversation.
#[derive(Debug)]
pub struct Generator {
    backend: Box<dyn Backend>,
    sampling: Sampling,
    tokens: Tokens,
    /// Steps that were taken.
    steps: u64,
    /// The text token of the last of them.
    text: Option<u32>,
}

/// The tokens of the last steps.
#[derive(Debug)]
enum Tokens {
    Moshi(Columns),
    /// PersonaPlex has another order of things.
    PersonaPlex(TokenRing),
}

impl Generator {
    /// A generator at the start of a conversation, with the model's own sampling and seed 0.
    #[must_use]
    pub fn new(mut backend: Box<dyn Backend>) -> Self {
        backend.reset(0);
        let config = backend.config();
        let tokens = match personaplex::ring(config) {
            Some(ring) => Tokens::PersonaPlex(ring),
            None => Tokens::Moshi(Columns::new(config)),
        };
        Self { sampling: config.sampling, tokens, steps: 0, text: None, backend }
    }

    /// What the model looks like.
    #[must_use]
    pub fn config(&self) -> &LmConfig {
        self.backend.config()
    }

    /// Forgets the conversation, for the next one.
    pub fn reset(&mut self, sampling: Sampling, seed: u64) {
        self.backend.reset(seed);
        self.sampling = sampling;
        match &mut self.tokens {
            Tokens::Moshi(columns) => columns.reset(),
            Tokens::PersonaPlex(ring) => ring.reset(),
        }
        self.steps = 0;
        self.text = None;
    }

    /// Takes a model of PersonaPlex that was [`reset`](Self::reset) through what it is to know before a conversation.
    /// `go_on` is asked from time to time whether that is still wanted. Returns whether all of it was gone through;
    /// if not, the generator has to be reset.
    ///
    /// # Errors
    /// [`Error::Input`] for a token outside of its vocabulary, and for a model that takes no prompt.
    pub fn prefill(&mut self, prompt: &Prompt, go_on: impl FnMut() -> bool) -> Result<bool, Error> {
        let Tokens::PersonaPlex(ring) = &mut self.tokens else {
            return Err(Error::Input { what: "a role and a voice, which it does not take".into() });
        };
        ring.prefill(self.backend.as_mut(), prompt, go_on)
    }

    /// The last tokens of all streams, of a model of PersonaPlex.
    #[must_use]
    pub fn ring(&self) -> Option<&TokenRing> {
        match &self.tokens {
            Tokens::Moshi(_) => None,
            Tokens::PersonaPlex(ring) => Some(ring),
        }
    }

    /// Steps that were taken since the start.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The text token of the last step, which [`Said`] holds as many steps later as the streams are late.
    #[must_use]
    pub fn text(&self) -> Option<u32> {
        self.text
    }

    /// Steps before the first one whose texts are still to come with [`Said`]: those at the end of a prompt.
    pub(crate) fn late(&self) -> usize {
        self.ring().map_or(0, TokenRing::late)
    }

    /// Takes one step of 80 ms: hears one code for each codebook of the other speaker, and says something, but for
    /// the first steps, whose sound is not complete yet. `text` decides about what the model would say.
    ///
    /// # Errors
    /// [`Error::Input`] for another number of codes or a token outside of its vocabulary. The conversation can not
    /// go on then.
    pub fn step(&mut self, heard: &[u32], text: TextRule) -> Result<Option<Said>, Error> {
        let config = self.backend.config();
        let expected = config.heard_codebooks();
        if heard.len() != expected {
            return Err(Error::Input { what: format!("{} codes instead of {expected}", heard.len()) });
        }
        let said = match &mut self.tokens {
            Tokens::Moshi(columns) => {
                let tokens = columns.input(config, heard)?;
                let request = Request { text, ..Request::free(Input::Tokens(&tokens), self.sampling) };
                let picked = self.backend.step(&request)?;
                self.text = Some(picked.text);
                columns.picked(&picked)?
            }
            Tokens::PersonaPlex(ring) => {
                let said = ring.step(self.backend.as_mut(), self.sampling, heard, text)?;
                self.text = ring.last_text();
                said
            }
        };
        self.steps += 1;
        Ok(said)
    }
}
