//! What the built-in brain may do with hosts, the local Moshi, the doctor and models.

use std::fmt::Write;

use serde_json::{Value, json};

use super::{AppTool, Refusal, tool};
use crate::{
    host_list::HostChange,
    view::{HostDraft, HostPlace, HostProfile, HostVerdict, ModelRow, ModelState, Snapshot},
    wish::WishSender,
};

/// All of them.
pub(super) fn all(wishes: &WishSender) -> Vec<AppTool> {
    let host = || json!({ "host": { "type": "string", "description": "its name; the one that is called, if left out" } });
    vec![
        tool(
            "diagnose",
            "Looks at what this computer can run Moshi with, and why not. Takes half a minute.",
            json!({}),
            wishes,
            |wishes, _| async move { Ok(wishes.diagnose().await?.into()) },
        ),
        tool("list_hosts", "Lists the hosts that are set up.", json!({}), wishes, |wishes, _| async move {
            Ok(hosts(&wishes.snapshot().await?).into())
        }),
        tool(
            "test_host",
            "Tests a host: whether it answers, is a Moshi, and keeps up with speech.",
            host(),
            wishes,
            |wishes, arguments| async move {
                let snapshot = wishes.snapshot().await?;
                let id = named(&snapshot, arguments["host"].as_str())?.id.clone();
                Ok(wishes.test(id).await?.into())
            },
        ),
        tool(
            "use_host",
            "Calls another host from now on: one from the list by its name, or a new one by its address.",
            json!({ "host": { "type": "string", "description": "a name from list_hosts, or an address" } }),
            wishes,
            |wishes, arguments| async move {
                let wanted = arguments["host"].as_str().unwrap_or_default().trim().to_owned();
                let snapshot = wishes.snapshot().await?;
                let id = match named(&snapshot, Some(&wanted)) {
                    Ok(host) => host.id.clone(),
                    Err(_) => {
                        let place = HostPlace::Moshi { address: wanted.clone() };
                        let draft = HostDraft { name: String::new(), place, plain: false };
                        wishes.host(HostChange::Add(draft)).await?
                    }
                };
                wishes.host(HostChange::Choose(id)).await?;
                Ok(format!("The next call goes to {wanted}.").into())
            },
        )
        .asking(|arguments| Some(format!("Call {} from now on?", shown(&arguments["host"])))),
        tool("start_moshi", "Starts Moshi on this computer.", json!({}), wishes, |wishes, _| async move {
            wishes.start_local().await?;
            Ok("Moshi is being started. Its state is shown on the left.".into())
        })
        .asking(|_| Some("Start Moshi on this computer? It takes memory, and a minute.".into())),
        tool("stop_moshi", "Stops Moshi on this computer.", json!({}), wishes, |wishes, _| async move {
            wishes.stop_local().await?;
            Ok("Moshi is being stopped.".into())
        })
        .asking(|_| Some("Stop Moshi on this computer? A call with it ends.".into())),
        tool(
            "list_models",
            "Lists the models that are on this computer, and those that could be downloaded.",
            json!({}),
            wishes,
            |wishes, _| async move { Ok(models(&wishes.snapshot().await?).into()) },
        ),
        tool(
            "download_model",
            "Downloads a model.",
            json!({ "model": { "type": "string", "description": "a name from list_models" } }),
            wishes,
            |wishes, arguments| async move {
                let wanted = arguments["model"].as_str().unwrap_or_default();
                let snapshot = wishes.snapshot().await?;
                let row = model(&snapshot, wanted)?;
                if matches!(row.state, ModelState::Here | ModelState::InCache | ModelState::Imported) {
                    return Ok(format!("{} is here already.", row.name).into());
                }
                wishes.download(row.id.clone()).await?;
                let size =
                    row.bytes.map_or_else(String::new, |bytes| format!(", about {}", gigabytes(bytes)));
                Ok(format!("{} is being downloaded{size}. Settings > Models shows how far it is.", row.name)
                    .into())
            },
        )
        .asking(|arguments| Some(format!("Download {}? It takes gigabytes.", shown(&arguments["model"])))),
    ]
}

