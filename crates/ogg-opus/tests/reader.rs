//! What a reader makes of streams that are odd, broken or incomplete.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod common;

use bytes::BytesMut;
use common::{Stock, correlation, sweep};
use ogg_opus::page::{self, CONTINUED, PageHeader};
use ogg_opus::{EncoderSettings, PACKET, ReaderStats, StreamReader, StreamWriter};
use opus::{Application, Channels};

fn read(messages: &[Vec<u8>]) -> (Vec<f32>, ReaderStats) {
    let mut reader = StreamReader::new().unwrap();
    let mut heard = Vec::new();
    for message in messages {
        reader.push(message, &mut heard);
    }
    assert_eq!(reader.stats().samples, heard.len() as u64);
    (heard, reader.stats())
}

/// Header pages and `packets` pages of 20 ms.
fn stream(packets: usize) -> Vec<Vec<u8>> {
    let sound = sweep(packets * PACKET);
    let mut writer = StreamWriter::new(&EncoderSettings::default()).unwrap();
    let mut messages = vec![writer.header().to_vec()];
    messages.extend(sound.chunks_exact(PACKET).map(|pcm| writer.push_slice(pcm).unwrap().to_vec()));
    messages
}

#[test]
fn packets_of_10_to_120_ms_at_48_khz_and_in_stereo_are_taken() {
    for (rate, channels, ms) in [
        (24_000, Channels::Mono, 10),
        (24_000, Channels::Mono, 60),
        (48_000, Channels::Mono, 20),
        (48_000, Channels::Mono, 120),
        (24_000, Channels::Stereo, 20),
        (48_000, Channels::Stereo, 40),
    ] {
        let step = if rate == 48_000 { 1 } else { 2 };
        let sent = sweep(57_600);
        // Every sample as often as rate and channels ask for.
        let copies = channels as usize * 2 / step;
        let wide: Vec<f32> = sent.iter().flat_map(|&sample| std::iter::repeat_n(sample, copies)).collect();
        let mut writer = Stock::with(rate, channels, Application::Voip, rate as usize / 1000 * ms, |_| 0);
        let mut messages = vec![writer.head(rate)];
        messages.extend(writer.pages(&wide));
        let (heard, stats) = read(&messages);
        assert_eq!(heard.len(), 57_600, "{rate} Hz, {channels:?}, {ms} ms");
        assert_eq!((stats.packets, stats.undecodable_packets), (2400 / ms as u64, 0));
        let alike = correlation(&sent, &heard, 156);
        assert!(alike > 0.8, "{rate} Hz, {channels:?}, {ms} ms: {alike}");
    }
}

#[test]
fn six_packets_on_a_page_and_12_seconds_in_a_message_are_taken() {
    let mut writer = Stock::new(480, |_| 0);
    let message: Vec<u8> = sweep(12 * 24_000).chunks(6 * 480).flat_map(|six| writer.one_page(six)).collect();
    let (heard, stats) = read(&[message]);
    assert_eq!((heard.len(), stats.packets, stats.excess_packets), (12 * 24_000, 600, 0));
}

#[test]
fn a_stream_without_any_header_is_sound() {
    let messages = stream(50);
    let (heard, stats) = read(&messages[1..]);
    assert_eq!((heard.len(), stats.streams, stats.lost_packets), (50 * PACKET, 1, 0));
}

#[test]
fn a_server_that_begins_again_is_a_new_stream_without_a_loss() {
    let mut messages = stream(10);
    messages.extend(stream(10));
    let (heard, stats) = read(&messages);
    assert_eq!((heard.len(), stats.streams, stats.concealed_samples), (20 * PACKET, 2, 0));
}

#[test]
fn an_empty_packet_lasts_no_time() {
    let mut messages = stream(10);
    let mut empty = BytesMut::new();
    page::write(&mut empty, PageHeader { serial: 9, ..PageHeader::default() }, &[b"", b"", b""]);
    messages.insert(5, empty.to_vec());
    let (heard, stats) = read(&messages);
    assert_eq!((heard.len(), stats.empty_packets), (10 * PACKET, 3));
}

