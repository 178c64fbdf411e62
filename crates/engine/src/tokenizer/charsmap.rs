//! What SentencePiece makes of characters before it looks for tokens: its "precompiled charsmap".
//!
//! The bytes are a length, a trie of that length as a double array (Darts-clone: units of 32 bits), and the texts that
//! the trie's values point to, each ended by a zero. Of everything in it nothing is believed: an index that points
//! outside finds nothing.

/// Rules of the form "these characters become those".
#[derive(Debug, Clone, Default)]
pub(super) struct Charsmap {
    units: Vec<u32>,
    texts: Box<str>,
}

impl Charsmap {
    /// Reads the bytes; none of them are no rules. `None` for bytes of another shape.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        if bytes.is_empty() {
            return Some(Self::default());
        }
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let (trie, texts) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
        let (units, odd) = trie.as_chunks::<4>();
        if !odd.is_empty() {
            return None;
        }
        let units = units.iter().map(|unit| u32::from_le_bytes(*unit)).collect();
        Some(Self { units, texts: str::from_utf8(texts).ok()?.into() })
    }

    /// The longest beginning of `text` for which there is a rule: its bytes, and what it becomes.
    pub(super) fn longest(&self, text: &str) -> Option<(usize, &str)> {
        let unit = |node: usize| self.units.get(node).copied();
        let mut found = None;
        let mut node = offset(unit(0)?);
        for (length, &byte) in (1..).zip(text.as_bytes()) {
            node ^= usize::from(byte);
            let Some(child) = unit(node).filter(|&child| label(child) == u32::from(byte)) else { break };
            node ^= offset(child);
            if has_value(child) {
                found = unit(node).map(|leaf| (length, value(leaf)));
            }
        }
        let (length, at) = found?;
        let becomes = self.texts.get(at..)?.split('\0').next()?;
        text.is_char_boundary(length).then_some((length, becomes))
    }
}

fn has_value(unit: u32) -> bool {
    unit >> 8 & 1 == 1
}

fn value(unit: u32) -> usize {
    (unit & 0x7fff_ffff) as usize
}

fn label(unit: u32) -> u32 {
    unit & 0x8000_00ff
}

fn offset(unit: u32) -> usize {
    ((unit >> 10) << ((unit & 1 << 9) >> 6)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn no_bytes_are_no_rules_and_cut_ones_are_none() {
        assert_eq!(Charsmap::parse(b"").unwrap().longest("a"), None);
        for bytes in
            [&b"\x04"[..], b"\x08\0\0\0abcd", b"\x03\0\0\0abc", b"\xff\xff\xff\xff", b"\x04\0\0\0abcd\xff"]
        {
            assert!(Charsmap::parse(bytes).is_none(), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn any_trie_is_looked_through_to_an_end(units in prop::collection::vec(any::<u32>(), 0..600), text in "\\PC{0,9}") {
            let trie: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
            let length = u32::try_from(trie.len()).unwrap().to_le_bytes();
            let bytes = [&length[..], &trie, b"a\0\xc3\xa9\0"].concat();
            if let Some((length, _)) = Charsmap::parse(&bytes).unwrap().longest(&text) {
                prop_assert!(text.is_char_boundary(length) && length > 0);
            }
        }
    }
}
