//! Typing to whoever answers, in the real window: without anything set up, with an agent system, and when Moshi is killed.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

mod common;
#[path = "../crates/brain/tests/stand_in/mod.rs"]
mod stand_in;

use std::{
    fs,
    time::{Duration, Instant},
};

use common::{
    app::{App, ENTER, TAB, by},
    patiently,
    server::{Server, tiny_model},
};
use serde_json::json;
use stand_in::{CHAT, Piece, Reply, STREAM, StandIn};
use tokio::runtime::Runtime;

impl App {
    /// Types and sends.
    #[track_caller]
    fn say(&self, text: &str) {
        let text_box = self.driver.find_usable(&by("text-box"));
        text_box.click();
        text_box.type_text(text);
        self.driver.press(ENTER);
    }

    /// Waits until the brain's last turn is one that `wanted` takes.
    #[track_caller]
    fn wait_for_answer(&self, wanted: impl Fn(&str) -> bool) {
        patiently("the answer", || self.said("brain").last().is_some_and(|last| wanted(last)).then_some(()));
        self.driver.find("[data-testid=brain][data-state=ready]");
    }

    #[track_caller]
    fn count(&self, panel: &str) -> String {
        self.driver.find(&by(&format!("panel-{panel}-count"))).text()
    }
}

#[test]
fn a_newcomer_types_gets_answers_and_allows_what_changes_something() {
    let app = App::open(&[]);
    app.say("Remember that my cat is called Miso.");
    app.wait_for_answer(|_| true);
    app.driver.find("[data-testid=tool][data-state=success]");
    app.driver.find("[data-testid=memory-use][data-write=true]");
    app.say("What do you remember about my cat?");
    app.wait_for_answer(|answer| answer.contains("Miso"));
    app.wait_for_light("brain", "well");
    app.wait_for_light("memory", "well");
    app.wait_for_light("mas", "off");

    app.say("Forget my cat.");
    app.driver.find(&by("question"));
    app.click("allow");
    patiently("the third answer", || (app.said("brain").len() == 3).then_some(()));
    app.driver.find("[data-testid=brain][data-state=ready]");

    // The drawer, the memory and the history show the same.
    app.click("memories-open");
    app.driver.wait_for_text(".more [role=status]", |shown| shown.contains("remembers nothing yet"));
    app.click("history-open");
    // The driver calls the text of such a row empty, which it is not: the page is asked.
    let titles =
        "return [...document.querySelectorAll('[data-testid=resume]')].map((row) => row.innerText).join()";
    patiently("the conversation in the history", || {
        app.driver.run(titles, &[]).as_str().unwrap().contains("Remember that my cat").then_some(())
    });
    app.click("history-more");
    app.click("export-markdown");
    let written = app.driver.find(&by("written"));
    patiently("where it was written", || written.text().contains(".md").then_some(()));
    let files: Vec<_> =
        fs::read_dir(app.paths().exports()).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(fs::read_to_string(&files[0]).unwrap().contains("Miso"), "{files:?}");
    app.close();
}

#[test]
fn an_agent_system_fills_the_four_panels() {
    let runtime = Runtime::new().unwrap();
    let mas = runtime.block_on(StandIn::start());
    mas.reply(STREAM, Reply::missing());
    mas.reply(
        CHAT,
        Reply::json(
            200,
            &json!({
                "response": "It is 21 degrees.", "provider": "gemini",
                "memory_context": { "memories": [{ "content": "a" }], "episodes": [], "profile": null },
                "tool_calls": [{ "id": "t1", "tool": "weather", "status": "success", "result": "<b>21</b>" }],
                "agents_invoked": [{ "id": "a1", "name": "Forecaster", "action": "looks outside", "status": "completed" }],
            }),
        ),
    );
    mas.reply("/live", Reply::json(200, &json!({ "status": "alive" })));
    let app = App::open(&[]);
    app.click("settings-open");
    let address = app.driver.find_usable(&by("mas-address"));
    address.type_text(&mas.address());
    app.driver.press(TAB);
    app.wait_for_light("mas", "well");
    app.click("settings-close");
    app.say("How warm is it?");
    app.wait_for_answer(|answer| answer == "It is 21 degrees.");
    for (panel, count) in [("tools", "1"), ("agents", "1"), ("memory", "1 read, 0 written")] {
        assert_eq!(app.count(panel), count, "{panel}");
    }
    app.driver.wait_for_text(&by("brain"), |shown| shown.contains("gemini"));
    assert_eq!(mas.model_calls(), 1);
    app.close();
}

