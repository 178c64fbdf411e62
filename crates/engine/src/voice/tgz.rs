//! Voices in the archive in which NVIDIA publishes them: `voices.tgz`, read where it lies.
//!
//! It is a tar archive (POSIX.1-1988 and later) behind gzip. Nothing is unpacked to the disk, so that names in it lead
//! nowhere; what it could unpack to is bounded.

use std::io::Read;

use flate2::read::MultiGzDecoder;

/// Bytes of a record, and what all sizes are rounded up to.
const RECORD: usize = 512;

/// Most bytes that an archive may unpack to. That of NVIDIA has 18 voices in 6 MB.
const MOST_UNPACKED: u64 = 512 << 20;

/// Most files that are looked at.
const MOST_FILES: usize = 1000;

/// A file in the archive.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Packed {
    /// Its name without the folder.
    pub(super) name: String,
    /// Bytes, as far as they were asked for.
    pub(super) bytes: Vec<u8>,
}

/// Goes through an archive and returns its plain files, each with as many bytes as `wanted` says for its name. What is
/// in other folders than `folder` is passed over. Fails with a reason in words.
pub(super) fn files(
    archive: impl Read,
    folder: &str,
    wanted: impl Fn(&str) -> u64,
) -> Result<Vec<Packed>, String> {
    let mut tar = MultiGzDecoder::new(archive).take(MOST_UNPACKED);
    let mut files = Vec::new();
    for _ in 0..MOST_FILES {
        let mut header = [0; RECORD];
        if !fill(&mut tar, &mut header)? || header.iter().all(|&byte| byte == 0) {
            return Ok(files);
        }
        let size = size(&header).ok_or("a file in it has no size")?;
        let mut left = size.next_multiple_of(RECORD as u64);
        if let Some(name) = name(&header, folder) {
            let take = wanted(&name).min(size);
            let mut bytes = Vec::new();
            (&mut tar).take(take).read_to_end(&mut bytes).map_err(|_| CUT)?;
            if bytes.len() as u64 != take {
                return Err(CUT.into());
            }
            left -= take;
            files.push(Packed { name, bytes });
        }
        let skipped = std::io::copy(&mut (&mut tar).take(left), &mut std::io::sink()).map_err(|_| CUT)?;
        if skipped != left {
            return Err(CUT.into());
        }
    }
    Err(format!("it has more than {MOST_FILES} files"))
}

const CUT: &str = "it is cut off, no gzip archive, or unpacks to more than any archive of voices";

/// Fills a record; `false` at the end of the archive.
fn fill(tar: &mut impl Read, record: &mut [u8]) -> Result<bool, String> {
    let mut there = Vec::with_capacity(record.len());
    tar.take(record.len() as u64).read_to_end(&mut there).map_err(|_| CUT)?;
    match there.len() {
        0 => Ok(false),
        length if length == record.len() => {
            record.copy_from_slice(&there);
            Ok(true)
        }
        _ => Err(CUT.into()),
    }
}

/// Size of a file: octal digits in ASCII. Sizes of more than 8 GB have another form, and are none.
fn size(header: &[u8]) -> Option<u64> {
    let field = std::str::from_utf8(header.get(124..136)?).ok()?;
    u64::from_str_radix(field.trim_matches([' ', '\0']), 8).ok()
}

/// Name of a plain file that lies in `folder` itself.
fn name(header: &[u8], folder: &str) -> Option<String> {
    // What else there is are folders, links, and records with more about the next file, such as a long name.
    if !matches!(header.get(156)?, b'0' | 0) {
        return None;
    }
    let path = header.get(..100)?;
    let length = path.iter().position(|&byte| byte == 0).unwrap_or(path.len());
    let path = std::str::from_utf8(path.get(..length)?).ok()?;
    let path = path.strip_prefix("./").unwrap_or(path);
    let name = path.strip_prefix(folder)?.strip_prefix('/')?;
    (!name.contains('/')).then(|| name.to_owned())
}
