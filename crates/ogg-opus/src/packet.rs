//! What an Opus packet says about itself (RFC 6716, section 3).

/// The longest packet that the format allows, in samples: 120 ms at 24 kHz.
pub const MAX_SAMPLES: usize = 2880;

/// The largest packet that the format allows, in bytes: 48 frames of 1275 bytes, their lengths, TOC and count.
/// Padding could make a packet larger; no sender of live sound pads.
pub const MAX_BYTES: usize = 48 * 1275 + 47 * 2 + 2;

/// First bytes of the packet that identifies an Ogg Opus stream (RFC 7845, section 5.1).
pub const HEAD_MAGIC: &[u8; 8] = b"OpusHead";

/// First bytes of the comment packet (RFC 7845, section 5.2).
pub const TAGS_MAGIC: &[u8; 8] = b"OpusTags";

/// Samples in each frame of a packet with this TOC byte, at 24 kHz.
#[must_use]
pub fn frame_samples(toc: u8) -> usize {
    match toc >> 3 {
        // SILK: 10, 20, 40, 60 ms in each of three bandwidths.
        config @ 0..=11 => [240, 480, 960, 1440][usize::from(config & 3)],
        // Hybrid: 10, 20 ms in each of two.
        config @ 12..=15 => [240, 480][usize::from(config & 1)],
        // CELT: 2.5, 5, 10, 20 ms in each of four.
        config => [60, 120, 240, 480][usize::from(config & 3)],
    }
}

/// Samples in the whole packet at 24 kHz; `None` where its first bytes contradict the format: no byte at all, a frame
/// count of zero, or more than 120 ms.
#[must_use]
pub fn samples(packet: &[u8]) -> Option<usize> {
    let &toc = packet.first()?;
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => usize::from(packet.get(1)? & 0x3f),
    };
    let samples = frames * frame_samples(toc);
    (1..=MAX_SAMPLES).contains(&samples).then_some(samples)
}

/// Whether the packet holds two channels.
#[must_use]
pub fn is_stereo(packet: &[u8]) -> bool {
    packet.first().is_some_and(|toc| toc & 4 != 0)
}

/// Whether this is a header packet of Ogg Opus.
///
/// Can be asked of any packet of a stream: both headers begin with a TOC byte of 20 ms frames and a frame count of
/// 48, which no Opus packet has.
#[must_use]
pub fn is_header(packet: &[u8]) -> bool {
    packet.starts_with(HEAD_MAGIC) || packet.starts_with(TAGS_MAGIC)
}

/// Whether a message without any Ogg page is one Opus packet of speech as the PersonaPlex bridge sends it for the
/// sentences that it has spoken by another voice: one channel, 20 to 60 ms, framing without a contradiction, and not
/// plain text.
#[must_use]
pub fn is_raw_speech(message: &[u8]) -> bool {
    let speech = samples(message).is_some_and(|samples| (480..=1440).contains(&samples));
    let text = message.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace());
    // Three bytes: TOC and two of payload; anything shorter is silence at best.
    speech && message.len() >= 3 && !text && !is_stereo(message) && opus::packet::parse(message).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn headers_can_not_be_taken_for_sound() {
        assert_eq!(samples(b"OpusHead\x01\x01\x00\x0f"), None);
        assert_eq!(samples(b"OpusTags\x00\x00\x00\x00"), None);
        assert!(is_header(b"OpusHead") && is_header(b"OpusTags\x03") && !is_header(b"Opus"));
    }

    #[test]
    fn an_empty_packet_has_no_duration() {
        assert_eq!(samples(&[]), None);
        assert_eq!(samples(&[3]), None, "code 3 without its frame count");
        assert_eq!(samples(&[3, 0]), None, "no frame at all");
    }

    proptest! {
        #[test]
        fn durations_agree_with_libopus(packet in prop::collection::vec(any::<u8>(), 1..8)) {
            // libopus lets a frame count of zero pass here and refuses it when it decodes.
            let theirs = opus::packet::get_nb_samples(&packet, 24_000).ok().filter(|&samples| samples > 0);
            prop_assert_eq!(samples(&packet), theirs);
        }
    }
}
