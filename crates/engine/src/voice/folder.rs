//! The voices that lie in a model's folder, and what somebody who calls may name.

use std::path::{Path, PathBuf};

use super::Voice;
use crate::{Error, LmConfig};

/// Name of the folder in that of a model, as in NVIDIA's archive of voices.
const FOLDER: &str = "voices";

/// Endings of voices, in the order in which they are preferred.
const ENDINGS: [&str; 3] = ["pt", "safetensors", "wav"];

/// Longest name of a voice, in bytes.
const LONGEST_NAME: usize = 100;

/// A folder of voices.
#[derive(Debug, Clone)]
pub struct Voices {
    folder: PathBuf,
}

impl Voices {
    /// The voices of the model in `folder`. There need not be any.
    #[must_use]
    pub fn of_model(folder: &Path) -> Self {
        Self { folder: folder.join(FOLDER) }
    }

    /// Names of all voices there are, sorted.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(&self.folder) else { return Vec::new() };
        let files = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut names: Vec<_> = files.filter(|name| is_name(name) && is_voice(name)).collect();
        names.sort_unstable();
        names
    }

    /// Reads the voice of that name: that of a file in the folder, or with another ending.
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
        let there = |name: &str| {
            // By the list, so that nothing but what is in the folder can be read, whatever a system takes for the
            // same name.
            let name = self.names().into_iter().find(|there| there == name)?;
            Some(self.folder.join(name)).filter(|path| path.is_file())
        };
        // Clients of PersonaPlex name the files that NVIDIA has, and a host may have the same voice in another form.
        let stem = name.rsplit_once('.').filter(|_| is_voice(name)).map_or(name, |(stem, _)| stem);
        let with_ending = || ENDINGS.iter().find_map(|ending| there(&format!("{stem}.{ending}")));
        let Some(path) = there(name).or_else(with_ending) else {
            return Err(refused("this host has no such voice"));
        };
        Voice::load(&path, config)
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
        assert_eq!(voices.names(), ["NATF1.pt", "a.pt", "a.wav", "b.WAV"]);
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
