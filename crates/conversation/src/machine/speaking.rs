//! Replies of the brain's on their way to Moshi's voice, where the host says texts.
//!
//! The host counts the texts of a link from 1, and so does this; see [`wire::SpeechNews`].

use std::collections::VecDeque;

use brain::Reply;
use wire::{MOST_SPEECHES, SpeechNews, SpeechState};

use super::Effect;
use crate::speakable::speakable;

/// Texts that are on their way, those among them whose end is on its way too.
const MOST_ON_THEIR_WAY: usize = 2 * MOST_SPEECHES;

/// What became of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplyState {
    /// It waits to be said.
    Queued,
    /// It is being said.
    Speaking,
    /// It was said.
    Spoken,
    /// It was begun or waited, and was ended.
    Cut,
    /// It was shown, and is not said.
    ShownOnly,
}

/// A reply on its way to Moshi's voice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpokenReply {
    /// Which one, counted since the program began.
    pub number: u64,
    /// What is said of it.
    pub text: String,
    /// What became of it.
    pub state: ReplyState,
    /// How far it was said.
    pub said: String,
    /// Why it was not said to its end.
    pub why: Option<String>,
}

/// A reply that the host has, as far as it has told.
#[derive(Debug, Clone)]
struct Given {
    /// Its number on this link.
    id: u64,
    reply: SpokenReply,
    /// Whether the host was told to end it.
    is_cut: bool,
}

/// The replies that a host has.
#[derive(Debug, Clone, Default)]
pub(super) struct Speaking {
    replies: u64,
    /// Texts that were given to the host of this link.
    texts: u64,
    given: VecDeque<Given>,
    /// Whether the person has typed since the last reply.
    typed: bool,
    /// The text whose words the host sends now.
    says: Option<u64>,
}

impl Speaking {
    /// Another link begins: its host has no texts.
    pub(super) fn connects(&mut self) {
        self.texts = 0;
    }

    /// The person has typed something.
    pub(super) fn typed(&mut self) {
        self.typed = true;
    }

    /// The brain has replied while the host of this link listens.
    pub(super) fn reply(&mut self, reply: &Reply, link: u64, effects: &mut Vec<Effect>) {
        if reply.text.trim().is_empty() {
            return;
        }
        self.replies += 1;
        // What is being said answers something that the person has left behind.
        if std::mem::take(&mut self.typed) {
            self.end_all("You asked something else meanwhile.", link, effects);
        }
        let mut spoken = SpokenReply {
            number: self.replies,
            text: reply.text.clone(),
            state: ReplyState::ShownOnly,
            said: String::new(),
            why: None,
        };
        let waiting = self.given.iter().filter(|given| !given.is_cut).count();
        let words = speakable(&reply.text);
        let why = match &words {
            _ if !reply.whole => "It is not whole.".to_owned(),
            None => "There is nothing in it that can be said.".to_owned(),
            _ if waiting >= MOST_SPEECHES || self.given.len() >= MOST_ON_THEIR_WAY => {
                format!("{waiting} replies wait to be said already.")
            }
            Some(_) => String::new(),
        };
        match words.filter(|_| why.is_empty()) {
            Some(words) => {
                self.texts += 1;
                spoken.state = ReplyState::Queued;
                spoken.text.clone_from(&words);
                self.given.push_back(Given { id: self.texts, reply: spoken.clone(), is_cut: false });
                effects.push(Effect::Say(link, words));
            }
            None => spoken.why = Some(why),
        }
        effects.push(Effect::Spoken(Box::new(spoken)));
    }

    /// The person does not want to hear them any further.
    pub(super) fn stop(&mut self, link: u64, effects: &mut Vec<Effect>) {
        self.end_all("You stopped it.", link, effects);
    }

    fn end_all(&mut self, why: &str, link: u64, effects: &mut Vec<Effect>) {
        let mut any = false;
        for given in self.given.iter_mut().filter(|given| !given.is_cut) {
            (given.is_cut, any) = (true, true);
            given.reply.why = Some(why.to_owned());
        }
        if any {
            effects.push(Effect::StopSaying(link));
        }
    }

    /// Whether a text begins with this, so that what Moshi says itself ends.
    pub(super) fn begins(&self, news: &SpeechNews) -> bool {
        news.state == SpeechState::Started && self.given.iter().any(|given| given.id == news.id)
    }

    /// Whether the words that come are those of a reply.
    pub(super) fn says(&self) -> bool {
        self.says.is_some()
    }

    /// The host tells what became of a text.
    pub(super) fn told(&mut self, news: SpeechNews, effects: &mut Vec<Effect>) {
        let Some(place) = self.given.iter().position(|given| given.id == news.id) else { return };
        let Some(given) = self.given.get_mut(place) else { return };
        let mut ended = true;
        let reply = &mut given.reply;
        reply.state = match news.state {
            SpeechState::Queued => return,
            SpeechState::Started | SpeechState::Word => {
                ended = false;
                ReplyState::Speaking
            }
            SpeechState::Finished => {
                reply.why = None;
                ReplyState::Spoken
            }
            SpeechState::Cut => ReplyState::Cut,
            SpeechState::Refused => {
                reply.why = news.reason.or(Some("The host does not say it.".to_owned()));
                ReplyState::ShownOnly
            }
        };
        if !news.said.is_empty() {
            reply.said = news.said;
        }
        if news.state == SpeechState::Started {
            self.says = Some(news.id);
        }
        effects.push(Effect::Spoken(Box::new(reply.clone())));
        if ended {
            self.given.remove(place);
            self.says.take_if(|says| *says == news.id);
        }
    }

    /// The link is over, and with it all that its host was to say.
    pub(super) fn ends(&mut self, effects: &mut Vec<Effect>) {
        self.says = None;
        for Given { mut reply, .. } in std::mem::take(&mut self.given) {
            reply.state = ReplyState::Cut;
            reply.why.get_or_insert_with(|| "The call ended before it was said to its end.".to_owned());
            effects.push(Effect::Spoken(Box::new(reply)));
        }
    }
}
