use std::{
    io::Write,
    process::{Child, Command, Stdio},
};

use super::{
    super::{SecretError, SecretName, Secrets},
    Keyring,
    stand_in::{Bus, serve},
};

const MAS: SecretName = SecretName::Mas;

fn secrets(address: &str) -> Secrets {
    Secrets { keyring: Keyring { address: Some(address.to_owned()) } }
}

fn held(secrets: &Secrets) -> Option<String> {
    secrets.get(&MAS).unwrap().map(|secret| secret.expose().to_owned())
}

#[test]
fn a_secret_is_kept_replaced_and_deleted() {
    let bus = Bus::start();
    let (_service, state) = serve(&bus);
    let secrets = secrets(&bus.address);
    assert_eq!(held(&secrets), None);
    secrets.delete(&MAS).unwrap();
    secrets.set(&MAS, "first").unwrap();
    secrets.set(&MAS, "second ü").unwrap();
    assert_eq!(held(&secrets).as_deref(), Some("second ü"));
    state.lock().unwrap().secrets[0].as_mut().unwrap().secret = vec![0xff];
    assert!(matches!(secrets.get(&MAS), Err(SecretError::NotText)));
    secrets.delete(&MAS).unwrap();
    assert_eq!(held(&secrets), None);
    assert_eq!(state.lock().unwrap().asked, 0);
}

#[test]
fn each_name_has_a_secret_of_its_own() {
    let bus = Bus::start();
    let (_service, state) = serve(&bus);
    let secrets = secrets(&bus.address);
    let host = SecretName::Host("7".into());
    let held = |name: &SecretName| secrets.get(name).unwrap().map(|secret| secret.expose().to_owned());
    secrets.set(&MAS, "of mas").unwrap();
    secrets.set(&host, "of a host").unwrap();
    assert_eq!((held(&MAS).as_deref(), held(&host).as_deref()), (Some("of mas"), Some("of a host")));
    assert_eq!(held(&SecretName::HuggingFace), None);
    assert_eq!(held(&SecretName::Host("8".into())), None);
    state.lock().unwrap().locked = true;
    secrets.unlock().unwrap();
    secrets.delete(&host).unwrap();
    assert_eq!((held(&MAS).as_deref(), held(&host)), (Some("of mas"), None));
}

#[test]
fn a_look_never_asks_the_person_and_what_the_person_wants_may() {
    let bus = Bus::start();
    let (_service, state) = serve(&bus);
    let secrets = secrets(&bus.address);
    secrets.set(&MAS, "token").unwrap();
    state.lock().unwrap().locked = true;
    assert!(matches!(secrets.get(&MAS), Err(SecretError::Locked)));
    assert_eq!(state.lock().unwrap().asked, 0);

    state.lock().unwrap().person_refuses = true;
    assert!(matches!(secrets.unlock(), Err(SecretError::Refused)));
    assert!(matches!(secrets.set(&MAS, "other"), Err(SecretError::Refused)));
    assert!(matches!(secrets.delete(&MAS), Err(SecretError::Refused)));
    assert_eq!(state.lock().unwrap().asked, 3);

    state.lock().unwrap().person_refuses = false;
    secrets.unlock().unwrap();
    assert_eq!(held(&secrets).as_deref(), Some("token"));
    state.lock().unwrap().locked = true;
    secrets.set(&MAS, "other").unwrap();
    assert_eq!(held(&secrets).as_deref(), Some("other"));
    assert_eq!(state.lock().unwrap().asked, 5);
}

#[test]
fn without_a_keyring_or_without_a_bus_that_is_what_is_said() {
    let bus = Bus::start();
    for secrets in [secrets(&bus.address), secrets("unix:path=/nonexistent/bus")] {
        for result in
            [secrets.get(&MAS).map(|_| ()), secrets.set(&MAS, "x"), secrets.delete(&MAS), secrets.unlock()]
        {
            assert!(matches!(result, Err(SecretError::NoKeyring)), "{result:?}");
        }
    }
}

/// GNOME's keyring, if it is installed.
struct Gnome {
    daemon: Child,
    _home: tempfile::TempDir,
}

impl Gnome {
    fn start(bus: &Bus) -> Option<Self> {
        let home = tempfile::tempdir().unwrap();
        let mut daemon = Command::new("gnome-keyring-daemon")
            .args(["--foreground", "--unlock", "--components=secrets"])
            .env("DBUS_SESSION_BUS_ADDRESS", &bus.address)
            .env("HOME", home.path())
            .env("XDG_DATA_HOME", home.path())
            .env("XDG_RUNTIME_DIR", home.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        daemon.stdin.take().unwrap().write_all(b"password of a test").unwrap();
        Some(Self { daemon, _home: home })
    }
}

impl Drop for Gnome {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

#[test]
fn gnomes_keyring_keeps_a_secret_encrypted_on_the_bus() {
    let bus = Bus::start();
    let Some(_gnome) = Gnome::start(&bus) else {
        eprintln!("gnome-keyring-daemon is not installed");
        return;
    };
    let secrets = secrets(&bus.address);
    // It is there when its name is taken.
    let connection =
        zbus::blocking::connection::Builder::address(bus.address.as_str()).unwrap().build().unwrap();
    let names = zbus::blocking::fdo::DBusProxy::new(&connection).unwrap();
    while !names.name_has_owner("org.freedesktop.secrets".try_into().unwrap()).unwrap() {
        std::thread::yield_now();
    }
    assert_eq!(held(&secrets), None);
    secrets.set(&MAS, "a token").unwrap();
    secrets.set(&MAS, "another token").unwrap();
    assert_eq!(held(&secrets).as_deref(), Some("another token"));
    secrets.unlock().unwrap();
    secrets.delete(&MAS).unwrap();
    assert_eq!(held(&secrets), None);
}
