//! Where a command hears and plays: devices, or files.

use std::{path::Path, sync::Arc};

use audio::{
    device::{
        self,
        virtual_system::{Heard, Played, VirtualConfig, VirtualSystem},
    },
    wav,
};
use conversation::SoundSource;

/// Sample rate of files, where there are no devices that say otherwise.
const FILE_RATE: u32 = 48_000;

/// Devices, or files where they were named; both, as there is one clock. Also tells how long the input file is, in
/// seconds.
pub(crate) fn source(
    input: Option<&Path>,
    output: Option<&Path>,
) -> Result<(SoundSource, Option<f64>), String> {
    match (input, output) {
        (None, None) => Ok((Box::new(|| Box::new(device::native)), None)),
        (Some(input), Some(output)) => {
            let played = Played::Wav(output.to_owned());
            from_file(input, VirtualConfig { played, ..VirtualConfig::default() })
        }
        _ => Err("A file on one side needs one on the other: give both --input and --output.".to_owned()),
    }
}

/// A microphone, or a file in its place. Nothing is played.
pub(crate) fn microphone(input: Option<&Path>) -> Result<(SoundSource, Option<f64>), String> {
    match input {
        None => source(None, None),
        Some(input) => from_file(input, VirtualConfig::default()),
    }
}

fn from_file(path: &Path, config: VirtualConfig) -> Result<(SoundSource, Option<f64>), String> {
    let samples = wav::read(path, FILE_RATE)
        .map_err(|e| format!("{} cannot be read ({e}). Give a WAV file.", path.display()))?;
    let seconds = samples.len() as f64 / f64::from(FILE_RATE);
    let config = VirtualConfig { rate: FILE_RATE, heard: Heard::Samples(Arc::new(samples)), ..config };
    let source: SoundSource = Box::new(move || {
        let config = config.clone();
        Box::new(move || Ok(Box::new(VirtualSystem::new(config.clone()))))
    });
    Ok((source, Some(seconds)))
}
