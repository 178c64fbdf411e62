//! Sound that came and was not passed on yet.

use std::collections::VecDeque;

use bytes::Bytes;
use ogg_opus::StreamReader;

use crate::codec::FRAME;

/// Bytes of Opus that are decoded at once, as a byte of it can be many samples: four seconds as they mostly are.
const PIECE: usize = 16 << 10;

/// Sound of one caller in its order. It holds what a message holds, however large that is; nobody adds another before it
/// [is small](Self::is_small).
pub(super) struct Backlog {
    reader: StreamReader,
    samples: VecDeque<f32>,
    /// What comes behind the samples.
    opus: Bytes,
}

impl Backlog {
    pub(super) fn new() -> Result<Self, ogg_opus::Error> {
        Ok(Self { reader: StreamReader::new()?, samples: VecDeque::new(), opus: Bytes::new() })
    }

    /// Whether there is no whole frame.
    pub(super) fn is_small(&self) -> bool {
        self.samples.len() < FRAME && self.opus.is_empty()
    }

    /// Adds samples behind all that is there.
    pub(super) fn samples(&mut self, pcm: Vec<f32>) {
        self.decode();
        self.samples.extend(pcm);
    }

    /// Adds a piece of an Ogg Opus stream behind all that is there.
    pub(super) fn opus(&mut self, bytes: Bytes) {
        self.decode();
        self.opus = bytes;
    }

    /// Takes the next whole frame out.
    pub(super) fn frame(&mut self) -> Option<[f32; FRAME]> {
        while self.samples.len() < FRAME && !self.opus.is_empty() {
            self.decode_piece();
        }
        if self.samples.len() < FRAME {
            return None;
        }
        let mut frame = [0.0; FRAME];
        frame.iter_mut().zip(self.samples.drain(..FRAME)).for_each(|(place, sample)| *place = sample);
        Some(frame)
    }

    /// Samples that wait, as far as they are decoded.
    pub(super) fn samples_waiting(&self) -> u64 {
        self.samples.len() as u64
    }

    /// Decodes all that is left, which is nothing where somebody asked whether [it is small](Self::is_small).
    fn decode(&mut self) {
        while !self.opus.is_empty() {
            self.decode_piece();
        }
    }

    fn decode_piece(&mut self) {
        let piece = self.opus.split_to(PIECE.min(self.opus.len()));
        let mut pcm = Vec::new();
        self.reader.push(&piece, &mut pcm);
        self.samples.extend(pcm);
    }
}

#[cfg(test)]
mod tests {
    use ogg_opus::{EncoderSettings, PACKET, StreamWriter};

    use super::*;

    fn frames(backlog: &mut Backlog) -> Vec<[f32; FRAME]> {
        std::iter::from_fn(|| backlog.frame()).collect()
    }

    #[test]
    fn sound_of_any_length_comes_out_in_frames_and_in_order() {
        let mut backlog = Backlog::new().unwrap();
        let samples: Vec<f32> = (0..10 * FRAME).map(|i| i as f32).collect();
        let mut heard = Vec::new();
        let (mut at, mut size) = (0, 0);
        while at < samples.len() {
            let end = (at + size).min(samples.len());
            backlog.samples(samples[at..end].to_vec());
            (at, size) = (end, size * 2 + 1);
            heard.extend(frames(&mut backlog).concat());
            assert!(backlog.is_small());
        }
        assert_eq!(heard, samples);
    }

    #[test]
    fn a_long_piece_of_opus_is_decoded_bit_by_bit_and_whole() {
        let mut writer = StreamWriter::new(&EncoderSettings::default()).unwrap();
        let noise = |i: usize| (i.wrapping_mul(2_654_435_761) % 2001) as f32 / 2000.0 - 0.5;
        let pcm: Vec<f32> = (0..1500 * PACKET).map(noise).collect();
        let stream: Vec<u8> =
            pcm.chunks_exact(PACKET).flat_map(|packet| writer.push_slice(packet).unwrap()).collect();
        assert!(stream.len() > 4 * PIECE, "{}", stream.len());
        let mut backlog = Backlog::new().unwrap();
        backlog.opus(stream.into());
        assert!(!backlog.is_small());
        let mut heard = Vec::new();
        while let Some(frame) = backlog.frame() {
            assert!(backlog.samples_waiting() < 20 * 24_000, "never much at once");
            heard.extend(frame);
        }
        assert_eq!(heard.len(), pcm.len() / FRAME * FRAME);
    }
}
