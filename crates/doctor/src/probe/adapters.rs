//! Graphics adapters, as Vulkan and Direct3D 12 show them.

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

use sysinfo::Gpus;
use wgpu::{Backend, Backends, DeviceType, Instance, InstanceDescriptor, InstanceFlags};

use super::{
    Surroundings,
    gpus::{Bus, Card},
    thread::on_thread,
};
use crate::{Api, Gpu, GpuKind, Vendor};

/// One entry for each adapter and each way to it.
pub(super) async fn read(place: &Surroundings) -> Result<Vec<Card>, String> {
    if !place.drivers {
        return Ok(Vec::new());
    }
    on_thread("doctor-adapters", || {
        let mut cards = shown()?;
        let with_memory =
            |card: &Card| card.gpu.vendor != Some(Vendor::Nvidia) && card.gpu.kind == Some(GpuKind::Discrete);
        if cards.iter().any(with_memory) {
            // NVIDIA's are better known by its own library.
            add_memory(cards.iter_mut().filter(|card| with_memory(card)));
        }
        Ok(cards)
    })
    .await
}

fn shown() -> Result<Vec<Card>, String> {
    let mut wanted = InstanceDescriptor::new_without_display_handle();
    wanted.backends = Backends::VULKAN | Backends::DX12;
    wanted.flags = InstanceFlags::empty();
    let instance = Instance::new(wanted);
    let adapters = pin!(instance.enumerate_adapters(Backends::VULKAN | Backends::DX12));
    // Outside of browsers there is nothing to wait for.
    let Poll::Ready(adapters) = adapters.poll(&mut Context::from_waker(Waker::noop())) else {
        return Err("the adapters are not told at once".to_owned());
    };
    Ok(adapters.iter().map(|adapter| card(adapter.get_info())).collect())
}

fn card(info: wgpu::AdapterInfo) -> Card {
    let vendor = match info.vendor {
        0x10de => Vendor::Nvidia,
        0x1002 | 0x1022 => Vendor::Amd,
        0x8086 => Vendor::Intel,
        _ => Vendor::Other,
    };
    let kind = match info.device_type {
        DeviceType::DiscreteGpu | DeviceType::VirtualGpu => Some(GpuKind::Discrete),
        DeviceType::IntegratedGpu => Some(GpuKind::Integrated),
        DeviceType::Cpu => Some(GpuKind::Software),
        DeviceType::Other => None,
    };
    let api = match info.backend {
        Backend::Vulkan => Some(Api::Vulkan),
        Backend::Dx12 => Some(Api::Dx12),
        _ => None,
    };
    let gpu = Gpu {
        name: info.name.trim().to_owned(),
        vendor: Some(vendor),
        kind,
        driver: Some(info.driver_info).filter(|driver| !driver.is_empty()),
        apis: Some(api.into_iter().collect()),
        ..Gpu::default()
    };
    Card { bus: Bus::of(&info.device_pci_bus_id), gpu }
}

/// Memory of its own, as the system counts it.
fn add_memory<'a>(cards: impl Iterator<Item = &'a mut Card>) {
    let Ok(gpus) = Gpus::new_with_refreshed_list() else { return };
    for card in cards {
        let bus = card.bus;
        let same = gpus.iter().find(|gpu| bus.is_some() && Bus::of(&gpu.pci().to_string()) == bus);
        let Some(gpu) = same else { continue };
        card.gpu.memory_total_bytes = gpu.total_memory();
        // Windows tells what this program uses, and not what all of them do.
        if cfg!(target_os = "linux") {
            card.gpu.memory_free_bytes =
                gpu.total_memory().zip(gpu.used_memory()).map(|(total, used)| total.saturating_sub(used));
        }
    }
}
