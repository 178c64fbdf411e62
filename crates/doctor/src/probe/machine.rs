//! The operating system, the processor, the memory.

use std::{fs, thread};

use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

use super::{Surroundings, thread::on_thread};
use crate::{Cpu, Os, OsFamily, Ram};

pub(super) async fn read(place: &Surroundings) -> Result<(Os, Cpu, Ram), String> {
    let wsl = is_wsl(place);
    on_thread("doctor-machine", move || {
        let what = RefreshKind::nothing()
            .with_memory(MemoryRefreshKind::nothing().with_ram())
            .with_cpu(CpuRefreshKind::nothing());
        let system = System::new_with_specifics(what).map_err(|error| error.to_string())?;
        Ok((os(wsl), cpu(&system), ram(&system)))
    })
    .await
}

fn os(wsl: bool) -> Os {
    let family = match std::env::consts::OS {
        "linux" => Some(OsFamily::Linux),
        "windows" => Some(OsFamily::Windows),
        "macos" => Some(OsFamily::Macos),
        _ => None,
    };
    Os { family, name: System::long_os_version().ok(), wsl }
}

/// Linux inside Windows says so in the version of its kernel.
fn is_wsl(place: &Surroundings) -> bool {
    let release = fs::read_to_string(place.system("/proc/sys/kernel/osrelease")).unwrap_or_default();
    cfg!(target_os = "linux") && release.to_ascii_lowercase().contains("microsoft")
}

fn cpu(system: &System) -> Cpu {
    let name = system.cpus().first().map(|cpu| cpu.brand().trim().to_owned());
    // A container may have fewer than there are.
    let usable = thread::available_parallelism().ok().map(usize::from);
    let cores = System::physical_core_count().ok().into_iter().chain(usable).min();
    Cpu {
        name: name.filter(|name| !name.is_empty()),
        physical_cores: cores.and_then(|cores| u32::try_from(cores).ok()),
        features: features(),
    }
}

#[cfg(target_arch = "x86_64")]
fn features() -> Option<Vec<String>> {
    let all = [
        ("avx2", std::arch::is_x86_feature_detected!("avx2")),
        ("fma", std::arch::is_x86_feature_detected!("fma")),
        ("f16c", std::arch::is_x86_feature_detected!("f16c")),
        ("avx512f", std::arch::is_x86_feature_detected!("avx512f")),
    ];
    Some(all.into_iter().filter(|(_, there)| *there).map(|(name, _)| name.to_owned()).collect())
}

/// Other processors have other names for what they can do, and nothing is judged by them yet.
#[cfg(not(target_arch = "x86_64"))]
fn features() -> Option<Vec<String>> {
    None
}

fn ram(system: &System) -> Ram {
    let (mut total, mut available) = (system.total_memory(), system.available_memory());
    if let Some(limits) = system.cgroup_limits().filter(|limits| limits.total_memory > 0) {
        total = total.min(limits.total_memory);
        available = available.min(limits.free_memory);
    }
    Ram { total_bytes: Some(total), available_bytes: Some(available) }
}
