//! The open window, and what a person does with it.

use store::Paths;
use tempfile::TempDir;

use super::{display::Display, driver::Driver, patiently, program::app, pulse::Pulse};

/// Enter, Escape and Tab, as WebDriver names them.
pub const ENTER: char = '\u{e007}';
pub const ESCAPE: char = '\u{e00c}';
pub const TAB: char = '\u{e004}';

/// The open window, with all that is around it. Fields end in this order.
pub struct App {
    pub driver: Driver,
    pub pulse: Pulse,
    pub display: Display,
    pub home: TempDir,
}

impl App {
    pub fn open(arguments: &[&str]) -> Self {
        Self::open_at_home(tempfile::tempdir().unwrap(), arguments)
    }

    /// With a home in which there may be something already.
    pub fn open_at_home(home: TempDir, arguments: &[&str]) -> Self {
        let (pulse, display) = (Pulse::start(), Display::start());
        let driver = Driver::open(&display, &app(), arguments, |command| {
            pulse.give_to(command);
            command.env("MYCA_HOME", home.path()).env_remove("MYCA_LOG");
        });
        Self { driver, pulse, display, home }
    }

    pub fn paths(&self) -> Paths {
        Paths::below(self.home.path())
    }

    /// Closes the window and gives what was left at home.
    pub fn close(self) -> TempDir {
        let Self { driver, home, .. } = self;
        driver.close();
        home
    }

    #[track_caller]
    pub fn click(&self, test_id: &str) {
        self.driver.find_usable(&by(test_id)).click();
    }

    #[track_caller]
    pub fn wait_for_phase(&self, phase: &str) {
        self.driver.find(&format!("[data-testid=phase][data-phase={phase}]"));
    }

    #[track_caller]
    pub fn wait_for_light(&self, light: &str, state: &str) {
        self.driver.find(&format!("[data-testid=light-{light}][data-state={state}]"));
    }

    /// Types a message as a person does.
    #[track_caller]
    pub fn say_by_hand(&self, text: &str) {
        let text_box = self.driver.find_usable(&by("text-box"));
        text_box.click();
        text_box.type_text(text);
        self.driver.press(ENTER);
        patiently("the message", || {
            self.said("person").last().is_some_and(|last| last == text).then_some(())
        });
    }

    /// What somebody has said, turn by turn, as it is shown.
    pub fn said(&self, who: &str) -> Vec<String> {
        let script = "return [...document.querySelectorAll(`[data-testid=turn][data-speaker=${arguments[0]}] .text`)]\
                      .map((text) => text.innerText.trim())";
        let said = self.driver.run(script, &[who.into()]);
        said.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
    }

    /// The turns that are shown: who speaks, and how many words.
    pub fn turns(&self) -> Vec<(String, usize)> {
        let script = "return [...document.querySelectorAll('[data-testid=turn]')].map((turn) => [turn.dataset.speaker, \
                      turn.innerText.split(/\\s+/).length])";
        let turns = self.driver.run(script, &[]);
        let turn = |turn: &serde_json::Value| {
            (turn[0].as_str().unwrap().to_owned(), usize::try_from(turn[1].as_u64().unwrap()).unwrap())
        };
        turns.as_array().unwrap().iter().map(turn).collect()
    }
}

pub fn by(test_id: &str) -> String {
    format!("[data-testid={test_id}]")
}
