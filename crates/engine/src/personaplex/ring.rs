//! The last tokens of all streams, as PersonaPlex keeps them.

use crate::{Error, LmConfig, Picked, Said};

/// A place of a [`TokenRing`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cell {
    /// The token; `None` before there was any.
    pub token: Option<u32>,
    /// Whether it was given, so that the model has nothing to pick there.
    pub given: bool,
}

/// The tokens of the last steps: a column for each, with a place for each stream, text first, then the codebooks of
/// both speakers. The token that goes in at step `n` lies in column `n` modulo the number of columns, which is two
/// more than the longest delay needs.
///
/// Unlike Kyutai's, it looks back: at offset `n`, what is given is written to column `n` (and later ones for streams
/// that are late), what goes into the model is column `n - 1`, and what it picks goes to column `n` where nothing was
/// given. So a code that is heard goes in one step later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRing {
    columns: Vec<Vec<Cell>>,
    delays: Vec<usize>,
    /// What each stream begins with.
    initial: Vec<u32>,
    offset: u64,
    max_delay: usize,
}

impl TokenRing {
    pub(super) fn new(config: &LmConfig) -> Self {
        let max_delay = config.delays.iter().copied().max().unwrap_or(0);
        let mut initial = vec![config.initial_audio(); config.streams()];
        if let Some(text) = initial.first_mut() {
            *text = config.initial_text();
        }
        let columns = vec![vec![Cell::default(); config.streams()]; max_delay + 3];
        Self { columns, delays: config.delays.clone(), initial, offset: 0, max_delay }
    }

    /// Steps that were taken, the first of which only stores.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// All places, by column and stream.
    #[must_use]
    pub fn columns(&self) -> &[Vec<Cell>] {
        &self.columns
    }

    /// Text token of the step before, if there is one.
    pub(crate) fn last_text(&self) -> Option<u32> {
        let column = self.columns.get(self.column(self.offset.checked_sub(1)?))?;
        column.first()?.token
    }

    /// Steps whose text comes only with the sound of later ones.
    pub(crate) fn late(&self) -> usize {
        if self.offset == 0 { 0 } else { self.max_delay }
    }

    pub(crate) fn reset(&mut self) {
        self.offset = 0;
        self.columns.iter_mut().flatten().for_each(|cell| *cell = Cell::default());
    }

    /// Writes a token to where its stream's delay puts it.
    pub(super) fn give(&mut self, stream: usize, token: u32) -> Result<(), Error> {
        let delay = self.delays.get(stream).copied().unwrap_or(0);
        *self.cell(self.offset + delay as u64, stream)? = Cell { token: Some(token), given: true };
        Ok(())
    }

    /// Makes ready for a step, behind all [`give`](Self::give). Returns whether the model is to run; at the first
    /// step it is not, and the step is over.
    pub(super) fn begin(&mut self) -> Result<bool, Error> {
        for (stream, &delay) in self.delays.clone().iter().enumerate() {
            // Streams that are late have nothing yet.
            if self.offset <= delay as u64 {
                let token = self.initial.get(stream).copied();
                *self.cell(self.offset, stream)? = Cell { token, given: true };
            }
        }
        if self.offset == 0 {
            self.offset = 1;
            return Ok(false);
        }
        Ok(true)
    }

    /// What goes into the model, one token for each stream.
    pub(super) fn input(&self) -> Vec<Option<u32>> {
        let column = self.column(self.offset.saturating_sub(1));
        self.columns.get(column).into_iter().flatten().map(|cell| cell.token).collect()
    }

    /// What was given for this step, by stream.
    pub(super) fn given(&self) -> Vec<Option<u32>> {
        let column = self.columns.get(self.column(self.offset)).into_iter().flatten();
        column.map(|cell| cell.token.filter(|_| cell.given)).collect()
    }

    /// Ends a step: keeps what the model picked where nothing was given. Returns what is complete by now.
    pub(super) fn end(&mut self, picked: Option<&Picked>) -> Result<Option<Said>, Error> {
        let before = self.column(self.offset.saturating_sub(1));
        self.columns.get_mut(before).into_iter().flatten().for_each(|cell| cell.given = false);
        if let Some(picked) = picked {
            let tokens = [picked.text].into_iter().chain(picked.audio.iter().copied());
            for (stream, token) in tokens.enumerate() {
                let cell = self.cell(self.offset, stream)?;
                if !cell.given {
                    cell.token = Some(token);
                }
            }
        }
        let said = self.said()?;
        self.offset += 1;
        Ok(said)
    }

    fn said(&mut self) -> Result<Option<Said>, Error> {
        let Some(first) = self.offset.checked_sub(self.max_delay as u64).filter(|&first| first > 0) else {
            return Ok(None);
        };
        let own = 1 + (self.initial.len() - 1) / 2;
        let mut tokens = Vec::with_capacity(own);
        for stream in 0..own {
            let delay = self.delays.get(stream).copied().unwrap_or(0);
            tokens.push(self.cell(first + delay as u64, stream)?.token);
        }
        let tokens: Option<Vec<u32>> = tokens.into_iter().collect();
        Ok(tokens.and_then(|tokens| {
            let (&text, codes) = tokens.split_first()?;
            Some(Said { text, codes: codes.to_vec() })
        }))
    }

    /// Puts the tokens of a saved voice in the place of all that are here: by stream, then by column. What is given
    /// stays so.
    pub(super) fn replace(&mut self, tokens: &[Vec<Option<u32>>]) {
        for (number, column) in self.columns.iter_mut().enumerate() {
            for (cell, row) in column.iter_mut().zip(tokens) {
                cell.token = row.get(number).copied().flatten();
            }
        }
    }

    fn column(&self, step: u64) -> usize {
        usize::try_from(step % self.columns.len().max(1) as u64).unwrap_or(0)
    }

    fn cell(&mut self, step: u64, stream: usize) -> Result<&mut Cell, Error> {
        let column = self.column(step);
        let cell = self.columns.get_mut(column).and_then(|column| column.get_mut(stream));
        cell.ok_or_else(|| Error::Input { what: format!("stream {stream}, which it does not have") })
    }
}
