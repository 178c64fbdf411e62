//! What of a reply can be said: plain sentences, without what is only for the eye.

use std::fmt::Write;

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd, TextMergeStream};
use wire::LONGEST_SPEECH;

/// As much of a reply is looked at, in bytes: more than is said of any.
const LOOKED_AT: usize = 64 << 10;

/// What ends a sentence.
const ENDING: [char; 7] = ['.', '!', '?', '…', '。', '！', '？'];
/// What may stand behind its end.
const CLOSING: [char; 7] = ['"', '\'', ')', ']', '”', '’', '»'];

/// The reply without Markdown's marks, code, pictures and addresses, every heading and item a sentence. Where that is
/// longer than a host says, it ends with the last whole sentence. `None` where nothing of it is words.
pub(crate) fn speakable(reply: &str) -> Option<String> {
    let reply = &reply[..reply.floor_char_boundary(LOOKED_AT)];
    let parser = Parser::new_ext(reply, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH);
    let mut plain = String::with_capacity(reply.len());
    let mut in_code = false;
    // Of the lists around, the number of the next item.
    let mut numbers = Vec::new();
    for event in TextMergeStream::new(parser) {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(_))) => in_code = true,
            Event::End(TagEnd::CodeBlock) => {
                in_code = false;
                end_sentence(&mut plain);
            }
            _ if in_code => {}
            Event::Text(text) | Event::Code(text) => add(&mut plain, &text),
            Event::SoftBreak | Event::HardBreak => plain.push(' '),
            Event::InlineHtml(mark) if mark.starts_with("<br") => plain.push(' '),
            Event::End(TagEnd::TableCell) => end(&mut plain, ","),
            Event::Start(Tag::List(first)) => {
                end_sentence(&mut plain);
                numbers.push(first);
            }
            Event::End(TagEnd::List(_)) => _ = numbers.pop(),
            Event::Start(Tag::Item) => {
                end_sentence(&mut plain);
                // Also where somebody begins with a year and a full stop.
                if let Some(Some(number)) = numbers.last_mut() {
                    let _ = write!(plain, "{number}. ");
                    *number += 1;
                }
            }
            Event::End(
                TagEnd::Paragraph | TagEnd::Heading(_) | TagEnd::Item | TagEnd::TableHead | TagEnd::TableRow,
            ) => end_sentence(&mut plain),
            _ => {}
        }
    }
    let words: Vec<&str> = plain.split_whitespace().collect();
    let plain = words.join(" ");
    let whole = up_to(&plain, LONGEST_SPEECH);
    whole.chars().any(char::is_alphanumeric).then(|| whole.to_owned())
}

/// The sentences of a text that have ended, as what comes behind them shows. A full stop behind a number or a single letter
/// ends none.
pub(crate) fn whole_sentences(plain: &str) -> &str {
    let ends = plain.rmatch_indices(' ').map(|(at, _)| &plain[..at]).find(|before| {
        let bare = before.trim_end_matches(CLOSING);
        let word = bare.rsplit(' ').next().unwrap_or_default().trim_end_matches(ENDING);
        bare.ends_with(ENDING)
            && word.chars().filter(|c| c.is_alphabetic()).count() > 1
            && !word.contains('.')
    });
    ends.unwrap_or_default()
}

/// Adds text, with the host in place of an address and nothing in place of a symbol.
fn add(plain: &mut String, text: &str) {
    for piece in text.split_inclusive(char::is_whitespace) {
        let bare = piece.trim_start_matches(['(', '<', '"', '\'']);
        let (before, _) = piece.split_at(piece.len() - bare.len());
        plain.push_str(before);
        match host_of(bare) {
            Some((host, after)) => {
                plain.push_str(host);
                plain.push_str(after);
            }
            None => plain.extend(bare.chars().map(|c| if is_symbol(c) { ' ' } else { c })),
        }
    }
}

/// The host of an address, and what stands behind the address: punctuation and white space.
fn host_of(text: &str) -> Option<(&str, &str)> {
    let (_, rest) = text.split_once("://").filter(|(scheme, _)| matches!(*scheme, "http" | "https"))?;
    let address = rest.trim_end_matches(|c: char| !c.is_alphanumeric() && c != '/');
    let host = address.split(['/', '?', '#', ':']).next()?;
    Some((host.strip_prefix("www.").unwrap_or(host), &rest[address.len()..]))
}

/// Whether a character is a picture and no writing: arrows, technical and other symbols, emoji, and what joins those.
fn is_symbol(c: char) -> bool {
    matches!(c, '\u{2190}'..='\u{2bff}' | '\u{fe00}'..='\u{fe0f}' | '\u{200d}' | '\u{20e3}' | '\u{1f000}'..='\u{1faff}'
        | '\u{e0000}'..='\u{e007f}')
}

/// Ends a sentence that has no end of its own.
fn end_sentence(plain: &mut String) {
    end(plain, ".");
}

