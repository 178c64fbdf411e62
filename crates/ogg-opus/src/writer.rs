//! Sound into a live Ogg Opus stream.

use bytes::{BufMut, Bytes, BytesMut};
use thiserror::Error;

use crate::page::{self, FIRST, PageHeader};
use crate::{PACKET, SAMPLE_RATE, packet};

/// Serial number of the logical stream: fixed, as a connection has one stream in each direction.
const SERIAL: u32 = u32::from_be_bytes(*b"MYCA");

/// Who made the stream, in the comment header.
const VENDOR: &[u8] = b"MYCA Voice";

/// Samples that a player of files would leave out at the start, at 48 kHz: as the stock servers write it. Moshi's
/// servers and clients play everything.
const PRE_SKIP: u16 = 3840;

/// Sample rate in the header: only a note about the origin, and 48 kHz is what most servers write.
const HEAD_RATE: u32 = 48_000;

/// Granule positions are counted at 48 kHz whatever the rate of the codec (RFC 7845, section 4).
const GRANULE_RATE: u32 = 48_000;

/// Room for one encoded packet, in bytes: what libopus recommends, and more than 40 ms take at the highest rate.
const MAX_ENCODED: usize = 4000;

/// How the encoder works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncoderSettings {
    /// What the encoder is tuned for.
    pub application: Application,
    /// Target bit rate in bit/s, 6,000 to 510,000; the stream varies around it.
    pub bitrate: u32,
    /// Effort from 0 to 10.
    pub complexity: u8,
}

impl Default for EncoderSettings {
    /// [`Application::LowDelay`] at 48 kbit/s with complexity 5: 4 ms less delay than the two others, for which its
    /// higher rate pays in quality; 6 kB/s are nothing on any line that can carry a conversation.
    fn default() -> Self {
        Self { application: Application::LowDelay, bitrate: 48_000, complexity: 5 }
    }
}

/// What the encoder is tuned for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Application {
    /// Speech, as the stock servers do it; 6.5 ms of look-ahead.
    Voip,
    /// Any sound, as Kyutai's web client does it; 6.5 ms of look-ahead.
    Audio,
    /// Without the speech codec; 2.5 ms of look-ahead.
    LowDelay,
}

/// How much sound one packet holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum PacketDuration {
    /// 20 ms, [`PACKET`] samples: what a client sends.
    #[default]
    Ms20,
    /// 40 ms, 960 samples: what Kyutai's servers send.
    Ms40,
}

impl PacketDuration {
    /// Samples in a packet, at 24 kHz.
    #[must_use]
    pub const fn samples(self) -> usize {
        match self {
            Self::Ms20 => PACKET,
            Self::Ms40 => 2 * PACKET,
        }
    }
}

/// Why there is no packet, or no coder at all.
#[derive(Debug, Error)]
pub enum Error {
    /// A setting that libopus does not take.
    #[error("{setting} {value} is outside of {least} to {most}")]
    Setting {
        /// Name of the setting.
        setting: &'static str,
        /// What it was set to.
        value: u32,
        /// The least that is accepted.
        least: u32,
        /// The most that is accepted.
        most: u32,
    },
    /// Sound that is not exactly one packet.
    #[error("a packet is {expected} samples, not {got}")]
    Length {
        /// Samples in a packet of this stream.
        expected: usize,
        /// Samples that came.
        got: usize,
    },
    /// The encoder returned nothing. An empty packet must not be sent: servers make seconds of noise out of it.
    #[error("the Opus encoder returned an empty packet")]
    Empty,
    /// libopus refused.
    #[error("Opus: {0}")]
    Codec(#[from] opus::Error),
}

impl Error {
    /// A name of the error that does not change between versions.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Setting { .. } => "opus.setting",
            Self::Length { .. } => "opus.length",
            Self::Empty => "opus.empty",
            Self::Codec(_) => "opus.codec",
        }
    }
}

/// Writes sound as a live Ogg Opus stream: one packet on a page, each page ready to be sent.
///
/// A connection needs a writer of its own: the stream's headers are in front of its first page.
#[derive(Debug)]
pub struct StreamWriter {
    encoder: opus::Encoder,
    duration: PacketDuration,
    look_ahead: usize,
    header_sent: bool,
    sequence: u32,
    granule: u64,
    packet: Box<[u8; MAX_ENCODED]>,
    out: BytesMut,
}

impl StreamWriter {
    /// A stream of 20 ms packets.
    ///
    /// # Errors
    /// [`Error::Setting`] for settings outside of their range, [`Error::Codec`] where libopus fails.
    pub fn new(settings: &EncoderSettings) -> Result<Self, Error> {
        Self::with_duration(settings, PacketDuration::Ms20)
    }

