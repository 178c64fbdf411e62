//! The app's window, driven as a person's hands and eyes would: tauri-driver, which passes WebDriver on to WebKitGTK.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rustix::process::Signal;
use serde_json::{Value, json};

use super::display::Display;
use super::process::Process;
use super::{http, patiently};

/// How WebDriver names an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A session with one window.
pub struct Driver {
    driver: Process,
    port: u16,
    session: String,
}

/// Where a window is and how large, in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rect {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

impl Driver {
    /// Opens the app on a display. `surround` sets what else it finds in its environment.
    pub fn open(
        display: &Display,
        app: &Path,
        arguments: &[&str],
        surround: impl FnOnce(&mut Command),
    ) -> Self {
        let [port, native] = free_ports();
        let mut command = Command::new("tauri-driver");
        command.args(["--port", &port.to_string(), "--native-port", &native.to_string()]);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        display.give_to(&mut command);
        surround(&mut command);
        let mut driver = Process::start(&mut command);
        let capabilities = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "wry",
            "tauri:options": { "application": app, "args": arguments },
        } } });
        let session = patiently("a window", || {
            assert!(driver.runs(), "tauri-driver has ended");
            // Refused until both drivers listen; any other answer is meant.
            match http::ask(port, "POST", "/session", Some(&capabilities)) {
                Ok((200, answer)) => Some(answer["value"]["sessionId"].as_str().unwrap().to_owned()),
                Ok((status, answer)) if !answer["value"]["error"].is_null() => panic!("{status}: {answer}"),
                Ok(_) | Err(_) => None,
            }
        });
        Self { driver, port, session }
    }

    fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, String> {
        let path = format!("/session/{}{path}", self.session);
        match http::ask(self.port, method, &path, body) {
            Ok((200, mut answer)) => Ok(answer["value"].take()),
            Ok((status, answer)) => Err(format!("{method} {path}: {status} {}", answer["value"])),
            Err(error) => Err(format!("{method} {path}: {error}")),
        }
    }

    #[track_caller]
    fn get(&self, path: &str) -> Value {
        self.call("GET", path, None).unwrap()
    }

    #[track_caller]
    fn post(&self, path: &str, body: &Value) -> Value {
        self.call("POST", path, Some(body)).unwrap()
    }

    /// The first element that a CSS selector names; waits until there is one.
    #[track_caller]
    pub fn find(&self, css: &str) -> Element<'_> {
        patiently(css, || self.find_all(css).into_iter().next())
    }

    /// The same, once a person can see and use it.
    #[track_caller]
    pub fn find_usable(&self, css: &str) -> Element<'_> {
        patiently(css, || {
            let found = self.find_all(css).into_iter().next();
            found.filter(|element| element.is_displayed() && element.is_enabled())
        })
    }

    /// All elements that a CSS selector names, now.
    #[track_caller]
    pub fn find_all(&self, css: &str) -> Vec<Element<'_>> {
        let found = self.post("/elements", &json!({ "using": "css selector", "value": css }));
        let id = |element: &Value| element[ELEMENT].as_str().unwrap().to_owned();
        found.as_array().unwrap().iter().map(|element| Element { driver: self, id: id(element) }).collect()
    }

    /// Waits until an element's visible text is so. Elements that are drawn anew in the meantime are looked for anew.
    #[track_caller]
    pub fn wait_for_text(&self, css: &str, is_so: impl Fn(&str) -> bool) -> String {
        patiently(css, || {
            let element = self.find_all(css).into_iter().next()?;
            element.try_text().ok().filter(|text| is_so(text))
        })
    }

    /// Runs the body of a function in the page, which may return a promise, and gives what it returns.
    #[track_caller]
    pub fn run(&self, body: &str, arguments: &[Value]) -> Value {
        self.post("/execute/sync", &json!({ "script": body, "args": arguments }))
    }

    /// What is to be seen of the page, as a PNG file's bytes.
    #[track_caller]
    pub fn screenshot(&self) -> Vec<u8> {
        BASE64_STANDARD.decode(self.get("/screenshot").as_str().unwrap()).unwrap()
    }

    #[track_caller]
    pub fn title(&self) -> String {
        self.get("/title").as_str().unwrap().to_owned()
    }

    #[track_caller]
    pub fn rect(&self) -> Rect {
        rect(&self.get("/window/rect"))
    }

    /// Makes the window this large, and gives what became of it.
    #[track_caller]
    pub fn resize(&self, width: u32, height: u32) -> Rect {
        rect(&self.post("/window/rect", &json!({ "width": width, "height": height })))
    }

    /// Presses and releases a key with the focus where it is: a character, or one of WebDriver's private ones.
    #[track_caller]
    pub fn press(&self, key: char) {
        let keys = json!([{ "type": "keyDown", "value": key }, { "type": "keyUp", "value": key }]);
        self.post("/actions", &json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": keys }] }));
    }

    /// Closes the window.
    #[track_caller]
    pub fn close(self) {
        self.call("DELETE", "", None).unwrap();
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Closes the window; after `close` there is none.
        let _ = self.call("DELETE", "", None);
        // Asked to end, it ends WebKit's driver as well; killed, it does not.
        if self.driver.runs() {
            self.driver.signal(Signal::TERM);
            self.driver.ended();
        }
    }
}

/// An element of the page.
pub struct Element<'a> {
    driver: &'a Driver,
    id: String,
}

impl Element<'_> {
    fn path(&self, what: &str) -> String {
        format!("/element/{}/{what}", self.id)
    }

    #[track_caller]
    pub fn click(&self) {
        self.driver.post(&self.path("click"), &json!({}));
    }

    /// Types as a keyboard would.
    #[track_caller]
    pub fn type_text(&self, text: &str) {
        self.driver.post(&self.path("value"), &json!({ "text": text }));
    }

    /// Empties a field.
    #[track_caller]
    pub fn clear(&self) {
        self.driver.post(&self.path("clear"), &json!({}));
    }

    /// The text as it is to be seen.
    #[track_caller]
    pub fn text(&self) -> String {
        self.try_text().unwrap()
    }

    fn try_text(&self) -> Result<String, String> {
        let text = self.driver.call("GET", &self.path("text"), None)?;
        text.as_str().map(Into::into).ok_or_else(|| format!("{text} is no text"))
    }

    #[track_caller]
    pub fn attribute(&self, name: &str) -> Option<String> {
        self.driver.get(&self.path(&format!("attribute/{name}"))).as_str().map(Into::into)
    }

    #[track_caller]
    pub fn property(&self, name: &str) -> Value {
        self.driver.get(&self.path(&format!("property/{name}")))
    }

    #[track_caller]
    pub fn is_enabled(&self) -> bool {
        self.driver.get(&self.path("enabled")).as_bool().unwrap()
    }

    #[track_caller]
    pub fn is_displayed(&self) -> bool {
        self.driver.get(&self.path("displayed")).as_bool().unwrap()
    }
}

fn rect(value: &Value) -> Rect {
    let number = |key: &str| value[key].as_f64().unwrap();
    Rect { x: number("x"), y: number("y"), width: number("width"), height: number("height") }
}

/// Two ports that nobody uses now.
fn free_ports() -> [u16; 2] {
    // Both are held until both are known.
    let listeners = [(); 2].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}
