//! A zip archive as PyTorch writes it: every file stored as it is.
//!
//! Only what the central directory tells is believed, and only after it was held against the bytes that are there:
//! files that overlap, are compressed or encrypted, or do not have their checksum, are refused.

use std::collections::BTreeMap;

/// Most files that an archive may have. That of a voice has six.
const MOST_FILES: usize = 64;

/// Bytes that a local header, an entry of the directory, and the directory's end have at least.
const LOCAL: usize = 30;
const ENTRY: usize = 46;
const END: usize = 22;

/// The longest comment that the format allows behind the directory's end.
const LONGEST_COMMENT: usize = 0xffff;

/// The files of an archive by their names.
#[derive(Debug)]
pub(super) struct Archive<'a> {
    files: BTreeMap<&'a str, &'a [u8]>,
}

impl<'a> Archive<'a> {
    /// Reads an archive; fails with a reason in words.
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, String> {
        let end = find_end(bytes).ok_or("it is cut off, or no zip archive")?;
        let (count, size, at) = directory(bytes, end).ok_or("its directory lies outside of it")?;
        if count > MOST_FILES {
            return Err(format!("it has {count} files in it"));
        }
        let mut entries = slice(bytes, at, size).ok_or("its directory lies outside of it")?;
        let (mut files, mut places) = (BTreeMap::new(), Vec::with_capacity(count));
        for _ in 0..count {
            let (entry, rest) = Entry::read(entries).ok_or("its directory is cut off")?;
            entries = rest;
            let (data, place) = entry.data(bytes.get(..at).unwrap_or_default())?;
            places.push(place);
            if files.insert(entry.name, data).is_some() {
                return Err("two of its files have one name".into());
            }
        }
        places.sort_unstable();
        if places.windows(2).any(|pair| matches!(pair, [(_, end), (start, _)] if start < end)) {
            return Err("its files overlap".into());
        }
        Ok(Self { files })
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a [u8]> {
        self.files.get(name).copied()
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &'a str> + '_ {
        self.files.keys().copied()
    }
}

/// One entry of the directory.
struct Entry<'a> {
    name: &'a str,
    flags: usize,
    method: usize,
    checksum: u32,
    packed: usize,
    size: usize,
    /// Where the file's own header is.
    header: usize,
}

impl<'a> Entry<'a> {
    fn read(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        if bytes.get(..4)? != b"PK\x01\x02" {
            return None;
        }
        let name_length = u16_at(bytes, 28)?;
        let length = ENTRY + name_length + u16_at(bytes, 30)? + u16_at(bytes, 32)?;
        let entry = Self {
            name: std::str::from_utf8(slice(bytes, ENTRY, name_length)?).ok()?,
            flags: u16_at(bytes, 8)?,
            method: u16_at(bytes, 10)?,
            checksum: u32::from_le_bytes(slice(bytes, 16, 4)?.try_into().ok()?),
            packed: u32_at(bytes, 20)?,
            size: u32_at(bytes, 24)?,
            header: u32_at(bytes, 42)?,
        };
        Some((entry, bytes.get(length..)?))
    }

    /// The file, and the bytes from its header to its end. `before` is all that lies before the directory.
    fn data(&self, before: &'a [u8]) -> Result<(&'a [u8], (usize, usize)), String> {
        let shown: String = self.name.chars().filter(|c| !c.is_control()).take(60).collect();
        if self.flags & 1 != 0 {
            return Err(format!("{shown} in it is encrypted"));
        }
        if self.method != 0 || self.packed != self.size {
            return Err(format!("{shown} in it is compressed, which PyTorch does not do"));
        }
        let found = || {
            let header = slice(before, self.header, LOCAL)?;
            let name_length = u16_at(header, 26)?;
            let start = self.header + LOCAL + name_length + u16_at(header, 28)?;
            let name = slice(before, self.header + LOCAL, name_length)?;
            let known = header.starts_with(b"PK\x03\x04") && name == self.name.as_bytes();
            known.then_some((slice(before, start, self.size)?, (self.header, start + self.size)))
        };
        let (data, place) = found().ok_or_else(|| format!("{shown} is not where its directory says"))?;
        if crc32fast::hash(data) != self.checksum {
            return Err(format!("{shown} in it has another checksum"));
        }
        Ok((data, place))
    }
}

/// Where the directory's end begins: the last place whose comment reaches to the archive's end.
fn find_end(bytes: &[u8]) -> Option<usize> {
    let last = bytes.len().checked_sub(END)?;
    let first = last.saturating_sub(LONGEST_COMMENT);
    (first..=last).rev().find(|&at| {
        let here = bytes.get(at..).unwrap_or_default();
        here.starts_with(b"PK\x05\x06") && u16_at(here, 20) == Some(here.len() - END)
    })
}

/// Files of the directory, its size and its place. Archives in several parts or of more than 4 GiB have numbers here
/// that lead nowhere.
fn directory(bytes: &[u8], end: usize) -> Option<(usize, usize, usize)> {
    let end_of = bytes.get(end..)?;
    let (count, size, at) = (u16_at(end_of, 10)?, u32_at(end_of, 12)?, u32_at(end_of, 16)?);
    (at.checked_add(size)? <= end).then_some((count, size, at))
}

fn slice(bytes: &[u8], at: usize, length: usize) -> Option<&[u8]> {
    bytes.get(at..at.checked_add(length)?)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<usize> {
    Some(u16::from_le_bytes(slice(bytes, at, 2)?.try_into().ok()?).into())
}

fn u32_at(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u32::from_le_bytes(slice(bytes, at, 4)?.try_into().ok()?)).ok()
}
