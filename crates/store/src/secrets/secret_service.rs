//! The keyring of Linux: whatever program offers the Secret Service on the session bus.

use std::{collections::HashMap, io, time::Duration};

use ::secret_service::{
    EncryptionType, Error,
    blocking::{Item, SecretService},
};
use zbus::blocking::connection::Builder;
use zeroize::Zeroizing;

use super::{SecretError, SecretName};

/// How long it may take to answer one call. Starting it is part of the first.
const REPLY: Duration = Duration::from_secs(8);
/// What all secrets of ours have in common.
const OURS: (&str, &str) = ("application", "myca-voice");
/// The collection that is made where there is none.
const COLLECTION: &str = "Default keyring";

#[derive(Debug, Clone, Default)]
pub(super) struct Keyring {
    /// The bus, if it is not the person's own.
    address: Option<String>,
}

impl Keyring {
    pub(super) fn get(&self, name: &SecretName) -> Result<Option<Zeroizing<Vec<u8>>>, SecretError> {
        let service = self.connect()?;
        let key = name.key();
        let found = service.search_items(attributes(&key)).map_err(of)?;
        match (found.unlocked.first(), found.locked.is_empty()) {
            (Some(item), _) => Ok(Some(Zeroizing::new(item.get_secret().map_err(of)?))),
            (None, false) => Err(SecretError::Locked),
            (None, true) => Ok(None),
        }
    }

    pub(super) fn set(&self, name: &SecretName, secret: &[u8]) -> Result<(), SecretError> {
        let service = self.connect()?;
        let collection = match service.get_default_collection() {
            Err(Error::NoResult) => service.create_collection(COLLECTION, "default"),
            found => found,
        };
        let collection = collection.map_err(of)?;
        if collection.is_locked().map_err(of)? {
            collection.unlock().map_err(of)?;
        }
        let key = name.key();
        collection.create_item(name.label(), attributes(&key), secret, true, "text/plain").map_err(of)?;
        Ok(())
    }

    pub(super) fn delete(&self, name: &SecretName) -> Result<(), SecretError> {
        let service = self.connect()?;
        let key = name.key();
        let found = service.search_items(attributes(&key)).map_err(of)?;
        let locked: Vec<&Item<'_>> = found.locked.iter().collect();
        if !locked.is_empty() {
            service.unlock_all(&locked).map_err(of)?;
        }
        for item in found.unlocked.iter().chain(locked) {
            item.delete().map_err(of)?;
        }
        Ok(())
    }

    pub(super) fn unlock(&self) -> Result<(), SecretError> {
        let service = self.connect()?;
        let found = service.search_items(HashMap::from([OURS])).map_err(of)?;
        let locked: Vec<&Item<'_>> = found.locked.iter().collect();
        if locked.is_empty() { Ok(()) } else { service.unlock_all(&locked).map_err(of) }
    }

    fn connect(&self) -> Result<SecretService<'static>, SecretError> {
        let bus = || {
            let builder = match &self.address {
                None => Builder::session(),
                Some(address) => Builder::address(address.as_str()),
            };
            builder?.method_timeout(REPLY).build()
        };
        // A bus that is not there, or not for us.
        let bus = bus().map_err(|error| {
            tracing::debug!(%error, "no session bus");
            SecretError::NoKeyring
        })?;
        match SecretService::connect_with_existing(EncryptionType::Dh, bus.clone()) {
            // All of them must take secrets as they are; only some of them encrypt them on the bus.
            Err(Error::Zbus(zbus::Error::MethodError(name, ..)))
                if name.as_str() == "org.freedesktop.DBus.Error.NotSupported" =>
            {
                SecretService::connect_with_existing(EncryptionType::Plain, bus)
            }
            connected => connected,
        }
        .map_err(of)
    }
}

/// What a secret is found by.
fn attributes(key: &str) -> HashMap<&str, &str> {
    HashMap::from([OURS, ("secret", key)])
}

fn of(error: Error) -> SecretError {
    match error {
        Error::Unavailable => SecretError::NoKeyring,
        Error::Locked => SecretError::Locked,
        Error::Prompt => SecretError::Refused,
        Error::PromptDisconnected => SecretError::NoAnswer,
        Error::Zbus(error) => of_bus(error),
        Error::ZbusFdo(zbus::fdo::Error::ZBus(error)) => of_bus(error),
        Error::ZbusFdo(error) => of_name(zbus::DBusError::name(&error).as_str(), || error.to_string()),
        other => SecretError::Failed(other.to_string()),
    }
}

fn of_bus(error: zbus::Error) -> SecretError {
    match error {
        zbus::Error::MethodError(ref name, ..) => of_name(name.as_str(), || error.to_string()),
        zbus::Error::FDO(error) => of_name(zbus::DBusError::name(&*error).as_str(), || error.to_string()),
        zbus::Error::InputOutput(error) if error.kind() == io::ErrorKind::TimedOut => SecretError::NoAnswer,
        other => SecretError::Failed(other.to_string()),
    }
}

fn of_name(name: &str, words: impl FnOnce() -> String) -> SecretError {
    match name {
        "org.freedesktop.DBus.Error.ServiceUnknown" | "org.freedesktop.DBus.Error.NameHasNoOwner" => {
            SecretError::NoKeyring
        }
        "org.freedesktop.Secret.Error.IsLocked" => SecretError::Locked,
        "org.freedesktop.DBus.Error.NoReply" => SecretError::NoAnswer,
        // The bus knows a keyring and could not start it.
        spawn if spawn.starts_with("org.freedesktop.DBus.Error.Spawn.") => SecretError::NoKeyring,
        _ => SecretError::Failed(words()),
    }
}

#[cfg(test)]
mod stand_in;
#[cfg(test)]
mod tests;
