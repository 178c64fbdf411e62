//! Sound out of a live Ogg Opus stream, whoever wrote it.

use crate::page::{self, CONTINUED, FIRST, Page, PageBuffer, PageStats, Part};
use crate::{SAMPLE_RATE, packet, writer::Error};

/// Longest loss that is filled with made-up sound, in samples: 120 ms.
const MAX_CONCEALED: usize = packet::MAX_SAMPLES;

/// The decoder makes up sound in units of 2.5 ms.
const CONCEALED_UNIT: usize = 60;

/// A jump of the page numbers by more than this is a new count and no loss.
const MAX_GAP: u32 = 1000;

/// Samples that one byte of input may become. The leanest stream of sound is far below, while packets of nothing but
/// a TOC byte could otherwise turn one message into hours of silence.
const SAMPLES_PER_BYTE: usize = 64;

/// Samples that may come out beyond that, once: two seconds.
const MAX_CREDIT: usize = 2 * SAMPLE_RATE as usize;

/// What a reader has met since it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReaderStats {
    /// Ogg pages with a right CRC.
    pub pages: u64,
    /// Packets that were decoded, raw ones included.
    pub packets: u64,
    /// Samples that came out, made-up ones included.
    pub samples: u64,
    /// Pages with a wrong CRC.
    pub bad_crc: u64,
    /// Bytes that belonged to no page.
    pub skipped_bytes: u64,
    /// Times a page was found after bytes that belonged to none.
    pub resyncs: u64,
    /// Logical streams: one in a connection, one more for each time that a server began again.
    pub streams: u64,
    /// Packets that are missing by the numbers of the pages.
    pub lost_packets: u64,
    /// Samples made up for lost and undecodable packets.
    pub concealed_samples: u64,
    /// Packets that are not Opus, that were never completed, or that are too long.
    pub undecodable_packets: u64,
    /// Packets without a byte in them. They say nothing and last no time.
    pub empty_packets: u64,
    /// Packets that were left out because the input was too small for that much sound.
    pub excess_packets: u64,
    /// Messages that were one Opus packet without a page around it.
    pub raw_packets: u64,
}

/// Reads a live Ogg Opus stream, message by message, into samples.
///
/// Pages may be split and joined anywhere. Nothing that comes makes it fail: what is broken is skipped, counted, and
/// filled with made-up sound where it is known how long it lasted. Time is counted in decoded samples; granule
/// positions and pre-skip are ignored, as the servers disagree about the first and play what the second would leave
/// out. The output gain of the header is ignored, too: no server sets it. Memory is bounded, and so are the samples
/// that come out for each byte that goes in.
#[derive(Debug)]
pub struct StreamReader {
    pages: PageBuffer,
    stream: LogicalStream,
    decoder: Decoder,
    /// Decodes packets that come without a page. The sound of another voice must not disturb the stream's decoder.
    raw_decoder: Decoder,
    tally: Tally,
}

/// Where in its logical stream the reader is.
#[derive(Debug, Default)]
struct LogicalStream {
    serial: Option<u32>,
    /// Number of the page that comes next.
    sequence: u32,
    /// What there is of a packet that goes on on the next page.
    partial: Option<Vec<u8>>,
    /// Packets and samples of sound on the last page that had any.
    page_packets: u32,
    page_samples: usize,
    /// Whether the last page was numbered as it should be. Some writers leave out numbers and nothing else.
    in_order: bool,
}

impl StreamReader {
    /// A reader at the start of a connection.
    ///
    /// # Errors
    /// [`Error::Codec`] where libopus can not make a decoder.
    pub fn new() -> Result<Self, Error> {
        Ok(Self {
            pages: PageBuffer::new(),
            stream: LogicalStream::default(),
            decoder: Decoder::new()?,
            raw_decoder: Decoder::new()?,
            tally: Tally { stats: ReaderStats::default(), credit: MAX_CREDIT },
        })
    }

    /// Takes the payload of one audio message and appends the samples that are complete by now to `pcm`.
    ///
    /// Where messages end matters in one case only: a message between pages that has no page in it but is one Opus
    /// packet of speech is decoded as such. The PersonaPlex bridge sends them.
    pub fn push(&mut self, bytes: &[u8], pcm: &mut Vec<f32>) {
        let earned = bytes.len().saturating_mul(SAMPLES_PER_BYTE);
        self.tally.credit = self.tally.credit.saturating_add(earned).min(MAX_CREDIT.max(earned));
        if self.pages.at_border() && self.stream.partial.is_none() && is_raw(bytes) {
            self.tally.stats.raw_packets += 1;
            self.tally.decode(&mut self.raw_decoder, bytes, 0, pcm);
            return;
        }
        let mut rest = bytes;
        loop {
            rest = self.pages.fill(rest);
            while let Some(page) = self.pages.next_page() {
                self.stream.page(&page, &mut self.decoder, &mut self.tally, pcm);
            }
            if rest.is_empty() {
                break;
            }
        }
    }

    /// What has been met since the reader was made.
    #[must_use]
    pub fn stats(&self) -> ReaderStats {
        let PageStats { pages, bad_crc, skipped_bytes, resyncs } = self.pages.stats();
        ReaderStats { pages, bad_crc, skipped_bytes, resyncs, ..self.tally.stats }
    }

    /// Forgets half-read pages and packets and what the decoder has heard, as for a new connection. The counters
    /// stay.
    pub fn reset(&mut self) {
        self.pages.abandon();
        self.pages.settle();
        self.stream = LogicalStream::default();
        self.decoder.reset();
        self.raw_decoder.reset();
    }
}

fn is_raw(message: &[u8]) -> bool {
    let has_page = message.windows(page::CAPTURE.len()).any(|window| window == page::CAPTURE);
    !has_page && packet::is_raw_speech(message)
}

