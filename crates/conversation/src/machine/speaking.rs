//! Replies of the brain's on their way to Moshi's voice, where the host says texts.
//!
//! A reply goes to the host sentence by sentence, as the brain writes it, so that the first is said while the rest is still
//! being thought. The host counts the texts of a link from 1, and so does this; see [`wire::SpeechNews`].

mod saying;

use std::{collections::VecDeque, time::Duration};

use brain::Reply;
use wire::{MOST_SPEECHES, SpeechNews, SpeechState};

use self::saying::Saying;
use super::Effect;

/// Texts that are on their way, those among them whose end is on its way too.
const MOST_ON_THEIR_WAY: usize = 2 * MOST_SPEECHES;
/// Replies that wait to be said, or are being said.
const MOST_REPLIES: usize = MOST_SPEECHES;

/// How long a reply waits for a pause at most. Whoever asked something wants to hear the answer.
pub const PATIENCE: Duration = Duration::from_secs(8);

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
    /// What is said of it, as far as it is known.
    pub text: String,
    /// What became of it.
    pub state: ReplyState,
    /// How far it was said.
    pub said: String,
    /// Why it was not said to its end.
    pub why: Option<String>,
}

/// Which reply: what the brain was asked, and the turns on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Whose {
    /// Our number of what was asked.
    pub(super) ask: u64,
    /// The person's turn.
    pub(super) turn: u64,
    /// The brain's turn, if it has begun.
    pub(super) reply: Option<u64>,
}

/// What a step made of the replies, for whoever keeps times and turns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Progress {
    /// The first sentence of the reply to this turn is there.
    Sayable(u64),
    /// It went to the host.
    Given(u64),
    /// Its first sound comes.
    Sounds(u64),
    /// The reply in this turn of the brain's was cut after these words.
    CutAfter(u64, String),
}

/// The replies that are on their way.
#[derive(Debug, Clone, Default)]
pub(super) struct Speaking {
    replies: u64,
    /// Texts that were given to the host of this link.
    texts: u64,
    /// Oldest first.
    sayings: VecDeque<Saying>,
    /// What was asked and is not to be said any more, though more of it may come.
    dropped: Option<u64>,
    /// Whether the person has begun another turn since the last reply.
    gone_on: bool,
    /// The text whose words the host sends now.
    says: Option<u64>,
    progress: Vec<Progress>,
}

impl Speaking {
    /// Another link begins: its host has no texts.
    pub(super) fn connects(&mut self) {
        self.texts = 0;
    }

    /// The person has begun another turn: what is being said answers something that is left behind, as soon as there is
    /// an answer to it.
    pub(super) fn goes_on(&mut self) {
        self.gone_on = true;
    }

    /// What has come of the replies since the last look.
    pub(super) fn take_progress(&mut self) -> Vec<Progress> {
        std::mem::take(&mut self.progress)
    }

    /// The brain has written more of a reply.
    pub(super) fn grows(
        &mut self,
        whose: Whose,
        piece: &str,
        now: Duration,
        link: u64,
        effects: &mut Vec<Effect>,
    ) {
        if self.dropped == Some(whose.ask) || piece.is_empty() {
            return;
        }
        let saying = self.saying(whose, link, effects);
        saying.reply_turn = saying.reply_turn.or(whose.reply);
        saying.write(piece);
        self.announce(whose.ask, now, effects);
    }

    /// The brain has replied, and this is all of it.
    pub(super) fn reply(
        &mut self,
        whose: Whose,
        reply: &Reply,
        now: Duration,
        link: u64,
        effects: &mut Vec<Effect>,
    ) {
        if self.dropped == Some(whose.ask) || reply.text.trim().is_empty() {
            self.ended(whose.ask, effects);
            return;
        }
        let saying = self.saying(whose, link, effects);
        saying.reply_turn = saying.reply_turn.or(whose.reply);
        if !reply.whole {
            self.ended(whose.ask, effects);
            return;
        }
        saying.write_all(&reply.text);
        self.announce(whose.ask, now, effects);
        if !self.has_begun(whose.ask) {
            self.only_shown(whose.ask, "There is nothing in it that can be said.", effects);
        }
    }

