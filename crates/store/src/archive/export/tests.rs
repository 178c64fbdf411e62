use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::turn::Source;

fn summary(title: &str) -> Summary {
    Summary {
        id: "0190".into(),
        title: title.into(),
        named: true,
        started_ms: 1_764_088_385_000,
        last_ms: 1_764_088_390_000,
        turns: 2,
        snippet: Vec::new(),
    }
}

fn turn(number: u64, speaker: Speaker, text: &str) -> Turn {
    Turn {
        number,
        speaker,
        source: Source::Typed,
        text: text.into(),
        at_ms: 1_764_088_385_000,
        open: false,
        delivery: None,
        note: None,
    }
}

fn as_markdown(title: &str, turns: &[Turn]) -> String {
    markdown(&summary(title), turns, &TimeZone::UTC)
}

/// The quotation of a single turn, without its marks.
fn quotation(text: &str) -> String {
    let mut out = String::new();
    quote(text, &mut out);
    assert!(out.lines().all(|line| line == ">" || line.starts_with("> ")), "{out:?}");
    out.lines().map(|line| line.trim_start_matches('>').trim_start_matches(' ').to_owned() + "\n").collect()
}

#[test]
fn a_conversation_reads_well() {
    let turns = [
        turn(0, Speaker::Moshi, "Hello, how can I help?"),
        Turn {
            delivery: Some(Delivery::Failed),
            note: Some("MAS did not answer".into()),
            ..turn(1, Speaker::Person, "What's up?\nTell me.\n\nPlease.")
        },
        Turn { note: Some("gemini".into()), ..turn(2, Speaker::Brain, "1. This\n2. That") },
    ];
    assert_eq!(
        as_markdown("A *new* day", &turns),
        "# A \\*new\\* day\n\n2025-11-25 16:33, 3 turns\n\n\
         **Moshi**, 2025-11-25 16:33:05\n\n> Hello, how can I help?\n\n\
         **You**, 2025-11-25 16:33:05, not delivered: MAS did not answer\n\n\
         > What's up?\\\n> Tell me.\n>\n> Please.\n\n\
         **Brain** (gemini), 2025-11-25 16:33:05\n\n> 1\\. This\\\n> 2\\. That\n"
    );
}

#[test]
fn nothing_in_a_turn_is_taken_for_markdown() {
    for (text, quoted) in [
        ("# no heading", "\\# no heading\n"),
        ("- no list\n+ nor this", "\\- no list\\\n\\+ nor this\n"),
        ("10) no list", "10\\) no list\n"),
        ("```\ncode\n```", "\\`\\`\\`\\\ncode\\\n\\`\\`\\`\n"),
        ("text\n===", "text\\\n\\===\n"),
        ("<script>&amp;</script>", "\\<script\\>\\&amp;\\</script\\>\n"),
        ("![x](javascript:1)", "!\\[x\\](javascript:1)\n"),
        ("ends with \\\nnext", "ends with \\\\\\\nnext\n"),
        (
            "a\n    indented\n\tand more",
            "a\\\n\u{a0}\u{a0}\u{a0}\u{a0}indented\\\n\u{a0}\u{a0}\u{a0}\u{a0}and more\n",
        ),
        ("a\rb\r\nc", "a\\\nb\\\nc\n"),
        ("bell \u{7} and \u{202e}back", "bell \u{fffd} and \u{fffd}back\n"),
        ("", "\n"),
    ] {
        assert_eq!(quotation(text), quoted, "{text:?}");
    }
    assert!(as_markdown("two\n# lines", &[]).starts_with("# two\u{fffd}# lines\n\n"));
}

#[test]
fn json_has_everything_in_its_documented_fields() {
    let turns = [Turn {
        delivery: Some(Delivery::Sent),
        note: Some("n".into()),
        ..turn(4, Speaker::Person, "\u{7}\"")
    }];
    let written: Value = serde_json::from_str(&json(&summary("A title"), &turns)).unwrap();
    assert_eq!(
        written,
        json!({
            "format": "myca-voice-conversation",
            "version": 1,
            "id": "0190",
            "title": "A title",
            "named": true,
            "started_ms": 1_764_088_385_000_i64,
            "last_ms": 1_764_088_390_000_i64,
            "turns": [{
                "number": 4, "speaker": "person", "source": "typed", "text": "\u{7}\"",
                "at_ms": 1_764_088_385_000_i64, "delivery": "sent", "note": "n",
            }],
        })
    );
}

#[test]
fn files_have_names_that_every_system_takes_and_none_is_overwritten() {
    for (title, name) in [
        ("What is the weather?", "2025-11-25 What is the weather"),
        ("a/b\\c: <d> | \"e\" * f", "2025-11-25 a b c d e f"),
        ("../../etc/passwd", "2025-11-25 .. .. etc passwd"),
        ("CON", "2025-11-25 CON"),
        ("ends with dots...", "2025-11-25 ends with dots"),
        (" \u{202e}\0", "2025-11-25 Conversation"),
        ("Zażółć 日本語", "2025-11-25 Zażółć 日本語"),
    ] {
        assert_eq!(file_name(&summary(title), &TimeZone::UTC), name);
    }
    let folder = tempfile::tempdir().unwrap();
    let below = folder.path().join("new/exports");
    let turns = [turn(0, Speaker::Person, "Hi")];
    let paths: Vec<PathBuf> = [Format::Markdown, Format::Markdown, Format::Json]
        .map(|format| write(&below, &summary("Tea?"), &turns, format).unwrap())
        .into();
    let names: Vec<String> =
        paths.iter().map(|path| path.file_name().unwrap().to_string_lossy()[10..].to_owned()).collect();
    assert_eq!(names, [" Tea.md", " Tea (2).md", " Tea.json"]);
    assert_eq!(fs::read_to_string(&paths[2]).unwrap(), json(&summary("Tea?"), &turns));
    fs::write(folder.path().join("file"), "").unwrap();
    let error = write(&folder.path().join("file/x"), &summary("Tea"), &turns, Format::Json).unwrap_err();
    assert_eq!(error.code(), "history.not_written");
}

proptest! {
    #[test]
    fn no_text_gets_out_of_its_quotation(text in any::<String>(), signs in "[ \\t\\r\\n#>*+=`~<|0-9.):\\-\\\\]{0,60}") {
        for text in [text, signs] {
            let written = quotation(&text);
            for line in written.lines() {
                let first = line.chars().next().unwrap_or(' ');
                prop_assert!(!"#>*+-=`~<|:\t".contains(first), "{line:?} of {text:?}");
            }
            let name = file_name(&summary(&text), &TimeZone::UTC);
            prop_assert!(name.len() < 250 && !name.contains(['/', '\\', ':', '\0']) && !name.ends_with(['.', ' ']), "{name:?}");
        }
    }
}
