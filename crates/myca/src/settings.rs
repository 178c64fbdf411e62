//! The settings of the person who runs the program.
#![allow(clippy::print_stderr, reason = "sentences are for whoever started it")]

use store::{Paths, SettingsFile};

/// The settings; none, if there is no place for them. That a damaged file was set aside is said.
pub(crate) fn of_user() -> Option<SettingsFile> {
    let (file, aside) = SettingsFile::open(&Paths::of_user().ok()?.settings());
    if let Some(aside) = aside {
        let kept_as = aside.kept_as.display();
        eprintln!("[The settings were damaged ({}); the old file is {kept_as}.]", aside.reason);
    }
    Some(file)
}
