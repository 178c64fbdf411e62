//! All that a child has started, and how it ends together.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
pub(crate) mod parent_death;
#[cfg(target_os = "linux")]
pub(crate) mod processes;
#[cfg(windows)]
pub(crate) mod windows;

#[cfg(target_os = "linux")]
pub(crate) use linux::Tree;
#[cfg(windows)]
pub(crate) use windows::Tree;
