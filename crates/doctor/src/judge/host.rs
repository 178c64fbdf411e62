//! Our own runtime, `myca host`.

use super::{draft::Draft, memory, notices::disk, speed};
use crate::{
    Api, Basis, Gpu, GpuKind, Runtime, Step, Weights, World,
    figures::{
        CPU_REFERENCE_MS, MIMI_DISK, MIMI_MS, Q4_SMALL_MEMORY, TIGHT, floor_ms, gb, gigabytes, least_gb_per_s,
    },
};

/// What a processor must have for quantised arithmetic at full speed.
const SIMD: [&str; 3] = ["avx2", "fma", "f16c"];

/// On each card that Moshi could run on, in each form of the weights; or once, to say why there is none.
pub(super) fn on_gpus(world: &World) -> Vec<Draft> {
    let mut drafts = Vec::new();
    for gpu in world.gpus.iter().flatten() {
        if gpu.is_discrete() {
            for weights in [Weights::Q4, Weights::Q8, Weights::Bf16] {
                drafts.push(on_card(world, gpu, weights));
            }
        } else if gpu.kind == Some(GpuKind::Integrated) {
            drafts.push(integrated(world, gpu));
        }
    }
    if drafts.is_empty() {
        let mut draft = Draft::new(Runtime::HostGpu, Weights::Q4, None);
        no_card(&mut draft, world);
        drafts.push(draft);
    }
    drafts
}

fn no_card(draft: &mut Draft, world: &World) {
    if world.gpus.is_some() {
        draft.stops(
            "gpu.none",
            "This computer has no graphics card with memory of its own.",
            Step::new("Use a remote host; typing works meanwhile."),
        );
    } else {
        draft.leaves_open(
            "gpu.unknown",
            "Which graphics cards this computer has is not known.",
            Step::new("Run the doctor on the computer itself, or describe its cards."),
        );
    }
}

fn on_card(world: &World, gpu: &Gpu, weights: Weights) -> Draft {
    let mut draft = Draft::new(Runtime::HostGpu, weights, Some(&gpu.name));
    backend(&mut draft, world);
    if gpu.has(Api::Vulkan) == Some(false) && gpu.has(Api::Dx12) == Some(false) {
        draft.stops(
            "gpu.no-api",
            format!("The driver of the {} offers neither Vulkan nor Direct3D 12.", gpu.name),
            Step::new(
                "Install the maker's driver with its Vulkan part; in a container, pass the graphics capability on.",
            ),
        );
    }
    let needs = weights.needs();
    let small = weights == Weights::Q4
        && gpu.room().is_some_and(|room| (Q4_SMALL_MEMORY..needs.memory).contains(&gigabytes(room)));
    if small {
        memory::fits(&mut draft, gpu, "q4_k with a cache in q8", Q4_SMALL_MEMORY);
    } else {
        memory::fits(&mut draft, gpu, &weights.to_string(), needs.memory);
    }
    speed::on_card(&mut draft, world, gpu);
    disk(&mut draft, world, needs.weights + MIMI_DISK, None);
    draft
}

/// An integrated adapter computes beside the processor on the same memory, which is what limits both.
fn integrated(world: &World, gpu: &Gpu) -> Draft {
    let mut draft = Draft::new(Runtime::HostGpu, Weights::Q4, Some(&gpu.name));
    backend(&mut draft, world);
    draft.slows(
        "gpu.integrated",
        format!(
            "The {} has no memory of its own: it shares the processor's, which is too slow for {}.",
            gpu.name,
            Weights::Q4
        ),
        Basis::Read,
        Step::new("Use a remote host; typing works meanwhile."),
    );
    speed::on_card(&mut draft, world, gpu);
    draft
}

/// Whether this build of ours can use a card at all.
fn backend(draft: &mut Draft, world: &World) {
    let Some(host) = &world.host else {
        return draft.leaves_open(
            "host.unknown",
            "Whether this version of myca host can compute on a graphics card is not known.",
            Step::new("Run the doctor from the app, which knows its own runtime."),
        );
    };
    if !host.backends.iter().any(|backend| backend == "gpu") {
        let version = host.version.as_deref().map(|version| format!(" {version}")).unwrap_or_default();
        draft.stops(
            "host.cpu-only",
            format!("myca host{version} computes on the processor alone; it cannot use graphics cards yet."),
            Step::new("Use a Python server where it can run, a remote host, or a version of MYCA Voice with the GPU."),
        );
    }
}

