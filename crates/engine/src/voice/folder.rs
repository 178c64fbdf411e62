//! The voices that lie beside a model, and what somebody who calls may name.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use super::{Voice, tgz};
use crate::{Error, LmConfig};

/// Name of the folder in that of a model, and in NVIDIA's archive.
const FOLDER: &str = "voices";

/// Name of NVIDIA's archive of voices.
const ARCHIVE: &str = "voices.tgz";

/// Endings of voices, in the order in which they are preferred.
const ENDINGS: [&str; 3] = ["pt", "safetensors", "wav"];

/// Longest name of a voice, in bytes.
const LONGEST_NAME: usize = 100;

/// The voices of a model: files in a folder, and in an archive, which is read where it lies.
#[derive(Debug, Clone)]
pub struct Voices {
    folder: PathBuf,
    archive: PathBuf,
}

impl Voices {
    /// The voices of the model in `folder`. There need not be any.
    #[must_use]
    pub fn of_model(folder: &Path) -> Self {
        Self { folder: folder.join(FOLDER), archive: folder.join(ARCHIVE) }
    }

    /// Names of all voices there are, sorted.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let mut names = self.in_folder();
        names.extend(self.in_archive(|_| 0).unwrap_or_default().into_iter().map(|file| file.name));
        names.sort_unstable();
        names.dedup();
        names
    }

    fn in_folder(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(&self.folder) else { return Vec::new() };
        let files = entries.filter_map(|entry| entry.ok().filter(|entry| entry.path().is_file()));
        let names = files.filter_map(|file| file.file_name().into_string().ok());
        names.filter(|name| is_name(name) && is_voice(name)).collect()
    }

    /// Files of the archive, if there is one, with as many bytes as are wanted of each.
    fn in_archive(&self, wanted: impl Fn(&str) -> u64) -> Option<Vec<tgz::Packed>> {
        let file = File::open(&self.archive).ok()?;
        let read = tgz::files(BufReader::new(file), FOLDER, wanted);
        let mut files = read
            .inspect_err(|reason| tracing::warn!(file = %self.archive.display(), reason, "no voices"))
            .ok()?;
        files.retain(|file| is_name(&file.name) && is_voice(&file.name));
        Some(files)
    }

    /// Reads the voice of that name: that of a file in the folder, or else in the archive; or one with another ending.
    ///
    /// # Errors
    /// [`Error::Voice`] for a name that is a path, for one that no file has, and as [`Voice::load`].
    pub fn load(&self, name: &str, config: &LmConfig) -> Result<Voice, Error> {
        let refused = |reason: &str| {
            let shown: String = name.chars().filter(|c| !c.is_control()).take(40).collect();
            Error::Voice { name: shown, reason: reason.into() }
        };
        if !is_name(name) {
            return Err(refused("a voice is named by its file alone, without a folder"));
        }
        // Clients of PersonaPlex name the files that NVIDIA has, and a host may have the same voice in another form.
        let stem = name.rsplit_once('.').filter(|_| is_voice(name)).map_or(name, |(stem, _)| stem);
        let names =
            [name.to_owned()].into_iter().chain(ENDINGS.iter().map(|ending| format!("{stem}.{ending}")));
        // By the list, so that nothing else can be read, whatever a system takes for the same name.
        let there = self.names();
        let Some(name) = names.into_iter().find(|name| there.contains(name)) else {
            return Err(refused("this host has no such voice"));
        };
        let path = self.folder.join(&name);
        if path.is_file() {
            return Voice::load(&path, config);
        }
        let files = self.in_archive(|file| if file == name { Voice::longest_file(file) + 1 } else { 0 });
        let file = files.into_iter().flatten().find(|file| file.name == name);
        Voice::parse(&name, file.map(|file| file.bytes).unwrap_or_default(), config)
    }
}

/// Whether a file of this name is a voice.
fn is_voice(name: &str) -> bool {
    let ending = Path::new(name).extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|ending| ENDINGS.iter().any(|known| known.eq_ignore_ascii_case(ending)))
}

