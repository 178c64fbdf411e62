//! What a recogniser hears a person say, as it travels, and how its words become utterances.
//!
//! A client that wants the person's words asks for them with `hear=1` in the address of a conversation
//! ([`ask_to_hear`](crate::ask_to_hear)). A host that has a recogniser to spare says so with
//! [`capability::HEARS`](crate::capability::HEARS) and [`HostMetadata::hearing`](crate::HostMetadata::hearing), and to
//! nobody else. Then each [`Utterance`] comes in a [`Frame::Metadata`](crate::Frame::Metadata), `{"heard":{…}}`: one for
//! each word that it grows by, and a last one when it has ended.
//!
//! A server that only recognises (`moshi-server`, see [`AsrReply`](crate::AsrReply)) tells words and leaves it to its
//! client to say what belongs together. [`Utterances`] is the rule, for both.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::FrameTiming;

/// Longest text of one utterance, in bytes. The next word begins another.
pub const LONGEST_UTTERANCE: usize = 4_000;
/// Longest utterance, in seconds of sound. The next word begins another.
const LONGEST_SECONDS: f64 = 90.0;
/// Characters of a word that are kept.
const LONGEST_WORD: usize = 200;
/// A pause is one from this probability on, and until it is less than half of it.
const PAUSE: f32 = 0.6;
/// Seconds without a word that end an utterance, where the model says nothing about pauses.
const SILENCE: f64 = 1.5;
/// Seconds of sound in one step of a recogniser.
pub const HEARING_STEP: f64 = 0.08;
/// Of the extra heads of Kyutai's recognisers, the one whose first class is that the person has paused and will not
/// go on within two seconds. What Kyutai's own clients go by.
pub const PAUSE_HEAD: usize = 2;

/// What a recogniser tells after a step. Times are seconds of sound since it began.
#[derive(Debug, Clone, PartialEq)]
pub enum Recognised {
    /// A whole word, which began here.
    Word {
        /// The word, without white space around it.
        text: String,
        /// Where it began.
        start: f64,
    },
    /// The last word ended here.
    WordEnd {
        /// Where it ended.
        stop: f64,
    },
    /// The step is over.
    Step {
        /// Probability that the person pauses, at the sound that was heard last, where the model says so.
        pause: Option<f32>,
    },
}

/// Something that the person says without a pause, as far as it is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Utterance {
    /// Which one since the recogniser began, from 1.
    pub id: u64,
    /// Whether it may still grow.
    pub state: UtteranceState,
    /// All of its words up to here, with one space between two.
    pub text: String,
    /// Where its first word begins, in seconds of sound since the recogniser began.
    pub start: f64,
    /// Where its last word ends, or begins as long as it has not ended.
    pub end: f64,
    /// How much sound the recogniser had had when it told this, in seconds.
    #[serde(default)]
    pub at: f64,
    /// Probability that the person pauses here, where the model says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<f32>,
}

/// Whether an utterance may still grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UtteranceState {
    /// It may.
    Partial,
    /// It does not.
    Final,
}

impl Utterance {
    /// Reads it from a field of a metadata frame, bounded and fit to be shown; `None` for anything of another shape,
    /// with times that are none, or without words.
    pub(crate) fn of(value: Value) -> Option<Self> {
        let mut utterance: Self = serde_json::from_value(value).ok()?;
        let times = [utterance.start, utterance.end, utterance.at];
        if times.iter().any(|time| !time.is_finite() || *time < 0.0) {
            return None;
        }
        utterance.pause = utterance.pause.filter(|pause| (0.0..=1.0).contains(pause));
        utterance.text = shown(&utterance.text, LONGEST_UTTERANCE);
        (!utterance.text.is_empty()).then_some(utterance)
    }
}

/// The recogniser of a host: who it is, and how it keeps up.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hearing {
    /// Name of its model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// How late it tells a word by design, in milliseconds.
    pub delay_ms: u32,
    /// Its frame times, once there are some.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timing: Option<FrameTiming>,
}

impl Hearing {
    /// The same, fit to be shown.
    pub(crate) fn shown(mut self) -> Self {
        self.model = self.model.map(|model| shown(&model, 100));
        self
    }
}

/// Makes utterances of words. Time is the sound that the recogniser has had, so that it does not matter how fast it is.
///
/// An utterance ends at a pause that the model sees. Words are told later than pauses are, by the delay of the model, so
/// it is waited for that long. Where the model sees none, it ends when no word was told for 1.5 seconds. One that becomes
/// too long ends before its next word.
#[derive(Debug, Clone)]
pub struct Utterances {
    /// How late words are told, in seconds.
    delay: f64,
    /// Seconds of sound that were heard.
    now: f64,
    current: Option<Current>,
    ended: u64,
    /// The pause that goes on: when it began.
    pause: Option<f64>,
    /// Probability of a pause at the last step.
    probability: Option<f32>,
}

