//! What a writer sends.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod common;

use common::{correlation, sweep};
use ogg_opus::page::{FIRST, PageBuffer};
use ogg_opus::{
    Application, EncoderSettings, Error, PACKET, PacketDuration, StreamReader, StreamWriter, packet,
};

fn settings(application: Application) -> EncoderSettings {
    EncoderSettings { application, ..EncoderSettings::default() }
}

#[test]
fn the_first_page_has_the_headers_in_front() {
    let mut writer = StreamWriter::new(&EncoderSettings::default()).unwrap();
    let mut bytes = Vec::new();
    for pcm in sweep(3 * PACKET).chunks_exact(PACKET) {
        bytes.extend_from_slice(&writer.push(pcm.try_into().unwrap()).unwrap());
    }
    let mut buffer = PageBuffer::new();
    buffer.fill(&bytes);
    let mut pages = Vec::new();
    while let Some(page) = buffer.next_page() {
        let packets: Vec<_> = page.parts().map(|part| part.bytes.to_vec()).collect();
        assert_eq!(packets.len(), 1);
        pages.push((page.flags, page.sequence, page.granule, packets[0].clone()));
    }
    let [head, tags, sound @ ..] = pages.as_slice() else { panic!("{} pages", pages.len()) };
    assert_eq!(*head, (FIRST, 0, 0, b"OpusHead\x01\x01\x00\x0f\x80\xbb\x00\x00\x00\x00\x00".to_vec()));
    assert_eq!(*tags, (0, 1, 0, b"OpusTags\x0a\x00\x00\x00MYCA Voice\x00\x00\x00\x00".to_vec()));
    let expected = [(0, 2, 960), (0, 3, 1920), (0, 4, 2880)];
    assert!(sound.iter().map(|(flags, sequence, granule, _)| (*flags, *sequence, *granule)).eq(expected));
    assert!(sound.iter().all(|(.., bytes)| packet::samples(bytes) == Some(PACKET)));
}

#[test]
fn a_header_that_was_asked_for_is_not_sent_again() {
    let mut writer = StreamWriter::new(&EncoderSettings::default()).unwrap();
    let header = writer.header();
    assert!(header.starts_with(b"OggS") && header.windows(8).any(|window| window == b"OpusTags"));
    let first = writer.push(&[0.0; PACKET]).unwrap();
    assert!(!first.windows(4).any(|window| window == b"Opus"));
}

#[test]
fn sound_comes_back_as_late_as_the_look_ahead_says() {
    for (application, look_ahead) in
        [(Application::LowDelay, 60), (Application::Voip, 156), (Application::Audio, 156)]
    {
        for duration in [PacketDuration::Ms20, PacketDuration::Ms40] {
            let sent = sweep(48_000);
            let mut writer = StreamWriter::with_duration(&settings(application), duration).unwrap();
            assert_eq!(writer.look_ahead(), look_ahead);
            let mut reader = StreamReader::new().unwrap();
            let mut heard = Vec::new();
            for pcm in sent.chunks_exact(duration.samples()) {
                reader.push(&writer.push_slice(pcm).unwrap(), &mut heard);
            }
            assert_eq!(heard.len(), sent.len());
            let alike = |lag| correlation(&sent, &heard, lag);
            let best = (0..400).max_by(|&a, &b| alike(a).total_cmp(&alike(b))).unwrap();
            assert!(best.abs_diff(look_ahead) <= 1, "{application:?} {duration:?}: {best} samples late");
            assert!(alike(best) > 0.95, "{application:?} {duration:?}: {}", alike(best));
        }
    }
}

#[test]
fn no_packet_is_ever_empty() {
    let sounds: [&dyn Fn(usize) -> f32; 5] =
        [&|_| 0.0, &|_| f32::NAN, &|_| f32::INFINITY, &|i| if i % 2 == 0 { 30.0 } else { -30.0 }, &|_| 1e-30];
    for application in [Application::LowDelay, Application::Voip, Application::Audio] {
        let settings = EncoderSettings { application, bitrate: 6_000, complexity: 0 };
        let mut writer = StreamWriter::new(&settings).unwrap();
        writer.header();
        for sound in sounds {
            for _ in 0..100 {
                let page = writer.push(&std::array::from_fn(sound)).unwrap();
                assert!(page.len() > 28 && page[27] > 1, "{application:?}: {page:?}");
            }
        }
    }
}

#[test]
fn only_whole_packets_and_sane_settings_are_taken() {
    let mut writer = StreamWriter::new(&EncoderSettings::default()).unwrap();
    for len in [0, 479, 481, 960] {
        let refused = writer.push_slice(&vec![0.0; len]);
        assert!(matches!(refused, Err(Error::Length { expected: 480, got }) if got == len));
    }
    assert!(
        writer.push_slice(&[0.0; 480]).unwrap().windows(8).any(|window| window == b"OpusHead"),
        "nothing was sent"
    );
    for (bitrate, complexity) in [(5_999, 5), (510_001, 5), (u32::MAX, 5), (32_000, 11)] {
        let refused =
            StreamWriter::new(&EncoderSettings { bitrate, complexity, ..EncoderSettings::default() });
        assert_eq!(refused.map(|_| ()).unwrap_err().code(), "opus.setting");
    }
}
