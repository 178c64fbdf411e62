//! Streams as the four stock servers send them, page by page.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod common;

use common::{Stock, correlation, sweep};
use ogg_opus::{ReaderStats, StreamReader};

/// Look-ahead of the servers' encoder, in samples.
const LAG: usize = 156;

#[track_caller]
fn assert_heard(sent: &[f32], messages: &[Vec<u8>], packets: u64) {
    let mut reader = StreamReader::new().unwrap();
    let mut heard = Vec::new();
    for message in messages {
        reader.push(message, &mut heard);
    }
    let expected = ReaderStats {
        pages: reader.stats().pages,
        packets,
        samples: sent.len() as u64,
        streams: 1,
        ..ReaderStats::default()
    };
    assert_eq!(reader.stats(), expected, "everything is sound, nothing is left out or made up");
    assert_eq!(heard.len(), sent.len(), "time is what was decoded; nothing is cut off at the start");
    let alike = correlation(sent, &heard, LAG);
    assert!(alike > 0.95, "the sound that was sent: {alike}");
}

#[test]
fn the_python_server_glues_its_header_to_the_first_sound() {
    let sent = sweep(50 * 1920);
    let mut server = Stock::new(960, |page| 1920 * (page as u64 + 1));
    let mut header = server.head(48_000);
    header.extend(server.tags("KyutaiMoshi"));
    let mut messages: Vec<_> = server.pages(&sent).chunks(2).map(|two| two.concat()).collect();
    messages[0].splice(0..0, header);
    assert_heard(&sent, &messages, 100);
}

#[test]
fn moshi_server_sends_its_header_first() {
    let sent = sweep(50 * 1920);
    let mut server = Stock::new(960, |page| 1920 * (page as u64 + 1));
    let mut messages = vec![[server.head(48_000), server.tags("KyutaiMoshi")].concat()];
    messages.extend(server.pages(&sent).chunks(2).map(|two| two.concat()));
    assert_heard(&sent, &messages, 100);
}

#[test]
fn moshi_backend_counts_granules_at_24_khz_and_whole_blocks_first() {
    let sent = sweep(50 * 1920);
    let mut server = Stock::new(960, |page| 1920 * (page as u64 / 2 + 1));
    let mut messages = vec![[server.head(48_000), server.tags("KyutaiMoshi")].concat()];
    let pages = server.pages(&sent);
    messages[0].extend_from_slice(&pages[0]);
    messages.extend_from_slice(&pages[1..]);
    assert_heard(&sent, &messages, 100);
}

#[test]
fn personaplex_sends_head_and_tags_apart_and_80_ms_in_a_packet() {
    let sent = sweep(50 * 1920);
    let mut server = Stock::new(1920, |page| 1920 * (page as u64 + 1));
    let mut messages = vec![server.head(24_000), server.tags("sphn-pyo3")];
    let pages = server.pages(&sent);
    // Header, one lacing value for each begun 255 bytes, then the packet: code 3, four frames.
    let lacing = usize::from(pages[9][26]);
    assert_eq!((pages[9][27 + lacing] & 3, pages[9][28 + lacing] & 0x3f), (3, 4));
    messages.extend(pages);
    assert_heard(&sent, &messages, 50);
}
