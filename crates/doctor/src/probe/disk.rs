//! The disk that models are kept on.

use std::path::{Path, PathBuf};

use super::thread::on_thread;
use crate::Disk;

pub(super) async fn read(folder: &Path) -> Result<Disk, String> {
    let folder = std::path::absolute(folder).map_err(|error| error.to_string())?;
    on_thread("doctor-disk", move || {
        let free = free(&there(&folder)).ok_or("the system does not tell what is free")?;
        Ok(Disk { folder: Some(folder.display().to_string()), free_bytes: Some(free) })
    })
    .await
}

/// The folder, or the one that it would be made in.
fn there(folder: &Path) -> PathBuf {
    folder.ancestors().find(|folder| folder.exists()).unwrap_or(folder).to_owned()
}

/// What this user can still write, in bytes.
#[cfg(unix)]
fn free(folder: &Path) -> Option<u64> {
    let figures = rustix::fs::statvfs(folder).ok()?;
    figures.f_bavail.checked_mul(figures.f_frsize)
}

/// What this user can still write, in bytes: of the disk that is mounted closest to the folder.
#[cfg(not(unix))]
fn free(folder: &Path) -> Option<u64> {
    use sysinfo::{DiskRefreshKind, Disks};

    let disks = Disks::new_with_refreshed_list_specifics(DiskRefreshKind::nothing().with_storage()).ok()?;
    let around = disks.iter().filter(|disk| folder.starts_with(disk.mount_point()));
    around.max_by_key(|disk| disk.mount_point().components().count()).map(sysinfo::Disk::available_space)
}
