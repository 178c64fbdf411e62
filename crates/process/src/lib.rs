//! Child processes that end with their whole tree, and with whoever started them.
//!
//! A [`Spec`] says what is started, and [`Child`] is what runs. Both of its streams are read line by line, bounded, kept
//! ([`Child::tail`]), handed on ([`Child::follow`]) and written to a [`LogFile`] that is rotated. When a child ends, is
//! stopped or dropped, what it started ends too.
//!
//! On Linux a child is the first of a process group and is killed when this program dies. What it starts itself is found
//! by its group and its parents; programs that start others had better run under a [`Guard`], which adopts whatever loses
//! its parent, and ends all of it even when this program was killed. On Windows a job object does all of that.

mod child;
mod error;
mod exit;
mod find;
pub mod guard;
mod log;
mod output;
mod spawn;
mod spec;
mod tree;

pub use child::Child;
pub use error::StartError;
pub use exit::Exit;
pub use find::find;
pub use guard::Guard;
pub use log::LogFile;
pub use output::{Line, Output, Source};
pub use spec::Spec;
pub use tokio::process::ChildStdin;
