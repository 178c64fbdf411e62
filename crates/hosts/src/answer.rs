//! What a host says when it is asked without being called.
//!
//! Every Moshi server has a WebSocket at `/api/chat`, and refuses whoever asks there without one, each in its own words.
//! None of them takes its lock for that.

use std::time::{Duration, Instant};

use net::{Access, HeaderName, Kind as Form, Limits, Response};
use serde::Deserialize;
use wire::{
    bridge::{Health, limit},
    cut,
};

use crate::{Obstacle, target::Target};

/// As much of a refusal is read, in bytes.
const REFUSAL: usize = 4 << 10;
/// The longest answer to `GET /health` of a host of ours, in bytes.
const HEALTH: usize = 16 << 10;
/// The longest name that is kept, in bytes.
const NAME: usize = 100;

/// Which program serves, as far as its refusal tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    /// One of ours: `myca host` or `myca echo`.
    Ours,
    /// One in Python: Kyutai's or NVIDIA's, which cannot be told apart without a call.
    Python,
    /// One in Rust: Kyutai's moshi-backend or moshi-server.
    Rust,
    /// Something that wants a WebSocket there.
    Unknown,
    /// A PersonaPlex Bridge.
    Bridge,
}

/// What a host says when it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Which program serves.
    pub server: Server,
    /// The same in words, as people are shown it: with its version and its model, where it tells them.
    pub name: String,
    /// Whether somebody else holds it, where it tells that.
    pub busy: Option<bool>,
    /// How long it took to answer.
    pub took: Duration,
}

/// Asks whether a Moshi server is at an address. Takes no place from anybody.
///
/// # Errors
/// What stands in the way, or that it is something else.
pub async fn ask(address: &str, access: &Access, limit: Duration) -> Result<Answer, Obstacle> {
    ask_moshi(&Target::moshi(address, access)?, limit).await
}

pub(crate) async fn ask_moshi(target: &Target, limit: Duration) -> Result<Answer, Obstacle> {
    let asked = Instant::now();
    let mut response = target.client.get(target.target(), Limits::whole(limit)).await?;
    let took = asked.elapsed();
    let status = response.status();
    if !matches!(status, 400 | 426) {
        return Err(Obstacle::of_status(status, target.client.has_token()));
    }
    let software = response.header(&HeaderName::from_static("server")).unwrap_or_default().to_owned();
    let said = String::from_utf8_lossy(&response.beginning(REFUSAL).await).to_ascii_lowercase();
    if said.contains("conversations are held over a websocket") {
        return Ok(ours(target, took, limit.saturating_sub(took)).await);
    }
    let (server, name) = if said.contains("no websocket upgrade hdr") || software.contains("aiohttp") {
        (Server::Python, "moshi.server (Python)")
    } else if said.contains("`upgrade`") || said.contains("'upgrade'") {
        (Server::Rust, "moshi-backend (Rust)")
    } else if said.contains("websocket") || said.contains("upgrade") || status == 426 {
        (Server::Unknown, "a server that takes WebSockets")
    } else {
        return Err(Obstacle::NotMoshi(format!("HTTP {status}")));
    };
    Ok(Answer { server, name: name.to_owned(), busy: None, took })
}

/// What a host of ours says at `GET /health`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct OurHealth {
    server: Option<String>,
    version: Option<String>,
    model: Option<String>,
    busy: Option<bool>,
}

async fn ours(target: &Target, took: Duration, limit: Duration) -> Answer {
    // Whatever comes of it, one of ours is there.
    let health = async {
        let mut response = target.client.get(&target.health(), Limits::whole(limit)).await.ok()?;
        let document = response.document(HEALTH).await.ok()?;
        serde_json::from_slice::<OurHealth>(&document).ok()
    };
    let health = health.await.unwrap_or_default();
    let mut name = health.server.map_or_else(|| "a host of MYCA Voice".to_owned(), |name| shown(&name));
    for part in [health.version, health.model.map(|model| format!("with {model}"))].into_iter().flatten() {
        name.push(' ');
        name.push_str(&shown(&part));
    }
    Answer { server: Server::Ours, name, busy: health.busy, took }
}

/// Asks a bridge how it is. The first part says whether it reaches its Moshi, or does without.
pub(crate) async fn ask_bridge(target: &Target, limit: Duration) -> Result<(bool, Answer), Obstacle> {
    let asked = Instant::now();
    let mut response = target.client.get(target.target(), Limits::whole(limit)).await.map_err(of_bridge)?;
    let took = asked.elapsed();
    let health = match response.status() {
        200..=299 => bridge_health(&mut response).await?,
        status => {
            return Err(match Obstacle::of_status(status, target.client.has_token()) {
                Obstacle::NotFound => Obstacle::NotBridge("it knows no /health".into()),
                other => of_bridge(other),
            });
        }
    };
    let version = health.version.as_deref().map(shown).unwrap_or_default();
    let name = format!("PersonaPlex Bridge {version}").trim_end().to_owned();
    let reaches = health.moshi_available != Some(false) || health.local_stt_mode == Some(true);
    Ok((reaches, Answer { server: Server::Bridge, name, busy: None, took }))
}

async fn bridge_health(response: &mut Response) -> Result<Health, Obstacle> {
    let odd = |reason: String| Obstacle::NotBridge(reason);
    if response.kind() == Form::Page {
        return Err(odd("it serves a page there".into()));
    }
    let document = response.document(limit::JSON).await.map_err(of_bridge)?;
    let document = String::from_utf8(document).map_err(|_| odd("its answer is no text".into()))?;
    let health = Health::decode(&document).map_err(|error| odd(error.to_string()))?;
    // Many servers have a /health; all bridges tell of their Moshi there.
    if health.moshi_available.is_none() && health.moshi_url.is_none() {
        return Err(odd("it does not tell of a Moshi".into()));
    }
    Ok(health)
}

fn of_bridge(obstacle: impl Into<Obstacle>) -> Obstacle {
    match obstacle.into() {
        Obstacle::NotMoshi(reason) => Obstacle::NotBridge(reason),
        other => other,
    }
}

/// A name as it can be shown.
fn shown(name: &str) -> String {
    let plain: String = name.chars().filter(|sign| !sign.is_control()).collect();
    cut(&plain, NAME)
}
