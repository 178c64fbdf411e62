//! Names that may become paths.

/// Characters that mean something to some system's paths or shells.
const REFUSED: [char; 9] = ['\\', ':', '*', '?', '"', '<', '>', '|', '\0'];

/// Names that Windows keeps for devices, whatever ending they have.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "com", "lpt"];

/// Whether a file of this name lies inside of the folder that it is joined to, on every system.
pub(crate) fn is_inside(name: &str) -> bool {
    !name.is_empty() && name.len() <= 512 && name.split('/').all(is_plain)
}

/// Whether this is one part of a path, and a name on every system.
pub(crate) fn is_plain(part: &str) -> bool {
    let stem = part.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let device = DEVICES.iter().any(|device| {
        stem.strip_prefix(device)
            .is_some_and(|rest| rest.is_empty() || rest.bytes().all(|b| b.is_ascii_digit()))
    });
    !part.is_empty()
        && part.len() <= 200
        && !part.starts_with('.')
        && !part.ends_with(['.', ' '])
        && !part.chars().any(|letter| letter.is_control() || letter == '/' || REFUSED.contains(&letter))
        && !device
}

/// The parts of a repository's name at Hugging Face: owner and name.
pub(crate) fn of_repository(repo: &str) -> Option<(&str, &str)> {
    let (owner, name) = repo.split_once('/')?;
    let fits = |part: &str| {
        is_plain(part) && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    (fits(owner) && fits(name)).then_some((owner, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_stay_inside_are_taken() {
        for good in ["model.safetensors", "voices/NATF0.pt", "mimi-pytorch-e351c8d8@125.safetensors", "a..b"]
        {
            assert!(is_inside(good), "{good}");
        }
        for bad in [
            "",
            "..",
            "../a",
            "a/../b",
            "/etc/passwd",
            "a//b",
            "a/",
            "C:\\a",
            "a\\b",
            "a:b",
            ".hidden",
            "a\0",
            "nul",
            "NUL.txt",
            "com1",
            "x/aux.model",
            "a.",
            "a ",
            "a\nb",
        ] {
            assert!(!is_inside(bad), "{bad:?}");
        }
        assert!(!is_inside(&"a".repeat(201)));
    }

    #[test]
    fn a_repository_has_an_owner_and_a_name() {
        assert_eq!(of_repository("kyutai/moshiko-candle-q8"), Some(("kyutai", "moshiko-candle-q8")));
        for bad in ["moshi", "a/b/c", "../a", "a/..", "a/b?c", "a/b%2e"] {
            assert_eq!(of_repository(bad), None, "{bad}");
        }
    }
}