#[test]
fn a_message_that_cannot_be_delivered_stays_and_is_sent_again_by_one_click() {
    let runtime = Runtime::new().unwrap();
    let mas = runtime.block_on(StandIn::start());
    mas.reply(STREAM, Reply::json(503, &json!({ "detail": "starting" })));
    mas.reply(CHAT, Reply::json(503, &json!({ "detail": "starting" })));
    let app = App::open(&[]);
    app.click("settings-open");
    let address = app.driver.find_usable(&by("mas-address"));
    address.type_text(&mas.address());
    app.driver.press(TAB);
    app.click("settings-close");
    app.say("Are you there?");
    app.driver.find(&by("retry-turn"));
    for path in [STREAM, CHAT] {
        mas.forget(path);
    }
    mas.reply(STREAM, Reply::tokens(&["Here", " I", " am."]));
    app.click("retry-turn");
    app.wait_for_answer(|answer| answer == "Here I am.");
    assert_eq!(app.said("person"), ["Are you there?"]);
    app.close();
}

#[test]
fn typing_goes_on_in_the_same_conversation_when_moshi_is_killed_in_mid_sentence() {
    let model = tiny_model();
    let server = Server::host(model.path());
    let app = App::open(&["--host", &server.url(), "--talk"]);
    app.wait_for_phase("live");
    patiently("words of Moshi's", || (!app.said("moshi").is_empty()).then_some(()));
    let before = app.said("moshi").len();
    let port = server.crash();
    app.wait_for_phase("reconnecting");
    app.say("Remember that the line broke.");
    app.wait_for_answer(|_| true);
    assert!(app.said("moshi").len() >= before, "the transcript is whole");
    let _server = Server::host_at(model.path(), port);
    app.wait_for_phase("live");
    app.say("What do you remember about the line?");
    app.wait_for_answer(|answer| answer.contains("broke"));
    assert_eq!(app.said("person").len(), 2, "in one conversation");
    app.close();
}

#[test]
fn an_answer_under_way_can_be_stopped_and_says_so() {
    let runtime = Runtime::new().unwrap();
    let mas = runtime.block_on(StandIn::start());
    mas.reply(STREAM, Reply::events(vec![Piece::token("Half a"), Piece::Hold]));
    let home = tempfile::tempdir().unwrap();
    let settings = json!({ "version": 1, "mas_address": mas.address() });
    let path = store::Paths::below(home.path()).settings();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, settings.to_string()).unwrap();
    let app = App::open_at_home(home, &[]);
    app.say("Tell me.");
    patiently("half an answer", || {
        app.said("brain").iter().any(|text| text.starts_with("Half a")).then_some(())
    });
    app.click("cancel-answer");
    app.driver
        .wait_for_text("[data-testid=turn][data-speaker=brain]", |shown| shown.contains("You stopped it."));
    app.close();
}