    /// The brain writes no more of a reply that is not whole.
    pub(super) fn ended(&mut self, ask: u64, effects: &mut Vec<Effect>) {
        self.dropped.take_if(|dropped| *dropped == ask);
        let Some(place) = self.sayings.iter().position(|saying| saying.ask == ask && !saying.whole) else {
            return;
        };
        if !self.has_begun(ask) {
            self.only_shown(ask, "It is not whole.", effects);
        } else if let Some(saying) = self.sayings.get_mut(place) {
            saying.breaks_off("The rest of it did not come.");
            self.settle(place, effects);
        }
    }

    /// The reply to what was asked, which begins where there is none.
    fn saying(&mut self, whose: Whose, link: u64, effects: &mut Vec<Effect>) -> &mut Saying {
        let place = self.sayings.iter().position(|saying| saying.ask == whose.ask);
        let place = place.unwrap_or_else(|| {
            if std::mem::take(&mut self.gone_on) {
                self.end_all("You asked something else meanwhile.", link, effects);
            }
            self.sayings.push_back(Saying::new(whose));
            self.sayings.len() - 1
        });
        &mut self.sayings[place]
    }

    fn has_begun(&self, ask: u64) -> bool {
        self.sayings.iter().any(|saying| saying.ask == ask && saying.reply.number > 0)
    }

    /// Tells of a reply as soon as something of it can be said.
    fn announce(&mut self, ask: u64, now: Duration, effects: &mut Vec<Effect>) {
        let waiting = self.sayings.iter().filter(|saying| saying.ask != ask && !saying.is_cut).count();
        let Some(saying) = self.sayings.iter_mut().find(|saying| saying.ask == ask) else { return };
        if saying.reply.number > 0 || saying.reply.text.is_empty() {
            return;
        }
        if waiting >= MOST_REPLIES {
            self.only_shown(ask, &format!("{waiting} replies wait to be said already."), effects);
            return;
        }
        self.replies += 1;
        saying.reply.number = self.replies;
        saying.waits_since = now;
        effects.push(Effect::Spoken(Box::new(saying.reply.clone())));
        self.progress.push(Progress::Sayable(saying.turn));
    }

    fn only_shown(&mut self, ask: u64, why: &str, effects: &mut Vec<Effect>) {
        let Some(place) = self.sayings.iter().position(|saying| saying.ask == ask) else { return };
        let Some(mut saying) = self.sayings.remove(place) else { return };
        if !saying.whole {
            self.dropped = Some(ask);
        }
        self.replies += 1;
        saying.reply.number = self.replies;
        saying.reply.state = ReplyState::ShownOnly;
        saying.reply.why = Some(why.to_owned());
        effects.push(Effect::Spoken(Box::new(saying.reply)));
    }

    /// Gives the host what is due. `quiet`: neither side speaks, or it does not matter.
    pub(super) fn go_on(&mut self, quiet: bool, now: Duration, link: u64, effects: &mut Vec<Effect>) {
        for place in 0..self.sayings.len() {
            let on_their_way: usize = self.sayings.iter().map(Saying::on_its_way).sum();
            let waiting: usize =
                self.sayings.iter().filter(|saying| !saying.is_cut).map(Saying::on_its_way).sum();
            let Some(saying) = self.sayings.get_mut(place) else { return };
            if saying.is_cut {
                continue;
            }
            if !saying.was_given() {
                let patient = now < saying.waits_since + PATIENCE;
                if saying.reply.number == 0 || (!quiet && patient) {
                    return;
                }
            }
            if waiting >= MOST_SPEECHES || on_their_way >= MOST_ON_THEIR_WAY {
                return;
            }
            let first = !saying.was_given();
            if let Some(text) = saying.give(self.texts + 1) {
                self.texts += 1;
                effects.push(Effect::Say(link, text));
                if first {
                    self.progress.push(Progress::Given(saying.turn));
                }
            }
        }
    }

