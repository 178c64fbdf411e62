//! The list of the files of a folder, with their lengths and hashes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::check::Check;
use super::flaw::Flaw;
use super::page::Page;
use super::recording::{Rows, small_file};
use super::{EXACT, Line};

/// Its name.
pub(super) const NAME: &str = "manifest.json";

/// Bytes that are hashed at once.
const PIECE: usize = 1 << 16;

#[derive(Debug, Deserialize)]
struct Manifest {
    files: BTreeMap<String, Entry>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    bytes: Option<u64>,
    sha256: Option<String>,
}

/// Looks whether all files are there as they are listed.
pub(super) fn compare(folder: &Path, names: &BTreeSet<String>, lines: &mut Vec<Line>) {
    let manifest: Manifest = match read(folder) {
        Ok(manifest) => manifest,
        Err(flaw) => return Page::new(NAME, lines).fail("file", &flaw),
    };
    let mut check = Check::new("files", EXACT, Ok(Rows::new(1, vec![1; manifest.files.len()])));
    for (name, entry) in &manifest.files {
        let result = entry.compare(folder, name, names);
        check.see(&[result.is_ok().into()]);
        if let Err(reason) = result {
            Page::new(name, lines).fail("file", &reason);
        }
    }
    Page::new(NAME, lines).add(check);
}

fn read(folder: &Path) -> Result<Manifest, Flaw> {
    let json = small_file(&folder.join(NAME))?;
    serde_json::from_slice(&json).map_err(|error| Flaw::Senseless { reason: error.to_string() })
}

impl Entry {
    /// Fails with a sentence.
    fn compare(&self, folder: &Path, name: &str, names: &BTreeSet<String>) -> Result<(), String> {
        // Nothing outside of the folder is looked at.
        if !names.contains(name) {
            return Err(format!("It is missing: {NAME} lists it. Copy the whole folder."));
        }
        let (length, hash) = length_and_hash(&folder.join(name)).map_err(|error| {
            format!("It can not be read: {error}. Look at its permissions and at the disk.")
        })?;
        if let Some(bytes) = self.bytes.filter(|&bytes| bytes != length) {
            return Err(format!("It has {length} bytes where {NAME} lists {bytes}. Copy it again."));
        }
        match &self.sha256 {
            Some(listed) if !listed.eq_ignore_ascii_case(&hash) => {
                Err(format!("Its SHA-256 is not the one that {NAME} lists. Copy it again."))
            }
            _ => Ok(()),
        }
    }
}

fn length_and_hash(path: &Path) -> io::Result<(u64, String)> {
    let mut file = File::open(path)?;
    let (mut hash, mut piece, mut length) = (Sha256::new(), vec![0; PIECE], 0);
    loop {
        let read = match file.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hash.update(piece.get(..read).unwrap_or_default());
        length += read as u64;
    }
    Ok((length, hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()))
}
