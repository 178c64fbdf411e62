//! The list of hosts: what a person may write down, and what becomes of the list.

use std::time::Duration;

use conversation::{Action, Host, Problem};
use net::Origin;
use store::{HostPlace, HostProfile, Settings};
use url::Url;
use uuid::Uuid;

use crate::view::HostDraft;

/// The id of a host that was given when the program was started. It is never kept.
pub(crate) const FOR_THIS_RUN: &str = "run";
/// Hosts in the list at most.
const MOST: usize = 50;
/// The longest name and the longest ssh target, in characters.
const LONGEST: usize = 200;

/// A change of the list.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum HostChange {
    Add(HostDraft),
    Edit(String, HostDraft),
    Delete(String),
    /// Ids in their new order. Those that are left out go to the end.
    Order(Vec<String>),
    Choose(String),
    /// The one certificate to trust, or those that the system trusts.
    Pin(String, Option<String>),
    /// Whether a token is kept for it.
    Token(String, bool),
}

/// What a change led to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Changed {
    pub(crate) settings: Settings,
    /// The id of the host that it is about.
    pub(crate) id: String,
    /// Whether what was kept for its old address (a token, the last test) must not be used for the new one.
    pub(crate) elsewhere: bool,
}

/// Makes a change.
///
/// # Errors
/// What is wrong with it; nothing is changed then.
pub(crate) fn change(before: &Settings, change: HostChange) -> Result<Changed, Problem> {
    let mut settings = before.clone();
    let mut elsewhere = false;
    let id = match change {
        HostChange::Add(draft) => {
            if settings.hosts.len() >= MOST {
                return Err(too_many());
            }
            let host = profile(Uuid::now_v7().to_string(), draft)?;
            let id = host.id.clone();
            settings.hosts.push(host);
            if settings.host.is_none() {
                settings.host = Some(id.clone());
            }
            id
        }
        HostChange::Edit(id, draft) => {
            let known = find(&mut settings, &id)?;
            let fresh = profile(id.clone(), draft)?;
            elsewhere = fresh.place != known.place;
            *known = if elsewhere {
                fresh
            } else {
                HostProfile {
                    pin: known.pin.take(),
                    token: known.token,
                    measured: known.measured.take(),
                    ..fresh
                }
            };
            id
        }
        HostChange::Delete(id) => {
            find(&mut settings, &id)?;
            settings.hosts.retain(|host| host.id != id);
            if settings.host.as_ref() == Some(&id) {
                settings.host = settings.hosts.first().map(|host| host.id.clone());
            }
            elsewhere = true;
            id
        }
        HostChange::Order(ids) => {
            let place = |host: &HostProfile| ids.iter().position(|id| *id == host.id).unwrap_or(ids.len());
            settings.hosts.sort_by_key(place);
            ids.into_iter().next().unwrap_or_default()
        }
        HostChange::Choose(id) => {
            find(&mut settings, &id)?;
            settings.host = Some(id.clone());
            id
        }
        HostChange::Pin(id, pin) => {
            let host = find(&mut settings, &id)?;
            host.pin = pin.map(|pin| fingerprint(&pin)).transpose()?;
            host.measured = None;
            id
        }
        HostChange::Token(id, is_kept) => {
            find(&mut settings, &id)?.token = is_kept;
            id
        }
    };
    Ok(Changed { settings, id, elsewhere })
}

/// The settings as they are kept: without a host for this run, unless that was all there was to choose.
pub(crate) fn kept(shown: &Settings, before: &Settings) -> Settings {
    let mut kept = shown.clone();
    kept.hosts.retain(|host| host.id != FOR_THIS_RUN);
    if shown.host.as_deref() == Some(FOR_THIS_RUN) {
        kept.host.clone_from(&before.host);
    }
    kept
}

/// The settings with a host for this run, which is the one that Talk calls.
pub(crate) fn with_host_for_this_run(mut settings: Settings, address: String) -> Settings {
    let host = HostProfile {
        id: FOR_THIS_RUN.to_owned(),
        name: address.clone(),
        place: HostPlace::Moshi { address },
        pin: None,
        // It was named on purpose, for once.
        plain: true,
        token: false,
        measured: None,
    };
    settings.hosts.insert(0, host);
    settings.host = Some(FOR_THIS_RUN.to_owned());
    settings
}

/// The host that Talk calls.
pub(crate) fn chosen(settings: &Settings) -> Option<&HostProfile> {
    let id = settings.host.as_deref()?;
    settings.hosts.iter().find(|host| host.id == id)
}

