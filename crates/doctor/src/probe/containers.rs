//! Docker, asked through its own program.

use std::path::Path;

use serde_json::Value;

use super::{Surroundings, child::ask};
use crate::{Container, Docker, DockerState, Image};

/// How many images, volumes or containers are told of.
const MOST: usize = 32;

/// What is in the names of Moshi's images, volumes and containers.
const OURS: [&str; 2] = ["moshi", "personaplex"];

pub(super) async fn read(place: &Surroundings) -> Result<Docker, String> {
    let Some(program) = place.find("docker") else { return Ok(Docker::default()) };
    let answer = ask(place, &program, ["info", "--format", "{{json .}}"]).await?;
    let info: Value = serde_json::from_str(answer.out.trim()).unwrap_or_default();
    let version = info["ServerVersion"].as_str().filter(|version| !version.is_empty());
    if version.is_none() {
        let refused = answer.err.contains("permission denied") || answer.out.contains("permission denied");
        let state = if refused { DockerState::Refused } else { DockerState::Stopped };
        return Ok(Docker { state, ..Docker::default() });
    }
    let (images, volumes, containers) = tokio::join!(
        lines(place, &program, &["image", "ls", "--format", "{{.Repository}}:{{.Tag}}"]),
        lines(place, &program, &["volume", "ls", "--format", "{{.Name}}"]),
        containers(place, &program),
    );
    Ok(Docker {
        state: DockerState::Running,
        version: version.map(str::to_owned),
        nvidia_runtime: Some(has_nvidia(&info)),
        images: images.map(|names| ours(names).into_iter().map(|name| Image { name, torch: None }).collect()),
        volumes: volumes.map(|names| {
            let keeps = |name: &String| is_ours(name) || name.to_ascii_lowercase().contains("huggingface");
            names.into_iter().filter(keeps).take(MOST).collect()
        }),
        containers,
    })
}

/// As a runtime, or as devices that it has found.
fn has_nvidia(info: &Value) -> bool {
    let devices = info["DiscoveredDevices"].as_array();
    let device = |device: &Value| device["ID"].as_str().is_some_and(|id| id.starts_with("nvidia.com/gpu"));
    info["Runtimes"].get("nvidia").is_some() || devices.is_some_and(|devices| devices.iter().any(device))
}

async fn containers(place: &Surroundings, program: &Path) -> Option<Vec<Container>> {
    let names = ours(lines(place, program, &["ps", "--all", "--format", "{{.Image}} {{.Names}}"]).await?);
    let names: Vec<&str> = names.iter().filter_map(|line| line.rsplit(' ').next()).collect();
    if names.is_empty() {
        return Some(Vec::new());
    }
    let shown = "{{.Name}}\t{{.RestartCount}}\t{{json .Mounts}}";
    let arguments = [&["inspect", "--format", shown], names.as_slice()].concat();
    Some(lines(place, program, &arguments).await?.iter().filter_map(|line| container(line)).collect())
}

fn container(line: &str) -> Option<Container> {
    let mut parts = line.splitn(3, '\t');
    let name = parts.next()?.trim_start_matches('/').to_owned();
    let restarts = parts.next()?.trim().parse().ok()?;
    let mounts: Value = serde_json::from_str(parts.next()?).ok()?;
    let keeps = |mount: &Value| mount["Destination"].as_str().is_some_and(|to| to.contains("cache"));
    let keeps_its_cache = mounts.as_array().is_some_and(|mounts| mounts.iter().any(keeps));
    Some(Container { name, restarts, keeps_its_cache })
}

/// `None` if it does not say.
async fn lines(place: &Surroundings, program: &Path, arguments: &[&str]) -> Option<Vec<String>> {
    let out = ask(place, program, arguments).await.ok()?.well().ok()?;
    Some(out.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

fn ours(names: Vec<String>) -> Vec<String> {
    names.into_iter().filter(|name| is_ours(name)).take(MOST).collect()
}

fn is_ours(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    OURS.iter().any(|ours| name.contains(ours))
}
