//! Changing settings: what the window may ask, and what is wrong with what it asked.

use conversation::{Action, Problem};
use serde::{Deserialize, Deserializer};
use store::{LocalSetup, Settings};
use ts_rs::TS;
use wire::ChatQuery;

use crate::{
    hearing,
    view::{Answerer, EarChoice, Runtime, Says, Theme},
};

/// The wait for a handshake, in seconds: shorter ones fail on every host that reads a persona, longer ones are a typo.
const HANDSHAKE_LIMIT_S: std::ops::RangeInclusive<u32> = 5..=3_600;

/// A change. Absent: unchanged. For the two devices null means "follow the system's default"; elsewhere null means
/// unchanged.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, TS)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[ts(optional_fields = nullable)]
pub struct SettingsPatch {
    /// Whether the first screen was left.
    pub welcomed: Option<bool>,
    /// Whether the next host in the list is called where the chosen one does not answer.
    pub use_next_host: Option<bool>,
    /// How Moshi is started on this computer.
    pub local: Option<LocalPatch>,
    /// Where models are downloaded from; empty: Hugging Face.
    pub model_endpoint: Option<String>,
    /// How long to wait for the host's handshake, in seconds.
    pub handshake_limit_s: Option<u32>,
    /// Who Moshi is to be.
    pub persona: Option<String>,
    /// PersonaPlex voice.
    pub voice: Option<String>,
    /// The microphone's id.
    #[serde(deserialize_with = "present")]
    #[ts(as = "Option<String>")]
    pub input_device: Option<Option<String>>,
    /// The loudspeaker's id.
    #[serde(deserialize_with = "present")]
    #[ts(as = "Option<String>")]
    pub output_device: Option<Option<String>>,
    /// How the window looks.
    pub theme: Option<Theme>,
    /// Address of the agent system; empty: the built-in brain answers.
    pub mas_address: Option<String>,
    /// Address of a server with a language model for the built-in brain; empty: one on this computer is looked for.
    pub model_address: Option<String>,
    /// The name of its language model; empty: the first that it has.
    pub model: Option<String>,
    /// The name under which the brain remembers the person.
    pub person: Option<String>,
    /// Who makes text of what the person says.
    pub ear: Option<EarChoice>,
    /// The id of the model of a recogniser on this computer; empty leaves the choice to the program.
    pub ear_model: Option<String>,
    /// Address of a server that recognises; empty: none is set up.
    pub ear_address: Option<String>,
    /// Whether sound may go there unencrypted, though it is not on this computer.
    pub ear_plain: Option<bool>,
    /// Who answers what the person says.
    pub answerer: Option<Answerer>,
    /// When Moshi says a reply of the brain's.
    pub says: Option<Says>,
}

/// A change of how Moshi is started on this computer. Absent or null: unchanged.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, TS)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[ts(optional_fields = nullable)]
pub struct LocalPatch {
    /// The program.
    pub runtime: Option<Runtime>,
    /// The id of the model.
    pub model: Option<String>,
    /// The Python interpreter, or the virtual environment.
    pub python: Option<String>,
    /// The program `moshi-backend`.
    pub backend: Option<String>,
    /// The Docker image.
    pub image: Option<String>,
    /// Whether it is started together with the app.
    pub with_app: Option<bool>,
}

impl LocalPatch {
    fn apply(self, setup: &mut LocalSetup) {
        if let Some(runtime) = self.runtime {
            setup.runtime = runtime.into();
        }
        if let Some(with_app) = self.with_app {
            setup.with_app = with_app;
        }
        set_texts([
            (self.model, &mut setup.model),
            (self.python, &mut setup.python),
            (self.backend, &mut setup.backend),
            (self.image, &mut setup.image),
        ]);
    }
}

/// Sets those texts that are given, without the white space around them.
fn set_texts<const N: usize>(texts: [(Option<String>, &mut String); N]) {
    for (new, setting) in texts {
        if let Some(new) = new {
            new.trim().clone_into(setting);
        }
    }
}

/// A value that is there, even if it is null.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl SettingsPatch {
    /// The settings after the change.
    ///
    /// # Errors
    /// The problem with what was asked; nothing is changed then.
    pub(crate) fn apply(self, before: &Settings) -> Result<Settings, Problem> {
        let mut after = before.clone();
        if let Some(welcomed) = self.welcomed {
            after.welcomed = welcomed;
        }
        if let Some(use_next_host) = self.use_next_host {
            after.use_next_host = use_next_host;
        }
        if let Some(local) = self.local {
            local.apply(&mut after.local);
        }
        if let Some(seconds) = self.handshake_limit_s {
            if !HANDSHAKE_LIMIT_S.contains(&seconds) {
                return Err(bad_limit());
            }
            after.handshake_limit_s = seconds;
        }
        if let Some(persona) = self.persona {
            after.persona = persona;
        }
        if let Some(voice) = self.voice {
            after.voice = voice;
        }
        if let Some(device) = self.input_device {
            after.input_device = device;
        }
        if let Some(device) = self.output_device {
            after.output_device = device;
        }
        if let Some(theme) = self.theme {
            after.theme = theme.into();
        }
        if let Some(ear) = self.ear {
            after.ear = ear.into();
        }
        if let Some(plain) = self.ear_plain {
            after.ear_plain = plain;
        }
        if let Some(answerer) = self.answerer {
            after.answerer = answerer.into();
        }
        if let Some(says) = self.says {
            after.says = says.into();
        }
        set_texts([
            (self.model_endpoint, &mut after.model_endpoint),
            (self.mas_address, &mut after.mas_address),
            (self.model_address, &mut after.model_address),
            (self.model, &mut after.model),
            (self.person, &mut after.person),
            (self.ear_model, &mut after.ear_model),
            (self.ear_address, &mut after.ear_address),
        ]);
        crate::brains::check(&after)?;
        if (&after.ear_address, after.ear_plain) != (&before.ear_address, before.ear_plain) {
            hearing::check(&after)?;
        }
        if (&after.persona, &after.voice) != (&before.persona, &before.voice) {
            // Any host will do: what is too long for one is too long for all.
            let query = ChatQuery::new(&after.persona, &after.voice);
            query.and_then(|query| wire::chat_url("localhost", &query)).map_err(|e| Problem::address(&e))?;
        }
        Ok(after)
    }
}

