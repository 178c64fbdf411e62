//! Moments that a measuring program wants to know, on standard output: `mark NAME SECONDS`, since 1970.
//!
//! Only where MYCA_MARKS is set: nobody else reads an app's standard output.

use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

/// Says that this moment has come.
pub(crate) fn set(name: &str) {
    if std::env::var_os("MYCA_MARKS").is_none() {
        return;
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    // Whoever asked for marks and does not take them goes without.
    let _ = writeln!(std::io::stdout(), "mark {name} {:.3}", now.as_secs_f64());
}
