//! PersonaPlex: into its role by a voice and a text, and then a conversation.

mod constants;
mod conversation;
mod prefill;

use std::path::Path;

pub(super) use self::constants::compare as compare_constants;
use super::flaw::Flaw;
use super::page::Page;
use super::recording::Extents::Are;
use super::recording::{Recording, description};
use super::voice;
use super::watched::Watched;
use crate::{Cpu, CpuOptions, Generator, LmConfig, Prompt, Sampling, Voice, VoicePrompt};

pub(super) const CONFIG: &str = "personaplex_config.json";
pub(super) const WEIGHTS: &str = "personaplex_weights.safetensors";
pub(super) const PROMPT: &str = "personaplex_prompt.json";
pub(super) const WAV: &str = "personaplex_voice_prompt.wav";
pub(super) const STATES: &str = "personaplex_voice.safetensors";
pub(super) const RUN_WAV: &str = "personaplex_run_wav.safetensors";
pub(super) const RUN_STATES: &str = "personaplex_run_embeddings.safetensors";

/// A recorded run of PersonaPlex.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PersonaPlexCase {
    /// Whether its voice came out of a recording; else out of what was saved of one.
    pub(super) wav: bool,
    /// Description and weights of the codec.
    pub(super) codec: Option<(String, String)>,
}

/// A recording beside the model that it is of.
#[derive(Debug, Clone, Copy)]
struct PersonaPlexRun<'a> {
    recording: &'a Recording,
    config: &'a LmConfig,
}

impl PersonaPlexCase {
    pub(super) fn recording(&self) -> &'static str {
        if self.wav { RUN_WAV } else { RUN_STATES }
    }

    pub(super) fn compare(&self, folder: &Path, page: &mut Page<'_>) {
        let result = self.all(folder, page);
        page.end("file", result);
    }

    fn all(&self, folder: &Path, page: &mut Page<'_>) -> Result<(), Flaw> {
        let recording = Recording::open(&folder.join(self.recording()))?;
        let config = description(&folder.join(CONFIG))?;
        if self.wav {
            let codec = self.codec.as_ref();
            let codec = codec.map(|(config, weights)| (folder.join(config), folder.join(weights)));
            let codec = codec.as_ref().map(|(config, weights)| (config.as_path(), weights.as_path()));
            let result = voice::compare(&folder.join(WAV), codec, &config, &recording, page);
            page.end("voice", result);
        }
        let result = constants::compare_text(folder, &recording, page);
        page.end("text_prompt_tokens", result);

        let run = PersonaPlexRun { recording: &recording, config: &config };
        let lm = Cpu::load(&folder.join(WEIGHTS), config.clone(), CpuOptions::EXACT)?;
        let prompt = self.prompt(folder, &run)?;
        let given = prefill::given(&run);
        let (watched, runs) = Watched::new(lm, given.as_deref().map(<[_]>::to_vec).unwrap_or_default());
        let mut generator = Generator::new(Box::new(watched));
        generator.reset(Sampling::GREEDY, 0);
        prefill::compare(&run, &prompt, given.map(drop), &mut generator, &runs, page)?;
        conversation::compare(&run, &mut generator, &runs, page)
    }

    /// The prompt with what was recorded of it, so that the run does not depend on codec and loudness.
    fn prompt(&self, folder: &Path, run: &PersonaPlexRun<'_>) -> Result<Prompt, Flaw> {
        let tokens = run.recording.steps("text_prompt_tokens", &[])?;
        let text = run.recording.ids("text_prompt_tokens", Are(&[tokens]))?.codes("text_prompt_tokens")?;
        let voice = if self.wav {
            let codebooks = run.config.generated_codebooks();
            let frames = run.recording.steps("voice_codes", &[codebooks])?;
            let codes = run.recording.ids("voice_codes", Are(&[frames, codebooks]))?.codes("voice_codes")?;
            VoicePrompt::Codes(codes.iter().map(<[u32]>::to_vec).collect())
        } else {
            match Voice::load(&folder.join(STATES), run.config)? {
                Voice::States(states) => VoicePrompt::States(states),
                Voice::Sound(_) => return Err(Flaw::Senseless { reason: "the voice is sound".into() }),
            }
        };
        Ok(Prompt { voice: Some(voice), text: text.into_all() })
    }
}
