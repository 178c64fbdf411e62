//! How typed turns get to the brain and its replies back: one turn at a time, in their order, each asked once.
//!
//! Pure like the [machine](crate::machine) that it belongs to.

use std::collections::VecDeque;

use brain::{Came, Canned, Decision, Failure, Outcome, Reply, Role, Said, ToolState, What};
use store::{Delivery, Source, Speaker};
use uuid::Uuid;

use crate::{machine::Effect, transcript::Transcript};

/// Turns that wait to be asked. Whoever types faster is told so at the turn.
const MOST_WAITING: usize = 64;

/// What goes to the brain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// Our number of it. What the brain tells comes back under it.
    pub ask: u64,
    /// The conversation that it belongs to.
    pub conversation: String,
    /// What the person said.
    pub text: String,
    /// How the person said it: by keyboard or by voice.
    pub came: Came,
    /// What was said before, oldest first.
    pub before: Vec<Said>,
}

#[derive(Debug, Clone)]
struct UnderWay {
    ask: u64,
    /// The person's turn.
    number: u64,
    /// Whether anything of a reply has come.
    replied: bool,
    /// Why the reply is not whole, or who wrote it.
    note: Option<String>,
    failure: Option<Failure>,
    /// The call that waits for the person's decision.
    question: Option<Uuid>,
}

/// The turns that wait for the brain, and the one that it has.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answering {
    asks: u64,
    queue: VecDeque<u64>,
    under_way: Option<UnderWay>,
}

impl Answering {
    /// Looks for turns that the disk has had, and asks the next one if the brain is free.
    pub(crate) fn go_on(&mut self, transcript: &mut Transcript, effects: &mut Vec<Effect>) {
        for number in transcript.take_askable() {
            if self.queue.len() < MOST_WAITING {
                self.queue.push_back(number);
            } else {
                let note =
                    format!("{MOST_WAITING} messages wait already. Send it again when they are answered.");
                transcript.mark(number, Delivery::Failed, Some(note));
            }
        }
        while self.under_way.is_none() {
            let Some(number) = self.queue.pop_front() else { return };
            let Some(turn) = transcript.undelivered(number) else { continue };
            self.asks += 1;
            let ask = Ask {
                ask: self.asks,
                conversation: transcript.conversation().id.clone(),
                text: turn.text.clone(),
                came: if turn.source == Source::Heard { Came::Heard } else { Came::Typed },
                before: transcript
                    .before(number)
                    .map(|turn| said(turn, transcript.said_of(turn.number)))
                    .collect(),
            };
            let begun = UnderWay {
                ask: self.asks,
                number,
                replied: false,
                note: None,
                failure: None,
                question: None,
            };
            self.under_way = Some(begun);
            effects.push(Effect::Ask(Box::new(ask)));
        }
    }

    /// The person's turn that the brain was asked under this number, while it has not answered to its end.
    pub(crate) fn turn(&self, ask: u64) -> Option<u64> {
        self.under_way.as_ref().filter(|turn| turn.ask == ask).map(|turn| turn.number)
    }

    /// The brain tells something of a turn.
    pub(crate) fn told(&mut self, ask: u64, what: &What, transcript: &mut Transcript, unix_ms: i64) {
        let Some(turn) = self.under_way.as_mut().filter(|turn| turn.ask == ask) else { return };
        match what {
            What::Thinking { .. } => {
                transcript.mark(turn.number, Delivery::Sent, None);
            }
            What::Token { text } => {
                turn.replied = true;
                transcript.mark(turn.number, Delivery::Delivered, None);
                transcript.reply_said(text, unix_ms);
            }
            What::Reply(reply) => turn.note = by(reply),
            What::Tool(call) => {
                let waits = call.state == ToolState::Pending && call.question.is_some();
                if waits {
                    turn.question = Some(call.id);
                } else if turn.question == Some(call.id) {
                    turn.question = None;
                }
            }
            What::Agent(_) | What::Memory(_) | What::Notice(_) => {}
            What::Error(failure) => turn.failure = Some(failure.clone()),
            What::Done { outcome, .. } => {
                let outcome = *outcome;
                self.ended(outcome, transcript);
            }
        }
    }

    /// The brain says nothing more of a turn.
    pub(crate) fn silent(&mut self, ask: u64, transcript: &mut Transcript) {
        if self.under_way.as_ref().is_some_and(|turn| turn.ask == ask) {
            self.ended(Outcome::Failed, transcript);
        }
    }

