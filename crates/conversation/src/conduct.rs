//! How a conversation is conducted: who hears the person, who answers, and when Moshi says what the brain replies.

use crate::ear::Ear;

/// How a conversation is conducted. It holds from the moment on that it is set; which ear a host has is asked for anew
/// with each connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conduct {
    /// Who makes text of what the person says.
    pub ear: Ear,
    /// Who answers.
    pub answerer: Answerer,
    /// When a reply of the brain's is said.
    pub says: Says,
}

/// Who answers the person. What is typed is answered by the brain in any case, as Moshi can not read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Answerer {
    /// Moshi alone answers what the person says. What was heard stands in the transcript, and the brain is not asked.
    Moshi,
    /// The brain is asked, and Moshi says its replies where the host can.
    #[default]
    BrainThroughMoshi,
    /// The brain is asked, and its replies are shown.
    BrainInText,
}

/// When Moshi says a reply of the brain's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Says {
    /// At the next pause of both sides, or after [`PATIENCE`](crate::machine::PATIENCE).
    #[default]
    AtPause,
    /// At once.
    AtOnce,
}
