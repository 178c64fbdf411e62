//! Moshi step by step: from the codes that were heard to text and codes that are said.
//!
//! The semantics are those of `LMGen` in Kyutai's Python code (`moshi/models/lm.py`), without its limits: streams
//! are late by their delays, everything begins with start tokens, and it goes on for as long as it is asked to.

use crate::{Backend, Error, Input, LmConfig, Prompt, Request, Sampling, TextRule, TokenRing, personaplex};

/// A token that is not there yet.
const NOTHING: u32 = u32::MAX;

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
    /// The tokens of each stream by the step at which they go in, a column for each of the last steps.
    columns: Vec<Vec<u32>>,
    /// Steps that were taken.
    steps: u64,
    /// The text token of the last of them.
    text: u32,
    max_delay: usize,
    /// Of PersonaPlex, which has another order of things.
    ring: Option<TokenRing>,
}

impl Generator {
    /// A generator at the start of a conversation, with the model's own sampling and seed 0.
    #[must_use]
    pub fn new(mut backend: Box<dyn Backend>) -> Self {
        backend.reset(0);
        let config = backend.config();
        let max_delay = config.delays.iter().copied().max().unwrap_or(0);
        let columns = vec![vec![NOTHING; config.streams()]; max_delay + 2];
        let ring = personaplex::ring(config);
        Self { sampling: config.sampling, columns, steps: 0, text: NOTHING, max_delay, ring, backend }
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
        for column in &mut self.columns {
            column.fill(NOTHING);
        }
        self.ring.iter_mut().for_each(TokenRing::reset);
        self.steps = 0;
    }

    /// Takes a model of PersonaPlex that was [`reset`](Self::reset) through what it is to know before a conversation.
    /// `go_on` is asked from time to time whether that is still wanted. Returns whether all of it was gone through;
    /// if not, the generator has to be reset.
    ///
    /// # Errors
    /// [`Error::Input`] for a token outside of its vocabulary, and for a model that takes no prompt.
    pub fn prefill(&mut self, prompt: &Prompt, go_on: impl FnMut() -> bool) -> Result<bool, Error> {
        let Some(ring) = &mut self.ring else {
            return Err(Error::Input { what: "a role and a voice, which it does not take".into() });
        };
        ring.prefill(self.backend.as_mut(), prompt, go_on)
    }

    /// The last tokens of all streams, of a model of PersonaPlex.
    #[must_use]
    pub fn ring(&self) -> Option<&TokenRing> {
        self.ring.as_ref()
    }

    /// Steps that were taken since the start.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The text token of the last step, which [`Said`] holds as many steps later as the streams are late.
    #[must_use]
    pub fn text(&self) -> Option<u32> {
        (self.steps > 0).then_some(self.text)
    }

    /// Steps before the first one whose texts are still to come with [`Said`]: those at the end of a prompt.
    pub(crate) fn late(&self) -> usize {
        self.ring.as_ref().map_or(0, TokenRing::late)
    }

    /// Takes one step of 80 ms: hears one code for each codebook of the other speaker, and says something, but for
    /// the first steps, whose sound is not complete yet. `text` decides about what the model would say.
    ///
    /// # Errors
    /// [`Error::Input`] for another number of codes or a token outside of its vocabulary. The conversation can not
    /// go on then.
    pub fn step(&mut self, heard: &[u32], text: TextRule) -> Result<Option<Said>, Error> {
        let config = self.backend.config();
        let (generated, expected) = (config.generated_codebooks(), config.heard_codebooks());
        if heard.len() != expected {
            return Err(Error::Input { what: format!("{} codes instead of {expected}", heard.len()) });
        }
        if let Some(ring) = &mut self.ring {
            let said = ring.step(self.backend.as_mut(), self.sampling, heard, text)?;
            self.steps += 1;
            self.text = ring.last_text().unwrap_or(NOTHING);
            return Ok(said);
        }
        for (stream, &code) in (1 + generated..).zip(heard) {
            let delay = config.delays.get(stream).copied().unwrap_or(0);
            *cell(&mut self.columns, self.steps + delay as u64, stream)? = code;
        }
        let config = self.backend.config();
        let mut tokens = Vec::with_capacity(config.streams());
        for (stream, &delay) in config.delays.iter().enumerate() {
            tokens.push(Some(if self.steps <= delay as u64 {
                if stream == 0 { config.initial_text() } else { config.initial_audio() }
            } else {
                *cell(&mut self.columns, self.steps, stream)?
            }));
        }
        let input = Input::Tokens(&tokens);
        let picked = self.backend.step(&Request { text, ..Request::free(input, self.sampling) })?;
        let next = self.steps + 1;
        *cell(&mut self.columns, next, 0)? = picked.text;
        self.text = picked.text;
        for (stream, &code) in (1..).zip(&picked.audio) {
            *cell(&mut self.columns, next, stream)? = code;
        }
        self.steps = next;
        self.said()
    }

    /// What is complete by now.
    fn said(&mut self) -> Result<Option<Said>, Error> {
        let Some(first) = self.steps.checked_sub(self.max_delay as u64).filter(|&first| first > 0) else {
            return Ok(None);
        };
        let generated = self.backend.config().generated_codebooks();
        let delays = self.backend.config().delays.iter().take(1 + generated).enumerate();
        let mut tokens = Vec::with_capacity(1 + generated);
        for (stream, &delay) in delays {
            tokens.push(*cell(&mut self.columns, first + delay as u64, stream)?);
        }
        let codes = tokens.split_off(1);
        Ok(tokens.first().map(|&text| Said { text, codes }))
    }
}

/// Where the token of `stream` lies that goes in at `step`.
fn cell(columns: &mut [Vec<u32>], step: u64, stream: usize) -> Result<&mut u32, Error> {
    let column = usize::try_from(step % columns.len().max(1) as u64).unwrap_or(0);
    let cell = columns.get_mut(column).and_then(|column| column.get_mut(stream));
    cell.ok_or_else(|| Error::Input { what: format!("stream {stream}, which it does not have") })
}
