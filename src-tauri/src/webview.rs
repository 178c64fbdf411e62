//! What the web view needs to be told before it starts.

use std::io;

/// On Linux, lets WebKitGTK draw without its DMABUF renderer where that renderer does harm: with NVIDIA's driver the window
/// stays empty or never opens (tauri issues 9394 and 10702), and without any GPU it draws through a software GL, which
/// takes six times as much of the processor and half as much memory again. Where somebody has decided already, that holds.
///
/// The variable has to be there when the process starts: this process becomes another one of itself.
///
/// # Errors
/// When the system does not start it again.
#[cfg(target_os = "linux")]
pub(crate) fn prepare() -> io::Result<()> {
    use std::env;
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    const VARIABLE: &str = "WEBKIT_DISABLE_DMABUF_RENDERER";

    if env::var_os(VARIABLE).is_some() || (!has_nvidia_driver() && has_render_node()) {
        return Ok(());
    }
    // Only comes back where it fails.
    Err(Command::new(env::current_exe()?).args(env::args_os().skip(1)).env(VARIABLE, "1").exec())
}

#[cfg(target_os = "linux")]
fn has_nvidia_driver() -> bool {
    std::path::Path::new("/proc/driver/nvidia/version").exists()
}

/// Whether the kernel offers a GPU that programs can draw with.
#[cfg(target_os = "linux")]
fn has_render_node() -> bool {
    let nodes = std::fs::read_dir("/dev/dri").into_iter().flatten().flatten();
    nodes.map(|node| node.file_name()).any(|name| name.to_string_lossy().starts_with("renderD"))
}

/// Nothing elsewhere.
///
/// # Errors
/// None.
#[cfg(not(target_os = "linux"))]
pub(crate) fn prepare() -> io::Result<()> {
    Ok(())
}
