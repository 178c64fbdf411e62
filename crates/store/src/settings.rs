//! Settings: one JSON file that outlives versions of the program.
//!
//! Keys that this version does not know are kept as they are, so that going back and forth between versions loses
//! nothing. The file is replaced in one step; a broken one is set aside.

use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use tempfile::NamedTempFile;
use thiserror::Error;

use crate::{
    Answerer, EarChoice, HostPlace, HostProfile, LocalSetup, Says,
    set_aside::{SetAside, set_aside},
};

/// Version of the layout below. A later program may write a higher one; what can be read of it is read.
const VERSION: u64 = 1;
/// Hosts that are read at most.
const MOST_HOSTS: usize = 100;
/// The id of a host that came from a file of a version that knew only one.
const FIRST_HOST: &str = "first";
/// A settings file larger than this is not one of ours.
const LARGEST_FILE: u64 = 1 << 20;

/// How the window looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Theme {
    /// As the system has it.
    #[default]
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

/// What a person can set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Where Moshi can be, in order of preference.
    pub hosts: Vec<HostProfile>,
    /// The id of the host that is called.
    pub host: Option<String>,
    /// Whether the next host in the list is called where that one does not answer.
    pub use_next_host: bool,
    /// How Moshi is started on this computer.
    pub local: LocalSetup,
    /// Where models are downloaded from. Empty: Hugging Face.
    pub model_endpoint: String,
    /// Whether a token for it is kept. The keyring is asked for none otherwise.
    pub hub_token: bool,
    /// Whether the first screen was left.
    pub welcomed: bool,
    /// How long to wait for the host's handshake, in seconds.
    pub handshake_limit_s: u32,
    /// Who Moshi is to be. Empty: the default persona.
    pub persona: String,
    /// PersonaPlex voice. Empty: the default voice.
    pub voice: String,
    /// Id of the microphone; `None` follows the system's default.
    pub input_device: Option<String>,
    /// Id of the loudspeaker; `None` follows the system's default.
    pub output_device: Option<String>,
    /// How the window looks.
    pub theme: Theme,
    /// Address of the agent system, as typed. Empty: the built-in brain answers.
    pub mas_address: String,
    /// Address of a server with a language model for the built-in brain, as typed. Empty: one on this computer is looked
    /// for.
    pub model_address: String,
    /// The name of its language model. Empty: the first that it has.
    pub model: String,
    /// The name under which the brain remembers the person.
    pub person: String,
    /// Who makes text of what the person says.
    pub ear: EarChoice,
    /// The id of the model of a recogniser on this computer. Empty leaves the choice to the program.
    pub ear_model: String,
    /// Address of a server that recognises, as typed. Empty: none is set up.
    pub ear_address: String,
    /// Whether sound may go there unencrypted, though it is not on this computer.
    pub ear_plain: bool,
    /// Whether a key for it is kept. The keyring is asked for none otherwise.
    pub ear_key: bool,
    /// Who answers what the person says.
    pub answerer: Answerer,
    /// When Moshi says a reply of the brain's.
    pub says: Says,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            hosts: Vec::new(),
            host: None,
            use_next_host: true,
            local: LocalSetup::default(),
            model_endpoint: String::new(),
            hub_token: false,
            welcomed: false,
            handshake_limit_s: 240,
            persona: String::new(),
            voice: String::new(),
            input_device: None,
            output_device: None,
            theme: Theme::default(),
            mas_address: String::new(),
            model_address: String::new(),
            model: String::new(),
            person: "voice_user".to_owned(),
            ear: EarChoice::default(),
            ear_model: String::new(),
            ear_address: String::new(),
            ear_plain: false,
            ear_key: false,
            answerer: Answerer::default(),
            says: Says::default(),
        }
    }
}

/// Why settings could not be kept.
#[derive(Debug, Error)]
pub enum SettingsError {
    /// The file could not be written.
    #[error("settings cannot be written to {path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
}

/// The settings file: what is set, and what of the file this version does not know.
#[derive(Debug)]
pub struct SettingsFile {
    path: PathBuf,
    settings: Settings,
    /// Everything in the file, known or not.
    raw: Map<String, Value>,
}

impl SettingsFile {
    /// Reads the file, or starts with defaults where there is none. Single values that cannot be read are replaced by
    /// their defaults; a file that cannot be read at all is set aside, which is reported beside the settings.
    #[must_use]
    pub fn open(path: &Path) -> (Self, Option<SetAside>) {
        let (raw, broken) = match read(path) {
            Ok(raw) => (raw, None),
            Err(reason) => (Map::new(), Some(reason)),
        };
        let broken = broken.map(|reason| match set_aside(path, &reason) {
            Ok(aside) => aside,
            Err(error) => {
                tracing::warn!(%error, path = %path.display(), "a broken settings file cannot be set aside");
                SetAside { kept_as: path.to_path_buf(), reason }
            }
        });
        (Self { path: path.to_path_buf(), settings: known(&raw), raw }, broken)
    }

    /// What is set.
    #[must_use]
    pub fn get(&self) -> &Settings {
        &self.settings
    }

