//! The tokens of the last steps, as Kyutai's servers keep them.

use crate::{Error, LmConfig, Picked, Said};

/// A token that is not there yet.
const NOTHING: u32 = u32::MAX;

/// The tokens of each stream by the step at which they go in: a column for each of the last steps, one more than the
/// longest delay needs.
#[derive(Debug)]
pub(crate) struct Columns {
    columns: Vec<Vec<u32>>,
    delays: Vec<usize>,
    max_delay: usize,
    /// Steps that were taken.
    steps: u64,
}

impl Columns {
    pub(crate) fn new(config: &LmConfig) -> Self {
        let max_delay = config.delays.iter().copied().max().unwrap_or(0);
        let columns = vec![vec![NOTHING; config.streams()]; max_delay + 2];
        Self { columns, delays: config.delays.clone(), max_delay, steps: 0 }
    }

    pub(crate) fn reset(&mut self) {
        self.columns.iter_mut().flatten().for_each(|token| *token = NOTHING);
        self.steps = 0;
    }

    /// Takes the codes that are heard at the next step, and returns what goes into the model there.
    pub(crate) fn input(&mut self, config: &LmConfig, heard: &[u32]) -> Result<Vec<Option<u32>>, Error> {
        for (stream, &code) in (1 + config.generated_codebooks()..).zip(heard) {
            let delay = self.delays.get(stream).copied().unwrap_or(0);
            *self.cell(self.steps + delay as u64, stream)? = code;
        }
        let mut tokens = Vec::with_capacity(config.streams());
        for stream in 0..config.streams() {
            let delay = self.delays.get(stream).copied().unwrap_or(0);
            tokens.push(Some(if self.steps <= delay as u64 {
                if stream == 0 { config.initial_text() } else { config.initial_audio() }
            } else {
                *self.cell(self.steps, stream)?
            }));
        }
        Ok(tokens)
    }

    /// Takes what was picked at that step, and returns what is complete by now, with all delays taken out.
    pub(crate) fn picked(&mut self, picked: &Picked) -> Result<Option<Said>, Error> {
        self.steps += 1;
        let tokens = [picked.text].into_iter().chain(picked.audio.iter().copied());
        for (stream, token) in tokens.enumerate() {
            *self.cell(self.steps, stream)? = token;
        }
        let Some(first) = self.steps.checked_sub(self.max_delay as u64).filter(|&first| first > 0) else {
            return Ok(None);
        };
        let mut tokens = Vec::with_capacity(1 + picked.audio.len());
        for stream in 0..=picked.audio.len() {
            let delay = self.delays.get(stream).copied().unwrap_or(0);
            tokens.push(*self.cell(first + delay as u64, stream)?);
        }
        let codes = tokens.split_off(1);
        Ok(tokens.first().map(|&text| Said { text, codes }))
    }

    /// Where the token of a stream lies that goes in at a step.
    fn cell(&mut self, step: u64, stream: usize) -> Result<&mut u32, Error> {
        let column = usize::try_from(step % self.columns.len().max(1) as u64).unwrap_or(0);
        let cell = self.columns.get_mut(column).and_then(|column| column.get_mut(stream));
        cell.ok_or_else(|| Error::Input { what: format!("stream {stream}, which it does not have") })
    }
}
