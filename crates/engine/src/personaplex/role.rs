//! Making a model ready for who somebody wants to talk to.

use super::{Persona, Prompt, VoicePrompt};
use crate::{Error, Model};

/// Who PersonaPlex is in a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Its persona, in its own words.
    pub persona: Persona,
    /// Name of its voice; `None` where it sounds as it likes.
    pub voice: Option<String>,
}

impl Model {
    /// Whether it takes a role: whether it is one of PersonaPlex.
    #[must_use]
    pub fn takes_roles(&self) -> bool {
        self.config().personaplex
    }

    /// Prepares a role. Without a persona it has the default one, without a voice the first of those that there are.
    /// Where there are none at all, it has none, whatever was asked for: every client of PersonaPlex asks for one.
    ///
    /// # Errors
    /// [`Error::Persona`] for one that is too long or can not be put into tokens, [`Error::Voice`] for a voice that
    /// is not there or no voice.
    pub fn role(&mut self, persona: Option<&str>, voice: Option<&str>) -> Result<(Role, Prompt), Error> {
        let persona = Persona::new(persona.unwrap_or_default())?;
        let words = self.tokenizer.encode(&persona.tagged()).map_err(|error| {
            let sentence = error.to_string();
            Error::Persona { reason: sentence.trim_end_matches('.').into() }
        })?;
        let text = words.into_iter().flat_map(|word| word.tokens).collect();
        let names = self.voices.names();
        let asked = voice.map(str::trim).filter(|voice| !voice.is_empty());
        let voice = match (names.first(), asked) {
            (None, _) => None,
            (Some(_), Some(asked)) => Some(asked.to_owned()),
            (Some(first), None) => Some(first.clone()),
        };
        let loaded =
            voice.as_deref().map(|name| self.voices.load(name, self.generator.config())).transpose()?;
        let loaded = loaded.map(|voice| VoicePrompt::new(voice, &mut self.encoder)).transpose()?;
        let prompt = Prompt { voice: loaded, text };
        prompt.fits(self.generator.config())?;
        Ok((Role { persona, voice }, prompt))
    }
}
