//! What holds for every input.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod common;

use std::sync::LazyLock;

use common::sweep;
use ogg_opus::{EncoderSettings, PACKET, StreamReader, StreamWriter};
use proptest::prelude::*;

/// Pages of one second, the headers in front, and what they sound like.
static STREAM: LazyLock<(Vec<Vec<u8>>, Vec<f32>)> = LazyLock::new(|| {
    let mut writer = StreamWriter::new(&EncoderSettings::default()).unwrap();
    let mut reader = StreamReader::new().unwrap();
    let mut pcm = Vec::new();
    let mut pages = vec![writer.header().to_vec()];
    pages.extend(sweep(50 * PACKET).chunks_exact(PACKET).map(|pcm| writer.push_slice(pcm).unwrap().to_vec()));
    for page in &pages {
        reader.push(page, &mut pcm);
    }
    assert_eq!(pcm.len(), 50 * PACKET);
    (pages, pcm)
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However the stream is cut into messages, it sounds the same.
    #[test]
    fn cutting_does_not_matter(cuts in prop::collection::vec(1usize..400, 1..40)) {
        let (pages, sound) = &*STREAM;
        let bytes = pages.concat();
        let mut reader = StreamReader::new().unwrap();
        let (mut heard, mut rest) = (Vec::new(), bytes.as_slice());
        for &cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (message, after) = rest.split_at(cut.min(rest.len()));
            reader.push(message, &mut heard);
            rest = after;
        }
        prop_assert_eq!(&heard, sound);
        prop_assert_eq!(reader.stats().skipped_bytes, 0);
    }

    /// Garbage in front of pages is skipped and changes nothing of what is heard, however it is cut.
    #[test]
    fn garbage_between_pages_is_not_heard(
        garbage in prop::collection::vec((1usize..50, prop::collection::vec(any::<u8>(), 1..80)), 0..12),
        cut in 100usize..5000,
    ) {
        let (pages, sound) = &*STREAM;
        let mut pages = pages.clone();
        let mut bytes_of_garbage = 0;
        for (at, garbage) in garbage {
            // Never the beginning of a message, where it might be one Opus packet by itself.
            let garbage = [b"\xff\xff", garbage.as_slice()].concat();
            bytes_of_garbage += garbage.len();
            pages[at].splice(0..0, garbage);
        }
        let bytes = pages.concat();
        let mut reader = StreamReader::new().unwrap();
        let mut heard = Vec::new();
        for message in bytes.chunks(cut) {
            reader.push(message, &mut heard);
        }
        prop_assert_eq!(reader.stats().skipped_bytes, bytes_of_garbage as u64);
        prop_assert_eq!(&heard, sound);
    }

    /// Whatever is overwritten, reading goes on, and no more is heard than was sent.
    #[test]
    fn broken_bytes_cost_little(at in prop::collection::vec((0usize..1_000_000, any::<u8>()), 1..20), cut in 20usize..500) {
        let (pages, sound) = &*STREAM;
        let mut bytes = pages.concat();
        let len = bytes.len();
        for (at, byte) in &at {
            bytes[at % len] = *byte;
        }
        let mut reader = StreamReader::new().unwrap();
        let mut heard = Vec::new();
        for message in bytes.chunks(cut) {
            reader.push(message, &mut heard);
        }
        // Each byte can break the page that it is in; those at the end are not known to be missing, and a page of a
        // broken length is waited for.
        let lost = at.len() * PACKET;
        prop_assert!(heard.len() + lost >= sound.len(), "{} of {} samples", heard.len(), sound.len());
        prop_assert!(heard.len() <= sound.len() + 2880 * at.len());
    }

    /// Any bytes at all: no panic, and bounded output.
    #[test]
    fn any_bytes_are_survived(data in prop::collection::vec(any::<u8>(), 0..3000)) {
        ogg_opus::fuzzing::reader(&data);
    }

    /// Any packets on a page behind any garbage are found.
    #[test]
    fn any_page_is_found_again(data in prop::collection::vec(any::<u8>(), 0..600)) {
        ogg_opus::fuzzing::page(&data);
    }
}