    /// Sets and writes. Where writing fails the new settings hold until the program ends.
    ///
    /// # Errors
    /// [`SettingsError::Write`], for a full disk or a folder that cannot be written.
    pub fn set(&mut self, settings: Settings) -> Result<(), SettingsError> {
        let unread = unread_hosts(&self.raw);
        if let Ok(Value::Object(map)) = serde_json::to_value(&settings) {
            self.raw.extend(map);
        }
        if let Some(Value::Array(hosts)) = self.raw.get_mut("hosts") {
            hosts.extend(unread);
        }
        let version = self.raw.get("version").and_then(Value::as_u64).unwrap_or(0).max(VERSION);
        self.raw.insert("version".to_owned(), version.into());
        self.settings = settings;
        self.write().map_err(|source| SettingsError::Write { path: self.path.clone(), source })
    }

    fn write(&self) -> io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let mut file = NamedTempFile::new_in(folder)?;
        serde_json::to_writer_pretty(&mut file, &self.raw)?;
        file.write_all(b"\n")?;
        file.as_file().sync_all()?;
        file.persist(&self.path)?;
        Ok(())
    }
}

fn read(path: &Path) -> Result<Map<String, Value>, String> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Map::new()),
        Err(error) => return Err(error.to_string()),
        Ok(metadata) if metadata.len() > LARGEST_FILE => return Err("it is too large".to_owned()),
        Ok(_) => {}
    }
    let bytes = fs::read(path).map_err(|e| e.to_string())?;
    serde_json::from_slice(&bytes).map_err(|e| e.to_string())
}

/// Reads each value by itself, so that one odd value does not cost the others.
fn known(raw: &Map<String, Value>) -> Settings {
    fn value<T: DeserializeOwned>(raw: &Map<String, Value>, key: &str, default: T) -> T {
        let Some(value) = raw.get(key) else { return default };
        serde_json::from_value(value.clone()).unwrap_or_else(|error| {
            tracing::warn!(%error, key, "a setting cannot be read; its default holds");
            default
        })
    }
    let default = Settings::default();
    let hosts = hosts(raw);
    Settings {
        host: value(raw, "host", default.host).or_else(|| hosts.first().map(|host| host.id.clone())),
        hosts,
        use_next_host: value(raw, "use_next_host", default.use_next_host),
        local: value(raw, "local", default.local),
        model_endpoint: value(raw, "model_endpoint", default.model_endpoint),
        hub_token: value(raw, "hub_token", default.hub_token),
        welcomed: value(raw, "welcomed", default.welcomed),
        handshake_limit_s: value(raw, "handshake_limit_s", default.handshake_limit_s).clamp(5, 3_600),
        persona: value(raw, "persona", default.persona),
        voice: value(raw, "voice", default.voice),
        input_device: value(raw, "input_device", default.input_device),
        output_device: value(raw, "output_device", default.output_device),
        theme: value(raw, "theme", default.theme),
        mas_address: value(raw, "mas_address", default.mas_address),
        model_address: value(raw, "model_address", default.model_address),
        model: value(raw, "model", default.model),
        person: value(raw, "person", default.person),
        ear: value(raw, "ear", default.ear),
        ear_model: value(raw, "ear_model", default.ear_model),
        ear_address: value(raw, "ear_address", default.ear_address),
        ear_plain: value(raw, "ear_plain", default.ear_plain),
        ear_key: value(raw, "ear_key", default.ear_key),
        answerer: value(raw, "answerer", default.answerer),
        says: value(raw, "says", default.says),
    }
}

/// Hosts that are not read: those that only a later version knows, and those beyond the most.
fn unread_hosts(raw: &Map<String, Value>) -> Vec<Value> {
    let Some(Value::Array(hosts)) = raw.get("hosts") else { return Vec::new() };
    let mut read = 0;
    let unread = hosts.iter().filter(|host| {
        let readable = HostProfile::deserialize(*host).is_ok();
        read += usize::from(readable);
        !readable || read > MOST_HOSTS
    });
    unread.cloned().collect()
}

/// The hosts, each by itself. Before there were several, the file had one address.
fn hosts(raw: &Map<String, Value>) -> Vec<HostProfile> {
    if let Some(Value::Array(hosts)) = raw.get("hosts") {
        let read = hosts.iter().filter_map(|host| {
            HostProfile::deserialize(host)
                .inspect_err(
                    |error| tracing::warn!(%error, "a host in the settings cannot be read and is left out"),
                )
                .ok()
        });
        return read.take(MOST_HOSTS).collect();
    }
    let text = |key: &str| raw.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let address = text("host_address");
    if address.is_empty() {
        return Vec::new();
    }
    let place = if text("host_kind") == "bridge" {
        HostPlace::Bridge { address: address.clone() }
    } else {
        HostPlace::Moshi { address: address.clone() }
    };
    let id = FIRST_HOST.to_owned();
    // It was called before without asking whether it may be unencrypted.
    vec![HostProfile { id, name: address, place, pin: None, plain: true, token: false, measured: None }]
}

#[cfg(test)]
mod tests;
