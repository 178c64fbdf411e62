//! Bodies of the fuzz targets. They live here so that the test command can run them on stable Rust over the stored
//! seeds; `cargo fuzz` runs the same functions with made-up input.

use bytes::BytesMut;

use crate::page::{CAPTURE, MAX_PAGE, PageBuffer, PageHeader, write};
use crate::{ReaderStats, StreamReader};

/// Messages from the network, cut where the first byte says: reading never panics, and makes no more sound than the
/// bytes can hold.
#[allow(clippy::expect_used, reason = "a fuzz target reports by panicking")]
pub fn reader(data: &[u8]) {
    let Some((&cut, bytes)) = data.split_first() else { return };
    let mut reader = StreamReader::new().expect("libopus makes decoders");
    let mut pcm = Vec::new();
    for message in bytes.chunks(usize::from(cut).max(1)) {
        reader.push(message, &mut pcm);
    }
    let ReaderStats { samples, skipped_bytes, .. } = reader.stats();
    assert_eq!(samples, pcm.len() as u64, "each sample is counted");
    assert!(pcm.len() <= 48_000 + 64 * bytes.len(), "{} bytes became {} samples", bytes.len(), pcm.len());
    assert!(skipped_bytes <= bytes.len() as u64, "no byte is skipped twice");
    assert!(pcm.iter().all(|sample| sample.abs() <= 1.0), "sound stays within its range");
}

/// Bytes as packets of a page, each as long as its first byte says: what is written is found again behind garbage,
/// unless the garbage claims more pages than are worth checking.
#[allow(clippy::expect_used, reason = "a fuzz target reports by panicking")]
pub fn page(data: &[u8]) {
    let mut packets = Vec::new();
    let mut rest = data;
    while let Some((&len, after)) = rest.split_first() {
        let (packet, after) = after.split_at(usize::from(len).min(after.len()));
        packets.push(packet);
        rest = after;
    }
    packets.truncate(100);
    let garbage = &data[..data.len().min(1000)];
    let claims = garbage.windows(4).filter(|window| window == CAPTURE).count();
    let mut bytes = BytesMut::from(garbage);
    write(&mut bytes, PageHeader { serial: 0xfeed_beef, ..PageHeader::default() }, &packets);
    // Garbage may claim a page of any length.
    bytes.extend_from_slice(&[0; MAX_PAGE]);
    let mut buffer = PageBuffer::new();
    let mut rest = &bytes[..];
    let mut found = false;
    while !rest.is_empty() {
        rest = buffer.fill(rest);
        while let Some(page) = buffer.next_page() {
            found |=
                page.serial == 0xfeed_beef && page.parts().map(|part| part.bytes).eq(packets.iter().copied());
        }
    }
    assert!(found || claims >= 4, "the page was found");
    assert!(buffer.pending() <= MAX_PAGE, "bounded memory");
}
