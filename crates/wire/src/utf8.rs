//! Text that arrives in pieces which may end inside a character.

use std::str;

/// Joins byte pieces into text, holding back a character until all of its bytes are there.
///
/// Tokenizers with byte fallback can put one character into several tokens, and servers send token by token. Bytes
/// that can never become a character turn into U+FFFD at once; at most three bytes are ever held back.
#[derive(Debug, Default, Clone)]
pub struct Utf8Stream {
    held: Vec<u8>,
}

impl Utf8Stream {
    /// A stream with nothing held back.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next piece and returns all text that is complete by now.
    pub fn push(&mut self, piece: &[u8]) -> String {
        self.held.extend_from_slice(piece);
        let mut text = String::with_capacity(self.held.len());
        let mut rest = self.held.as_slice();
        loop {
            match str::from_utf8(rest) {
                Ok(valid) => {
                    text.push_str(valid);
                    rest = &[];
                    break;
                }
                Err(error) => {
                    let (valid, after) = rest.split_at(error.valid_up_to());
                    text.push_str(&String::from_utf8_lossy(valid));
                    match error.error_len() {
                        Some(len) => {
                            text.push(char::REPLACEMENT_CHARACTER);
                            rest = &after[len..];
                        }
                        None => {
                            rest = after;
                            break;
                        }
                    }
                }
            }
        }
        let keep = rest.len();
        self.held.drain(..self.held.len() - keep);
        text
    }

    /// Ends the stream: a character that was never completed becomes U+FFFD.
    pub fn finish(&mut self) -> Option<char> {
        if self.held.is_empty() {
            return None;
        }
        self.held.clear();
        Some(char::REPLACEMENT_CHARACTER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_split_over_pieces_comes_out_whole() {
        let mut stream = Utf8Stream::new();
        let bytes = " naïve 🦀".as_bytes();
        let joined: String = bytes.iter().map(|b| stream.push(&[*b])).collect();
        assert_eq!(joined, " naïve 🦀");
        assert_eq!(stream.finish(), None);
    }

    #[test]
    fn what_can_never_be_a_character_does_not_hold_back_what_follows() {
        let mut stream = Utf8Stream::new();
        assert_eq!(stream.push(b"\xff\xfe\xc3"), "\u{fffd}\u{fffd}");
        assert_eq!(stream.push(b"a"), "\u{fffd}a");
        assert_eq!(stream.push(b"\xe2\x82"), "");
        assert_eq!(stream.finish(), Some('\u{fffd}'));
        assert_eq!(stream.finish(), None);
    }
}