/// The address of a host as it is shown beside its name. What cannot be read as one is shown as it was typed.
pub(crate) fn shown(host: &HostProfile) -> String {
    let limit = Duration::from_secs(1);
    match &host.place {
        HostPlace::ThisComputer => "This computer".to_owned(),
        HostPlace::Moshi { address } => {
            Host::new(address, "", "", limit).map_or_else(|_| address.clone(), |host| host.shown)
        }
        HostPlace::Bridge { address } => {
            Host::bridge(address, limit).map_or_else(|_| address.clone(), |host| host.shown)
        }
        HostPlace::Ssh { target, .. } => format!("{target}, by ssh"),
    }
}

fn find<'a>(settings: &'a mut Settings, id: &str) -> Result<&'a mut HostProfile, Problem> {
    settings.hosts.iter_mut().find(|host| host.id == id).ok_or_else(unknown)
}

/// It was deleted meanwhile.
pub(crate) fn unknown() -> Problem {
    Problem::new("host.unknown", "There is no such host any more.", "Choose another one.", OPEN)
}

/// It is being talked with.
pub(crate) fn in_call(name: &str) -> Problem {
    let what = format!("You are in a call with {name}.");
    Problem::new("host.in_call", what, "End the call, then test it.", &[Action::Stop])
}

const OPEN: &[Action] = &[Action::OpenHostSettings];

fn too_many() -> Problem {
    Problem::new("host.too_many", format!("There are {MOST} hosts already."), "Delete one first.", OPEN)
}

/// What was written down, if a host can be called by it.
fn profile(id: String, draft: HostDraft) -> Result<HostProfile, Problem> {
    let mut place = HostPlace::from(draft.place);
    let limit = Duration::from_secs(1);
    match &mut place {
        HostPlace::ThisComputer => {}
        HostPlace::Moshi { address } => {
            *address = address.trim().to_owned();
            Host::new(address, "", "", limit)?;
            encrypted_or_meant(address, draft.plain)?;
        }
        HostPlace::Bridge { address } => {
            *address = address.trim().to_owned();
            Host::bridge(address, limit)?;
            encrypted_or_meant(address, draft.plain)?;
        }
        HostPlace::Ssh { target, port, remote_port } => {
            *target = target.trim().to_owned();
            ssh_target(target)?;
            if *port == Some(0) || *remote_port == 0 {
                return Err(bad_ssh("A port is a number from 1 to 65535."));
            }
        }
    }
    let mut host = HostProfile {
        id,
        name: draft.name.trim().to_owned(),
        place,
        pin: None,
        plain: draft.plain,
        token: false,
        measured: None,
    };
    if host.name.chars().count() > LONGEST {
        return Err(Problem::new(
            "host.name_too_long",
            format!("The name is longer than {LONGEST} characters."),
            "Write a shorter one.",
            OPEN,
        ));
    }
    if host.name.is_empty() {
        host.name = shown(&host);
    }
    Ok(host)
}

/// Words and sound go unencrypted to this computer alone, unless the person says otherwise.
fn encrypted_or_meant(address: &str, plain: bool) -> Result<(), Problem> {
    let with_scheme = if address.contains("://") { address.to_owned() } else { format!("ws://{address}") };
    let Ok(url) = Url::parse(&with_scheme) else { return Ok(()) };
    if plain || Origin::of(&url).is_none_or(|origin| origin.is_secure() || origin.is_loopback()) {
        return Ok(());
    }
    Err(Problem::new(
        "host.plain",
        "That address is not encrypted: everybody on the way could listen in.",
        "Write it with wss://, go through an SSH tunnel, or allow it below if you trust the whole way.",
        OPEN,
    ))
}

fn ssh_target(target: &str) -> Result<(), Problem> {
    if target.is_empty() {
        return Err(bad_ssh("No computer is named."));
    }
    // ssh would take the first for an option, and a shell has no business here at all.
    let odd = |c: char| c.is_whitespace() || c.is_control() || "\"'`$;&|<>\\(){}*?!".contains(c);
    if target.starts_with('-') || target.contains(odd) || target.chars().count() > LONGEST {
        return Err(bad_ssh("That is no name of a computer that ssh could reach."));
    }
    Ok(())
}

fn bad_ssh(what: &str) -> Problem {
    Problem::new(
        "host.bad_ssh",
        what,
        "Write it like me@gpu.example, or as your ssh configuration calls it.",
        OPEN,
    )
}

/// A SHA-256 as pairs of capital hexadecimal digits with colons, however it was written.
fn fingerprint(text: &str) -> Result<String, Problem> {
    let digits: Vec<u8> = text.bytes().filter(|b| *b != b':' && !b.is_ascii_whitespace()).collect();
    if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return Err(Problem::new(
            "host.bad_fingerprint",
            "That is no SHA-256 fingerprint of a certificate.",
            "Copy all 32 pairs of digits.",
            OPEN,
        ));
    }
    let pairs = digits.chunks(2).map(|pair| String::from_utf8_lossy(pair).to_ascii_uppercase());
    Ok(pairs.collect::<Vec<_>>().join(":"))
}

#[cfg(test)]
mod tests;
