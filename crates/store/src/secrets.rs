//! Secrets, which lie in the system's keyring and never in a file of ours.

#[cfg(windows)]
mod credential_manager;
#[cfg(not(windows))]
mod secret_service;

use std::{fmt, sync::mpsc, thread, time::Duration};

use thiserror::Error;
use zeroize::Zeroizing;

#[cfg(windows)]
use self::credential_manager::Keyring;
#[cfg(not(windows))]
use self::secret_service::Keyring;

/// How long a keyring may take by itself.
const ANSWER: Duration = Duration::from_secs(10);
/// How long a person may take to unlock it.
const PERSON: Duration = Duration::from_secs(120);

/// What a secret is for. Each is kept by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretName {
    /// The service token of MAS.
    Mas,
    /// The token for gated models of Hugging Face.
    HuggingFace,
    /// The key of the server that recognises what the person says.
    Ear,
    /// The token of the host with this id.
    Host(String),
}

impl SecretName {
    /// Under which it is found again. It never changes.
    fn key(&self) -> String {
        match self {
            Self::Mas => "mas-service-token".to_owned(),
            Self::HuggingFace => "hugging-face-token".to_owned(),
            Self::Ear => "recogniser-key".to_owned(),
            Self::Host(id) => format!("host-token-{id}"),
        }
    }

    /// What a person reads in the keyring's own window.
    #[cfg_attr(windows, expect(dead_code, reason = "the Credential Manager shows the key"))]
    fn label(&self) -> &'static str {
        match self {
            Self::Mas => "MYCA Voice: service token of MAS",
            Self::HuggingFace => "MYCA Voice: token of Hugging Face",
            Self::Ear => "MYCA Voice: key of a recogniser",
            Self::Host(_) => "MYCA Voice: token of a Moshi host",
        }
    }
}

/// A secret. It is never shown by accident, and overwritten in memory when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// The secret itself, for the one place that it is meant for.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Why a secret cannot be read or kept. None of these holds a secret.
#[derive(Debug, Error)]
pub enum SecretError {
    /// The system has no keyring, or none that runs.
    #[error("this system has no keyring that runs")]
    NoKeyring,
    /// The keyring is locked.
    #[error("the keyring is locked")]
    Locked,
    /// The person was asked to unlock it, and refused.
    #[error("the keyring was not unlocked")]
    Refused,
    /// It does not answer, or the person does not.
    #[error("the keyring does not answer")]
    NoAnswer,
    /// The secret is too long for some keyrings.
    #[error("a secret of {bytes} bytes cannot be kept; {} are the most", Secrets::LONGEST)]
    TooLong {
        /// Its length in bytes.
        bytes: usize,
    },
    /// What is kept under our name is no text.
    #[error("what the keyring holds is no text")]
    NotText,
    /// Anything else, in the keyring's words.
    #[error("the keyring cannot be used: {0}")]
    Failed(String),
}

impl SecretError {
    /// Stable code for the edge.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoKeyring => "secret.no_keyring",
            Self::Locked => "secret.locked",
            Self::Refused => "secret.refused",
            Self::NoAnswer => "secret.no_answer",
            Self::TooLong { .. } => "secret.too_long",
            Self::NotText => "secret.not_text",
            Self::Failed(_) => "secret.failed",
        }
    }
}

/// Secrets in the system's keyring: the Secret Service on Linux, the Credential Manager on Windows.
///
/// Calls block, for a keyring may be slow, and wait for the person where it says so. They may be made on any thread,
/// also on one of an async runtime that is for blocking.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    keyring: Keyring,
}

impl Secrets {
    /// The longest secret, in bytes. The Credential Manager takes little more.
    pub const LONGEST: usize = 2_048;

    /// Those of the person who runs the program. Nothing is asked yet.
    #[must_use]
    pub fn of_user() -> Self {
        Self::default()
    }

    /// The secret of this name, if one is kept. Never asks the person: a locked keyring is [`SecretError::Locked`].
    ///
    /// # Errors
    /// Any [`SecretError`].
    pub fn get(&self, name: &SecretName) -> Result<Option<Secret>, SecretError> {
        let (keyring, name) = (self.keyring.clone(), name.clone());
        let Some(bytes) = within(ANSWER, move || keyring.get(&name))? else { return Ok(None) };
        match std::str::from_utf8(&bytes) {
            Ok(text) => Ok(Some(Secret(Zeroizing::new(text.to_owned())))),
            Err(_) => Err(SecretError::NotText),
        }
    }

    /// Keeps a secret instead of the one of this name that is there. Where the keyring is locked the system asks the
    /// person to unlock it; that takes at most two minutes.
    ///
    /// # Errors
    /// Any [`SecretError`].
    pub fn set(&self, name: &SecretName, secret: &str) -> Result<(), SecretError> {
        if secret.len() > Self::LONGEST {
            return Err(SecretError::TooLong { bytes: secret.len() });
        }
        let (keyring, name) = (self.keyring.clone(), name.clone());
        let secret = Zeroizing::new(secret.as_bytes().to_vec());
        within(PERSON, move || keyring.set(&name, &secret))
    }

    /// Deletes the secret of this name; does nothing where there is none. May ask the person, as [`Self::set`] does.
    ///
    /// # Errors
    /// Any [`SecretError`].
    pub fn delete(&self, name: &SecretName) -> Result<(), SecretError> {
        let (keyring, name) = (self.keyring.clone(), name.clone());
        within(PERSON, move || keyring.delete(&name))
    }

    /// Has the system ask the person to unlock the keyring, so that [`Self::get`] finds what is in it; does nothing if
    /// it is not locked. Takes at most two minutes.
    ///
    /// # Errors
    /// Any [`SecretError`].
    pub fn unlock(&self) -> Result<(), SecretError> {
        let keyring = self.keyring.clone();
        within(PERSON, move || keyring.unlock())
    }
}

/// Waits for `work` on a thread of its own, which is left to itself when the time is over.
fn within<T: Send + 'static>(
    limit: Duration,
    work: impl FnOnce() -> Result<T, SecretError> + Send + 'static,
) -> Result<T, SecretError> {
    let (tell, done) = mpsc::sync_channel(1);
    thread::Builder::new()
        .name("keyring".into())
        .spawn(move || {
            let _ = tell.send(work());
        })
        .map_err(|error| SecretError::Failed(error.to_string()))?;
    done.recv_timeout(limit).unwrap_or(Err(SecretError::NoAnswer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown() {
        let secret = Secret(Zeroizing::new("hush".to_owned()));
        assert_eq!((format!("{secret:?}"), secret.expose()), ("Secret".to_owned(), "hush"));
    }

    #[test]
    fn what_was_kept_by_earlier_versions_is_found_and_no_two_names_are_one() {
        let host = |id: &str| SecretName::Host(id.to_owned());
        let names = [SecretName::Mas, SecretName::HuggingFace, SecretName::Ear, host("1"), host("2")];
        let keys = names.map(|name| name.key());
        let expected =
            ["mas-service-token", "hugging-face-token", "recogniser-key", "host-token-1", "host-token-2"];
        assert_eq!(keys, expected);
    }

    #[test]
    fn a_secret_that_is_too_long_is_refused_everywhere() {
        let error = Secrets::of_user().set(&SecretName::Mas, &"x".repeat(Secrets::LONGEST + 1)).unwrap_err();
        assert_eq!(error.code(), "secret.too_long");
    }
}
