//! What keeps a recording from being compared.

use thiserror::Error as ThisError;

/// A sentence for a line of the report.
#[derive(Debug, ThisError)]
pub(super) enum Flaw {
    /// A model, a codec or a file could not be used.
    #[error(transparent)]
    Engine(#[from] crate::Error),
    /// A recording without a tensor.
    #[error("It has no tensor {name}. Record it again.")]
    MissingTensor {
        /// Its name.
        name: String,
    },
    /// A tensor that does not fit the model.
    #[error("{name} has shape {found:?}, the model asks for {expected}. Record it again with this model.")]
    Shape {
        /// The tensor.
        name: String,
        /// Its shape.
        found: Vec<usize>,
        /// In words, as some extents are free.
        expected: String,
    },
    /// A tensor of other numbers.
    #[error("{name} holds numbers of type {found}, not {expected}. Record it again.")]
    Type {
        /// The tensor.
        name: String,
        /// The type, as the file names it.
        found: String,
        /// In words.
        expected: &'static str,
    },
    /// A number where a token has to be.
    #[error("{name} holds {id}, which is no token. Record it again.")]
    Token {
        /// The tensor.
        name: String,
        /// The number.
        id: i64,
    },
    /// A file that is not written as it should be.
    #[error("It makes no sense: {reason}. Record it again.")]
    Senseless {
        /// What is wrong with it.
        reason: String,
    },
    /// Nothing to compare with.
    #[error("Which model it belongs to can not be told: {reason}. Put the model's files beside it.")]
    Unknown {
        /// What is missing.
        reason: &'static str,
    },
}
