//! What concerns the machine, and the disk that everything is kept on.

use super::draft::Draft;
use crate::{
    Basis, Effect, GpuKind, Reason, Step, World,
    figures::{gb, gigabytes},
};

/// What concerns the machine and not one runtime.
pub(super) fn notices(world: &World) -> Vec<Reason> {
    let mut notices = Vec::new();
    let mut notice = |code, says: String, next| {
        notices.push(Reason { code, effect: Effect::Notes, basis: Basis::Read, says, next });
    };
    if let Some(value) = &world.environment.no_torch_compile
        && ["0", "false", "no", "n", "off"].contains(&value.to_ascii_lowercase().as_str())
    {
        notice(
            "env.no-torch-compile-trap",
            format!(
                "NO_TORCH_COMPILE={} turns compilation off: Moshi looks only at whether it is set.",
                value.escape_debug()
            ),
            Some(Step::with_line("Unset it to have the model compiled.", "unset NO_TORCH_COMPILE")),
        );
    }
    for port in world.taken_ports.iter().flatten() {
        let (whose, next) = match port {
            8998 => {
                (", the port of Moshi", "Use what is there as a host, end it, or give Moshi another port.")
            }
            8999 => (", the port of the bridge", "Use what is there as a bridge, or end it."),
            _ => ("", "End what is there, or use another port."),
        };
        let says = format!("Something already listens on port {port}{whose}.");
        notice("port.taken", says, Some(Step::new(next)));
    }
    for gpu in world.gpus.iter().flatten().filter(|gpu| gpu.kind == Some(GpuKind::Software)) {
        let says = format!(
            "{} is the processor, pretending to be a graphics card; it does not count as one.",
            gpu.name
        );
        notice("gpu.software", says, None);
    }
    for unread in &world.unread {
        notice("probe.unread", format!("Not read: {} ({}).", unread.probe, unread.why), None);
    }
    notices
}

/// Adds whether the disk has room for so many GB, unless the repository they are from is already in the cache.
pub(super) fn disk(draft: &mut Draft, world: &World, needed: f64, repo: Option<&str>) {
    let cached =
        repo.is_some_and(|repo| world.hugging_face.as_ref().is_some_and(|account| account.has(repo)));
    let Some(free) = world.disk.free_bytes.filter(|free| !cached && gigabytes(*free) < needed) else {
        return;
    };
    let folder = world.disk.folder.as_deref().map(|folder| format!(" in {folder}")).unwrap_or_default();
    draft.doubts(
        "disk.too-small",
        format!("The model takes {needed:.1} GB on disk, and {} are free{folder}.", gb(free)),
        Basis::Read,
        Some(Step::new(format!(
            "Unless it is on this computer already: free {:.1} GB, or choose a folder on another disk.",
            needed - gigabytes(free)
        ))),
    );
}