impl LogicalStream {
    fn page(&mut self, page: &Page<'_>, decoder: &mut Decoder, tally: &mut Tally, pcm: &mut Vec<f32>) {
        let missing = self.follow(page, decoder, tally);
        let mut parts = page.parts();
        if self.partial.is_some() && page.flags & CONTINUED == 0 {
            self.partial = None;
            tally.stats.undecodable_packets += 1;
        } else if self.partial.is_none() && page.flags & CONTINUED != 0 {
            // The rest of a packet whose beginning is lost.
            parts.next();
        }
        let (mut packets, mut samples, mut missing) = (0, 0, missing);
        for Part { bytes, ends } in parts {
            if !ends || self.partial.is_some() {
                let partial = self.partial.get_or_insert_default();
                // One byte more than a packet can have is enough to know that it is none.
                let room = (packet::MAX_BYTES + 1).saturating_sub(partial.len());
                partial.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
                if !ends {
                    break;
                }
            }
            let partial = self.partial.take();
            let packet = partial.as_deref().unwrap_or(bytes);
            if packet::is_header(packet) {
                continue;
            }
            samples += tally.decode(decoder, packet, missing, pcm);
            packets += 1;
            missing = 0;
        }
        if packets > 0 {
            self.page_packets = packets;
            self.page_samples = samples;
        }
    }

    /// Compares the page with the one before it. Returns the samples that are missing between them.
    fn follow(&mut self, page: &Page<'_>, decoder: &mut Decoder, tally: &mut Tally) -> usize {
        let expected = self.sequence;
        self.sequence = page.sequence.wrapping_add(1);
        if self.serial != Some(page.serial) || page.flags & FIRST != 0 {
            *self = Self {
                serial: Some(page.serial),
                sequence: self.sequence,
                in_order: true,
                ..Self::default()
            };
            tally.stats.streams += 1;
            decoder.reset();
            return 0;
        }
        let gap = page.sequence.wrapping_sub(expected);
        if gap == 0 {
            self.in_order = true;
            return 0;
        }
        if self.partial.take().is_some() {
            tally.stats.undecodable_packets += 1;
        }
        if gap > MAX_GAP {
            return 0;
        }
        tally.stats.lost_packets += u64::from(gap) * u64::from(self.page_packets);
        // A second gap in a row is a way of counting rather than a loss.
        let trusted = std::mem::replace(&mut self.in_order, false);
        if trusted { (gap as usize * self.page_samples).min(MAX_CONCEALED) } else { 0 }
    }
}

/// What has come out, and what still may.
#[derive(Debug)]
struct Tally {
    stats: ReaderStats,
    /// Samples that may come out for the bytes that have come in; see [`SAMPLES_PER_BYTE`].
    credit: usize,
}

impl Tally {
    /// Appends one packet to `pcm`, and in front of it `missing` made-up samples. Returns the samples of the packet,
    /// without those in front of it.
    fn decode(&mut self, decoder: &mut Decoder, packet: &[u8], missing: usize, pcm: &mut Vec<f32>) -> usize {
        if packet.is_empty() {
            self.stats.empty_packets += 1;
            return 0;
        }
        let fits = packet.len() <= packet::MAX_BYTES;
        let samples = packet::samples(packet).filter(|_| fits).unwrap_or(0);
        if samples + missing > self.credit {
            self.stats.excess_packets += 1;
            return 0;
        }
        if missing > 0 {
            // The packet may hold a coarse copy of the one before it.
            let concealed = decoder.append(packet, true, missing, pcm).unwrap_or(0);
            self.count(concealed, true);
        }
        if samples > 0 && decoder.append(packet, false, samples, pcm).is_some() {
            self.stats.packets += 1;
            self.count(samples, false);
            return samples;
        }
        self.stats.undecodable_packets += 1;
        let lasted = decoder.last_samples.min(self.credit);
        let concealed = decoder.append(&[], false, lasted - lasted % CONCEALED_UNIT, pcm).unwrap_or(0);
        self.count(concealed, true);
        concealed
    }

    fn count(&mut self, samples: usize, concealed: bool) {
        self.credit = self.credit.saturating_sub(samples);
        self.stats.samples += samples as u64;
        if concealed {
            self.stats.concealed_samples += samples as u64;
        }
    }
}

/// An Opus decoder at 24 kHz, mono. It mixes stereo packets down by itself.
#[derive(Debug)]
struct Decoder {
    opus: opus::Decoder,
    /// Samples in the packet that was decoded last.
    last_samples: usize,
}

impl Decoder {
    fn new() -> Result<Self, Error> {
        Ok(Self { opus: opus::Decoder::new(SAMPLE_RATE, opus::Channels::Mono)?, last_samples: 0 })
    }

    fn reset(&mut self) {
        // Fails for a decoder that is no decoder only.
        let _ = self.opus.reset_state();
        self.last_samples = 0;
    }

    /// Appends exactly `samples` samples, or none and returns `None`. Without a packet, or for what came before it,
    /// they are made up.
    fn append(&mut self, packet: &[u8], before: bool, samples: usize, pcm: &mut Vec<f32>) -> Option<usize> {
        let start = pcm.len();
        pcm.resize(start + samples, 0.0);
        let out = pcm.get_mut(start..)?;
        let decoded = if samples == 0 { Ok(0) } else { self.opus.decode_float(packet, out, before) };
        match decoded {
            Ok(decoded) if decoded == samples => {
                for sample in out {
                    // The encoder's rounding can overshoot.
                    *sample = sample.clamp(-1.0, 1.0);
                }
                if !packet.is_empty() && !before {
                    self.last_samples = samples;
                }
                Some(samples)
            }
            _ => {
                pcm.truncate(start);
                None
            }
        }
    }
}
