//! Saying a given text in Moshi's own voice: which text token may come out of each step.
//!
//! [`Speech`] is asked before each step and told of it afterwards. It knows no clock and no model; a step is 80 ms.

mod pace;

use std::collections::VecDeque;

use wire::{MOST_SPEECHES, SpeechNews, SpeechState};

use self::pace::Pace;
use crate::{LmConfig, TextRule, Unspeakable, Word};

/// Texts that wait, those among them that are cut at the next step. Whoever cuts and adds again and again without any
/// step in between gets no further.
const MOST_WAITING: usize = 4 * MOST_SPEECHES;

/// The texts of one conversation that are to be said.
#[derive(Debug)]
pub struct Speech {
    padding: u32,
    /// Nothing where the model has no token of its own for it.
    end_of_padding: Option<u32>,
    /// Tokens that can be forced.
    vocabulary: u32,
    /// Texts that came so far, those among them that were refused.
    texts: u64,
    waiting: VecDeque<Text>,
    saying: Option<Saying>,
    /// Steps of padding that came last, one after the other.
    silence: u32,
    /// Texts up to this one are not said any further.
    cut: Option<u64>,
    /// What belongs to the step that is under way.
    news: Vec<SpeechNews>,
}

#[derive(Debug)]
struct Text {
    id: u64,
    words: Vec<Word>,
}

/// A text that is being said.
#[derive(Debug)]
struct Saying {
    text: Text,
    /// Words that were begun.
    begun: usize,
    /// Tokens of the last of them that came.
    tokens: usize,
    /// Steps since that word began, or since this text was begun with.
    steps: u32,
    pace: Pace,
    /// Whether the end of padding was the last that came.
    announced: bool,
}

impl Speech {
    /// No texts yet, for a model of this description.
    #[must_use]
    pub fn new(config: &LmConfig) -> Self {
        let vocabulary = config.text_vocabulary.min(config.text_vocabulary_out);
        Self {
            padding: config.padding,
            end_of_padding: Some(config.end_of_padding).filter(|token| *token != config.padding),
            vocabulary: u32::try_from(vocabulary).unwrap_or(u32::MAX),
            texts: 0,
            waiting: VecDeque::new(),
            saying: None,
            silence: 0,
            cut: None,
            news: Vec::new(),
        }
    }

    /// Whether [`add`](Self::add) refuses every text now.
    #[must_use]
    pub fn is_full(&self) -> bool {
        let goes_on = |text: &&Text| self.cut.is_none_or(|cut| text.id > cut);
        let texts = self.saying.iter().map(|saying| &saying.text).chain(&self.waiting);
        texts.filter(goes_on).count() >= MOST_SPEECHES || self.waiting.len() >= MOST_WAITING
    }

    /// Takes another text, or the reason why it is none, and tells what becomes of it: it waits, or it is refused.
    pub fn add(&mut self, words: Result<Vec<Word>, Unspeakable>) -> SpeechNews {
        self.texts += 1;
        let id = self.texts;
        let words =
            if self.is_full() { Err(Unspeakable::Full) } else { words.and_then(|words| self.usable(words)) };
        match words {
            Ok(words) => {
                self.waiting.push_back(Text { id, words });
                SpeechNews::new(id, SpeechState::Queued)
            }
            Err(why) => {
                SpeechNews { reason: Some(why.to_string()), ..SpeechNews::new(id, SpeechState::Refused) }
            }
        }
    }

    /// The words without tokens that the model does not have or that say nothing.
    fn usable(&self, mut words: Vec<Word>) -> Result<Vec<Word>, Unspeakable> {
        let says = |token: &u32| {
            *token < self.vocabulary && *token != self.padding && Some(*token) != self.end_of_padding
        };
        words.iter_mut().for_each(|word| word.tokens.retain(says));
        words.retain(|word| !word.tokens.is_empty());
        if words.is_empty() { Err(Unspeakable::Nothing) } else { Ok(words) }
    }

