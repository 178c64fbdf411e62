//! How much is taken of what comes from outside. Sizes are bytes of UTF-8.

pub use wire::{CUT_MARK, cut};

/// The longest name of a tool, an agent or a provider, and the longest id.
pub const NAME: usize = 200;
/// The longest of all other single texts: arguments and results of tools, notices, what a server said of an error.
pub const TEXT: usize = 4 << 10;
/// The longest reply. Models write a few KiB; speaking this much would take hours.
pub const REPLY: usize = 256 << 10;
/// The most tool calls, the most agents and the most memory entries that one turn or one look may bring, each.
pub const ENTRIES: usize = 100;
/// The longest JSON document.
pub const DOCUMENT: usize = 1 << 20;
/// As much of an error's document as is read.
pub const ERROR_DOCUMENT: usize = 16 << 10;
