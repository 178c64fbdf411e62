//! What the web view needs to be told before it starts.

use std::io;

/// On Linux, WebKitGTK shows an empty window, or none, with NVIDIA's driver unless its DMABUF renderer is off (tauri
/// issues 9394 and 10702). It costs acceleration, so it is done only there, and only where nobody has decided already.
///
/// The variable has to be there when the process starts: this process becomes another one of itself.
///
/// # Errors
/// When the system does not start it again.
#[cfg(target_os = "linux")]
pub(crate) fn prepare() -> io::Result<()> {
    use std::env;
    use std::os::unix::process::CommandExt;
    use std::path::Path;
    use std::process::Command;

    const VARIABLE: &str = "WEBKIT_DISABLE_DMABUF_RENDERER";
    const DRIVER: &str = "/proc/driver/nvidia/version";

    if env::var_os(VARIABLE).is_some() || !Path::new(DRIVER).exists() {
        return Ok(());
    }
    // Only comes back where it fails.
    Err(Command::new(env::current_exe()?).args(env::args_os().skip(1)).env(VARIABLE, "1").exec())
}

/// Nothing elsewhere.
///
/// # Errors
/// None.
#[cfg(not(target_os = "linux"))]
pub(crate) fn prepare() -> io::Result<()> {
    Ok(())
}
