//! How much room is left on a disk.

use std::{io, path::Path};

/// Bytes that a person's programs can still write into a folder, or into where it will be made.
///
/// # Errors
/// When the system does not say.
pub fn free(folder: &Path) -> io::Result<u64> {
    let folder = std::path::absolute(folder)?;
    let there = folder.ancestors().find(|folder| folder.is_dir());
    of(there.ok_or(io::ErrorKind::NotFound)?)
}

#[cfg(unix)]
fn of(folder: &Path) -> io::Result<u64> {
    let disk = rustix::fs::statvfs(folder)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

#[cfg(windows)]
fn of(folder: &Path) -> io::Result<u64> {
    use sysinfo::{DiskRefreshKind, Disks};
    let disks = Disks::new_with_refreshed_list_specifics(DiskRefreshKind::nothing().with_storage())
        .map_err(io::Error::other)?;
    let on = disks.iter().filter(|disk| folder.starts_with(disk.mount_point()));
    let nearest = on.max_by_key(|disk| disk.mount_point().as_os_str().len());
    nearest.map(sysinfo::Disk::available_space).ok_or_else(|| io::ErrorKind::NotFound.into())
}
