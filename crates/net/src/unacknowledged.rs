//! What the kernel does about bytes that a server does not acknowledge.

use std::io;

use socket2::SockRef;

/// Lets the kernel give up after 15 seconds instead of a quarter of an hour.
#[cfg(target_os = "linux")]
pub(crate) fn limit(socket: &SockRef<'_>) -> io::Result<()> {
    socket.set_tcp_user_timeout(Some(std::time::Duration::from_secs(15)))
}

/// Leaves it to the system, which elsewhere has its own limit and no portable way to set it.
#[cfg(not(target_os = "linux"))]
pub(crate) fn limit(_: &SockRef<'_>) -> io::Result<()> {
    Ok(())
}
