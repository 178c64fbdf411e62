//! A model that is looked at while a conversation uses it.

use std::sync::mpsc::{Receiver, Sender, channel};

use crate::{Backend, Cpu, Error, Input, LmConfig, Picked, Request, Sampling, TextRule};

/// Stands in recordings for a place into which an embedding went.
const EMBEDDED: i64 = -3;

/// Stands in recordings for a token that nobody forced.
const FREE: i64 = -1;

/// What went into a model at one step, and what came out.
#[derive(Debug)]
pub(super) struct Run {
    /// By stream, as recordings have it.
    pub(super) input: Vec<i64>,
    /// By generated codebook, as recordings have it.
    pub(super) forced: Vec<i64>,
    pub(super) picked: Picked,
}

/// What a step of a prompt is given, of which a conversation takes no notice.
#[derive(Debug, Clone)]
pub(super) struct Given {
    pub(super) text: u32,
    pub(super) audio: Vec<Option<u32>>,
}

/// A model that tells of every step, and takes those of a prompt as if their results were wanted.
#[derive(Debug)]
pub(super) struct Watched {
    lm: Cpu,
    runs: Sender<Run>,
    /// For the steps of prompts, the next one last; without any they are free.
    prompt: Vec<Given>,
}

impl Watched {
    pub(super) fn new(lm: Cpu, mut prompt: Vec<Given>) -> (Self, Receiver<Run>) {
        let (sender, runs) = channel();
        prompt.reverse();
        (Self { lm, runs: sender, prompt }, runs)
    }

    fn run(&mut self, request: &Request<'_>) -> Result<Picked, Error> {
        let picked = self.lm.step(request)?;
        let config = self.lm.config();
        let input = match request.input {
            Input::Tokens(tokens) => tokens.iter().map(|token| token.map_or(FREE, i64::from)).collect(),
            Input::Embedded(_) => vec![EMBEDDED; config.streams()],
        };
        let mut forced: Vec<i64> = request.audio.iter().map(|token| token.map_or(FREE, i64::from)).collect();
        forced.resize(config.generated_codebooks(), FREE);
        // That nobody listens any more is no reason to stop.
        let _ = self.runs.send(Run { input, forced, picked: picked.clone() });
        Ok(picked)
    }
}

impl Backend for Watched {
    fn config(&self) -> &LmConfig {
        self.lm.config()
    }

    fn reset(&mut self, seed: u64) {
        self.lm.reset(seed);
    }

    fn prefill(&mut self, inputs: &[Input<'_>]) -> Result<(), Error> {
        for &input in inputs {
            let given = self.prompt.pop();
            let text = given.as_ref().map_or(TextRule::FREE, |given| TextRule::force(given.text));
            let audio = given.as_ref().map(|given| given.audio.as_slice()).unwrap_or_default();
            self.run(&Request { input, text, audio, sampling: Sampling::GREEDY, trace: true })?;
        }
        Ok(())
    }

    fn step(&mut self, request: &Request<'_>) -> Result<Picked, Error> {
        self.run(&Request { trace: true, ..*request })
    }
}

/// Tokens as recordings have them.
pub(super) fn ids(tokens: &[u32]) -> Vec<i64> {
    tokens.iter().copied().map(i64::from).collect()
}