    fn ended(&mut self, outcome: Outcome, transcript: &mut Transcript) {
        let Some(turn) = self.under_way.take() else { return };
        let why = match (outcome, &turn.failure) {
            (Outcome::Answered | Outcome::Remembered, _) => None,
            (Outcome::Cancelled, _) => Some("You stopped it.".to_owned()),
            (Outcome::Failed, Some(failure)) => Some(format!("{} {}", failure.what, failure.next)),
            (Outcome::Failed, None) => Some("The brain ended without an answer. Send it again.".to_owned()),
        };
        match why {
            // A part of a reply was read: the turn has arrived, and the reply says what it lacks.
            Some(why) if turn.replied => transcript.reply_ends(Some(format!("Not whole. {why}"))),
            Some(why) => {
                transcript.mark(turn.number, Delivery::Failed, Some(why));
            }
            None => {
                transcript.mark(turn.number, Delivery::Delivered, None);
                transcript.reply_ends(turn.note);
            }
        }
    }

    /// The person typed while a call waits for a decision: the decision, if that is what it is.
    pub(crate) fn decided(&self, text: &str) -> Option<Decision> {
        let call = self.under_way.as_ref()?.question?;
        Some(Decision { call, allowed: yes_or_no(text)? })
    }

    /// The decision that leaves what waits for it undone.
    pub(crate) fn declined(&self) -> Option<Decision> {
        let call = self.under_way.as_ref()?.question?;
        Some(Decision { call, allowed: false })
    }

    /// The person has decided.
    pub(crate) fn decide(&mut self, decision: Decision, effects: &mut Vec<Effect>) {
        if let Some(turn) = &mut self.under_way {
            if turn.question == Some(decision.call) {
                turn.question = None;
            }
            effects.push(Effect::Decide(turn.ask, decision));
        }
    }

    /// The person does not want the answer any more.
    pub(crate) fn cancel(&mut self, effects: &mut Vec<Effect>) {
        if let Some(turn) = &self.under_way {
            effects.push(Effect::CancelAsk(turn.ask));
        }
    }

    /// The conversation is left: nothing is asked any more.
    pub(crate) fn leave(&mut self, transcript: &mut Transcript, effects: &mut Vec<Effect>) {
        self.cancel(effects);
        for number in std::mem::take(&mut self.queue).into_iter().chain(transcript.take_askable()) {
            let note = "The conversation was left before this was sent.".to_owned();
            transcript.mark(number, Delivery::Failed, Some(note));
        }
        let Some(turn) = self.under_way.take() else { return };
        let note = "The conversation was left before the answer was whole.".to_owned();
        if turn.replied {
            transcript.reply_ends(Some(note));
        } else {
            transcript.mark(turn.number, Delivery::Failed, Some(note));
        }
    }
}

/// Who wrote a reply, as the brain says.
fn by(reply: &Reply) -> Option<String> {
    let canned = match reply.canned {
        Canned::No => None,
        Canned::Perhaps => Some("may be a prepared sentence"),
        Canned::Yes => Some("a prepared sentence"),
    };
    let whole = (!reply.whole).then_some("not whole");
    let parts = [reply.agent.as_deref(), reply.provider.as_deref(), canned, whole];
    let parts: Vec<&str> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// A turn as the brain is told of it. `cut`: what Moshi said of a reply that the person interrupted.
fn said(turn: &store::Turn, cut: Option<&str>) -> Said {
    let role = match turn.speaker {
        Speaker::Person => Role::Person,
        Speaker::Moshi => Role::Moshi,
        Speaker::Brain => Role::Brain,
    };
    let text = match cut {
        None => turn.text.clone(),
        Some("") => format!("[Not said: the person interrupted before the first word.] {}", turn.text),
        Some(said) => format!("{said} [Interrupted by the person here; the rest was only shown.]"),
    };
    Said { role, text }
}

/// Whether somebody who was asked for permission gave or refused it.
fn yes_or_no(text: &str) -> Option<bool> {
    const YES: [&str; 10] =
        ["yes", "y", "yes please", "ok", "okay", "sure", "do it", "go ahead", "allow", "yep"];
    const NO: [&str; 9] =
        ["no", "n", "no thanks", "don't", "do not", "never mind", "cancel", "stop", "don't do it"];
    let bare = text.trim().trim_end_matches(['.', '!', ',']).trim().to_lowercase().replace('’', "'");
    let is = |words: &[&str]| words.contains(&bare.as_str());
    if is(&YES) { Some(true) } else { is(&NO).then_some(false) }
}
