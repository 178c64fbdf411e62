//! PersonaPlex step by step: through its prompt, and then through a conversation.

use super::{Prompt, SILENCE, SILENT_FRAMES, SINE, TokenRing, VoicePrompt};
use crate::{Backend, Error, Input, LmConfig, Request, Said, Sampling, TextRule};

/// Steps of a prompt that the model takes at once. More are hardly faster, and whoever leaves is not waited for long.
const AT_ONCE: usize = 16;

/// What goes into the model at a step of a prompt.
enum Entry<'a> {
    Tokens(Vec<Option<u32>>),
    Embedded(&'a [f32]),
}

impl TokenRing {
    /// Takes a model through a prompt, from the start of time. `go_on` is asked every few steps whether that is still
    /// wanted. Returns whether all of it was gone through.
    ///
    /// All that the model could say in it is given, so that nothing but its temporal transformer has to run.
    pub(crate) fn prefill(
        &mut self,
        backend: &mut dyn Backend,
        prompt: &Prompt,
        mut go_on: impl FnMut() -> bool,
    ) -> Result<bool, Error> {
        let padding = backend.config().padding;
        let mut entries = Vec::with_capacity(prompt.steps());
        match &prompt.voice {
            None => {}
            Some(VoicePrompt::Codes(frames)) => {
                for own in frames {
                    entries.extend(self.say(padding, own)?);
                }
            }
            Some(VoicePrompt::States(states)) => {
                for embedded in states.frames() {
                    // What was said in it is only known at its end; until then anything is as good. The first time,
                    // the step that only stores is taken along.
                    while self.say(padding, &SILENCE)?.is_none() {}
                    entries.push(Entry::Embedded(embedded));
                }
                self.replace(states.cache());
            }
        }
        let silence = [padding; SILENT_FRAMES];
        for &text in silence.iter().chain(&prompt.text).chain(&silence) {
            entries.extend(self.say(text, &SILENCE)?);
        }
        for entries in entries.chunks(AT_ONCE) {
            if !go_on() {
                return Ok(false);
            }
            let inputs = entries.iter().map(|entry| match entry {
                Entry::Tokens(tokens) => Input::Tokens(tokens),
                Entry::Embedded(numbers) => Input::Embedded(numbers),
            });
            backend.prefill(&inputs.collect::<Vec<_>>())?;
        }
        Ok(true)
    }

    /// One step of a prompt; returns what goes into the model.
    fn say(&mut self, text: u32, own: &[u32]) -> Result<Option<Entry<'static>>, Error> {
        if own.len() != SILENCE.len() {
            return Err(Error::Input { what: format!("{} codes of a voice", own.len()) });
        }
        for (stream, &token) in [text].iter().chain(own).chain(&SINE).enumerate() {
            self.give(stream, token)?;
        }
        if !self.begin()? {
            return Ok(None);
        }
        let input = self.input();
        self.end(None)?;
        Ok(Some(Entry::Tokens(input)))
    }

    /// One step of a conversation: as [`Generator::step`](crate::Generator::step).
    pub(crate) fn step(
        &mut self,
        backend: &mut dyn Backend,
        sampling: Sampling,
        heard: &[u32],
        text: TextRule,
    ) -> Result<Option<Said>, Error> {
        let generated = backend.config().generated_codebooks();
        for (stream, &code) in (1 + generated..).zip(heard) {
            self.give(stream, code)?;
        }
        if !self.begin()? {
            return Ok(None);
        }
        let (input, given) = (self.input(), self.given());
        let text = given.first().copied().flatten().map_or(text, TextRule::force);
        let audio = given.get(1..1 + generated).unwrap_or_default();
        let picked =
            backend.step(&Request { input: Input::Tokens(&input), text, audio, sampling, trace: false })?;
        self.end(Some(&picked))
    }
}

/// The ring of a model that is one of PersonaPlex.
pub(crate) fn ring(config: &LmConfig) -> Option<TokenRing> {
    config.personaplex.then(|| TokenRing::new(config))
}
