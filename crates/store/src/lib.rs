//! What is kept on disk, and where.
//!
//! Nothing is ever lost silently: a file that cannot be read is set aside under another name and a [`SetAside`] says
//! so, settings are replaced in one step, and a turn that could not be written is reported to whoever wrote it.

mod archive;
mod conduct;
mod database;
mod history;
mod memories;
mod paths;
mod profile;
mod secrets;
mod set_aside;
mod settings;
mod turn;
mod words;

pub use archive::{Archive, ArchiveError, Format, Found, Page, Piece, Summary};
pub use conduct::{Answerer, EarChoice, Says};
pub use database::DatabaseError;
pub use history::History;
pub use memories::{Memories, Memory, MemoryError};
pub use paths::{Paths, PathsError};
pub use profile::{HostPlace, HostProfile, LocalRuntime, LocalSetup, Measured};
pub use secrets::{Secret, SecretError, SecretName, Secrets};
pub use set_aside::SetAside;
pub use settings::{Settings, SettingsError, SettingsFile, Theme};
pub use turn::{Conversation, Delivery, Source, Speaker, Turn};
