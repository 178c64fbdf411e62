//! Taking a part of a text that is too long.

/// What stands at the end of a text that was longer.
pub const CUT_MARK: &str = " […]";

/// The text, or as much of it as fits in front of [`CUT_MARK`]. Never longer than `limit`, in bytes, if the mark fits in
/// that.
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