#[test]
fn packets_of_a_toc_byte_alone_do_not_become_hours() {
    let mut page = BytesMut::new();
    // 60 ms of nothing in each of 255 packets.
    page::write(&mut page, PageHeader::default(), &[&[0x18_u8][..]; 255]);
    let message = page.repeat(1000);
    let (heard, stats) = read(std::slice::from_ref(&message));
    assert!(heard.len() <= 48_000 + 64 * message.len());
    assert!(stats.excess_packets > 100_000, "{stats:?}");
}

#[test]
fn a_lost_page_is_filled_with_as_much_made_up_sound() {
    let mut messages = stream(50);
    messages.remove(20);
    messages.remove(30);
    let (heard, stats) = read(&messages);
    assert_eq!(heard.len(), 50 * PACKET, "time goes on as if nothing were lost");
    assert_eq!((stats.lost_packets, stats.concealed_samples), (2, 2 * PACKET as u64));
}

#[test]
fn a_long_gap_is_filled_with_120_ms_only() {
    let mut messages = stream(50);
    messages.drain(10..30);
    let (heard, stats) = read(&messages);
    assert_eq!(heard.len(), 30 * PACKET + 2880);
    assert_eq!((stats.lost_packets, stats.concealed_samples), (20, 2880));
}

#[test]
fn a_writer_that_leaves_out_numbers_does_not_make_time_run_faster() {
    let mut writer = Stock::new(480, |_| 0);
    let sound = sweep(48_000);
    let mut messages = Vec::new();
    for pcm in sound.chunks(480) {
        messages.extend(writer.pages(pcm));
        writer.skip_numbers(1);
    }
    let (heard, stats) = read(&messages);
    assert_eq!(heard.len(), 48_000 + 480, "only the first gap is believed");
    assert_eq!(stats.lost_packets, 99);
}

#[test]
fn a_page_with_a_wrong_crc_costs_its_own_sound_only() {
    let mut messages = stream(50);
    let last = messages[20].len() - 1;
    messages[20][last] ^= 1;
    let (heard, stats) = read(&messages);
    assert_eq!(heard.len(), 50 * PACKET);
    assert_eq!((stats.bad_crc, stats.resyncs, stats.concealed_samples), (1, 1, PACKET as u64));
    assert_eq!(stats.skipped_bytes, messages[20].len() as u64);
}

#[test]
fn a_page_that_was_cut_off_does_not_take_the_next_message_along() {
    let mut messages = stream(50);
    messages[20].truncate(40);
    let mut reader = StreamReader::new().unwrap();
    let mut heard = Vec::new();
    for message in &messages[..22] {
        reader.push(message, &mut heard);
    }
    assert_eq!(heard.len(), 21 * PACKET, "the message after the broken one is heard at once");
}

#[test]
fn capture_patterns_in_garbage_do_not_confuse() {
    let mut messages = stream(20);
    messages[10].splice(0..0, *b"noise OggS OggOggS\0\0OgOggS");
    let (heard, stats) = read(&messages);
    assert_eq!(heard.len(), 20 * PACKET);
    assert_eq!((stats.concealed_samples, stats.skipped_bytes), (0, 26));
}

