//! Sound to sound, through codec and language model, in the order of Kyutai's server.

use std::path::Path;

use super::check::Check;
use super::flaw::Flaw;
use super::free::row;
use super::page::Page;
use super::recording::Extents::Are;
use super::recording::{Recording, Rows, description};
use super::watched::ids;
use super::{EXACT, PCM};
use crate::codec::{FRAME, load_codec_for};
use crate::{Cpu, CpuOptions, Generator, Sampling, TextRule};

/// A recorded conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EndToEndCase {
    pub(super) recording: String,
    /// Description and weights of the language model.
    pub(super) lm: Option<(String, String)>,
    /// Description and weights of the codec.
    pub(super) codec: Option<(String, String)>,
}

impl EndToEndCase {
    pub(super) fn compare(&self, folder: &Path, page: &mut Page<'_>) {
        let result = self.all(folder, page);
        page.end("file", result);
    }

    fn all(&self, folder: &Path, page: &mut Page<'_>) -> Result<(), Flaw> {
        let recording = Recording::open(&folder.join(&self.recording))?;
        let unknown = |reason| Flaw::Unknown { reason };
        let (config, weights) = self.lm.as_ref().ok_or_else(|| unknown("there is no language model"))?;
        let config = description(&folder.join(config))?;
        let (of_codec, codec) = self.codec.as_ref().ok_or_else(|| unknown("there is no codec"))?;
        let (mut encoder, mut decoder) =
            load_codec_for(&config, &folder.join(codec), Some(&folder.join(of_codec)))?;
        let lm = Cpu::load(&folder.join(weights), config.clone(), CpuOptions::EXACT)?;

        let codebooks = config.generated_codebooks();
        let frames = recording.steps("user_codes", &[config.heard_codebooks()])?;
        let late = config.delays.iter().copied().max().unwrap_or(0);
        let samples = |frames: usize| frames.saturating_mul(FRAME);
        let sound = recording.numbers("input_pcm", Are(&[samples(frames)]))?;
        let sound = Rows::new(FRAME, sound.into_all());
        let expected = recording.ids("user_codes", Are(&[frames, config.heard_codebooks()]));
        let mut codes = Check::new("user_codes", EXACT, expected);
        let mut tokens =
            Check::new("out_tokens", EXACT, recording.ids("out_tokens", Are(&[frames, 1 + codebooks])));
        let expected = recording.numbers("output_pcm", Are(&[samples(frames.saturating_sub(late))]));
        let mut output = Check::new("output_pcm", PCM, expected.map(|pcm| Rows::new(FRAME, pcm.into_all())));

        let mut generator = Generator::new(Box::new(lm));
        generator.reset(Sampling::GREEDY, 0);
        let result = sound.iter().enumerate().try_for_each(|(i, frame)| {
            let heard = encoder.encode(frame)?;
            codes.see(&ids(&heard));
            if i == 0 {
                encoder.reset();
            }
            let said = generator.step(&heard, TextRule::FREE)?;
            tokens.see(&row(said.as_ref(), codebooks));
            if let Some(said) = said {
                output.see(&decoder.decode(&said.codes)?);
            }
            Ok(())
        });
        page.add(codes);
        page.add(tokens);
        page.add(output);
        result
    }
}
