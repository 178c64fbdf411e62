//! A request, cut into words.

use std::ops::Range;

/// More words than this are no plain request.
const MOST: usize = 1_000;

/// The words of a text, in a form in which they can be compared, and where each of them stands in it.
#[derive(Debug, Clone)]
pub(super) struct Words<'a> {
    text: &'a str,
    words: Vec<String>,
    places: Vec<Range<usize>>,
}

impl<'a> Words<'a> {
    /// The words of a text; none if there are very many.
    pub(super) fn of(text: &'a str) -> Self {
        let mut all = Self { text, words: Vec::new(), places: Vec::new() };
        let mut rest = 0;
        while let Some(begin) = text[rest..].find(|c: char| !c.is_whitespace()).map(|at| rest + at) {
            let end = text[begin..].find(char::is_whitespace).map_or(text.len(), |at| begin + at);
            all.word(begin..end);
            if all.words.len() > MOST {
                return Self { text, words: Vec::new(), places: Vec::new() };
            }
            rest = end;
        }
        all
    }

    fn word(&mut self, place: Range<usize>) {
        let plain = self.text[place.clone()].trim_matches(|c: char| !c.is_alphanumeric());
        let plain = plain.to_lowercase().replace('\u{2019}', "'");
        let mut keep = |word: &str| {
            self.words.push(word.to_owned());
            self.places.push(place.clone());
        };
        let parts: &[&str] = match plain.as_str() {
            // Punctuation that stands alone.
            "" => return,
            "what's" | "whats" => &["what", "is"],
            "who's" => &["who", "is"],
            "when's" => &["when", "is"],
            "where's" => &["where", "is"],
            "it's" => &["it", "is"],
            "i'm" => &["i", "am"],
            "i'd" => &["i", "would"],
            "let's" | "lets" => &["let", "us"],
            "don't" | "dont" => &["do", "not"],
            "doesn't" | "doesnt" => &["does", "not"],
            "ok" => &["okay"],
            word => &[word],
        };
        parts.iter().for_each(|part| keep(part));
    }

    /// The words, in lower case and without punctuation around them.
    pub(super) fn plain(&self) -> Vec<&str> {
        self.words.iter().map(String::as_str).collect()
    }

    /// Without the first few words.
    pub(super) fn skip(&self, count: usize) -> Self {
        let count = count.min(self.words.len());
        Self { text: self.text, words: self.words[count..].to_vec(), places: self.places[count..].to_vec() }
    }

    /// Without the last few words.
    pub(super) fn leave(&self, count: usize) -> Self {
        let count = self.words.len() - count.min(self.words.len());
        Self { text: self.text, words: self.words[..count].to_vec(), places: self.places[..count].to_vec() }
    }

    /// The text from the first word to the last as it was written, without quotes around it and without punctuation at
    /// its end.
    pub(super) fn written(&self) -> &'a str {
        let (Some(first), Some(last)) = (self.places.first(), self.places.last()) else { return "" };
        let text = &self.text[first.start..last.end];
        let text = text.trim_end_matches(['.', '!', '?', ',', ';', ':', '…']);
        text.trim_matches(['"', '\'', '“', '”', '„', '‘', '’', '«', '»']).trim()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_compared_without_case_and_punctuation_and_written_as_they_were() {
        let words = Words::of("  Remember:  that “Miso’s   vet” is Dr. Ō! ");
        assert_eq!(words.plain(), ["remember", "that", "miso's", "vet", "is", "dr", "ō"]);
        assert_eq!(words.skip(2).written(), "Miso’s   vet” is Dr. Ō");
        assert_eq!(words.skip(2).leave(3).written(), "Miso’s   vet");
        assert_eq!(words.skip(99).written(), "");
        assert_eq!(Words::of("What's … up?").plain(), ["what", "is", "up"]);
    }
}
