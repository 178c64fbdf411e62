//! From what is known of a machine to verdicts. Nothing here reads or waits.

mod advice;
mod backend;
mod container;
mod draft;
mod host;
mod memory;
mod notices;
mod python;
mod speed;
mod torch;

use crate::{Gpu, Report, Vendor, World};

/// Judges every runtime on a machine.
pub fn judge(world: &World) -> Report {
    let mut findings = host::on_gpus(world);
    findings.extend(host::on_cpu(world));
    findings.extend(python::servers(world));
    findings.push(backend::moshi_backend(world));
    findings.push(container::docker(world));
    let findings: Vec<_> = findings.into_iter().map(|draft| draft.finish(world)).collect();
    let recommendations = advice::recommendations(&findings);
    Report {
        summary: advice::summary(world, &findings),
        recommendations,
        notices: notices::notices(world),
        findings,
    }
}

/// The NVIDIA card that a program which takes one would best be given: the one with the most room.
fn nvidia(world: &World) -> Option<&Gpu> {
    let cards = world.gpus.iter().flatten().filter(|gpu| gpu.is_discrete());
    cards.filter(|gpu| gpu.vendor == Some(Vendor::Nvidia)).max_by_key(|gpu| gpu.room())
}