    /// A stream of packets of the given duration.
    ///
    /// # Errors
    /// As for [`new`](Self::new).
    pub fn with_duration(settings: &EncoderSettings, duration: PacketDuration) -> Result<Self, Error> {
        let check = |setting, value, least, most| {
            let inside = (least..=most).contains(&value);
            if inside { Ok(value) } else { Err(Error::Setting { setting, value, least, most }) }
        };
        let bitrate = check("bit rate", settings.bitrate, 6_000, 510_000)?;
        let complexity = check("complexity", settings.complexity.into(), 0, 10)?;
        let application = match settings.application {
            Application::Voip => opus::Application::Voip,
            Application::Audio => opus::Application::Audio,
            Application::LowDelay => opus::Application::LowDelay,
        };
        let mut encoder = opus::Encoder::new(SAMPLE_RATE, opus::Channels::Mono, application)?;
        encoder.set_bitrate(opus::Bitrate::Bits(bitrate.cast_signed()))?;
        encoder.set_complexity(complexity.cast_signed())?;
        // Silence as packets of one byte saves nothing that matters, and peers do not all take it well.
        encoder.set_dtx(false)?;
        let look_ahead = usize::try_from(encoder.get_lookahead()?).unwrap_or(0);
        Ok(Self {
            encoder,
            duration,
            look_ahead,
            header_sent: false,
            sequence: 2,
            granule: 0,
            packet: Box::new([0; MAX_ENCODED]),
            out: BytesMut::new(),
        })
    }

    /// Samples by which decoded sound lags behind what was pushed, at 24 kHz: 60 (2.5 ms) with
    /// [`Application::LowDelay`], 156 (6.5 ms) otherwise.
    #[must_use]
    pub fn look_ahead(&self) -> usize {
        self.look_ahead
    }

    /// How much sound a packet of this stream holds.
    #[must_use]
    pub fn duration(&self) -> PacketDuration {
        self.duration
    }

    /// The two header pages, for those who send them before there is sound: the first packet comes without them then.
    pub fn header(&mut self) -> Bytes {
        self.header_sent = true;
        write_header(&mut self.out);
        self.out.split().freeze()
    }

    /// Encodes 20 ms and returns their page; the first one has the stream's header pages in front, unless
    /// [`header`](Self::header) was called.
    ///
    /// # Errors
    /// [`Error::Length`] where the stream has packets of another duration; otherwise as for
    /// [`push_slice`](Self::push_slice).
    pub fn push(&mut self, pcm: &[f32; PACKET]) -> Result<Bytes, Error> {
        self.push_slice(pcm)
    }

    /// As [`push`](Self::push), for packets of any duration: `pcm` must be exactly one packet.
    ///
    /// # Errors
    /// [`Error::Length`] for anything but one packet; [`Error::Codec`] and [`Error::Empty`] where libopus fails,
    /// after which the stream can go on.
    pub fn push_slice(&mut self, pcm: &[f32]) -> Result<Bytes, Error> {
        let mut out = std::mem::take(&mut self.out);
        let written = self.write_to(pcm, &mut out);
        let page = written.map(|()| out.split().freeze());
        self.out = out;
        page
    }

    /// As [`push_slice`](Self::push_slice), but appends to `out`: for messages with something in front or with more
    /// than one page. Nothing is appended where it fails.
    ///
    /// # Errors
    /// As for [`push_slice`](Self::push_slice).
    pub fn write_to(&mut self, pcm: &[f32], out: &mut BytesMut) -> Result<(), Error> {
        let expected = self.duration.samples();
        if pcm.len() != expected {
            return Err(Error::Length { expected, got: pcm.len() });
        }
        let len = self.encoder.encode_float(pcm, self.packet.as_mut_slice())?;
        let packet = self.packet.get(..len).filter(|packet| !packet.is_empty()).ok_or(Error::Empty)?;
        if !self.header_sent {
            self.header_sent = true;
            write_header(out);
        }
        self.granule += expected as u64 * u64::from(GRANULE_RATE / SAMPLE_RATE);
        let header = PageHeader { flags: 0, granule: self.granule, serial: SERIAL, sequence: self.sequence };
        self.sequence = self.sequence.wrapping_add(1);
        page::write(out, header, &[packet]);
        Ok(())
    }
}

fn write_header(out: &mut BytesMut) {
    let mut head = BytesMut::with_capacity(19);
    head.put_slice(packet::HEAD_MAGIC);
    head.put_u8(1); // version
    head.put_u8(1); // channels
    head.put_u16_le(PRE_SKIP);
    head.put_u32_le(HEAD_RATE);
    head.put_u16_le(0); // gain
    head.put_u8(0); // mapping family: one stream, one or two channels
    let mut tags = BytesMut::with_capacity(32);
    tags.put_slice(packet::TAGS_MAGIC);
    tags.put_u32_le(u32::try_from(VENDOR.len()).unwrap_or(0));
    tags.put_slice(VENDOR);
    tags.put_u32_le(0); // no comment
    let header = PageHeader { flags: FIRST, granule: 0, serial: SERIAL, sequence: 0 };
    page::write(out, header, &[&head]);
    page::write(out, PageHeader { flags: 0, sequence: 1, ..header }, &[&tags]);
}