/// Whether it is a plain name: no path on any system, no drive, no stream of a file, nothing hidden.
fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= LONGEST_NAME
        && !name.starts_with('.')
        && !name.contains(|c: char| c.is_control() || matches!(c, '/' | '\\' | ':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> LmConfig {
        LmConfig::parse(b"{}", Path::new("config.json")).unwrap().0
    }

    #[test]
    fn voices_are_found_by_name_with_or_without_ending() {
        let folder = tempfile::tempdir().unwrap();
        let voices = Voices::of_model(folder.path());
        assert_eq!(voices.names(), [""; 0]);
        std::fs::create_dir_all(folder.path().join("voices/NATF1.pt")).unwrap();
        for name in ["b.WAV", "a.pt", "a.wav", ".hidden.pt", "notes.txt"] {
            std::fs::write(folder.path().join("voices").join(name), name).unwrap();
        }
        assert_eq!(voices.names(), ["a.pt", "a.wav", "b.WAV"]);
        let reason = |name: &str| match voices.load(name, &config()) {
            Err(Error::Voice { reason, .. }) => reason,
            other => panic!("{other:?}"),
        };
        assert!(reason("a.wav").contains("no WAV file"), "{}", reason("a.wav"));
        assert!(reason("b.WAV").contains("no WAV file"), "{}", reason("b.WAV"));
        for preferred in ["a", "a.safetensors"] {
            assert!(reason(preferred).contains("torch.save"), "{preferred}: {}", reason(preferred));
        }
        for missing in ["c", "NATF1.pt", "NATF1", "notes.txt", "notes"] {
            assert_eq!(reason(missing), "this host has no such voice", "{missing}");
        }
    }

    /// An archive by GNU tar and gzip, as NVIDIA's is: `voices/`, and in it files of one size.
    fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut tar = Vec::new();
        for (name, bytes) in files {
            let mut header = [0; 512];
            header[..name.len()].copy_from_slice(name.as_bytes());
            header[124..135].copy_from_slice(format!("{:011o}", bytes.len()).as_bytes());
            header[156] = if name.ends_with('/') { b'5' } else { b'0' };
            tar.extend(header);
            tar.extend(*bytes);
            tar.resize(tar.len().next_multiple_of(512), 0);
        }
        tar.resize(tar.len() + 1024, 0);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut gzip, &tar).unwrap();
        gzip.finish().unwrap()
    }

    #[test]
    fn voices_in_the_archive_are_read_where_they_lie() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("voices.tgz");
        let packed = archive(&[
            ("voices/", b""),
            ("voices/NATF2.pt", b"PK"),
            ("voices/NATM1.wav", &[7; 700]),
            ("./voices/NATM2.wav", b"RIFF"),
            ("voices/deep/x.pt", b"PK"),
            ("elsewhere/y.pt", b"PK"),
            ("../voices/z.pt", b"PK"),
            ("voices/notes.txt", b"PK"),
        ]);
        std::fs::write(&path, &packed).unwrap();
        let voices = Voices::of_model(folder.path());
        assert_eq!(voices.names(), ["NATF2.pt", "NATM1.wav", "NATM2.wav"]);
        let reason = |name: &str| match voices.load(name, &config()) {
            Err(Error::Voice { reason, .. }) => reason,
            other => panic!("{other:?}"),
        };
        assert!(reason("NATF2.pt").contains("cut off, or no zip"), "{}", reason("NATF2.pt"));
        assert!(reason("NATM1.pt").contains("no WAV file"), "{}", reason("NATM1.pt"));
        assert_eq!(reason("x.pt"), "this host has no such voice");
        // What lies in the folder wins.
        std::fs::create_dir(folder.path().join("voices")).unwrap();
        std::fs::write(folder.path().join("voices/NATF2.pt"), "no zip").unwrap();
        assert_eq!(voices.names().len(), 3);
        assert!(reason("NATF2.pt").contains("torch.save"), "{}", reason("NATF2.pt"));

        // Behind the last file there is nothing to miss.
        let files = packed.len() - 64;
        for length in 0..files {
            std::fs::write(&path, &packed[..length]).unwrap();
            assert_eq!(voices.names(), ["NATF2.pt"], "cut off after {length} bytes");
        }
        for size in ["", "9", "77777777777", "-1"] {
            let mut header = [0; 512];
            header[..15].copy_from_slice(b"voices/NATF3.pt");
            header[124..124 + size.len()].copy_from_slice(size.as_bytes());
            let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            std::io::Write::write_all(&mut gzip, &header).unwrap();
            std::fs::write(&path, gzip.finish().unwrap()).unwrap();
            assert_eq!(voices.names(), ["NATF2.pt"], "{size:?}");
        }
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("voices")).unwrap();
        std::fs::write(folder.path().join("secret.wav"), "").unwrap();
        let voices = Voices::of_model(folder.path());
        let long = "x".repeat(1000);
        for name in [
            "",
            ".",
            "..",
            "../secret.wav",
            "..\\secret.wav",
            "/etc/passwd",
            "voices/a.pt",
            "C:a.pt",
            "C:\\a.pt",
            "a.pt:stream",
            "\\\\server\\share\\a.pt",
            "a\n.pt",
            "a\0.pt",
            ".hidden",
            &long,
        ] {
            let Err(error) = voices.load(name, &config()) else { panic!("{name:?} was taken") };
            assert_eq!(error.code(), "engine.voice");
            let sentence = error.to_string();
            assert!(sentence.contains("by its file alone") && sentence.len() < 200, "{name:?}: {sentence}");
        }
    }
}
