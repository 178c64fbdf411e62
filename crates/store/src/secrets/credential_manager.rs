//! The keyring of Windows: the Credential Manager. It is unlocked for as long as the person is signed in.

use std::collections::HashMap;

use keyring_core::{Entry, Error, api::CredentialStoreApi};
use windows_native_keyring_store::Store;
use zeroize::Zeroizing;

use super::{SecretError, SecretName};

const SERVICE: &str = "myca-voice";

#[derive(Debug, Clone, Default)]
pub(super) struct Keyring;

impl Keyring {
    pub(super) fn get(&self, name: &SecretName) -> Result<Option<Zeroizing<Vec<u8>>>, SecretError> {
        match entry(name)?.get_secret() {
            Ok(secret) => Ok(Some(Zeroizing::new(secret))),
            Err(Error::NoEntry) => Ok(None),
            Err(error) => Err(of(&error)),
        }
    }

    pub(super) fn set(&self, name: &SecretName, secret: &[u8]) -> Result<(), SecretError> {
        entry(name)?.set_secret(secret).map_err(|error| of(&error))
    }

    pub(super) fn delete(&self, name: &SecretName) -> Result<(), SecretError> {
        match entry(name)?.delete_credential() {
            Ok(()) | Err(Error::NoEntry) => Ok(()),
            Err(error) => Err(of(&error)),
        }
    }

    pub(super) fn unlock(&self) -> Result<(), SecretError> {
        Ok(())
    }
}

fn entry(name: &SecretName) -> Result<Entry, SecretError> {
    let store = Store::new().map_err(|error| of(&error))?;
    // On this computer alone: by default it would travel to the others of a domain.
    let local = HashMap::from([("persistence", "Local")]);
    store.build(SERVICE, &name.key(), Some(&local)).map_err(|error| of(&error))
}

fn of(error: &Error) -> SecretError {
    match error {
        // Nobody is signed in, as for a program that runs as a service.
        Error::NoStorageAccess(_) => SecretError::NoKeyring,
        // The words of the others may hold what was read.
        Error::PlatformFailure(_) => SecretError::Failed(error.to_string()),
        _ => SecretError::Failed("the Credential Manager refused".to_owned()),
    }
}
