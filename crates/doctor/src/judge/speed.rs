//! Whether the weights can pass through memory in time.

use super::draft::Draft;
use crate::{
    Basis, Gpu, Step, World,
    cards::{REAL_TIME, card_of, frames_per_s},
    figures::{CACHE, FRAME_MS, TIGHT, TIGHT_FLOOR_MS, floor_ms, least_gb_per_s, ms},
};

/// Adds what the bandwidth of a card's memory means, and what another program with the same weights is known to reach.
pub(super) fn on_card(draft: &mut Draft, world: &World, gpu: &Gpu) {
    bandwidth(draft, world, gpu);
    if let Some((time, system)) = card_of(&gpu.name).and_then(|card| card.published_ms(world.os.family)) {
        published(draft, time, system);
    }
}

/// Adds what the bandwidth of a card's memory means, measured if it was.
pub(super) fn bandwidth(draft: &mut Draft, world: &World, gpu: &Gpu) {
    let card = card_of(&gpu.name);
    let measured = world.measured.gpus.iter().find(|measured| measured.gpu == gpu.name);
    if let Some(measured) = measured {
        floor(draft, measured.gb_per_s, Basis::Measured, "measured here");
    } else if let Some(card) = card {
        floor(draft, card.gb_per_s, Basis::Read, "by its maker's data sheet");
    } else {
        let least = least_gb_per_s(draft.weights().needs().streamed);
        draft.doubts(
            "speed.unknown",
            format!(
                "How fast the {} reads its memory is not known; {least:.0} GB/s are the least for {}.",
                gpu.name,
                draft.weights()
            ),
            Basis::Read,
            Some(Step::new("Time it before you rely on it.")),
        );
    }
}

/// Adds what a bandwidth means.
pub(super) fn floor(draft: &mut Draft, gb_per_s: f64, basis: Basis, whence: &str) {
    let streamed = draft.weights().needs().streamed;
    let (empty, full) = (floor_ms(streamed, gb_per_s), floor_ms(streamed + CACHE, gb_per_s));
    let says = format!(
        "Reading {streamed} GB of weights for each frame takes at least {} at {gb_per_s:.0} GB/s ({whence}), {} with a \
         full cache",
        ms(empty),
        ms(full)
    );
    if full >= FRAME_MS {
        let (least, least_full) = (least_gb_per_s(streamed), least_gb_per_s(streamed + CACHE));
        draft.slows(
            "speed.floor",
            format!(
                "{says}; there are {FRAME_MS:.0} ms, which takes {least:.0} GB/s and more, {least_full:.0} with a full \
                 cache (after four minutes)."
            ),
            basis,
            Step::new("Use a remote host; typing works meanwhile."),
        );
    } else if full >= TIGHT_FLOOR_MS {
        let says = format!("{says}, of {FRAME_MS:.0} ms that there are: that leaves little room.");
        draft.doubts("speed.tight", says, basis, Some(Step::new("Time it before you rely on it.")));
    } else {
        let says = format!("{says}, of {FRAME_MS:.0} ms that there are.");
        draft.notes("speed.room", says, basis, None);
    }
}

/// Adds what moshi.cpp is published to reach on such a card, in ms for a frame. Larger weights reach no more.
fn published(draft: &mut Draft, time: f64, system: &str) {
    let says = format!(
        "moshi.cpp, another program for the same weights, is published at {:.1} frames a second on such a card under \
         {system}; a conversation takes {REAL_TIME}.",
        frames_per_s(time)
    );
    if time >= FRAME_MS {
        let next = Step::new("Time it here before you rely on it, or use a remote host.");
        draft.slows("speed.published", says, Basis::Read, next);
    } else if time > TIGHT * FRAME_MS {
        let next = Step::new("Time it here before you rely on it.");
        draft.doubts("speed.published", says, Basis::Read, Some(next));
    } else {
        draft.notes("speed.published", says, Basis::Read, None);
    }
}
