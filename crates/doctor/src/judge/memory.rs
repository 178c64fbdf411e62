//! Whether a model fits into a card's memory: into what is free of it, not into what is sold with it.

use super::draft::Draft;
use crate::{
    Basis, Gpu, Step,
    figures::{TIGHT, gb, gigabytes},
};

/// How many programs are named at most.
const NAMED: usize = 3;

/// Adds what the card's memory means for something that takes so many GB of it. `what` is what takes them.
pub(super) fn fits(draft: &mut Draft, gpu: &Gpu, what: &str, needed: f64) {
    let Some(total) = gpu.memory_total_bytes else {
        return draft.leaves_open(
            "memory.unknown",
            format!(
                "{what} needs {needed:.1} GB on the card, and how much the {} has is not known.",
                gpu.name
            ),
            Step::new("Look up the card's memory: that much of it has to be free."),
        );
    };
    let Some(free) = gpu.memory_free_bytes.map(|free| free.min(total)) else {
        if gigabytes(total) < needed {
            return too_small(draft, gpu, what, needed, total);
        }
        return draft.doubts(
            "memory.free-unknown",
            format!(
                "{what} needs {needed:.1} GB of the card's {}; how much of it is free is not known.",
                gb(total)
            ),
            Basis::Read,
            Some(Step::new("Close other programs that draw or compute on the card.")),
        );
    };
    if gigabytes(free) >= needed {
        let says = format!("{what} needs {needed:.1} GB on the card; {} of {} are free", gb(free), gb(total));
        if needed > TIGHT * gigabytes(free) {
            draft.doubts(
                "memory.tight",
                format!("{says}, which is just enough."),
                Basis::Read,
                Some(Step::new("Close other programs that draw or compute on the card.")),
            );
        } else {
            draft.notes("memory.fits", format!("{says}."), Basis::Read, None);
        }
    } else if gigabytes(total) >= needed {
        taken(draft, gpu, what, needed, free, total);
    } else {
        too_small(draft, gpu, what, needed, total);
    }
}

fn too_small(draft: &mut Draft, gpu: &Gpu, what: &str, needed: f64, total: u64) {
    draft.stops(
        "memory.too-small",
        format!("{what} needs {needed:.1} GB on the card, and the {} has {}.", gpu.name, gb(total)),
        Step::new("Use smaller weights where they exist, or a remote host."),
    );
}

fn taken(draft: &mut Draft, gpu: &Gpu, what: &str, needed: f64, free: u64, total: u64) {
    let lacking = needed - gigabytes(free);
    let says =
        format!("{what} needs {needed:.1} GB on the card, and only {} of {} are free", gb(free), gb(total));
    let mut holders: Vec<_> = gpu.held_by.iter().collect();
    holders.sort_by_key(|holder| std::cmp::Reverse(holder.bytes));
    let named: Vec<&str> = holders.iter().take(NAMED).map(|holder| holder.program.as_str()).collect();
    let holding: Vec<String> = holders
        .iter()
        .take(NAMED)
        .filter_map(|holder| Some(format!("{} holds {}", holder.program, gb(holder.bytes?))))
        .collect();
    let who = match (holding.is_empty(), named.is_empty()) {
        (false, _) => format!(": {}", holding.join(", ")),
        (true, false) => format!("; programs that use the card are {}", named.join(", ")),
        (true, true) => "; the driver does not tell which programs hold the rest".to_owned(),
    };
    let next = match named.first() {
        Some(first) => format!("Close {first}, or whatever else frees {lacking:.1} GB."),
        None => {
            format!("Close programs that draw or compute on the card, until {lacking:.1} GB more are free.")
        }
    };
    let says = format!("{says}{who}.");
    draft.stops("memory.taken", says, Step::new(next));
}
