//! A Secret Service with one collection and room for three secrets, on a bus of its own. It speaks "plain" alone.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Write},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
};

use zbus::{
    blocking::{Connection, connection::Builder},
    fdo, interface,
    object_server::SignalEmitter,
    zvariant::{ObjectPath, OwnedObjectPath, OwnedValue, Value},
};

const SERVICE: &str = "/org/freedesktop/secrets";
const COLLECTION: &str = "/org/freedesktop/secrets/collection/login";
const ITEMS: [&str; 3] = [
    "/org/freedesktop/secrets/collection/login/1",
    "/org/freedesktop/secrets/collection/login/2",
    "/org/freedesktop/secrets/collection/login/3",
];
const PROMPT: &str = "/org/freedesktop/secrets/prompt/1";

/// Lets everybody do everything, and knows nothing that it could start.
const BUS: &str = r#"<busconfig>
    <type>session</type>
    <listen>unix:tmpdir=/tmp</listen>
    <policy context="default">
        <allow send_destination="*" eavesdrop="true"/>
        <allow eavesdrop="true"/>
        <allow own="*"/>
    </policy>
</busconfig>"#;

/// A message bus that ends with this.
pub(super) struct Bus {
    daemon: Child,
    pub(super) address: String,
}

impl Bus {
    pub(super) fn start() -> Self {
        let mut settings = tempfile::NamedTempFile::new().unwrap();
        settings.write_all(BUS.as_bytes()).unwrap();
        let mut daemon = Command::new("dbus-daemon")
            .args(["--nofork", "--print-address", "--config-file"])
            .arg(settings.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the tests need dbus-daemon");
        let mut address = String::new();
        BufReader::new(daemon.stdout.take().unwrap()).read_line(&mut address).unwrap();
        Self { daemon, address: address.trim().to_owned() }
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

/// What it holds, and how the person behaves.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) locked: bool,
    pub(super) person_refuses: bool,
    pub(super) asked: u32,
    pub(super) secrets: [Option<Kept>; ITEMS.len()],
}

#[derive(Debug)]
pub(super) struct Kept {
    pub(super) secret: Vec<u8>,
    attributes: HashMap<String, String>,
}

type Shared = Arc<Mutex<State>>;
type Wire = (OwnedObjectPath, Vec<u8>, Vec<u8>, String);

fn path(path: &'static str) -> OwnedObjectPath {
    ObjectPath::from_static_str(path).unwrap().into()
}

/// Offers it for as long as the connection lives.
pub(super) fn serve(bus: &Bus) -> (Connection, Shared) {
    let state = Shared::default();
    let mut builder = Builder::address(bus.address.as_str()).unwrap();
    for (number, item) in ITEMS.iter().enumerate() {
        builder = builder.serve_at(*item, Item(Arc::clone(&state), number)).unwrap();
    }
    let connection = builder
        .serve_at(SERVICE, Service(Arc::clone(&state)))
        .unwrap()
        .serve_at(COLLECTION, Collection(Arc::clone(&state)))
        .unwrap()
        .serve_at(PROMPT, Prompt(Arc::clone(&state)))
        .unwrap()
        .name("org.freedesktop.secrets")
        .unwrap()
        .build()
        .unwrap();
    (connection, state)
}

struct Service(Shared);

#[interface(name = "org.freedesktop.Secret.Service")]
impl Service {
    fn open_session(&self, algorithm: &str, _input: Value<'_>) -> fdo::Result<(OwnedValue, OwnedObjectPath)> {
        if algorithm != "plain" {
            return Err(fdo::Error::NotSupported("plain alone".into()));
        }
        Ok((Value::from("").try_into().unwrap(), path("/org/freedesktop/secrets/session/1")))
    }

    fn search_items(
        &self,
        attributes: HashMap<String, String>,
    ) -> (Vec<OwnedObjectPath>, Vec<OwnedObjectPath>) {
        let state = self.0.lock().unwrap();
        let has =
            |kept: &Kept| attributes.iter().all(|(name, value)| kept.attributes.get(name) == Some(value));
        let all = ITEMS.iter().zip(&state.secrets);
        let found = all.filter(|(_, kept)| kept.as_ref().is_some_and(has));
        let items = found.map(|(item, _)| path(item)).collect();
        if state.locked { (Vec::new(), items) } else { (items, Vec::new()) }
    }

    fn unlock(&self, objects: Vec<OwnedObjectPath>) -> (Vec<OwnedObjectPath>, OwnedObjectPath) {
        if self.0.lock().unwrap().locked { (Vec::new(), path(PROMPT)) } else { (objects, path("/")) }
    }

    fn read_alias(&self, _name: &str) -> OwnedObjectPath {
        path(COLLECTION)
    }
}

struct Collection(Shared);

#[interface(name = "org.freedesktop.Secret.Collection")]
impl Collection {
    fn create_item(
        &self,
        properties: HashMap<String, OwnedValue>,
        secret: Wire,
        _replace: bool,
    ) -> (OwnedObjectPath, OwnedObjectPath) {
        let mut state = self.0.lock().unwrap();
        let attributes = properties["org.freedesktop.Secret.Item.Attributes"].try_clone().unwrap();
        let attributes: HashMap<String, String> = attributes.try_into().unwrap();
        let same = |kept: &Option<Kept>| kept.as_ref().is_some_and(|kept| kept.attributes == attributes);
        let number = state.secrets.iter().position(same);
        let number = number.or_else(|| state.secrets.iter().position(Option::is_none)).unwrap();
        state.secrets[number] = Some(Kept { secret: secret.2, attributes });
        (path(ITEMS[number]), path("/"))
    }

    #[zbus(property)]
    fn locked(&self) -> bool {
        self.0.lock().unwrap().locked
    }
}

struct Item(Shared, usize);

#[interface(name = "org.freedesktop.Secret.Item")]
impl Item {
    fn get_secret(&self, session: OwnedObjectPath) -> (Wire,) {
        let secret = self.0.lock().unwrap().secrets[self.1].as_ref().unwrap().secret.clone();
        ((session, Vec::new(), secret, "text/plain".into()),)
    }

    fn delete(&self) -> OwnedObjectPath {
        self.0.lock().unwrap().secrets[self.1] = None;
        path("/")
    }

    #[zbus(property)]
    fn locked(&self) -> bool {
        self.0.lock().unwrap().locked
    }
}

struct Prompt(Shared);

#[interface(name = "org.freedesktop.Secret.Prompt")]
impl Prompt {
    async fn prompt(
        &self,
        _window: &str,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
    ) -> fdo::Result<()> {
        let refused = {
            let mut state = self.0.lock().unwrap();
            state.asked += 1;
            state.locked = state.person_refuses;
            state.person_refuses
        };
        Self::completed(&emitter, refused, Value::from("")).await?;
        Ok(())
    }

    #[zbus(signal)]
    async fn completed(emitter: &SignalEmitter<'_>, dismissed: bool, result: Value<'_>) -> zbus::Result<()>;
}
