//! What PersonaPlex goes through before a conversation.

use super::SILENT_FRAMES;
use crate::codec::FRAME;
use crate::{Encoder, Error, LmConfig, States, Voice};

/// Who it is if nobody says.
pub const DEFAULT_PERSONA: &str = "You enjoy having a good conversation.";

/// Longest persona, in characters, as on NVIDIA's page.
const MOST_CHARACTERS: usize = 1000;

/// What stands before and behind a persona.
const TAG: &str = "<system>";

/// The part of the context that is left for the conversation at least: one of so many.
const ROOM: usize = 4;

/// Who PersonaPlex is to be, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Persona(String);

impl Persona {
    /// A persona in its own words; without any, [`DEFAULT_PERSONA`].
    ///
    /// # Errors
    /// [`Error::Persona`] for one of more than 1,000 characters.
    pub fn new(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        let characters = text.chars().count();
        if characters > MOST_CHARACTERS {
            let reason = format!("it has {characters} characters of at most {MOST_CHARACTERS}; shorten it");
            return Err(Error::Persona { reason });
        }
        let is_tagged = text.len() >= 2 * TAG.len() && text.starts_with(TAG) && text.ends_with(TAG);
        let inside = if is_tagged { &text[TAG.len()..text.len() - TAG.len()] } else { text };
        let inside = if inside.trim().is_empty() { DEFAULT_PERSONA } else { inside.trim() };
        Ok(Self(inside.into()))
    }

    /// Its own words.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }

    /// The text whose tokens the model goes through: between tags.
    #[must_use]
    pub fn tagged(&self) -> String {
        format!("{TAG} {} {TAG}", self.0)
    }
}

/// A voice in the form in which the model goes through it.
#[derive(Debug, Clone, PartialEq)]
pub enum VoicePrompt {
    /// What it made of a recording before.
    States(States),
    /// A recording: one code for each codebook of each frame.
    Codes(Vec<Vec<u32>>),
}

impl VoicePrompt {
    /// Makes a voice ready, with the codec of the model. The codec is at the start of time before and after.
    ///
    /// # Errors
    /// As [`Encoder::encode`].
    pub fn new(voice: Voice, encoder: &mut Encoder) -> Result<Self, Error> {
        let sound = match voice {
            Voice::States(states) => return Ok(Self::States(states)),
            Voice::Sound(sound) => sound,
        };
        encoder.reset();
        let codes: Result<Vec<_>, Error> =
            sound.chunks_exact(FRAME).map(|frame| encoder.encode(frame)).collect();
        encoder.reset();
        Ok(Self::Codes(codes?))
    }

    fn frames(&self) -> usize {
        match self {
            Self::States(states) => states.frames().len(),
            Self::Codes(codes) => codes.len(),
        }
    }
}

/// All that PersonaPlex goes through before a conversation: voice, silence, text, silence.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Prompt {
    /// How it is to sound; without a voice it sounds as it likes.
    pub voice: Option<VoicePrompt>,
    /// Tokens of the text, those of the tags included.
    pub text: Vec<u32>,
}

impl Prompt {
    /// Steps of 80 ms that it takes.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.voice.as_ref().map_or(0, VoicePrompt::frames) + 2 * SILENT_FRAMES + self.text.len()
    }

    /// Whether the model can remember all of it and some of the conversation.
    ///
    /// # Errors
    /// [`Error::Persona`] where text and voice are too long for that.
    pub fn fits(&self, config: &LmConfig) -> Result<(), Error> {
        let context = config.transformer.context;
        let most = context - context / ROOM;
        let without_text = self.steps() - self.text.len();
        let reason = if without_text > most {
            format!("its voice has {without_text} frames of at most {most}; choose a shorter voice")
        } else if self.steps() > most {
            let (tokens, most) = (self.text.len(), most - without_text);
            format!("it has {tokens} tokens of at most {most} beside this voice; shorten it")
        } else {
            return Ok(());
        };
        Err(Error::Persona { reason })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn a_persona_stands_between_tags_once() {
        let tagged = |text: &str| Persona::new(text).unwrap().tagged();
        assert_eq!(tagged(" You are wise.\n"), "<system> You are wise. <system>");
        assert_eq!(tagged("<system> You are wise. <system>"), "<system> You are wise. <system>");
        assert_eq!(tagged("<system> half"), "<system> <system> half <system>");
        for empty in ["", " \n", "<system><system>", "<system>  <system>"] {
            assert_eq!(tagged(empty), format!("<system> {DEFAULT_PERSONA} <system>"), "{empty:?}");
        }
        assert_eq!(tagged("<system>"), "<system> <system> <system>", "one tag is no pair");
        assert_eq!(Persona::new("<system> I <system>").unwrap().text(), "I");
    }

    #[test]
    fn what_the_model_can_not_remember_is_refused_in_words() {
        assert!(Persona::new(&"ä".repeat(1000)).is_ok());
        let sentence = Persona::new(&"ä".repeat(1001)).unwrap_err().to_string();
        assert!(sentence.contains("1001 characters of at most 1000; shorten it."), "{sentence}");

        let (config, _) =
            LmConfig::parse(br#"{"model_type":"personaplex","context":101}"#, Path::new("")).unwrap();
        let fits = |frames: usize, tokens: usize| {
            let voice = Some(VoicePrompt::Codes(vec![vec![0; 8]; frames]));
            let prompt = Prompt { voice, text: vec![0; tokens] };
            prompt.fits(&config).map_err(|error| error.to_string())
        };
        assert_eq!(fits(40, 23), Ok(()));
        let sentence = fits(40, 24).unwrap_err();
        assert!(sentence.contains("24 tokens of at most 23 beside this voice"), "{sentence}");
        assert_eq!(fits(63, 0), Ok(()));
        let sentence = fits(64, 0).unwrap_err();
        assert!(sentence.contains("voice has 76 frames of at most 75"), "{sentence}");
    }
}