#[derive(Debug, Clone)]
struct Current {
    text: String,
    start: f64,
    end: f64,
    /// When the last word was told.
    told: f64,
}

impl Utterances {
    /// None yet, of a recogniser that tells words `delay` seconds late.
    #[must_use]
    pub fn new(delay: f64) -> Self {
        Self { delay: delay.max(0.0), now: 0.0, current: None, ended: 0, pause: None, probability: None }
    }

    /// Takes what the recogniser tells and returns what has become of the utterances: at most one that ends, and one that
    /// grows.
    pub fn take(&mut self, told: Recognised) -> Vec<Utterance> {
        match told {
            Recognised::Word { text, start } => self.word(&text, start),
            Recognised::WordEnd { stop } => {
                if let Some(current) = &mut self.current
                    && stop.is_finite()
                {
                    current.end = current.end.max(stop);
                }
                Vec::new()
            }
            Recognised::Step { pause } => {
                self.now += HEARING_STEP;
                self.step(pause).into_iter().collect()
            }
        }
    }

    /// Seconds of sound that were heard.
    #[must_use]
    pub fn heard(&self) -> f64 {
        self.now
    }

    /// The recogniser has ended: so has what it heard last.
    pub fn finish(&mut self) -> Option<Utterance> {
        let current = self.current.take()?;
        self.ended += 1;
        Some(Utterance {
            id: self.ended,
            state: UtteranceState::Final,
            text: current.text,
            start: current.start,
            end: current.end,
            at: self.now,
            pause: self.probability,
        })
    }

    fn word(&mut self, word: &str, start: f64) -> Vec<Utterance> {
        let word = shown(word.trim(), LONGEST_WORD);
        if word.is_empty() {
            return Vec::new();
        }
        let start = if start.is_finite() { start.max(0.0) } else { self.now };
        let full = self.current.as_ref().is_some_and(|current| {
            current.text.len() + 1 + word.len() > LONGEST_UTTERANCE || start - current.start > LONGEST_SECONDS
        });
        let ended = if full { self.finish() } else { None };
        let now = self.now;
        let current =
            self.current.get_or_insert_with(|| Current { text: String::new(), start, end: start, told: now });
        if !current.text.is_empty() {
            current.text.push(' ');
        }
        current.text.push_str(&word);
        current.end = current.end.max(start);
        current.told = now;
        let grown = Utterance {
            id: self.ended + 1,
            state: UtteranceState::Partial,
            text: current.text.clone(),
            start: current.start,
            end: current.end,
            at: self.now,
            pause: self.probability,
        };
        ended.into_iter().chain([grown]).collect()
    }

    fn step(&mut self, pause: Option<f32>) -> Option<Utterance> {
        let pause = pause.filter(|pause| pause.is_finite());
        self.probability = pause;
        match pause {
            Some(probability) if probability >= PAUSE => {
                self.pause.get_or_insert(self.now);
            }
            Some(probability) if probability < PAUSE / 2.0 => self.pause = None,
            Some(_) => {}
            None => self.pause = None,
        }
        let current = self.current.as_ref()?;
        // All that was said before the pause has been told by then.
        let paused = self.pause.is_some_and(|since| self.now >= since + self.delay + HEARING_STEP / 2.0);
        let silent = self.now - current.told >= SILENCE;
        if paused || silent { self.finish() } else { None }
    }
}

