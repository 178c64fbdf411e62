//! One list out of what NVIDIA's driver, Vulkan, Direct3D and the PCI bus say.

use std::fs;

use super::Surroundings;
use crate::{Api, Gpu, GpuKind, Vendor};

/// How many devices of the bus are looked at.
const LOOKED_AT: usize = 1000;

/// An adapter, and where it is plugged in.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Card {
    pub(super) bus: Option<Bus>,
    pub(super) gpu: Gpu,
}

/// A place on the PCI bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bus {
    domain: u32,
    bus: u32,
    device: u32,
}

impl Bus {
    /// From "0000:01:00.0", "00000000:01:00.0" or "01:00.0".
    pub(super) fn of(text: &str) -> Option<Self> {
        let mut parts = text.trim().rsplit(':');
        let hex = |part: &str| u32::from_str_radix(part, 16).ok();
        let device = hex(parts.next()?.split('.').next()?)?;
        let bus = hex(parts.next()?)?;
        let domain = parts.next().map_or(Some(0), hex)?;
        Some(Self { domain, bus, device })
    }
}

/// All adapters, each once. `None` if nobody could say.
pub(super) fn all(
    nvidia: Option<Vec<Card>>,
    adapters: Option<Vec<Card>>,
    without_driver: Vec<Card>,
) -> Option<Vec<Gpu>> {
    if adapters.is_none() && nvidia.as_ref().is_none_or(Vec::is_empty) && without_driver.is_empty() {
        return None;
    }
    let mut all: Vec<Card> = nvidia.unwrap_or_default();
    for card in &mut all {
        // Whether Vulkan is there as well only the adapters tell.
        card.gpu.apis = adapters.is_some().then(|| vec![Api::Cuda]);
    }
    for shown in adapters.unwrap_or_default() {
        match all.iter_mut().find(|card| are_one(card, &shown)) {
            Some(card) => add(card, shown),
            None => all.push(shown),
        }
    }
    for card in without_driver {
        if !all.iter().any(|known| known.gpu.vendor == card.gpu.vendor) {
            all.push(card);
        }
    }
    Some(all.into_iter().map(|card| card.gpu).collect())
}

/// By the place if both tell it, else by the name.
fn are_one(one: &Card, other: &Card) -> bool {
    match (one.bus, other.bus) {
        (Some(one), Some(other)) => one == other,
        _ => one.gpu.vendor == other.gpu.vendor && one.gpu.name == other.gpu.name,
    }
}

fn add(card: &mut Card, shown: Card) {
    card.bus = card.bus.or(shown.bus);
    let (known, more) = (&mut card.gpu, shown.gpu);
    if let (Some(known), Some(more)) = (&mut known.apis, more.apis) {
        for api in more {
            if !known.contains(&api) {
                known.push(api);
            }
        }
    }
    known.kind = known.kind.or(more.kind);
    known.driver = known.driver.take().or(more.driver);
    known.memory_total_bytes = known.memory_total_bytes.or(more.memory_total_bytes);
    known.memory_free_bytes = known.memory_free_bytes.or(more.memory_free_bytes);
}

/// NVIDIA's cards that are plugged in, of which the driver may know nothing.
pub(super) fn without_driver(place: &Surroundings) -> Vec<Card> {
    let devices = fs::read_dir(place.system("/sys/bus/pci/devices")).into_iter().flatten().take(LOOKED_AT);
    devices
        .flatten()
        .filter_map(|device| {
            let number = |file: &str| {
                let text = fs::read_to_string(device.path().join(file)).ok()?;
                u32::from_str_radix(text.trim().strip_prefix("0x")?, 16).ok()
            };
            // Class 0300 is an adapter with a screen, 0302 one without.
            let draws = matches!(number("class")? >> 8, 0x0300 | 0x0302);
            if !draws || number("vendor")? != 0x10de {
                return None;
            }
            let gpu = Gpu {
                name: format!("NVIDIA card (10de:{:04x})", number("device")?),
                vendor: Some(Vendor::Nvidia),
                kind: Some(GpuKind::Discrete),
                apis: Some(Vec::new()),
                ..Gpu::default()
            };
            Some(Card { bus: Bus::of(&device.file_name().to_string_lossy()), gpu })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(bus: &str, name: &str, apis: &[Api]) -> Card {
        let gpu = Gpu {
            name: name.to_owned(),
            vendor: Some(Vendor::Nvidia),
            apis: Some(apis.to_vec()),
            ..Gpu::default()
        };
        Card { bus: Bus::of(bus), gpu }
    }

    #[test]
    fn a_place_on_the_bus_is_written_in_several_ways() {
        let bus = Bus::of("0000:01:00.0");
        assert!(bus.is_some());
        assert_eq!(Bus::of("00000000:01:00.0"), bus, "as NVML writes it");
        assert_eq!(Bus::of("01:00.0"), bus);
        assert_ne!(Bus::of("0000:02:00.0"), bus);
        for nonsense in ["", ":", "x:y.z", "[N/A]"] {
            assert_eq!(Bus::of(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn a_card_that_is_shown_three_times_is_one_card_with_three_ways_to_it() {
        let nvidia = card("00000000:01:00.0", "NVIDIA GeForce RTX 4080", &[]);
        let shown = [
            card("0000:01:00.0", "NVIDIA GeForce RTX 4080", &[Api::Vulkan]),
            card("01:00.0", "NVIDIA GeForce RTX 4080", &[Api::Dx12]),
        ];
        let all = all(Some(vec![nvidia]), Some(shown.to_vec()), Vec::new()).unwrap();
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].apis, Some(vec![Api::Cuda, Api::Vulkan, Api::Dx12]));
    }

    #[test]
    fn two_cards_of_the_same_name_stay_two() {
        let name = "NVIDIA GeForce RTX 3090";
        let nvidia = vec![card("0000:01:00.0", name, &[]), card("0000:41:00.0", name, &[])];
        let all = all(Some(nvidia.clone()), Some(nvidia), Vec::new()).unwrap();
        assert_eq!(all.len(), 2);
    }

    #[test]
    fn nothing_is_said_of_ways_that_nobody_could_look_for() {
        let nvidia = card("0000:01:00.0", "NVIDIA GeForce RTX 4080", &[]);
        let only_nvidia = all(Some(vec![nvidia]), None, Vec::new()).unwrap();
        assert_eq!(only_nvidia[0].apis, None, "Vulkan may well be there");
        assert_eq!(all(Some(Vec::new()), None, Vec::new()), None, "there may be adapters of others");
        assert_eq!(all(Some(Vec::new()), Some(Vec::new()), Vec::new()), Some(Vec::new()), "there is none");
    }

    #[test]
    fn a_card_without_a_driver_is_still_a_card() {
        let bare = card("0000:01:00.0", "NVIDIA card (10de:2684)", &[]);
        let found = all(Some(Vec::new()), Some(Vec::new()), vec![bare.clone()]).unwrap();
        assert_eq!(found[0].name, "NVIDIA card (10de:2684)");
        let known = card("0000:01:00.0", "NVIDIA GeForce RTX 4090", &[]);
        assert_eq!(all(Some(vec![known]), Some(Vec::new()), vec![bare]).unwrap().len(), 1);
    }
}