fn bad_limit() -> Problem {
    Problem::new(
        "settings.handshake_limit",
        "The wait for an answer cannot be that long or that short.",
        format!(
            "Write a number of seconds from {} to {}.",
            HANDSHAKE_LIMIT_S.start(),
            HANDSHAKE_LIMIT_S.end()
        ),
        &[],
    )
}

/// Settings that hold, but are not on disk.
pub(crate) fn not_kept(error: &store::SettingsError) -> Problem {
    Problem::new(
        "settings.not_kept",
        format!("The change holds until MYCA Voice ends, but cannot be kept: {error}."),
        "Free some space or make the folder writable, then change it again.",
        &[],
    )
}

/// A settings file that was broken.
pub(crate) fn were_broken(aside: &store::SetAside) -> Problem {
    Problem::new(
        "settings.set_aside",
        format!("The settings could not be read ({}) and start afresh.", aside.reason),
        format!("The broken file is kept as {}.", aside.kept_as.display()),
        &[Action::OpenHostSettings],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch(json: &str) -> SettingsPatch {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn what_is_absent_stays_and_null_devices_follow_the_system() {
        let before = Settings {
            persona: "kept".into(),
            input_device: Some("usb".into()),
            output_device: Some("hdmi".into()),
            ..Settings::default()
        };
        let after = patch(r#"{"inputDevice":null,"persona":null}"#).apply(&before).unwrap();
        assert_eq!(after, Settings { input_device: None, ..before });
    }

    #[test]
    fn everything_can_be_changed_at_once() {
        let all = r#"{"welcomed":true,"useNextHost":false,"modelEndpoint":" http://mirror ","local":{"runtime":"docker","model":"m",
                      "python":"/p","backend":"b","image":"i","withApp":true},"handshakeLimitS":30,"persona":"p","voice":"NATM1.pt",
                      "inputDevice":"i","outputDevice":"o","theme":"dark","masAddress":" http://m ","modelAddress":"l",
                      "model":"small","person":"Ada","earModel":" r ","ear":"server","earAddress":" wss://ears.example/asr ",
                      "earPlain":true,"answerer":"brainInText","says":"atOnce"}"#;
        let expected = Settings {
            welcomed: true,
            use_next_host: false,
            model_endpoint: "http://mirror".into(),
            local: store::LocalSetup {
                runtime: store::LocalRuntime::Docker,
                model: "m".into(),
                python: "/p".into(),
                backend: "b".into(),
                image: "i".into(),
                with_app: true,
            },
            handshake_limit_s: 30,
            persona: "p".into(),
            voice: "NATM1.pt".into(),
            input_device: Some("i".into()),
            output_device: Some("o".into()),
            theme: store::Theme::Dark,
            mas_address: "http://m".into(),
            model_address: "l".into(),
            model: "small".into(),
            person: "Ada".into(),
            ear_model: "r".into(),
            ear: store::EarChoice::Server,
            ear_address: "wss://ears.example/asr".into(),
            ear_plain: true,
            answerer: store::Answerer::BrainInText,
            says: store::Says::AtOnce,
            ..Settings::default()
        };
        assert_eq!(patch(all).apply(&Settings::default()).unwrap(), expected);
    }

    #[test]
    fn two_changes_of_how_moshi_is_started_do_not_undo_each_other() {
        let before = Settings::default();
        let python = patch(r#"{"local":{"python":" /venv "}}"#).apply(&before).unwrap();
        let both = patch(r#"{"local":{"withApp":true,"model":null}}"#).apply(&python).unwrap();
        assert_eq!((both.local.python.as_str(), both.local.with_app), ("/venv", true));
    }

    #[test]
    fn what_no_host_would_take_is_refused_beside_its_field() {
        let code = |json: &str| patch(json).apply(&Settings::default()).unwrap_err().code;
        assert_eq!(code(r#"{"voice":"../x.pt"}"#), "persona.unknown_voice");
        assert_eq!(code(r#"{"handshakeLimitS":4}"#), "settings.handshake_limit");
        assert_eq!(code(r#"{"earAddress":"http://"}"#), "ear.bad_address");
        assert_eq!(code(r#"{"earAddress":"ws://me:pw@ears.example"}"#), "ear.secret_in_address");
        let plain = r#"{"earAddress":"ws://ears.example"}"#;
        assert_eq!(code(plain), "ear.plain", "the sound would go out for everybody to hear");
        for meant in [
            r#"{"earAddress":"ws://ears.example","earPlain":true}"#,
            r#"{"earAddress":"wss://ears.example"}"#,
            r#"{"earAddress":"127.0.0.1:8080"}"#,
        ] {
            assert!(patch(meant).apply(&Settings::default()).is_ok(), "{meant}");
        }
        let long = format!(r#"{{"persona":"{}"}}"#, "x".repeat(8_000));
        assert_eq!(code(&long), "persona.too_long");
    }
}
