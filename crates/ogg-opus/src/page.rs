//! Ogg pages (RFC 3533): written, checked, and found again in a stream of bytes that may be cut anywhere.

use bytes::{BufMut, BytesMut};

/// What every page begins with.
pub const CAPTURE: &[u8; 4] = b"OggS";

/// Length of a page's header before its lacing values, in bytes.
pub const HEADER: usize = 27;

/// The largest page: header, 255 lacing values, 255 segments of 255 bytes.
pub const MAX_PAGE: usize = HEADER + 255 + 255 * 255;

/// The header flag of a page that begins with the rest of a packet from the page before.
pub const CONTINUED: u8 = 1;

/// The header flag of a logical stream's first page.
pub const FIRST: u8 = 2;

/// The header flag of a logical stream's last page.
pub const LAST: u8 = 4;

/// Bytes that may be checked against a CRC for each byte that came. A sound stream needs one; what is left over is
/// for claims inside of claims, which somebody could otherwise nest until checking takes thousands of times longer
/// than receiving.
const CHECKS_PER_BYTE: usize = 8;

/// Bytes of unused checking that are kept at most.
const MAX_CHECKS: usize = 8 * MAX_PAGE;

/// One page, with all that it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page<'a> {
    /// Some of [`CONTINUED`], [`FIRST`], [`LAST`].
    pub flags: u8,
    /// Position of the last sample that ends on this page. Servers disagree about its unit, so that nothing here
    /// uses it.
    pub granule: u64,
    /// Which logical stream the page belongs to.
    pub serial: u32,
    /// Number of the page in its logical stream.
    pub sequence: u32,
    lacing: &'a [u8],
    body: &'a [u8],
}

/// A packet, or the part of one that lies on a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part<'a> {
    /// Its bytes on this page.
    pub bytes: &'a [u8],
    /// Whether the packet ends here; otherwise the next page goes on with it.
    pub ends: bool,
}

impl<'a> Page<'a> {
    /// The packets of the page in order. The first one is the rest of an earlier packet where [`CONTINUED`] is set.
    pub fn parts(&self) -> impl Iterator<Item = Part<'a>> + use<'a> {
        let (mut lacing, mut body) = (self.lacing, self.body);
        std::iter::from_fn(move || {
            if lacing.is_empty() {
                return None;
            }
            // A packet is a run of segments of 255 bytes and one that is shorter.
            let full = lacing.iter().take_while(|&&segment| segment == 255).count();
            let last = lacing.get(full).copied();
            let (bytes, rest) = body.split_at_checked(full * 255 + usize::from(last.unwrap_or(0)))?;
            lacing = lacing.get(full + 1..).unwrap_or_default();
            body = rest;
            Some(Part { bytes, ends: last.is_some() })
        })
    }

    /// Reads a page whose length and CRC have been checked.
    fn of(bytes: &'a [u8]) -> Option<Self> {
        let (header, rest) = bytes.split_first_chunk::<HEADER>()?;
        let (lacing, body) = rest.split_at_checked(usize::from(header[26]))?;
        let [_, _, _, _, _, flags, g0, g1, g2, g3, g4, g5, g6, g7, rest @ ..] = *header;
        let [s0, s1, s2, s3, n0, n1, n2, n3, ..] = rest;
        Some(Self {
            flags,
            granule: u64::from_le_bytes([g0, g1, g2, g3, g4, g5, g6, g7]),
            serial: u32::from_le_bytes([s0, s1, s2, s3]),
            sequence: u32::from_le_bytes([n0, n1, n2, n3]),
            lacing,
            body,
        })
    }
}

/// What stands in a page's header, as a writer sets it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PageHeader {
    /// As in [`Page`].
    pub flags: u8,
    /// As in [`Page`].
    pub granule: u64,
    /// As in [`Page`].
    pub serial: u32,
    /// As in [`Page`].
    pub sequence: u32,
}

/// Appends one page with whole packets to `out`. Packets that need more than the 255 lacing values of a page are
/// left out; one packet of live sound needs one to five.
pub fn write(out: &mut BytesMut, header: PageHeader, packets: &[&[u8]]) {
    let mut fit = packets;
    while fit.iter().map(|packet| packet.len() / 255 + 1).sum::<usize>() > 255 {
        fit = fit.split_last().map_or(&[], |(_, rest)| rest);
    }
    write_segments(out, header, fit, true);
}