fn end(plain: &mut String, mark: &str) {
    plain.truncate(plain.trim_end().len());
    if plain.ends_with(',') && mark == "." {
        plain.pop();
    }
    let bare = plain.trim_end_matches(CLOSING);
    if !bare.is_empty() && !bare.ends_with(ENDING) && !bare.ends_with([':', ';', ',']) {
        plain.push_str(mark);
    }
    plain.push(' ');
}

/// As many whole sentences as fit into so many characters; whole words where not even one does.
fn up_to(text: &str, limit: usize) -> &str {
    let Some((end, _)) = text.char_indices().nth(limit) else { return text };
    let is_space = |at: &usize| text[*at..].starts_with(' ');
    let ends = || (1..=end).rev().filter(|at| text.is_char_boundary(*at)).filter(is_space);
    let ends_sentence = |at: &usize| text[..*at].trim_end_matches(CLOSING).ends_with(ENDING);
    let at = ends().find(ends_sentence).or_else(|| ends().next()).unwrap_or(end);
    &text[..at]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn marks_are_not_said_and_words_are() {
        for (reply, said) in [
            ("It is noon.", "It is noon."),
            ("  It is\nnoon ", "It is noon."),
            ("**Bold**, *soft* and ~~wrong~~ `code`", "Bold, soft and wrong code."),
            ("snake_case and 2 * 3 * 4 stay", "snake_case and 2 * 3 * 4 stay."),
            ("# Title\n\nText.", "Title. Text."),
            ("Two things:\n\n- one\n- two!\n  1. inner\n", "Two things: one. two! 1. inner."),
            ("3. First\n3. Second", "3. First. 4. Second."),
            ("2015. That was the year.", "2015. That was the year."),
            ("> Quoted\n> words", "Quoted words."),
            ("[the docs](https://example.org/a?b=c) say", "the docs say."),
            (
                "See https://www.example.org:8080/a/b?c=d, or (http://h.example).",
                "See example.org, or (h.example).",
            ),
            ("<https://example.org/x>", "example.org."),
            ("A ![red cap](x.png) grows", "A red cap grows."),
            ("Run:\n\n```sh\nrm -rf /\n```\n\nDone", "Run: Done."),
            ("    indented words", "indented words."),
            ("| a | b |\n|---|---|\n| 1 | 2 |", "a, b. 1, 2."),
            ("One<br>two <b>three</b>", "One two three."),
            ("Above\n\n---\n\nBelow", "Above. Below."),
            ("Well done 🎉👩‍🚀 → next", "Well done next."),
            ("\"Quoted.\" He left", "\"Quoted.\" He left."),
            ("AT&amp;T \\*plain\\*", "AT&T *plain*."),
        ] {
            assert_eq!(speakable(reply).as_deref(), Some(said), "{reply:?}");
        }
        for nothing in ["", " \n", "---", "```\nlet x;\n```", "🎉", "***", "![](x.png)"] {
            assert_eq!(speakable(nothing), None, "{nothing:?}");
        }
    }

    #[test]
    fn a_sentence_has_ended_when_another_one_begins() {
        for (plain, whole) in [
            ("Hello.", ""),
            ("Hello. How", "Hello."),
            ("He said \"No.\" Then", "He said \"No.\""),
            ("One! Two? Three", "One! Two?"),
            ("It costs 3. Or so", ""),
            ("Good. See e.g. this", "Good."),
            ("Two things: one. two! 1. inner", "Two things: one. two!"),
            ("", ""),
        ] {
            assert_eq!(whole_sentences(plain), whole, "{plain}");
        }
    }

    #[test]
    fn what_is_too_long_ends_with_a_sentence() {
        let sentence = "Ten words make this sentence one of fifty-four letters. ";
        let said = speakable(&sentence.repeat(200)).unwrap();
        assert!(said.ends_with("letters.") && said.chars().count() <= LONGEST_SPEECH, "{}", said.len());
        assert!(said.chars().count() > LONGEST_SPEECH - sentence.len());
        assert_eq!(up_to("One. Two.", 4), "One.");
        assert_eq!(up_to("One. Two.", 8), "One.");
        assert_eq!(up_to("One two three", 9), "One two");
        assert_eq!(up_to("öüäß", 3), "öüä");
        assert_eq!(speakable(&"word ".repeat(100_000)).unwrap().chars().count(), LONGEST_SPEECH - 1);
    }

    proptest! {
        #[test]
        fn anything_becomes_one_line_that_is_not_too_long(reply in "([\\PC]|[\n*_`#|>\\-\\[\\]()<!~]){0,200}") {
            if let Some(said) = speakable(&reply) {
                prop_assert!(said.chars().count() <= LONGEST_SPEECH);
                prop_assert!(!said.contains('\n') && said.trim() == said);
            }
        }
    }
}