/// On the processor.
pub(super) fn on_cpu(world: &World) -> Vec<Draft> {
    [Weights::Q4, Weights::Q8].into_iter().map(|weights| on_processor(world, weights)).collect()
}

fn on_processor(world: &World, weights: Weights) -> Draft {
    let mut draft = Draft::new(Runtime::HostCpu, weights, None);
    if let Some(host) = &world.host
        && !host.backends.iter().any(|backend| backend == "cpu")
    {
        draft.stops(
            "host.no-cpu",
            "This version of myca host does not compute on the processor.",
            Step::new("Use another runtime or a remote host."),
        );
    }
    simd(&mut draft, world);
    ram(&mut draft, world);
    let streamed = weights.needs().streamed;
    match world.measured.cpu_gb_per_s.filter(|measured| *measured > 0.0) {
        Some(gb_per_s) => {
            speed::floor(&mut draft, gb_per_s, Basis::Measured, "measured here");
            if weights == Weights::Q4 && floor_ms(streamed, gb_per_s) > CPU_REFERENCE_MS / 2.0 {
                draft.notes(
                    "speed.reference",
                    format!(
                        "For comparison: on 2 cores at 40 GB/s a frame was measured at {CPU_REFERENCE_MS:.0} ms."
                    ),
                    Basis::Read,
                    None,
                );
            }
        }
        None => draft.leaves_open(
            "speed.unmeasured",
            format!(
                "How fast this processor reads its memory was not measured; {weights} takes {:.0} GB/s and more.",
                least_gb_per_s(streamed)
            ),
            Step::new("Let the doctor measure: it takes some seconds."),
        ),
    }
    if let Some(cores) = world.cpu.physical_cores.filter(|cores| *cores < 4) {
        draft.doubts(
            "cpu.few-cores",
            format!(
                "Mimi, which turns sound into codes and back, takes some {MIMI_MS:.0} ms of one core beside the model, \
                 and the processor has {cores}."
            ),
            Basis::Read,
            None,
        );
    }
    disk(&mut draft, world, weights.needs().weights + MIMI_DISK, None);
    draft
}

fn simd(draft: &mut Draft, world: &World) {
    let Some(features) = &world.cpu.features else { return };
    let missing: Vec<&str> =
        SIMD.into_iter().filter(|wanted| !features.iter().any(|feature| feature == wanted)).collect();
    if !missing.is_empty() {
        draft.slows(
            "cpu.no-simd",
            format!(
                "The processor lacks {}, without which the arithmetic is many times slower.",
                missing.join(", ")
            ),
            Basis::Read,
            Step::new("Use a remote host; typing works meanwhile."),
        );
    }
}

fn ram(draft: &mut Draft, world: &World) {
    let needed = draft.weights().needs().memory;
    let weights = draft.weights();
    let Some(total) = world.ram.total_bytes else {
        return draft.leaves_open(
            "ram.unknown",
            format!("{weights} needs {needed:.1} GB of memory, and how much there is is not known."),
            Step::new("Run the doctor on the computer itself, or describe its memory."),
        );
    };
    let available = world.ram.available_bytes.unwrap_or(total).min(total);
    let says = format!("{weights} needs {needed:.1} GB of memory");
    if gigabytes(total) < needed {
        draft.stops(
            "ram.too-small",
            format!("{says}, and this computer has {}.", gb(total)),
            Step::new("Use smaller weights where they exist, or a remote host."),
        );
    } else if gigabytes(available) < needed {
        draft.stops(
            "ram.taken",
            format!("{says}, and only {} of {} are available.", gb(available), gb(total)),
            Step::new(format!(
                "Close programs until {:.1} GB more are available.",
                needed - gigabytes(available)
            )),
        );
    } else if needed > TIGHT * gigabytes(available) {
        let says = format!("{says}; {} are available, which is just enough.", gb(available));
        draft.doubts(
            "ram.tight",
            says,
            Basis::Read,
            Some(Step::new("Close programs that take much memory.")),
        );
    } else {
        draft.notes("ram.fits", format!("{says}; {} are available.", gb(available)), Basis::Read, None);
    }
}