/// Appends one page that ends inside of a packet: `part` goes on on the next page, which has to say so by
/// [`CONTINUED`]. Its length must be a multiple of 255 and at most 255 times that; a rest is left out.
pub fn write_open(out: &mut BytesMut, header: PageHeader, part: &[u8]) {
    let len = (part.len() - part.len() % 255).min(255 * 255);
    write_segments(out, header, &[part.get(..len).unwrap_or_default()], false);
}

fn write_segments(out: &mut BytesMut, header: PageHeader, packets: &[&[u8]], ends: bool) {
    let start = out.len();
    let lacing: usize = packets.iter().map(|packet| packet.len() / 255 + usize::from(ends)).sum();
    out.reserve(HEADER + lacing + packets.iter().map(|packet| packet.len()).sum::<usize>());
    out.put_slice(CAPTURE);
    out.put_u8(0);
    out.put_u8(header.flags);
    out.put_u64_le(header.granule);
    out.put_u32_le(header.serial);
    out.put_u32_le(header.sequence);
    out.put_u32_le(0);
    out.put_u8(u8::try_from(lacing).unwrap_or(u8::MAX));
    for packet in packets {
        out.put_bytes(255, packet.len() / 255);
        if ends {
            out.put_u8(u8::try_from(packet.len() % 255).unwrap_or(0));
        }
    }
    for packet in packets {
        out.put_slice(packet);
    }
    if let Some(page) = out.get_mut(start..) {
        let crc = crc(0, page).to_le_bytes();
        page[22..26].copy_from_slice(&crc);
    }
}

/// How a run of bytes that begins with [`CAPTURE`] looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Claim {
    /// A header that says how long the page is, all of which is there.
    Whole(usize),
    /// More bytes have to come before anything can be said.
    Incomplete,
    /// Not a page of a version that is known.
    Nonsense,
}

fn claim(bytes: &[u8]) -> Claim {
    let known = CAPTURE.len().min(bytes.len());
    if bytes[..known] != CAPTURE[..known] || bytes.get(4).is_some_and(|&version| version != 0) {
        return Claim::Nonsense;
    }
    let Some(&segments) = bytes.get(26) else { return Claim::Incomplete };
    let Some(lacing) = bytes.get(HEADER..HEADER + usize::from(segments)) else { return Claim::Incomplete };
    let len = HEADER + lacing.len() + lacing.iter().map(|&segment| usize::from(segment)).sum::<usize>();
    if bytes.len() < len { Claim::Incomplete } else { Claim::Whole(len) }
}

/// Where in `bytes` the next thing begins that may be a capture pattern, at `from` or later.
fn next_capture(bytes: &[u8], from: usize) -> Option<usize> {
    (from..bytes.len()).find(|&at| {
        let candidate = bytes.get(at..).unwrap_or_default();
        let known = CAPTURE.len().min(candidate.len());
        candidate[..known] == CAPTURE[..known]
    })
}

/// Finds pages in bytes that come in pieces. Holds [`MAX_PAGE`] bytes at most.
#[derive(Debug)]
pub struct PageBuffer {
    bytes: Vec<u8>,
    /// Bytes at the front that are done with.
    start: usize,
    /// Bytes that may still be checked; see [`CHECKS_PER_BYTE`].
    checks: usize,
    /// Whether what came last was no page, so that the next one is found again.
    lost: bool,
    /// Whether a broken page was seen since the last good one.
    broken: bool,
    stats: PageStats,
}

/// What [`PageBuffer`] has met.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PageStats {
    /// Pages with a right CRC.
    pub pages: u64,
    /// Pages with a wrong one.
    pub bad_crc: u64,
    /// Bytes that belong to no page.
    pub skipped_bytes: u64,
    /// Times a page was found after bytes that belong to none.
    pub resyncs: u64,
}

impl Default for PageBuffer {
    fn default() -> Self {
        Self::new()
    }
}

