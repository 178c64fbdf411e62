//! From a profile to a way that can be called.

use std::{str::FromStr, time::Duration};

use net::{Access, Fingerprint, Token, Trust};
use store::{HostPlace, HostProfile};

use crate::{Obstacle, SshProgram, Tunnel};

/// What is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A Moshi server.
    Moshi,
    /// A PersonaPlex Bridge.
    Bridge,
}

/// Where the Moshi of this computer listens, while it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Local {
    /// Its address.
    pub address: String,
    /// Its certificate, where it has one of its own making.
    pub pin: Option<Fingerprint>,
}

/// What this computer has on the way to a host.
#[derive(Debug, Clone, Default)]
pub struct Ways {
    /// Its own Moshi, if it runs.
    pub local: Option<Local>,
    /// The program that makes tunnels.
    pub ssh: SshProgram,
}

/// A way that can be called.
#[derive(Debug)]
pub struct Opened {
    /// What is called.
    pub kind: Kind,
    /// Its address.
    pub address: String,
    /// What it takes to get in.
    pub access: Access,
    /// The address as people are shown it.
    pub shown: String,
    /// The tunnel that it goes through. It ends when this is dropped, and the call with it.
    pub keeps: Option<Tunnel>,
}

/// Opens the way to a host. Nothing is called yet; where there is a tunnel, Moshi was asked through it whether it is
/// there. `token`: what is kept for the host. Dropping the future ends what it has begun.
///
/// # Errors
/// What stands in the way.
pub async fn open(
    profile: &HostProfile,
    token: Option<Token>,
    ways: &Ways,
    limit: Duration,
) -> Result<Opened, Obstacle> {
    let trust = match &profile.pin {
        Some(pin) => Trust::Pinned(Fingerprint::from_str(pin).map_err(|_| Obstacle::Pin)?),
        None => Trust::System,
    };
    let access = Access { trust, token, encrypted: !profile.plain };
    let opened = |kind, address: &str, access| Opened {
        kind,
        address: address.to_owned(),
        access,
        shown: address.split_once("://").map_or(address, |(_, rest)| rest).to_owned(),
        keeps: None,
    };
    match &profile.place {
        HostPlace::ThisComputer => {
            let local = ways.local.as_ref().ok_or(Obstacle::NotRunning)?;
            let trust = local.pin.map_or(Trust::System, Trust::Pinned);
            Ok(opened(Kind::Moshi, &local.address, Access { trust, ..access }))
        }
        HostPlace::Moshi { address } => Ok(opened(Kind::Moshi, address, access)),
        HostPlace::Bridge { address } => Ok(opened(Kind::Bridge, address, access)),
        HostPlace::Ssh { target, port, remote_port } => {
            let tunnel = Tunnel::open(&ways.ssh, target, *port, *remote_port, limit);
            let tunnel = tunnel.await.map_err(Obstacle::Tunnel)?;
            let scheme = if tunnel.is_secure() { "wss" } else { "ws" };
            let address = format!("{scheme}://127.0.0.1:{}", tunnel.port());
            let shown = target.clone();
            Ok(Opened { kind: Kind::Moshi, address, access, shown, keeps: Some(tunnel) })
        }
    }
}