#[test]
fn a_packet_that_goes_on_over_three_pages_is_one_packet() {
    let mut writer = Stock::with(24_000, Channels::Mono, Application::Audio, 2880, |_| 0);
    let sound: Vec<f32> =
        (0_u32..2880).map(|i| (i.wrapping_mul(2_654_435_761) >> 8) as f32 / 1.7e7 - 0.5).collect();
    let packet = writer.encode(&sound);
    assert!(packet.len() > 255, "{} bytes", packet.len());
    let mut bytes = BytesMut::new();
    page::write_open(&mut bytes, PageHeader { flags: 2, ..PageHeader::default() }, &packet[..255]);
    let header = PageHeader { flags: CONTINUED, sequence: 1, ..PageHeader::default() };
    page::write_open(&mut bytes, header, &[]);
    page::write(&mut bytes, PageHeader { sequence: 2, ..header }, &[&packet[255..]]);
    let (heard, stats) = read(&[bytes.to_vec()]);
    assert_eq!((heard.len(), stats.packets, stats.undecodable_packets), (2880, 1, 0));

    // Without its beginning it is nothing, and without its end neither.
    let second = bytes.len() - (packet.len() - 255) - 40;
    let (heard, stats) = read(&[bytes[second..].to_vec()]);
    assert_eq!((heard.len(), stats.packets), (0, 0));
    let (heard, stats) = read(&[bytes[..300].to_vec(), stream(1).concat()]);
    assert_eq!((heard.len(), stats.packets), (PACKET, 1));
}

#[test]
fn a_page_whose_packet_is_no_opus_is_filled_with_made_up_sound() {
    let mut messages = stream(20);
    let mut broken = BytesMut::new();
    // Code 3 with a frame count of zero.
    page::write(
        &mut broken,
        PageHeader { serial: u32::from_be_bytes(*b"MYCA"), sequence: 22, ..PageHeader::default() },
        &[&[3, 0, 1, 2]],
    );
    messages.push(broken.to_vec());
    let (heard, stats) = read(&messages);
    assert_eq!(heard.len(), 21 * PACKET);
    assert_eq!((stats.undecodable_packets, stats.concealed_samples), (1, PACKET as u64));
}

#[test]
fn raw_packets_between_pages_are_heard_and_disturb_nothing() {
    let sound = sweep(100 * PACKET);
    let mut voice = Stock::new(PACKET, |_| 0);
    let plain = stream(20);
    let mut mixed = Vec::new();
    for (i, page) in plain.iter().enumerate() {
        mixed.push(page.clone());
        mixed.push(voice.encode(&sound[i * PACKET..][..PACKET]));
    }
    let (heard, stats) = read(&mixed);
    assert_eq!((stats.raw_packets, stats.packets, stats.skipped_bytes), (21, 41, 0));
    let of_pages: Vec<f32> = heard.chunks(PACKET).skip(1).step_by(2).flatten().copied().collect();
    assert_eq!(of_pages, read(&plain).0, "the stream sounds as without them");
}

#[test]
fn messages_that_only_look_a_little_like_opus_are_not_heard() {
    let silence = [0xfc, 0xff, 0xfe]; // stereo
    for message in [
        &b""[..],
        b"\x08",
        b"{\"type\":\"text\"}",
        b"\x0bxx",
        b"hello, world",
        b"Og",
        &[0xff; 2000],
        &silence,
    ] {
        let (heard, stats) = read(&[message.to_vec()]);
        assert_eq!((heard.len(), stats.raw_packets), (0, 0), "{message:?}");
    }
    // The rest of a page is no packet of its own.
    let messages = stream(2);
    let (left, right) = messages[1].split_at(30);
    let (heard, stats) = read(&[messages[0].clone(), left.to_vec(), right.to_vec(), messages[2].clone()]);
    assert_eq!((heard.len(), stats.raw_packets), (2 * PACKET, 0));
}

#[test]
fn a_reset_reader_is_as_new() {
    let messages = stream(20);
    let mut reader = StreamReader::new().unwrap();
    let mut heard = Vec::new();
    for message in &messages[..10] {
        reader.push(message, &mut heard);
    }
    reader.push(&messages[10][..40], &mut heard);
    reader.reset();
    heard.clear();
    for message in &messages {
        reader.push(message, &mut heard);
    }
    assert_eq!(heard, read(&messages).0);
    assert_eq!(reader.stats().streams, 2);
}
