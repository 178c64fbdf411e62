//! What a model thinks before it answers, where its server sends that among the words.

const OPEN: &str = "<think>";
const CLOSE: &str = "</think>";

/// Takes the words of an answer in any pieces, and gives those that are not thought. Only what the answer begins with can be
/// a thought: later the sign is one that the model writes about.
#[derive(Debug, Default)]
pub(super) struct Thinking {
    state: State,
    /// What cannot be told apart yet.
    held: String,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum State {
    /// Nothing but white space has come.
    #[default]
    Before,
    Thinks,
    Speaks,
}

impl Thinking {
    /// Takes the next piece.
    pub(super) fn push(&mut self, piece: &str) -> String {
        if self.state == State::Speaks {
            return piece.to_owned();
        }
        self.held.push_str(piece);
        loop {
            match self.state {
                State::Before => {
                    let begins = self.held.trim_start();
                    if let Some(rest) = begins.strip_prefix(OPEN) {
                        (self.held, self.state) = (rest.to_owned(), State::Thinks);
                    } else if OPEN.starts_with(begins) {
                        // Nothing yet, or a part of the sign.
                        return String::new();
                    } else {
                        let spoken = begins.to_owned();
                        self.held.clear();
                        self.state = State::Speaks;
                        return spoken;
                    }
                }
                State::Thinks => {
                    let Some((_, rest)) = self.held.split_once(CLOSE) else {
                        // Thoughts may be long: only what may be the beginning of the sign is kept.
                        let from = self.held.len().saturating_sub(CLOSE.len() - 1);
                        self.held.drain(..self.held.ceil_char_boundary(from));
                        return String::new();
                    };
                    // Another thought may follow.
                    (self.held, self.state) = (rest.to_owned(), State::Before);
                }
                State::Speaks => return std::mem::take(&mut self.held),
            }
        }
    }

    /// What was held back, when nothing more comes.
    pub(super) fn finish(&mut self) -> String {
        match self.state {
            State::Before => std::mem::take(&mut self.held).trim_start().to_owned(),
            State::Thinks | State::Speaks => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spoken<'a>(pieces: impl IntoIterator<Item = &'a str>) -> String {
        let mut thinking = Thinking::default();
        let mut spoken: String = pieces.into_iter().map(|piece| thinking.push(piece)).collect();
        spoken.push_str(&thinking.finish());
        spoken
    }

    #[test]
    fn thoughts_are_not_spoken() {
        assert_eq!(spoken(["<think>hm</think>\n\nHello"]), "Hello");
        assert_eq!(spoken(["\n<thi", "nk>a <b> c</th", "ink> Hi", " there"]), "Hi there");
        assert_eq!(spoken(["<think>a</think><think>b</think>c"]), "c");
        assert_eq!(spoken(["<think>it never ends"]), "");
        assert_eq!(spoken(["\n\n Hello"]), "Hello");
    }

    #[test]
    fn what_only_looks_like_a_thought_is_spoken() {
        assert_eq!(spoken(["Write <think>x</think> in it"]), "Write <think>x</think> in it");
        assert_eq!(spoken(["<thi"]), "<thi");
        assert_eq!(spoken(["<this> is", " a tag"]), "<this> is a tag");
        assert_eq!(spoken(["", " ", "<"]), "<");
    }

    proptest! {
        #[test]
        fn where_it_is_cut_does_not_matter(text in "[ <>/a]{0,3}(<think>[a</tïhk>]{0,12}(</think>)?)?[ <a>thinkï/]{0,12}", cut in 0usize..40) {
            let cut = text.floor_char_boundary(cut);
            prop_assert_eq!(spoken([&text[..cut], &text[cut..]]), spoken([text.as_str()]));
        }
    }
}
