//! The voice of PersonaPlex out of a recording: as loud as it has to be, and in codes.

use std::path::Path;

use super::check::Check;
use super::flaw::Flaw;
use super::page::Page;
use super::recording::Extents::Are;
use super::recording::{Recording, Rows};
use super::watched::ids;
use super::{EXACT, PCM};
use crate::codec::{FRAME, Use, load_codec_as};
use crate::{LmConfig, Voice, VoicePrompt};

/// Positions that the codec's transformers saw, whatever its description says: those of the published one.
const CONTEXT: usize = 250;

/// Reads the voice as a host does, and compares its sound and its codes.
pub(super) fn compare(
    wav: &Path,
    codec: Option<(&Path, &Path)>,
    config: &LmConfig,
    recording: &Recording,
    page: &mut Page<'_>,
) -> Result<(), Flaw> {
    let voice = Voice::load(wav, config)?;
    let Voice::Sound(sound) = &voice else {
        return Err(Flaw::Senseless { reason: "the voice is no sound".into() });
    };
    let samples = recording.extent("voice_pcm_normalized", 0)?;
    let expected = recording.numbers("voice_pcm_normalized", Are(&[samples])).map(|pcm| {
        let mut pcm = pcm.into_all();
        // The last frame of a voice is filled with silence.
        pcm.resize(samples.next_multiple_of(FRAME), 0.0);
        Rows::new(FRAME, pcm)
    });
    let mut pcm = Check::new("voice_pcm_normalized", PCM, expected);
    sound.chunks(FRAME).for_each(|frame| pcm.see(frame));
    page.add(pcm);

    let reason = "there is no codec";
    let (of_codec, weights) = codec.ok_or(Flaw::Unknown { reason })?;
    let codebooks = config.generated_codebooks();
    let r#use = Use { codebooks, context: Some(CONTEXT), personaplex: true };
    let (mut encoder, _) = load_codec_as(weights, Some(of_codec), r#use)?;
    let frames = recording.steps("voice_codes", &[codebooks])?;
    let mut codes = Check::new("voice_codes", EXACT, recording.ids("voice_codes", Are(&[frames, codebooks])));
    if let VoicePrompt::Codes(found) = VoicePrompt::new(voice, &mut encoder)? {
        found.iter().for_each(|frame| codes.see(&ids(frame)));
    }
    page.add(codes);
    Ok(())
}