/// A text as it can be shown, at most `limit` bytes of it.
fn shown(text: &str, limit: usize) -> String {
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    text[..text.floor_char_boundary(limit)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HostMetadata;

    const STEP: Recognised = Recognised::Step { pause: None };

    fn word(text: &str, start: f64) -> Recognised {
        Recognised::Word { text: text.into(), start }
    }

    /// Takes steps with this probability of a pause until an utterance ends; how many that were.
    fn steps_to_the_end(utterances: &mut Utterances, pause: Option<f32>) -> (usize, Utterance) {
        for steps in 1..1_000 {
            if let Some(ended) = utterances.take(Recognised::Step { pause }).pop() {
                return (steps, ended);
            }
        }
        unreachable!("it ends");
    }

    #[test]
    fn an_utterance_grows_by_words_and_ends_at_a_pause_after_the_delay_of_the_model() {
        let mut utterances = Utterances::new(0.48);
        utterances.take(STEP);
        let grown = utterances.take(word(" Good", 0.08));
        assert_eq!((grown.len(), grown[0].id, grown[0].state), (1, 1, UtteranceState::Partial));
        utterances.take(Recognised::WordEnd { stop: 0.32 });
        let grown = utterances.take(word("morning", 0.4)).pop().unwrap();
        assert_eq!((grown.text.as_str(), grown.start, grown.end), ("Good morning", 0.08, 0.4));
        utterances.take(Recognised::WordEnd { stop: 0.8 });
        let (steps, ended) = steps_to_the_end(&mut utterances, Some(0.9));
        assert_eq!(steps, 8, "the first step of the pause, and the six of the delay with a half of one more");
        assert_eq!(
            (ended.id, ended.state, ended.text.as_str(), ended.end, ended.pause),
            (1, UtteranceState::Final, "Good morning", 0.8, Some(0.9))
        );
        assert!((ended.at - 9.0 * HEARING_STEP).abs() < 1e-9, "{}", ended.at);
        assert_eq!(utterances.take(word("So", 3.0)).pop().unwrap().id, 2, "the next word begins another");
    }

    #[test]
    fn words_that_are_told_during_a_pause_belong_to_what_was_said_before_it() {
        let mut utterances = Utterances::new(0.48);
        utterances.take(word("Good", 0.0));
        for _ in 0..3 {
            assert!(utterances.take(Recognised::Step { pause: Some(0.8) }).is_empty());
        }
        utterances.take(word("morning", 0.2));
        let (_, ended) = steps_to_the_end(&mut utterances, Some(0.8));
        assert_eq!(ended.text, "Good morning");
    }

    #[test]
    fn a_pause_that_was_none_ends_nothing() {
        let mut utterances = Utterances::new(0.48);
        for step in 0..100 {
            let text = format!("w{step}");
            assert_eq!(utterances.take(word(&text, f64::from(step) * 0.48)).len(), 1);
            for pause in [0.7, 0.5, 0.4, 0.2, 0.1, 0.1] {
                assert!(utterances.take(Recognised::Step { pause: Some(pause) }).is_empty(), "{step}");
            }
        }
    }

    #[test]
    fn where_no_pause_is_told_silence_ends_it() {
        let mut utterances = Utterances::new(2.5);
        utterances.take(word("Hello", 0.0));
        let (steps, ended) = steps_to_the_end(&mut utterances, None);
        assert_eq!((steps, ended.text.as_str(), ended.pause), (19, "Hello", None));
        for _ in 0..100 {
            assert!(utterances.take(STEP).is_empty(), "nothing was said, so nothing ends");
        }
        assert_eq!(utterances.finish(), None);
    }

    #[test]
    fn a_speech_without_end_is_cut_into_pieces_of_which_none_is_lost() {
        let mut utterances = Utterances::new(0.5);
        let (mut said, mut ended) = (Vec::new(), Vec::new());
        for n in 0..3_000 {
            let text = format!("word{n}");
            for utterance in utterances.take(word(&text, f64::from(n) * 0.3)) {
                assert!(utterance.text.len() <= LONGEST_UTTERANCE);
                if utterance.state == UtteranceState::Final {
                    ended.push(utterance.text);
                }
            }
            said.push(text);
        }
        ended.extend(utterances.finish().map(|utterance| utterance.text));
        assert!(ended.len() > 5);
        assert_eq!(ended.join(" "), said.join(" "));
    }

    #[test]
    fn numbers_that_are_none_do_no_harm() {
        let mut utterances = Utterances::new(f64::NAN);
        utterances.take(word("a", f64::NAN));
        utterances.take(Recognised::WordEnd { stop: f64::INFINITY });
        utterances.take(Recognised::Step { pause: Some(f32::NAN) });
        let ended = utterances.finish().unwrap();
        assert!(ended.start.is_finite() && ended.end.is_finite());
        assert!(utterances.take(word("\u{1b}[2J", 1.0)).pop().unwrap().text == "[2J");
    }

    #[test]
    fn utterances_travel_in_metadata_bounded_and_fit_to_be_shown() {
        let json = br#"{"heard":{"id":3,"state":"final","text":"Good morning","start":0.5,"end":1.25,"at":2.0,"pause":0.75}}"#;
        let metadata = HostMetadata::parse(json).unwrap();
        let heard = metadata.heard.clone().unwrap();
        assert_eq!((heard.id, heard.state, heard.pause), (3, UtteranceState::Final, Some(0.75)));
        assert_eq!(metadata.to_json(), json, "what is written is read");

        let long = "x".repeat(30_000);
        let json = format!(
            r#"{{"heard":{{"id":1,"state":"partial","text":"\u001b{long}","start":0,"end":0,"pause":7}}}}"#
        );
        let heard = HostMetadata::parse(json.as_bytes()).unwrap().heard.unwrap();
        assert_eq!((heard.text.len(), heard.pause), (LONGEST_UTTERANCE, None));
        for nothing in [
            r#"{"id":1,"state":"partial","text":"","start":0,"end":0}"#,
            r#"{"id":1,"state":"partial","text":"x","start":-1,"end":0}"#,
            r#"{"id":1,"state":"sung","text":"x","start":0,"end":0}"#,
            r#"{"id":1,"state":"final","text":"x","end":0}"#,
            "7",
            "null",
        ] {
            let json = format!(r#"{{"server":"a host","heard":{nothing}}}"#);
            let metadata = HostMetadata::parse(json.as_bytes()).unwrap();
            assert_eq!((metadata.server.as_deref(), metadata.heard), (Some("a host"), None), "{nothing}");
        }
    }
}