/// Prints how long after Enter the first word of an answer is on the screen, where the server takes no time at all. Not a
/// test: figures are for reading.
#[test]
#[ignore = "measures; run it alone, with --ignored --nocapture"]
fn figures() {
    let runtime = Runtime::new().unwrap();
    let mas = runtime.block_on(StandIn::start());
    mas.reply(STREAM, Reply::tokens(&["Here", " I", " am."]));
    mas.reply("/live", Reply::json(200, &json!({ "status": "alive" })));
    let home = tempfile::tempdir().unwrap();
    let path = store::Paths::below(home.path()).settings();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, json!({ "version": 1, "mas_address": mas.address() }).to_string()).unwrap();
    let app = App::open_at_home(home, &[]);
    app.wait_for_light("mas", "well");
    app.driver.run(WATCH, &[]);
    let mut delays: Vec<f64> = (0..21)
        .map(|turn| {
            app.say(&format!("Turn {turn}"));
            patiently("the answer", || (app.said("brain").len() == turn + 1).then_some(()));
            app.driver.find("[data-testid=brain][data-state=ready]");
            app.driver.run("return window.firstAt - window.enterAt", &[]).as_f64().unwrap()
        })
        .collect();
    delays.sort_by(f64::total_cmp);
    eprintln!(
        "Enter to first word on the screen: median {} ms, slowest of 21 {} ms (at most 50 asked for)",
        delays[10], delays[20]
    );
    app.close();
}

/// Prints how the window fares for a minute while more happens in the agent system than anybody can read.
#[test]
#[ignore = "measures; run it alone, with --ignored --nocapture"]
fn figures_of_a_flood() {
    let runtime = Runtime::new().unwrap();
    let mas = runtime.block_on(StandIn::start());
    mas.reply("/live", Reply::json(200, &json!({ "status": "alive" })));
    let happened = json!({ "type": "agent_status", "source": "m", "timestamp": "t", "channel": "agents", "data": {
        "agent_id": "a1", "agent_name": "Mycologist", "status": "processing", "message": "counts spores",
    } });
    mas.reply("/ws/agents/status", Reply::socket(vec![Piece::Forever(happened.to_string().into_bytes())]));
    let home = tempfile::tempdir().unwrap();
    let path = store::Paths::below(home.path()).settings();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, json!({ "version": 1, "mas_address": mas.address() }).to_string()).unwrap();
    let app = App::open_at_home(home, &[]);
    app.driver.find(&by("agent"));
    app.driver.run(KEYS, &[]);
    let text_box = app.driver.find_usable(&by("text-box"));
    text_box.click();
    let start = Instant::now();
    let mut delays = Vec::new();
    while start.elapsed() < Duration::from_secs(60) {
        text_box.type_text("a");
        delays.push(app.driver.run("return window.keyMs", &[]).as_f64().unwrap());
    }
    delays.sort_by(f64::total_cmp);
    let of = |part: f64| delays[((delays.len() - 1) as f64 * part) as usize];
    eprintln!(
        "{} keys in a flood, from the key to the painted letter: median {:.0} ms, 95 % {:.0} ms, slowest {:.0} ms",
        delays.len(),
        of(0.5),
        of(0.95),
        of(1.0)
    );
    app.close();
}

/// Notes how long after a key press its frame was painted.
const KEYS: &str = "
    window.keyMs = 0;
    addEventListener('keydown', (event) => {
        requestAnimationFrame(() => setTimeout(() => { window.keyMs = performance.now() - event.timeStamp; }));
    }, true);
";

/// Notes when Enter is pressed, and when a turn of the brain's has been painted first.
const WATCH: &str = "
    addEventListener('keydown', (event) => {
        if (event.key !== 'Enter') return;
        window.enterAt = Date.now();
        window.firstAt = null;
        window.known = document.querySelectorAll('[data-testid=turn][data-speaker=brain]').length;
    }, true);
    new MutationObserver(() => {
        if (window.firstAt !== null) return;
        if (document.querySelectorAll('[data-testid=turn][data-speaker=brain]').length === window.known) return;
        window.firstAt = 0;
        requestAnimationFrame(() => setTimeout(() => { window.firstAt = Date.now(); }));
    }).observe(document.body, { subtree: true, childList: true });
";
