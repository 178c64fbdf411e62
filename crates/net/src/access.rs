//! What it takes to get into a server.

use crate::{Token, Trust};

/// What it takes to get into a server. By default: nothing but what the system believes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Access {
    /// Whom to believe.
    pub trust: Trust,
    /// Goes to the server as the bearer's, with each request.
    pub token: Option<Token>,
    /// Whether nothing may leave this computer without encryption.
    pub encrypted: bool,
}
