//! Tables of requests.

use proptest::prelude::*;

use super::*;

#[track_caller]
fn all(intent: &Intent, texts: &[&str]) {
    for text in texts {
        assert_eq!(&understand(text), intent, "{text}");
    }
}

#[test]
fn what_is_to_be_kept_is_kept_as_it_was_written() {
    let miso = "my cat's name is Miso";
    all(
        &Intent::Remember(miso.into()),
        &[
            "remember that my cat's name is Miso",
            "Please remember that my cat's name is Miso.",
            "Could you remember my cat's name is Miso, please?",
            "REMEMBER: my cat's name is Miso!",
            "hey MYCA, will you please remember that my cat's name is Miso",
            "don't forget that my cat's name is Miso",
            "Keep in mind that my cat's name is Miso",
            "i'd like you to remember \"my cat's name is Miso\"",
        ],
    );
    all(&Intent::Remember("Ada baked it for me".into()), &["remember that Ada baked it for me, please"]);
    all(&Intent::Remember("buy milk".into()), &["remember to buy milk", "make a note to buy milk"]);
}

#[test]
fn where_moshi_runs_is_asked_and_changed_by_tools() {
    let tool = |tool| Intent::Use { tool, what: None };
    all(
        &tool("diagnose"),
        &[
            "diagnose",
            "What can this computer run?",
            "please run the doctor",
            "why doesn't Moshi start?",
            "check this computer",
        ],
    );
    all(&tool("list_hosts"), &["list the hosts", "which hosts are there?", "show me all hosts"]);
    all(&tool("test_host"), &["test the host", "could you test my connection?"]);
    all(
        &tool("start_moshi"),
        &["start Moshi", "start moshi on this computer, please", "launch the local moshi"],
    );
    all(&tool("stop_moshi"), &["stop Moshi", "quit moshi here"]);
    all(&tool("list_models"), &["which models are here?", "list models"]);
    let about = |tool, name, value: &str| Intent::Use { tool, what: Some((name, value.to_owned())) };
    all(
        &about("use_host", "host", "wss://gpu.example:8998"),
        &[
            "use host wss://gpu.example:8998",
            "set the host to wss://gpu.example:8998",
            "switch to host wss://gpu.example:8998",
        ],
    );
    all(&about("test_host", "host", "Big One"), &["test host Big One", "check the host Big One, please"]);
    all(
        &about("download_model", "model", "moshiko"),
        &["download moshiko", "download the model moshiko for me"],
    );
    all(&Intent::OpenSettings(Some("models")), &["open the models settings"]);
}

#[test]
fn what_was_kept_is_asked_for_in_many_ways() {
    all(
        &Intent::Recall("cat".into()),
        &[
            "what do you remember about my cat?",
            "What do you know about the cat",
            "do you remember my cat?",
            "recall my cat",
        ],
    );
    all(
        &Intent::Wonder("cat's name".into()),
        &["what is my cat's name?", "What's my cat's name", "do you know what my cat's name is?"],
    );
    all(
        &Intent::Recall(String::new()),
        &[
            "what do you remember?",
            "what do you remember about me",
            "list your memories",
            "What have you remembered?",
        ],
    );
    all(&Intent::Wonder("dentist appointment".into()), &["when is my dentist appointment?"]);
}

#[test]
fn what_is_to_be_forgotten_is_named() {
    all(
        &Intent::Forget("my cat's name".into()),
        &["forget my cat's name", "Please forget about my cat's name."],
    );
    all(&Intent::Forget("my cat".into()), &["forget what I told you about my cat", "forget my cat, please"]);
}

#[test]
fn a_statement_is_not_kept_unasked() {
    all(&Intent::Fact("My cat's name is Miso".into()), &["My cat's name is Miso."]);
    all(&Intent::Fact("I live in Graz".into()), &["I live in Graz"]);
}

#[test]
fn time_and_date_are_one_question() {
    all(
        &Intent::Now,
        &[
            "what time is it?",
            "What's the time",
            "can you tell me what time it is",
            "do you know what time it is, please?",
            "what day is it today",
            "What is today's date?",
            "what's the date",
            "which day is today?",
            "tell me the time",
        ],
    );
}