    /// When the reply that is next does not wait for a pause any longer, if it waits for nothing else.
    pub(super) fn patience_ends(&self) -> Option<Duration> {
        let on_their_way: usize = self.sayings.iter().map(Saying::on_its_way).sum();
        let next = self.sayings.iter().find(|saying| !saying.is_cut && !saying.is_given())?;
        let waits = !next.was_given() && next.reply.number > 0 && on_their_way < MOST_SPEECHES;
        waits.then(|| next.waits_since + PATIENCE)
    }

    /// The person does not want to hear them any further, for this reason.
    pub(super) fn stop(&mut self, why: &str, link: u64, effects: &mut Vec<Effect>) {
        self.end_all(why, link, effects);
    }

    fn end_all(&mut self, why: &str, link: u64, effects: &mut Vec<Effect>) {
        let mut any = false;
        for saying in self.sayings.iter_mut().filter(|saying| !saying.is_cut) {
            if !saying.whole {
                self.dropped = Some(saying.ask);
            }
            any |= saying.on_its_way() > 0;
            saying.cut(why);
        }
        if any {
            effects.push(Effect::StopSaying(link));
        }
        (0..self.sayings.len()).rev().for_each(|place| _ = self.settle(place, effects));
    }

    /// Whether a reply is being said, or with the host to be said.
    pub(super) fn is_under_way(&self) -> bool {
        self.sayings.iter().any(|saying| !saying.is_cut && saying.on_its_way() > 0)
    }

    /// Whether a text begins with this, so that what Moshi says itself ends.
    pub(super) fn begins(&self, news: &SpeechNews) -> bool {
        news.state == SpeechState::Started && self.sayings.iter().any(|saying| saying.has(news.id))
    }

    /// Whether the words that come are those of a reply.
    pub(super) fn says(&self) -> bool {
        self.says.is_some()
    }

    /// The host tells what became of a text.
    pub(super) fn told(&mut self, news: SpeechNews, effects: &mut Vec<Effect>) {
        let Some(place) = self.sayings.iter().position(|saying| saying.has(news.id)) else { return };
        if news.state == SpeechState::Queued {
            return;
        }
        match news.state {
            SpeechState::Started => self.says = Some(news.id),
            SpeechState::Finished | SpeechState::Cut | SpeechState::Refused => {
                self.says.take_if(|says| *says == news.id);
            }
            SpeechState::Queued | SpeechState::Word => {}
        }
        let Some(saying) = self.sayings.get_mut(place) else { return };
        let was_silent = saying.reply.state == ReplyState::Queued;
        saying.told(news);
        if was_silent && saying.reply.state == ReplyState::Speaking {
            self.progress.push(Progress::Sounds(saying.turn));
        }
        if !self.settle(place, effects)
            && let Some(saying) = self.sayings.get(place)
            && saying.reply.state == ReplyState::Speaking
        {
            effects.push(Effect::Spoken(Box::new(saying.reply.clone())));
        }
    }

    /// Takes a reply away that nothing more can become of, and says whether it was one.
    fn settle(&mut self, place: usize, effects: &mut Vec<Effect>) -> bool {
        let settled = self.sayings.get_mut(place).is_some_and(Saying::is_settled);
        let saying = if settled { self.sayings.remove(place) } else { None };
        let Some(Saying { reply, reply_turn, .. }) = saying else { return false };
        if reply.number > 0 {
            if let (ReplyState::Cut, Some(turn)) = (reply.state, reply_turn) {
                self.progress.push(Progress::CutAfter(turn, reply.said.clone()));
            }
            effects.push(Effect::Spoken(Box::new(reply)));
        }
        true
    }

    /// The link is over, and with it all that its host was to say.
    pub(super) fn ends(&mut self, effects: &mut Vec<Effect>) {
        self.says = None;
        for saying in &mut self.sayings {
            if !saying.whole {
                self.dropped = Some(saying.ask);
            }
            saying.is_lost("The call ended before it was said to its end.");
        }
        (0..self.sayings.len()).rev().for_each(|place| _ = self.settle(place, effects));
        self.sayings.clear();
    }
}
