//! What a conversation is called.

use rusqlite::{Connection, OptionalExtension};

use crate::turn::places;

/// The longest title that a person can give, in characters.
pub(super) const LONGEST_GIVEN: usize = 120;
/// The longest title that is made of what was said, in characters.
const LONGEST_MADE: usize = 60;
/// Turns at the beginning among which one with words is looked for.
const BEGINNING: i64 = 200;

/// The first words of the person, or of anybody where the person said nothing.
pub(super) fn automatic(db: &Connection, key: i64) -> rusqlite::Result<String> {
    let (first, last) = places(key);
    let text: Option<String> = db
        .prepare_cached(
            "SELECT text FROM
                 (SELECT place, speaker, text FROM turns WHERE place BETWEEN ?1 AND ?2 ORDER BY place LIMIT ?3)
             WHERE trim(text) <> '' ORDER BY speaker <> 'person', place LIMIT 1",
        )?
        .query_row([first, last, BEGINNING], |row| row.get(0))
        .optional()?;
    Ok(on_one_line(&text.unwrap_or_default(), LONGEST_MADE))
}

/// A text with single spaces and no control characters, cut after a word where it has more than `most` characters.
pub(super) fn on_one_line(text: &str, most: usize) -> String {
    let mut line = String::new();
    let mut count = 0;
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        let length = word.chars().count();
        let space = usize::from(count > 0);
        if count + space + length > most {
            if count == 0 {
                line.extend(word.chars().take(most - 1));
            }
            line.push('…');
            break;
        }
        if space > 0 {
            line.push(' ');
        }
        line.push_str(word);
        count += space + length;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_one_line_that_ends_after_a_word() {
        assert_eq!(on_one_line("  what is\n\tthe \u{7}weather  ", 60), "what is the weather");
        assert_eq!(on_one_line("one two three", 9), "one two…");
        assert_eq!(on_one_line("one two", 7), "one two");
        assert_eq!(on_one_line(&"ä".repeat(90), 60), "ä".repeat(59) + "…");
        assert_eq!(on_one_line(" \n", 60), "");
    }
}
