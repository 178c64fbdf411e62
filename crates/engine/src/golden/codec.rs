//! A codec: sound into codes and codes into sound, frame by frame as in a conversation.

use std::path::Path;

use serde::Deserialize;

use super::check::Check;
use super::flaw::Flaw;
use super::page::Page;
use super::recording::Extents::Are;
use super::recording::{Recording, Rows, small_file};
use super::watched::ids;
use super::{EXACT, LATENTS, PCM};
use crate::codec::{FRAME, Use, load_codec_as};
use crate::{Decoder, Encoder};

/// A recorded run of a codec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CodecCase {
    pub(super) config: String,
    pub(super) weights: String,
    pub(super) recording: String,
    /// The recording with the sound, if it is another one.
    pub(super) sound: Option<String>,
    /// Positions that its transformers see, where that is not what the description says.
    pub(super) context: Option<usize>,
    /// Whether it was PersonaPlex that used it.
    pub(super) personaplex: bool,
}

/// What is read of the description here.
#[derive(Debug, Deserialize)]
struct Description {
    quantizer: Quantizer,
}

#[derive(Debug, Deserialize)]
struct Quantizer {
    n_q: usize,
}

impl CodecCase {
    pub(super) fn compare(&self, folder: &Path, page: &mut Page<'_>) {
        let result = self.all(folder, page);
        page.end("file", result);
    }

    fn all(&self, folder: &Path, page: &mut Page<'_>) -> Result<(), Flaw> {
        let recording = Recording::open(&folder.join(&self.recording))?;
        let json = small_file(&folder.join(&self.config))?;
        let description: Description = serde_json::from_slice(&json)
            .map_err(|error| Flaw::Senseless { reason: format!("{}: {error}", self.config) })?;
        let frames = recording.steps("codes_8", &[8])?;
        let samples = frames.saturating_mul(FRAME);
        let sound = match &self.sound {
            None => recording.numbers("input_pcm", Are(&[samples]))?,
            Some(other) => Recording::open(&folder.join(other))?.numbers("input_pcm", Are(&[samples]))?,
        };
        let sound = Rows::new(FRAME, sound.into_all());
        let mut eight = self.load(folder, 8)?;
        let result = compare_codes(&mut eight, &recording, &sound, "8", 8, page);
        page.end("codes_8", result);
        // One that was made for PersonaPlex has nothing else.
        if self.sound.is_some() {
            return Ok(());
        }
        let all = description.quantizer.n_q;
        let result = self.load(folder, all);
        let result =
            result.and_then(|mut codec| compare_codes(&mut codec, &recording, &sound, "all", all, page));
        page.end("codes_all", result);
        let result = compare_latents(&mut eight.0, &recording, &sound, page);
        page.end("latent", result);
        Ok(())
    }

    fn load(&self, folder: &Path, codebooks: usize) -> Result<(Encoder, Decoder), Flaw> {
        let (weights, config) = (folder.join(&self.weights), folder.join(&self.config));
        let r#use = Use { codebooks, context: self.context, personaplex: self.personaplex };
        Ok(load_codec_as(&weights, Some(&config), r#use)?)
    }
}

/// Encodes all frames, and decodes what was recorded. `set` is how the tensors are named.
fn compare_codes(
    (encoder, decoder): &mut (Encoder, Decoder),
    recording: &Recording,
    sound: &Rows<f32>,
    set: &str,
    codebooks: usize,
    page: &mut Page<'_>,
) -> Result<(), Flaw> {
    let name = format!("codes_{set}");
    let read = || recording.ids(&name, Are(&[sound.count(), codebooks]));
    let mut codes = Check::new(name.clone(), EXACT, read());
    let result: Result<(), Flaw> = sound.iter().try_for_each(|frame| {
        codes.see(&ids(&encoder.encode(frame)?));
        Ok(())
    });
    page.add(codes);
    encoder.reset();
    result?;

    let recorded = read()?.codes(&name)?;
    let name = format!("decoded_pcm_{set}");
    let expected = recording.numbers(&name, Are(&[sound.all().len()]));
    let mut pcm = Check::new(name, PCM, expected.map(|pcm| Rows::new(FRAME, pcm.into_all())));
    let result = recorded.iter().try_for_each(|codes| {
        pcm.see(&decoder.decode(codes)?);
        Ok(())
    });
    page.add(pcm);
    result
}

/// Compares what stands before the codes, of the frames of which it can be had.
fn compare_latents(
    encoder: &mut Encoder,
    recording: &Recording,
    sound: &Rows<f32>,
    page: &mut Page<'_>,
) -> Result<(), Flaw> {
    let width = recording.extent("latent", 1)?;
    let latents = recording.numbers("latent", Are(&[sound.count(), width]))?;
    let found = encoder.latents(sound.all())?;
    if found.is_empty() {
        return Ok(());
    }
    let what = format!("latent, all at once, first {} frames", found.len());
    let first = latents.iter().take(found.len()).flatten().copied().collect();
    let mut check = Check::new(what, LATENTS, Ok(Rows::new(width, first)));
    found.iter().for_each(|row| check.see(row));
    page.add(check);
    Ok(())
}