impl PageBuffer {
    /// An empty buffer.
    #[must_use]
    pub fn new() -> Self {
        Self {
            bytes: Vec::with_capacity(4096),
            start: 0,
            checks: MAX_CHECKS,
            lost: false,
            broken: false,
            stats: PageStats::default(),
        }
    }

    /// Takes as much of `bytes` as there is room for and returns the rest. There is room for one byte at least
    /// whenever [`next_page`](Self::next_page) has returned `None`.
    pub fn fill<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        self.bytes.drain(..self.start);
        self.start = 0;
        let (taken, rest) = bytes.split_at(bytes.len().min(MAX_PAGE.saturating_sub(self.bytes.len())));
        self.bytes.extend_from_slice(taken);
        self.checks = self.checks.saturating_add(taken.len() * CHECKS_PER_BYTE).min(MAX_CHECKS);
        rest
    }

    /// The next page with a right CRC, or `None` when more bytes are needed.
    ///
    /// Everything else is skipped. A page with a wrong CRC is skipped up to the next capture pattern inside of it
    /// only, because its length can be wrong, too; and what claims to be a long page is not waited for when a whole
    /// one has come inside of it.
    pub fn next_page(&mut self) -> Option<Page<'_>> {
        let page = loop {
            let rest = self.bytes.get(self.start..).unwrap_or_default();
            if rest.is_empty() {
                return None;
            }
            match claim(rest) {
                Claim::Incomplete => {
                    let at = self.page_inside()?;
                    self.broken = true;
                    self.skip_to(at);
                }
                Claim::Whole(len) => {
                    if self.afford(len) && self.crc_is_right(self.start, len) {
                        break self.start..self.start + len;
                    }
                    self.stats.bad_crc += 1;
                    self.broken = true;
                    self.skip_to(self.start + 1);
                }
                Claim::Nonsense => self.skip_to(self.start + 1),
            }
        };
        self.start = page.end;
        self.stats.pages += 1;
        self.stats.resyncs += u64::from(self.lost);
        self.lost = false;
        self.broken = false;
        Page::of(self.bytes.get(page)?)
    }

    /// A whole page behind the beginning of one that is incomplete: its place.
    fn page_inside(&mut self) -> Option<usize> {
        let mut from = self.start + 1;
        loop {
            let at = next_capture(&self.bytes, from)?;
            from = at + 1;
            if let Claim::Whole(len) = claim(self.bytes.get(at..)?) {
                // Half of what may be spent stays for the page that is expected.
                let affordable = self.checks >= MAX_CHECKS / 2 && self.afford(len);
                if affordable && self.crc_is_right(at, len) {
                    return Some(at);
                }
            }
        }
    }

    /// Pays for checking `len` bytes.
    fn afford(&mut self, len: usize) -> bool {
        let left = self.checks.checked_sub(len);
        self.checks = left.unwrap_or(self.checks);
        left.is_some()
    }

    fn crc_is_right(&self, at: usize, len: usize) -> bool {
        let page = self.bytes.get(at..at + len).unwrap_or_default();
        let (Some(before), Some(stored), Some(after)) = (page.get(..22), page.get(22..26), page.get(26..))
        else {
            return false;
        };
        crc(crc(crc(0, before), &[0; 4]), after).to_le_bytes() == *stored
    }

    /// Drops the bytes before `at`, and all others before the next thing that may be a capture pattern.
    fn skip_to(&mut self, at: usize) {
        let next = next_capture(&self.bytes, at).unwrap_or(self.bytes.len());
        self.stats.skipped_bytes += (next - self.start) as u64;
        self.start = next;
        self.lost = true;
    }

    /// Gives up the bytes of a page that is not complete.
    pub fn abandon(&mut self) {
        let pending = self.pending();
        if pending > 0 {
            self.stats.skipped_bytes += pending as u64;
            self.lost = true;
            self.broken = true;
        }
        self.bytes.clear();
        self.start = 0;
    }

    /// Expects something new: whatever was broken before is over.
    pub fn settle(&mut self) {
        self.broken = false;
    }

    /// Bytes of a page that is not complete yet.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// Whether the bytes that come next begin something new: no page is under way, and none was broken since the
    /// last good one, whose rest could still come.
    #[must_use]
    pub fn at_border(&self) -> bool {
        self.pending() == 0 && !self.broken
    }

    /// What has been met since the beginning.
    #[must_use]
    pub fn stats(&self) -> PageStats {
        self.stats
    }
}

