//! Requests about the settings.

use super::Intent;
use crate::built_in::words::Words;

/// Sections of the settings by the words that people have for them.
fn section(plain: &[&str]) -> Option<&'static str> {
    let section = |word: &&str| {
        Some(match *word {
            "host" | "hosts" | "server" | "connection" | "moshi" | "personaplex" => "host",
            "models" | "downloads" => "models",
            "doctor" | "computer" => "doctor",
            "audio" | "sound" | "microphone" | "mic" | "speaker" | "speakers" | "loudspeaker"
            | "headphones" | "device" | "devices" => "audio",
            "persona" | "voice" | "character" => "persona",
            "brain" | "model" | "mas" | "llm" | "ollama" => "brain",
            "appearance" | "theme" | "look" | "looks" | "display" | "colours" | "colors" => "appearance",
            "about" | "version" | "licences" | "licenses" => "about",
            _ => return None,
        })
    };
    plain.iter().find_map(section)
}

/// Finds out what a person wants of the settings.
pub(super) fn settings(words: &Words<'_>, plain: &[&str]) -> Option<Intent> {
    if let ["open" | "show" | "go", rest @ ..] = plain
        && rest.iter().any(|word| matches!(*word, "settings" | "setting" | "preferences" | "options"))
        && rest.len() <= 6
    {
        return Some(Intent::OpenSettings(section(rest)));
    }
    if let ["settings" | "preferences"] = plain {
        return Some(Intent::OpenSettings(None));
    }
    if let Some(value) = theme(plain) {
        return Some(Intent::ChangeSetting { name: "theme", value: value.to_owned() });
    }
    let ["set" | "change" | "switch", rest @ ..] = plain else { return None };
    let (articles, rest) = match rest {
        ["the" | "my" | "your" | "moshi's", rest @ ..] => (1, rest),
        rest => (0, rest),
    };
    let (name, length) = match rest {
        ["voice", "to", _, ..] => ("voice", 1),
        ["persona", "to", _, ..] => ("persona", 1),
        ["model", "to", _, ..] => ("model", 1),
        ["language", "model", "to", _, ..] => ("model", 2),
        ["model", "address" | "server", "to", _, ..] => ("modelAddress", 2),
        ["mas", "to", _, ..] => ("masAddress", 1),
        ["mas", "address", "to", _, ..] => ("masAddress", 2),
        _ => return None,
    };
    let value = words.skip(1 + articles + length + 1).written().to_owned();
    (!value.is_empty()).then_some(Intent::ChangeSetting { name, value })
}

/// Looks by the words that people have for them.
fn theme(plain: &[&str]) -> Option<&'static str> {
    let look = |word: &str| match word {
        "dark" | "night" => Some("dark"),
        "light" | "bright" | "day" => Some("light"),
        "system" | "system's" | "automatic" => Some("system"),
        _ => None,
    };
    let opposite = |word: &str| match word {
        "dark" | "night" => Some("light"),
        "light" | "bright" | "day" => Some("dark"),
        _ => None,
    };
    match plain {
        ["turn" | "switch", "off", middle @ .., word, "mode" | "theme"]
        | ["turn" | "switch", middle @ .., word, "mode" | "theme", "off"]
            if articles(middle) =>
        {
            opposite(word)
        }
        [
            "switch" | "change" | "turn" | "go" | "set" | "use" | "enable" | "activate",
            middle @ ..,
            word,
            "mode" | "theme" | "look",
        ]
        | ["turn" | "switch", middle @ .., word, "mode" | "theme", "on"]
            if articles(middle) =>
        {
            look(word)
        }
        ["set" | "change" | "switch", "the", "theme" | "look" | "mode", "to", word]
        | ["set" | "change" | "switch", "theme", "to", word]
        | [word, "mode" | "theme"] => look(word),
        ["go", word @ ("dark" | "light")] => look(word),
        _ => None,
    }
}

fn articles(words: &[&str]) -> bool {
    words.iter().all(|word| matches!(*word, "to" | "the" | "on" | "into" | "a" | "my" | "it" | "back"))
}
