//! What a person typed into a search field, as a full-text query. Nothing that is typed is syntax.

/// Bytes of a query that are looked at.
const LONGEST: usize = 1_024;
/// Words of a query that are looked for.
const MOST: usize = 32;

/// What is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Nothing was typed.
    Everything,
    /// What was typed has no word in it, so no text can match.
    Nothing,
    /// A query for `MATCH`.
    Match(String),
}

/// Texts with all the words, in any order; the last one may be the beginning of a word.
pub(crate) fn all_words(typed: &str) -> Wanted {
    wanted(typed, " AND ", " *")
}

/// Texts with any of the words.
pub(crate) fn any_word(typed: &str) -> Wanted {
    wanted(typed, " OR ", "")
}

fn wanted(typed: &str, between: &str, end: &str) -> Wanted {
    let typed = &typed[..typed.floor_char_boundary(LONGEST)];
    if typed.trim().is_empty() {
        return Wanted::Everything;
    }
    let words: Vec<String> = typed
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| word.chars().any(char::is_alphanumeric))
        .take(MOST)
        .map(|word| format!("\"{}\"", word.replace('"', "\"\"")))
        .collect();
    if words.is_empty() { Wanted::Nothing } else { Wanted::Match(words.join(between) + end) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rusqlite::Connection;

    use super::*;

    fn match_of(typed: &str) -> String {
        let Wanted::Match(query) = all_words(typed) else { panic!("no words in {typed:?}") };
        query
    }

    #[test]
    fn words_are_quoted_and_the_last_one_may_go_on() {
        assert_eq!(match_of("  cat   mis"), r#""cat" AND "mis" *"#);
        assert_eq!(match_of(r#"say "hello" NEAR(x)"#), r#""say" AND """hello""" AND "NEAR(x)" *"#);
        assert_eq!(any_word("cat dog"), Wanted::Match(r#""cat" OR "dog""#.to_owned()));
    }

    #[test]
    fn nothing_typed_is_everything_and_signs_alone_are_nothing() {
        for blank in ["", "  ", "\t\n"] {
            assert_eq!(all_words(blank), Wanted::Everything);
        }
        for signs in ["\"", "* (", "-", "\u{1f389}", "\0"] {
            assert_eq!(all_words(signs), Wanted::Nothing, "{signs:?}");
        }
        assert_eq!(match_of("cat !"), r#""cat" *"#);
    }

    proptest! {
        #[test]
        fn whatever_is_typed_is_a_query_that_sqlite_takes(typed in any::<String>(), syntax in r#"[ "*^:(){}+\-a-cANDORNET]{0,40}"#) {
            let db = Connection::open_in_memory().unwrap();
            db.execute_batch("CREATE VIRTUAL TABLE t USING fts5 (text); INSERT INTO t VALUES ('a b c')").unwrap();
            for typed in [typed, syntax] {
                for wanted in [all_words(&typed), any_word(&typed)] {
                    if let Wanted::Match(query) = wanted {
                        let count = db.query_row("SELECT count(*) FROM t WHERE t MATCH ?1", [&query], |row| row.get::<_, i64>(0));
                        prop_assert!(count.is_ok(), "{query:?}: {count:?}");
                    }
                }
            }
        }
    }
}