/// CRC-32 with the polynomial 0x04c11db7, not reflected, begun and ended without inversion (RFC 3533, section 6).
fn crc(start: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(start, |crc, &byte| (crc << 8) ^ CRC_TABLE[usize::from((crc >> 24) as u8 ^ byte)])
}

const CRC_TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        let mut value = (i as u32) << 24;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 0x8000_0000 == 0 { value << 1 } else { (value << 1) ^ 0x04c1_1db7 };
            bit += 1;
        }
        table[i] = value;
        i += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    fn written(header: PageHeader, packets: &[&[u8]]) -> BytesMut {
        let mut out = BytesMut::new();
        write(&mut out, header, packets);
        out
    }

    #[test]
    fn the_crc_is_that_of_the_ogg_specification() {
        // Check value of CRC-32/MPEG-2 without its initial value, the CRC that Ogg uses.
        assert_eq!(crc(0, b"123456789"), 0x89a1_897f);
    }

    #[test]
    fn what_is_written_is_read_again() {
        let header = PageHeader { flags: FIRST, granule: 1 << 40, serial: 42, sequence: 7 };
        let long = [9; 600];
        let even = [1; 255];
        let page = written(header, &[b"abc", &long, b"", &even]);
        let mut buffer = PageBuffer::new();
        assert!(buffer.fill(&page).is_empty());
        let page = buffer.next_page().unwrap();
        assert_eq!((page.flags, page.granule, page.serial, page.sequence), (FIRST, 1 << 40, 42, 7));
        let packets: Vec<_> = page.parts().collect();
        let whole = |bytes| Part { bytes, ends: true };
        assert_eq!(packets, [whole(b"abc"), whole(&long), whole(b""), whole(&even)]);
        assert!(buffer.next_page().is_none() && buffer.at_border());
    }

    #[test]
    fn a_packet_can_go_on_over_pages() {
        let mut out = BytesMut::new();
        write_open(&mut out, PageHeader::default(), &[5; 510]);
        write(&mut out, PageHeader { flags: CONTINUED, sequence: 1, ..PageHeader::default() }, &[b"end"]);
        let mut buffer = PageBuffer::new();
        buffer.fill(&out);
        let page = buffer.next_page().unwrap();
        assert_eq!(page.parts().collect::<Vec<_>>(), [Part { bytes: &[5; 510], ends: false }]);
        let page = buffer.next_page().unwrap();
        assert_eq!(page.parts().collect::<Vec<_>>(), [Part { bytes: b"end", ends: true }]);
    }

    #[test]
    fn a_wrong_length_does_not_take_the_next_page_along() {
        // A header that claims 60 kB, cut off after 30 bytes.
        let mut bytes = written(PageHeader::default(), &[&[0; 60_000]])[..30].to_vec();
        bytes.extend_from_slice(&written(PageHeader { serial: 5, ..PageHeader::default() }, &[b"packet"]));
        let mut buffer = PageBuffer::new();
        buffer.fill(&bytes);
        assert_eq!(buffer.next_page().map(|page| page.serial), Some(5), "the claim is not waited for");
        assert_eq!(buffer.stats(), PageStats { pages: 1, bad_crc: 0, skipped_bytes: 30, resyncs: 1 });
    }

    #[test]
    fn nested_claims_cost_no_more_than_what_came_allows() {
        // Every fifth byte begins another claim of some 7 kB.
        let bytes = b"OggS\0".repeat(200_000);
        let mut buffer = PageBuffer::new();
        let (mut rest, mut granted) = (bytes.as_slice(), buffer.checks);
        while !rest.is_empty() {
            let before = buffer.checks;
            rest = buffer.fill(rest);
            granted += buffer.checks - before;
            assert!(buffer.next_page().is_none());
        }
        assert!(buffer.stats().skipped_bytes as usize > bytes.len() - MAX_PAGE);
        assert!(granted <= MAX_CHECKS + CHECKS_PER_BYTE * bytes.len());
    }
}