fn shown(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    format!("\"{}\"", brain::bounded::cut(&text, super::SHOWN))
}

/// The host of that name; without one, the one that Talk calls.
fn named<'a>(snapshot: &'a Snapshot, name: Option<&str>) -> Result<&'a HostProfile, Refusal> {
    let hosts = &snapshot.hosts;
    let found = match name.map(str::trim).filter(|name| !name.is_empty()) {
        Some(name) => hosts.profiles.iter().find(|host| {
            host.id == name || host.name.eq_ignore_ascii_case(name) || host.shown.eq_ignore_ascii_case(name)
        }),
        None => hosts.profiles.iter().find(|host| Some(&host.id) == hosts.chosen.as_ref()),
    };
    found.ok_or_else(|| match name {
        Some(name) => Refusal::from(format!("There is no host called \"{name}\".")),
        None => Refusal::from("No host is set up yet.".to_owned()),
    })
}

fn hosts(snapshot: &Snapshot) -> String {
    if snapshot.hosts.profiles.is_empty() {
        return "No host is set up yet.".into();
    }
    let mut text = String::from("In order of preference:");
    for host in &snapshot.hosts.profiles {
        let called =
            if Some(&host.id) == snapshot.hosts.chosen.as_ref() { ", the one that is called" } else { "" };
        let _ = write!(text, "\n- {} ({}){called}", host.name, host.shown);
        if let Some(check) = &host.check {
            let _ = write!(text, ": {}", check.verdict.map_or("not known", verdict));
        }
    }
    text
}

fn verdict(verdict: HostVerdict) -> &'static str {
    match verdict {
        HostVerdict::Works => "works",
        HostVerdict::TooSlow => "too slow",
        HostVerdict::Busy => "busy",
        HostVerdict::NotMoshi => "no Moshi",
        HostVerdict::Unreachable => "does not answer",
        HostVerdict::Refused => "refuses",
    }
}

fn models(snapshot: &Snapshot) -> String {
    let mut text = String::from("Models:");
    for row in &snapshot.models.rows {
        let state = match row.state {
            ModelState::Absent => "can be downloaded",
            ModelState::Downloading | ModelState::Checking => "is being downloaded",
            ModelState::Paused => "is here in part",
            ModelState::Here | ModelState::InCache | ModelState::Imported => "is here",
        };
        let size = row.bytes.map(|bytes| format!(", {}", gigabytes(bytes))).unwrap_or_default();
        let _ = write!(text, "\n- {}{size}: {state}. {}", row.name, row.fits_why);
    }
    text
}

fn gigabytes(bytes: u64) -> String {
    format!("{:.1} GB", bytes as f64 / 1e9)
}

/// The model that is meant, where only one can be.
fn model<'a>(snapshot: &'a Snapshot, wanted: &str) -> Result<&'a ModelRow, Refusal> {
    let wanted = wanted.trim().to_lowercase();
    let rows = &snapshot.models.rows;
    if let Some(exact) = rows.iter().find(|row| row.id == wanted || row.name.to_lowercase() == wanted) {
        return Ok(exact);
    }
    let like: Vec<&ModelRow> = rows
        .iter()
        .filter(|row| {
            !wanted.is_empty() && (row.id.contains(&wanted) || row.name.to_lowercase().contains(&wanted))
        })
        .collect();
    match like.as_slice() {
        [one] => Ok(one),
        [] => Err(format!("There is no model called \"{wanted}\".").into()),
        several => {
            let names: Vec<&str> = several.iter().map(|row| row.name.as_str()).collect();
            Err(format!("There are several: {}. Say which.", names.join("; ")).into())
        }
    }
}
