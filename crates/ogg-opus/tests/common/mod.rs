//! Test sounds, and streams as other programs write them.
#![allow(dead_code, reason = "each test file uses a part of it")]

use bytes::BytesMut;
use ogg_opus::page::{self, FIRST, PageHeader};
use opus::{Application, Channels, Encoder};

/// A sweep from 200 Hz to 2 kHz over `samples` at 24 kHz: its place in time can be told from any part.
pub(crate) fn sweep(samples: usize) -> Vec<f32> {
    let seconds = samples as f32 / 24_000.0;
    (0..samples)
        .map(|i| {
            let t = i as f32 / 24_000.0;
            let phase = 200.0 * t + 900.0 * t * t / seconds;
            0.5 * (phase * std::f32::consts::TAU).sin()
        })
        .collect()
}

/// How alike two sounds are when the second is `lag` samples late: 1 is the same, 0 nothing in common.
pub(crate) fn correlation(sent: &[f32], heard: &[f32], lag: usize) -> f32 {
    let pairs = sent.iter().zip(heard.iter().skip(lag));
    let (mut both, mut left, mut right) = (0.0, 1e-9_f32, 1e-9_f32);
    for (a, b) in pairs {
        both += a * b;
        left += a * a;
        right += b * b;
    }
    both / (left * right).sqrt()
}

/// A stream as a particular server writes it.
pub(crate) struct Stock {
    encoder: Encoder,
    pub(crate) packet: usize,
    sequence: u32,
    pub(crate) serial: u32,
    granule: fn(usize) -> u64,
    channels: usize,
}

impl Stock {
    /// `granule` gives the position that stands on the audio page of this number.
    pub(crate) fn new(packet: usize, granule: fn(usize) -> u64) -> Self {
        Self::with(24_000, Channels::Mono, Application::Voip, packet, granule)
    }

    pub(crate) fn with(
        rate: u32,
        channels: Channels,
        application: Application,
        packet: usize,
        granule: fn(usize) -> u64,
    ) -> Self {
        let encoder = Encoder::new(rate, channels, application).unwrap();
        Self { encoder, packet, sequence: 0, serial: 42, granule, channels: channels as usize }
    }

    fn page(&mut self, flags: u8, granule: u64, packets: &[&[u8]]) -> Vec<u8> {
        let mut out = BytesMut::new();
        let header = PageHeader { flags, granule, serial: self.serial, sequence: self.sequence };
        page::write(&mut out, header, packets);
        self.sequence += 1;
        out.to_vec()
    }

    pub(crate) fn head(&mut self, rate: u32) -> Vec<u8> {
        let mut head = b"OpusHead\x01".to_vec();
        head.push(self.channels as u8);
        head.extend_from_slice(&3840_u16.to_le_bytes());
        head.extend_from_slice(&rate.to_le_bytes());
        head.extend_from_slice(&[0, 0, 0]);
        self.page(FIRST, 0, &[&head])
    }

    pub(crate) fn tags(&mut self, vendor: &str) -> Vec<u8> {
        let mut tags = b"OpusTags".to_vec();
        tags.extend_from_slice(&(vendor.len() as u32).to_le_bytes());
        tags.extend_from_slice(vendor.as_bytes());
        tags.extend_from_slice(&[0; 4]);
        self.page(0, 0, &[&tags])
    }

    pub(crate) fn encode(&mut self, pcm: &[f32]) -> Vec<u8> {
        self.encoder.encode_vec_float(pcm, 4000).unwrap()
    }

    /// One page for each packet of `pcm`.
    pub(crate) fn pages(&mut self, pcm: &[f32]) -> Vec<Vec<u8>> {
        let first = (self.granule)(0);
        pcm.chunks_exact(self.packet * self.channels)
            .enumerate()
            .map(|(i, pcm)| {
                let packet = self.encode(pcm);
                self.page(0, (self.granule)(i).max(first), &[&packet])
            })
            .collect()
    }

    /// One page with all the packets of `pcm`.
    pub(crate) fn one_page(&mut self, pcm: &[f32]) -> Vec<u8> {
        let packets: Vec<_> =
            pcm.chunks_exact(self.packet * self.channels).map(|pcm| self.encode(pcm)).collect();
        let packets: Vec<_> = packets.iter().map(Vec::as_slice).collect();
        self.page(0, 0, &packets)
    }

    pub(crate) fn skip_numbers(&mut self, pages: u32) {
        self.sequence += pages;
    }
}
