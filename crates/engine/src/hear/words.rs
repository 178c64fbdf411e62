//! Words out of the tokens of a recogniser: no model, no clock.
//!
//! Kyutai's rule (`ItemState` in `rust/moshi-core/src/asr.rs` of kyutai-labs/moshi e6a55d2), to the token: the tokens of a
//! word are told of as one word when padding follows; it began where the word before it ended, which the token for the end
//! of padding says. Time is the number of steps less those by which the model is late. What is added to the rule: frames
//! that were lost, silence that was put in front, and a bound for a word that does not end.

use std::collections::VecDeque;
use std::sync::Arc;

use wire::Recognised;

use crate::Tokenizer;

/// Tokens of one word. A model that says more without a pause is damaged, or was given something that is no speech.
const MOST_TOKENS: usize = 64;

/// Steps in a second of sound.
const STEPS: f64 = 12.5;

/// Takes the text token of each step, and tells what is known from it on.
#[derive(Debug, Clone)]
pub struct WordFormer {
    tokenizer: Arc<Tokenizer>,
    padding: u32,
    end_of_padding: u32,
    /// Steps by which words are late.
    delay: u64,
    /// Steps of silence before the sound.
    prefix: u64,
    /// Steps that were taken.
    step: u64,
    tokens: Vec<u32>,
    unended: bool,
    /// Where the last word ended, in seconds.
    last_stop: f64,
    /// Frames that were lost, by the number of frames that were heard before; as long as words before them may come.
    gaps: VecDeque<(u64, u64)>,
    /// Frames that were lost before what is told of now.
    lost: u64,
}

impl WordFormer {
    /// At the start of time, for a model that tells words `delay` steps late and hears `prefix` frames of silence first.
    #[must_use]
    pub fn new(
        tokenizer: Arc<Tokenizer>,
        padding: u32,
        end_of_padding: u32,
        delay: u64,
        prefix: u64,
    ) -> Self {
        Self {
            tokenizer,
            padding,
            end_of_padding,
            delay,
            prefix,
            step: 0,
            tokens: Vec::new(),
            unended: false,
            last_stop: 0.0,
            gaps: VecDeque::new(),
            lost: 0,
        }
    }

    /// Goes back to the start of time.
    pub fn reset(&mut self) {
        let tokenizer = Arc::clone(&self.tokenizer);
        *self = Self::new(tokenizer, self.padding, self.end_of_padding, self.delay, self.prefix);
    }

    /// Takes the token of a step, and tells of a word that is complete and of one that has ended, in this order.
    pub fn take(&mut self, token: u32) -> Vec<Recognised> {
        self.step += 1;
        let mut told = Vec::new();
        let Some(heard) = self.step.checked_sub(self.delay) else { return told };
        let pads = token == self.padding || token == self.end_of_padding;
        if !pads {
            self.tokens.push(token);
        }
        if pads || self.tokens.len() >= MOST_TOKENS {
            told.extend(self.word());
        }
        self.pass_gaps(|before| before < heard);
        if token == self.end_of_padding {
            if std::mem::take(&mut self.unended) {
                told.push(Recognised::WordEnd { stop: self.seconds(heard) });
            }
            // What ends where frames were lost ended before that, and what begins there begins behind it.
            self.pass_gaps(|before| before <= heard);
            self.last_stop = self.seconds(heard);
        }
        told
    }

    /// So many frames, which came after those of the steps up to now, are not heard. Words after them are as late as they
    /// were said.
    pub fn lose(&mut self, frames: u64) {
        // The first step hears nothing.
        let before = self.step.saturating_sub(1);
        match self.gaps.back_mut() {
            Some((last, lost)) if *last == before => *lost += frames,
            _ => self.gaps.push_back((before, frames)),
        }
    }

    /// The word under way, if its tokens mean anything.
    fn word(&mut self) -> Option<Recognised> {
        let bytes: Vec<u8> =
            self.tokens.drain(..).flat_map(|token| self.tokenizer.piece(token)).copied().collect();
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        self.unended = true;
        Some(Recognised::Word { text: text.into(), start: self.last_stop })
    }

    /// Counts what was lost after so many frames.
    fn pass_gaps(&mut self, passed: impl Fn(u64) -> bool) {
        while let Some((_, lost)) = self.gaps.pop_front_if(|(before, _)| passed(*before)) {
            self.lost += lost;
        }
    }

    /// Where so many frames that were heard are in what was said: with what was lost before, without the silence in front.
    fn seconds(&self, heard: u64) -> f64 {
        (heard + self.lost).saturating_sub(self.prefix) as f64 / STEPS
    }
}

#[cfg(test)]
mod tests;