    /// Ends all texts that came so far. What of them is not begun before the next step is not said.
    pub fn cut(&mut self) {
        self.cut = Some(self.texts);
    }

    /// What may come out of the next step.
    pub fn rule(&mut self) -> TextRule {
        self.leave_off();
        loop {
            let Some(saying) = &mut self.saying else {
                let Some(text) = self.waiting.pop_front() else { return TextRule::FREE };
                self.saying = Some(Saying {
                    text,
                    begun: 0,
                    tokens: 0,
                    steps: 0,
                    pace: Pace::before(self.silence),
                    announced: false,
                });
                continue;
            };
            if let Some(token) = saying.current() {
                return TextRule::force(token);
            }
            let Some(next) = saying.next() else {
                if saying.steps < saying.pace.usual {
                    return TextRule::force(self.padding);
                }
                let said = words(&saying.text.words);
                self.news.push(SpeechNews { said, ..SpeechNews::new(saying.text.id, SpeechState::Finished) });
                self.saying = None;
                continue;
            };
            let (least, most) = (saying.pace.least, saying.pace.most);
            return if saying.announced {
                TextRule::force(next)
            } else if saying.steps < least {
                TextRule::force(self.padding)
            } else if saying.steps >= most {
                TextRule::force(self.end_of_padding.unwrap_or(next))
            } else {
                TextRule { word: Some(next), ..TextRule::FREE }
            };
        }
    }

    /// Takes the text token of the step that the last [`rule`](Self::rule) was for. Tells what is true from the sound
    /// of that step on.
    pub fn took(&mut self, text: u32) -> Vec<SpeechNews> {
        let mut news = std::mem::take(&mut self.news);
        self.silence = if text == self.padding { self.silence.saturating_add(1) } else { 0 };
        if let Some(saying) = &mut self.saying {
            saying.steps = saying.steps.saturating_add(1);
            if saying.current().is_some() {
                saying.tokens += 1;
            } else if saying.next() == Some(text) {
                if saying.begun == 0 {
                    news.push(SpeechNews::new(saying.text.id, SpeechState::Started));
                }
                saying.begin();
                let said = words(&saying.text.words[..saying.begun]);
                news.push(SpeechNews { said, ..SpeechNews::new(saying.text.id, SpeechState::Word) });
            } else {
                saying.announced = Some(text) == self.end_of_padding;
            }
        }
        news
    }

    /// Gives up what was cut.
    fn leave_off(&mut self) {
        let Some(cut) = self.cut.take() else { return };
        let is_cut = |text: &Text| text.id <= cut;
        if let Some(saying) = self.saying.take_if(|saying| is_cut(&saying.text)) {
            self.news.push(saying.text.cut_after(saying.begun));
        }
        while let Some(text) = self.waiting.pop_front_if(|text| is_cut(text)) {
            self.news.push(text.cut_after(0));
        }
    }
}

impl Saying {
    /// The token with which the word under way goes on.
    fn current(&self) -> Option<u32> {
        let word = self.text.words.get(self.begun.checked_sub(1)?)?;
        word.tokens.get(self.tokens).copied()
    }

    /// The token with which the next word begins.
    fn next(&self) -> Option<u32> {
        self.text.words.get(self.begun)?.tokens.first().copied()
    }

    fn begin(&mut self) {
        if let Some(word) = self.text.words.get(self.begun) {
            self.pace = Pace::of(word);
            (self.begun, self.tokens, self.steps, self.announced) = (self.begun + 1, 1, 1, false);
        }
    }
}

impl Text {
    fn cut_after(&self, begun: usize) -> SpeechNews {
        let (said, unsaid) = self.words.split_at(begun.min(self.words.len()));
        SpeechNews { said: words(said), unsaid: words(unsaid), ..SpeechNews::new(self.id, SpeechState::Cut) }
    }
}

fn words(words: &[Word]) -> String {
    let joined: String = words.iter().map(|word| word.text.as_str()).collect();
    joined.trim_start().to_owned()
}

#[cfg(test)]
mod tests;
