//! How much is taken of what comes from outside. Sizes are bytes of UTF-8.

/// What stands at the end of a text that was longer.
pub const CUT_MARK: &str = " […]";

/// The longest name of a tool, an agent or a provider, and the longest id.
pub const NAME: usize = 200;
/// The longest of all other single texts: arguments and results of tools, notices, what a server said of an error.
pub const TEXT: usize = 4 << 10;
/// The longest reply. Models write a few KiB; speaking this much would take hours.
pub const REPLY: usize = 256 << 10;
/// The most tool calls, the most agents and the most memory entries that one turn or one look may bring, each.
pub const ENTRIES: usize = 100;
/// The longest JSON document.
pub const DOCUMENT: usize = 1 << 20;
/// As much of an error's document as is read.
pub const ERROR_DOCUMENT: usize = 16 << 10;

/// The text, or as much of it as fits in front of [`CUT_MARK`]. Never longer than `limit`, if the mark fits in that.
#[must_use]
pub fn cut(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let room = text.floor_char_boundary(limit.saturating_sub(CUT_MARK.len()));
    format!("{}{CUT_MARK}", &text[..room])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_stays_and_what_does_not_ends_in_a_mark_after_a_whole_character() {
        assert_eq!(cut("naïve", 6), "naïve");
        assert_eq!(cut("naïve and more", 9), "na […]", "the mark has six bytes, and ï does not fit half");
        assert_eq!(cut("naïve and more", 10), "naï […]");
        assert_eq!(cut("long", 1), CUT_MARK);
    }
}
