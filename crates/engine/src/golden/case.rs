//! One recording, of any kind.

use std::path::Path;

use super::codec::CodecCase;
use super::end_to_end::EndToEndCase;
use super::lm::LmCase;
use super::page::Page;
use super::personaplex::PersonaPlexCase;
use super::words::WordsCase;
use super::{Line, kyutai, personaplex};

/// Files that are compared together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Case {
    Lm(LmCase),
    Words(WordsCase),
    Codec(CodecCase),
    EndToEnd(EndToEndCase),
    PersonaPlexPrompt,
    PersonaPlex(PersonaPlexCase),
    Kyutai,
}

impl Case {
    /// The file that says how it should be.
    pub(super) fn file(&self) -> &str {
        match self {
            Self::Lm(case) => &case.recording,
            Self::Words(case) => &case.list,
            Self::Codec(case) => &case.recording,
            Self::EndToEnd(case) => &case.recording,
            Self::PersonaPlexPrompt => personaplex::PROMPT,
            Self::PersonaPlex(case) => case.recording(),
            Self::Kyutai => kyutai::OUT,
        }
    }

    /// Adds the lines of its file.
    pub(super) fn compare(&self, folder: &Path, lines: &mut Vec<Line>) {
        let page = &mut Page::new(self.file(), lines);
        match self {
            Self::Lm(case) => case.compare(folder, page),
            Self::Words(case) => case.compare(folder, page),
            Self::Codec(case) => case.compare(folder, page),
            Self::EndToEnd(case) => case.compare(folder, page),
            Self::PersonaPlexPrompt => personaplex::compare_constants(folder, page),
            Self::PersonaPlex(case) => case.compare(folder, page),
            Self::Kyutai => kyutai::compare(folder, page),
        }
    }
}
