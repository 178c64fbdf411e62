//! A report for whoever is asked for help: what is true of this run, and nothing of what was said.

use std::fmt::Write;

use crate::view::{HostPlace, Light, LightState, LogEntry, LogLevel, Snapshot};

/// Entries of the log that it holds, the latest.
const ENTRIES: usize = 500;

/// The report. Words from outside and turns are left out; addresses, names and folders of the person are replaced.
pub(crate) fn report(snapshot: &Snapshot) -> String {
    let mut text = String::new();
    let Snapshot { app, call, lights, devices, settings, log, panels, .. } = snapshot;
    // Writing into a text cannot fail.
    let _ =
        writeln!(text, "MYCA Voice {} on {} {}", app.version, std::env::consts::OS, std::env::consts::ARCH);
    let _ = writeln!(
        text,
        "call: {:?}, attempt {}, server {}, model {}",
        call.phase,
        call.attempt,
        known(call.server.as_deref()),
        known(call.model.as_deref())
    );
    let sound = if devices.system.is_empty() { "none" } else { &devices.system };
    let counts = (devices.inputs.len(), devices.outputs.len());
    let _ = writeln!(text, "sound: {sound}, {} inputs, {} outputs", counts.0, counts.1);
    let brain = &panels.brain;
    let _ = writeln!(
        text,
        "brain: {:?}, {:?}, {} turns, {} calls of tools",
        brain.kind, brain.state, brain.turns, panels.tool_total
    );
    for light in lights {
        let _ = writeln!(text, "{}", line(light));
    }
    let _ = writeln!(text, "\nlog, {} entries left out:", log.left_out);
    for entry in log.entries.iter().skip(log.entries.len().saturating_sub(ENTRIES)) {
        let LogEntry { number, at_ms, source, level, what, .. } = entry;
        let mark = match level {
            LogLevel::Info => ' ',
            LogLevel::Warning => '?',
            LogLevel::Error => '!',
        };
        let _ = writeln!(text, "{number:>6} {at_ms} {mark} {source:?}: {what}");
    }
    let home = std::env::home_dir().map(|home| home.display().to_string()).unwrap_or_default();
    let devices =
        devices.inputs.iter().chain(&devices.outputs).map(|device| (device.name.as_str(), "<device>"));
    let secrets = [
        (call.host.as_str(), "<host>"),
        (settings.mas_address.as_str(), "<agent system>"),
        (bare(&settings.mas_address), "<agent system>"),
        (settings.model_address.as_str(), "<model server>"),
        (bare(&settings.model_address), "<model server>"),
        (settings.ear_address.as_str(), "<recogniser>"),
        (bare(&settings.ear_address), "<recogniser>"),
        (snapshot.ear.place.as_str(), "<recogniser>"),
        (bare(&snapshot.ear.place), "<recogniser>"),
        (settings.person.as_str(), "<person>"),
        (app.data_folder.as_str(), "<data folder>"),
        (home.as_str(), "<home>"),
    ];
    let hosts = snapshot.hosts.profiles.iter().flat_map(|host| {
        let address = address(&host.place);
        [host.name.as_str(), host.shown.as_str(), address, bare(address)].map(|secret| (secret, "<host>"))
    });
    let hosts = hosts.filter(|(secret, _)| *secret != "This computer");
    let mut secrets: Vec<(&str, &str)> = secrets.into_iter().chain(hosts).chain(devices).collect();
    // The longest first: what is part of another one must not tear it apart.
    secrets.sort_by_key(|(secret, _)| std::cmp::Reverse(secret.len()));
    for (secret, instead) in secrets {
        if secret.len() > 2 {
            text = text.replace(secret, instead);
        }
    }
    text
}

/// Where a host is, as it was typed.
fn address(place: &HostPlace) -> &str {
    match place {
        HostPlace::ThisComputer => "",
        HostPlace::Moshi { address } | HostPlace::Bridge { address } => address,
        HostPlace::Ssh { target, .. } => target,
    }
}

/// An address without its scheme, its path and its port.
fn bare(address: &str) -> &str {
    let host = address.split_once("://").map_or(address, |(_, rest)| rest);
    let host = host.split(['/', '?']).next().unwrap_or_default();
    host.rsplit_once(':').map_or(host, |(host, _)| host)
}

fn line(light: &Light) -> String {
    let state = match light.state {
        LightState::Well => "well",
        LightState::Waiting => "waiting",
        LightState::Wrong => "wrong",
        LightState::Off => "off",
    };
    let ms = light.ms.map(|ms| format!(", {ms:.0} ms")).unwrap_or_default();
    let code = light.problem.as_ref().map(|problem| format!(" [{}]", problem.code)).unwrap_or_default();
    format!("{:?}: {state}{ms}, {}{code}", light.id, light.what)
}

fn known(text: Option<&str>) -> &str {
    text.unwrap_or("unknown")
}