#[test]
fn conversations_are_searched() {
    all(
        &Intent::Search("sourdough bread".into()),
        &[
            "find sourdough bread in our conversations",
            "search for sourdough bread",
            "Search our conversations for sourdough bread.",
            "could you search through our conversations for sourdough bread?",
            "when did we talk about sourdough bread?",
            "what did we say about sourdough bread",
            "find \"sourdough bread\" in our past conversations",
        ],
    );
    all(&Intent::NewConversation, &["new conversation", "Start a new conversation, please"]);
}

#[test]
fn settings_are_opened_and_changed() {
    all(&Intent::OpenSettings(None), &["open settings", "please open the settings", "settings"]);
    all(
        &Intent::OpenSettings(Some("audio")),
        &["open the audio settings", "show me the microphone settings"],
    );
    all(&Intent::OpenSettings(Some("brain")), &["open settings for the brain", "go to the model settings"]);
    let theme = |value: &str| Intent::ChangeSetting { name: "theme", value: value.into() };
    all(
        &theme("dark"),
        &[
            "switch to dark mode",
            "dark mode please",
            "turn on the dark theme",
            "turn dark mode on",
            "set the theme to dark",
            "turn off light mode",
        ],
    );
    all(&theme("light"), &["turn off dark mode", "use the light theme", "switch dark mode off"]);
    all(&theme("system"), &["use the system theme"]);
    all(
        &Intent::ChangeSetting { name: "voice", value: "NATF2".into() },
        &["set the voice to NATF2", "Change voice to NATF2."],
    );
    all(
        &Intent::ChangeSetting { name: "modelAddress", value: "http://127.0.0.1:8080".into() },
        &["set the model address to http://127.0.0.1:8080"],
    );
}

#[test]
fn calls_begin_and_end_and_are_muted() {
    all(
        &Intent::StartCall,
        &["call", "start a call", "talk to Moshi", "let's talk", "I want to talk to moshi", "Start talking!"],
    );
    all(&Intent::EndCall, &["hang up", "stop", "end the call", "Stop the call please", "goodbye"]);
    all(&Intent::Mute(true), &["mute", "mute my microphone", "turn off the mic"]);
    all(&Intent::Mute(false), &["unmute", "turn my microphone on", "unmute me, please"]);
}

#[test]
fn people_say_hello_and_thanks_and_ask_for_help() {
    all(&Intent::Hello, &["hello", "Hi!", "hey there", "Good morning, MYCA"]);
    all(&Intent::Thanks, &["thanks", "Thank you!", "thank you very much"]);
    all(&Intent::Help, &["help", "what can you do?", "What can I say"]);
    all(&Intent::About, &["who are you?", "What are you", "what is this"]);
}

#[test]
fn anything_else_is_not_pretended_to_be_understood() {
    all(
        &Intent::Unknown,
        &[
            "",
            " \n",
            "?!",
            "please",
            "why is the sky blue?",
            "write a poem about autumn",
            "remember",
            "forget",
            "forget it",
            "call me when the train that goes to the north leaves",
            "stop the music",
            "start the washing machine",
            "set a timer to five minutes",
            "what is the capital of France?",
            "open the window",
        ],
    );
}

proptest! {
    #[test]
    fn no_text_is_too_much(text in any::<String>()) {
        understand(&text);
    }

    #[test]
    fn no_order_of_known_words_is_too_much(words in prop::collection::vec(
        prop::sample::select(vec![
            "please", "tell", "me", "do", "you", "know", "remember", "that", "forget", "find", "in", "our",
            "conversations", "for", "set", "the", "theme", "to", "dark", "mode", "what", "is", "my", "“", "call",
            "turn", "off", "mic", "can", "i", "would", "like", "did", "we", "talk", "about", "settings", "open",
        ]),
        0..12,
    )) {
        let text = words.join(" ");
        match understand(&text) {
            Intent::Search(what) | Intent::ChangeSetting { value: what, .. } => prop_assert!(!what.is_empty()),
            Intent::Remember(what) | Intent::Forget(what) | Intent::Fact(what) | Intent::Recall(what) | Intent::Wonder(what) => {
                prop_assert!(text.contains(&what));
            }
            _ => {}
        }
    }
}
