use super::*;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn what_was_set_is_there_again() {
    let folder = folder();
    let path = folder.path().join("deep/settings.json");
    let (mut file, aside) = SettingsFile::open(&path);
    assert_eq!((file.get(), aside), (&Settings::default(), None));
    let place = HostPlace::Ssh { target: "me@gpu".into(), port: Some(22), remote_port: 8998 };
    let host = HostProfile {
        id: "7".into(),
        name: "gpu".into(),
        place,
        pin: None,
        plain: false,
        token: false,
        measured: None,
    };
    let settings =
        Settings { hosts: vec![host], host: Some("7".into()), theme: Theme::Dark, ..Settings::default() };
    file.set(settings.clone()).unwrap();
    assert_eq!(SettingsFile::open(&path).0.get(), &settings);
}

#[test]
fn who_hears_and_who_answers_is_there_again_under_names_that_never_change() {
    let folder = folder();
    let path = folder.path().join("settings.json");
    let choices = [
        (EarChoice::Off, "off", Answerer::Moshi, "moshi", Says::AtPause, "at_pause"),
        (
            EarChoice::Host,
            "host",
            Answerer::BrainThroughMoshi,
            "brain_through_moshi",
            Says::AtOnce,
            "at_once",
        ),
        (EarChoice::ThisComputer, "this_computer", Answerer::Moshi, "moshi", Says::AtPause, "at_pause"),
        (EarChoice::Server, "server", Answerer::BrainInText, "brain_in_text", Says::AtPause, "at_pause"),
    ];
    for (ear, ear_name, answerer, answerer_name, says, says_name) in choices {
        let settings = Settings {
            ear,
            ear_model: "stt-1b-en_fr-candle".into(),
            ear_address: "wss://ears.example/asr".into(),
            ear_plain: true,
            ear_key: true,
            answerer,
            says,
            ..Settings::default()
        };
        SettingsFile::open(&path).0.set(settings.clone()).unwrap();
        assert_eq!(SettingsFile::open(&path).0.get(), &settings);
        let raw: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let names = [&raw["ear"], &raw["answerer"], &raw["says"]];
        assert_eq!(names, [ear_name, answerer_name, says_name]);
    }
}

#[test]
fn a_file_from_before_there_were_ears_has_the_host_hear_and_the_brain_answer() {
    let folder = folder();
    let path = folder.path().join("settings.json");
    fs::write(&path, r#"{"version":1,"persona":"kept","ear":"third","says":7}"#).unwrap();
    let file = SettingsFile::open(&path).0;
    let Settings { ear, answerer, says, ear_key, .. } = file.get().clone();
    assert_eq!(
        (ear, answerer, says, ear_key),
        (EarChoice::Host, Answerer::BrainThroughMoshi, Says::AtPause, false)
    );
    assert_eq!(file.get().persona, "kept", "what cannot be read costs nothing else");
}

#[test]
fn keys_of_later_versions_survive() {
    let folder = folder();
    let path = folder.path().join("settings.json");
    fs::write(&path, r#"{"version":7,"persona":"x","hologram":{"size":3}}"#).unwrap();
    let (mut file, _) = SettingsFile::open(&path);
    assert_eq!(file.get().persona, "x");
    file.set(Settings { persona: "y".into(), ..Settings::default() }).unwrap();
    let raw: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert_eq!(raw["hologram"]["size"], 3);
    assert_eq!((&raw["version"], &raw["persona"]), (&7.into(), &"y".into()));
}

#[test]
fn one_odd_value_does_not_cost_the_others() {
    let folder = folder();
    let path = folder.path().join("settings.json");
    fs::write(&path, r#"{"persona":"kept","handshake_limit_s":"soon","theme":"plaid"}"#).unwrap();
    let (file, aside) = SettingsFile::open(&path);
    assert_eq!(aside, None);
    let expected = Settings { persona: "kept".into(), ..Settings::default() };
    assert_eq!(file.get(), &expected);
}

#[test]
fn the_one_address_of_earlier_versions_becomes_a_host() {
    let folder = folder();
    let path = folder.path().join("settings.json");
    fs::write(&path, r#"{"host_address":"gpu:1","host_kind":"bridge"}"#).unwrap();
    let (mut file, _) = SettingsFile::open(&path);
    let [host] = &file.get().hosts[..] else { panic!("{:?}", file.get()) };
    assert_eq!(host.place, HostPlace::Bridge { address: "gpu:1".into() });
    assert_eq!(file.get().host.as_deref(), Some(host.id.as_str()), "it is the one that is called");
    file.set(Settings { hosts: Vec::new(), host: None, ..file.get().clone() }).unwrap();
    assert_eq!(SettingsFile::open(&path).0.get().hosts, [], "a host that was deleted does not come back");
}

#[test]
fn one_odd_host_does_not_cost_the_others() {
    let folder = folder();
    let path = folder.path().join("settings.json");
    let hosts = r#"{"hosts":[{"id":"a"},7,{"id":"b","place":{"kind":"this_computer"}}],"host":"b"}"#;
    fs::write(&path, hosts).unwrap();
    let (mut file, _) = SettingsFile::open(&path);
    let [host] = &file.get().hosts[..] else { panic!("{:?}", file.get()) };
    assert_eq!((host.id.as_str(), &host.place), ("b", &HostPlace::ThisComputer));
    file.set(file.get().clone()).unwrap();
    let raw: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let hosts = raw["hosts"].as_array().unwrap();
    assert_eq!(hosts.len(), 3, "what only another version can read is kept: {hosts:?}");
}

#[test]
fn a_broken_file_is_set_aside_and_said() {
    for content in ["{\"persona\":", "[1]", "\u{0}\u{0}\u{0}"] {
        let folder = folder();
        let path = folder.path().join("settings.json");
        fs::write(&path, content).unwrap();
        let (mut file, aside) = SettingsFile::open(&path);
        assert_eq!(file.get(), &Settings::default());
        assert_eq!(fs::read_to_string(aside.unwrap().kept_as).unwrap(), content);
        file.set(Settings::default()).unwrap();
        assert_eq!(SettingsFile::open(&path).1, None, "the fresh file is whole");
    }
}

#[test]
fn what_cannot_be_written_is_said_and_holds_until_the_end() {
    let folder = folder();
    fs::write(folder.path().join("config"), "a file where a folder should be").unwrap();
    let (mut file, _) = SettingsFile::open(&folder.path().join("config/settings.json"));
    let settings = Settings { persona: "z".into(), ..Settings::default() };
    assert!(file.set(settings.clone()).is_err());
    assert_eq!(file.get(), &settings);
}
