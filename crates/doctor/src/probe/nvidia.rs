//! NVIDIA's cards, by its driver's library (NVML), or by the program nvidia-smi where the library fails.

use std::{collections::BTreeMap, path::Path};

use nvml_wrapper::{
    Device, Nvml, enums::device::UsedGpuMemory, error::NvmlError, struct_wrappers::device::ProcessInfo,
};

use super::{
    Surroundings,
    child::ask,
    gpus::{Bus, Card},
    thread::on_thread,
};
use crate::{ComputeCapability, Gpu, GpuKind, Holder, Vendor};

/// How many programs are named for a card.
const HOLDERS: usize = 8;

/// How long a program's name may get, in bytes.
const NAME: usize = 256;

/// nvidia-smi counts memory in these.
const MIB: u64 = 1 << 20;

/// All of NVIDIA's cards that its driver knows. None without a driver.
pub(super) async fn read(place: &Surroundings) -> Result<Vec<Card>, String> {
    let by_library = if place.drivers { on_thread("doctor-nvml", by_library).await } else { Ok(None) };
    match by_library {
        Ok(Some(cards)) => Ok(cards),
        Ok(None) => by_program(place).await.map(Option::unwrap_or_default),
        Err(why) => by_program(place).await?.ok_or(why),
    }
}

/// `None` if the library is not there.
fn by_library() -> Result<Option<Vec<Card>>, String> {
    let nvml = match Nvml::init() {
        Ok(nvml) => nvml,
        Err(NvmlError::LibloadingError(_)) => return Ok(None),
        Err(error) => return Err(format!("NVML: {error}")),
    };
    let driver = nvml.sys_driver_version().ok();
    let count = nvml.device_count().map_err(|error| format!("NVML: {error}"))?;
    let mut cards = Vec::new();
    for index in 0..count {
        let device = nvml.device_by_index(index).map_err(|error| format!("NVML: {error}"))?;
        let memory = device.memory_info().map_err(|error| format!("NVML: {error}"))?;
        let gpu = Gpu {
            name: device.name().map_err(|error| format!("NVML: {error}"))?,
            memory_total_bytes: Some(memory.total),
            memory_free_bytes: Some(memory.free),
            compute_capability: device.cuda_compute_capability().ok().and_then(|capability| {
                let (major, minor) = (u32::try_from(capability.major), u32::try_from(capability.minor));
                Some(ComputeCapability::new(major.ok()?, minor.ok()?))
            }),
            driver: driver.clone(),
            held_by: holders(&nvml, &device),
            ..card()
        };
        cards.push(Card { bus: device.pci_info().ok().and_then(|pci| Bus::of(&pci.bus_id)), gpu });
    }
    Ok(Some(cards))
}

fn card() -> Gpu {
    Gpu { vendor: Some(Vendor::Nvidia), kind: Some(GpuKind::Discrete), ..Gpu::default() }
}

fn holders(nvml: &Nvml, device: &Device) -> Vec<Holder> {
    let computing = device.running_compute_processes().unwrap_or_default();
    let drawing = device.running_graphics_processes().unwrap_or_default();
    let mut processes: BTreeMap<u32, Option<u64>> = BTreeMap::new();
    for ProcessInfo { pid, used_gpu_memory, .. } in computing.into_iter().chain(drawing) {
        let bytes = match used_gpu_memory {
            UsedGpuMemory::Used(bytes) => Some(bytes),
            UsedGpuMemory::Unavailable => None,
        };
        // One that computes and draws is told of twice, with the same figure.
        let known = processes.entry(pid).or_default();
        *known = (*known).max(bytes);
    }
    let holders = processes.into_iter().map(|(pid, bytes)| Holder {
        program: nvml
            .sys_process_name(pid, NAME)
            .map_or_else(|_| format!("process {pid}"), |path| program(&path)),
        bytes,
    });
    largest(holders.collect())
}

fn largest(mut holders: Vec<Holder>) -> Vec<Holder> {
    holders.sort_by_key(|holder| std::cmp::Reverse(holder.bytes));
    holders.truncate(HOLDERS);
    holders
}

/// A program's name, of its path or of what it was started as.
fn program(path: &str) -> String {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path).trim();
    name.chars().take(64).collect()
}

/// `None` if there is no nvidia-smi.
async fn by_program(place: &Surroundings) -> Result<Option<Vec<Card>>, String> {
    let Some(smi) = place.find("nvidia-smi") else { return Ok(None) };
    let (cards, processes) = tokio::join!(
        table(place, &smi, "--query-gpu=name,memory.total,memory.free,compute_cap,driver_version,pci.bus_id"),
        table(place, &smi, "--query-compute-apps=gpu_bus_id,process_name,used_memory"),
    );
    let cards = cards.map_err(|why| format!("nvidia-smi: {why}"))?;
    let mut cards: Vec<Card> = cards.iter().filter_map(|row| card_of(row)).collect();
    for row in processes.unwrap_or_default() {
        let [bus, name, used] = row.as_slice() else { continue };
        let holder = Holder { program: program(name), bytes: mebibytes(used) };
        let bus = Bus::of(bus);
        if let Some(card) = cards.iter_mut().find(|card| card.bus == bus) {
            card.gpu.held_by.push(holder);
        }
    }
    for card in &mut cards {
        card.gpu.held_by = largest(std::mem::take(&mut card.gpu.held_by));
    }
    Ok(Some(cards))
}

async fn table(place: &Surroundings, smi: &Path, query: &str) -> Result<Vec<Vec<String>>, String> {
    let out = ask(place, smi, [query, "--format=csv,noheader,nounits"]).await?.well()?;
    let rows = out.lines().filter(|line| !line.trim().is_empty());
    Ok(rows.map(|line| line.split(',').map(|cell| cell.trim().to_owned()).collect()).collect())
}

fn card_of(row: &[String]) -> Option<Card> {
    let [name, total, free, capability, driver, bus] = row else { return None };
    let gpu = Gpu {
        name: name.clone(),
        memory_total_bytes: mebibytes(total),
        memory_free_bytes: mebibytes(free),
        compute_capability: capability.parse().ok(),
        driver: Some(driver.clone()),
        ..card()
    };
    Some(Card { bus: Bus::of(bus), gpu })
}

/// "[N/A]" is what it says of what it does not know.
fn mebibytes(text: &str) -> Option<u64> {
    text.parse::<u64>().ok()?.checked_mul(MIB)
}
