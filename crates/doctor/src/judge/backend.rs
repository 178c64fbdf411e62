//! Kyutai's Rust server.

use super::{draft::Draft, memory, notices::disk, nvidia, python::needs_nvidia, speed};
use crate::{Basis, ComputeCapability, Runtime, Step, Weights, World, figures::MIMI_DISK};

/// Its kernels for bf16 are not built for earlier cards.
const LEAST: ComputeCapability = ComputeCapability::new(8, 0);

pub(super) fn moshi_backend(world: &World) -> Draft {
    let weights = Weights::Q8;
    let gpu = nvidia(world);
    let mut draft = Draft::new(Runtime::MoshiBackend, weights, gpu.map(|gpu| gpu.name.as_str()));
    needs_nvidia(&mut draft, world);
    if let Some(gpu) = gpu {
        if let Some(capability) = gpu.compute_capability.filter(|capability| *capability < LEAST) {
            draft.will_fail(
                "backend.capability",
                format!(
                    "Its CUDA code takes compute capability {LEAST} (bf16), and the {} has {capability}.",
                    gpu.name
                ),
                Step::new("Use another runtime or a remote host."),
            );
        }
        memory::fits(&mut draft, gpu, &weights.to_string(), weights.needs().memory);
        speed::bandwidth(&mut draft, world, gpu);
    }
    match world.moshi_backend {
        Some(true) => {}
        Some(false) => draft.stops(
            "backend.absent",
            "moshi-backend is not on this computer, as far as the doctor knows.",
            Step::with_line(
                "Build it from Kyutai's repository moshi, folder rust, or point the app to it.",
                "cargo build --release --features cuda --bin moshi-backend",
            ),
        ),
        None => draft.leaves_open(
            "backend.unknown",
            "Whether moshi-backend is on this computer is not known.",
            Step::new("Point the app to it."),
        ),
    }
    draft.notes(
        "backend.limits",
        "A call ends after 360 s, and only wss is served, with a certificate that it signs itself.",
        Basis::Read,
        None,
    );
    draft.notes(
        "backend.ping",
        "It ends a call at a WebSocket ping with anything in it. MYCA Voice sends empty ones; other clients may not.",
        Basis::Read,
        None,
    );
    disk(&mut draft, world, weights.needs().weights + MIMI_DISK, Some("kyutai/moshika-candle-q8"));
    draft
}
