//! Kyutai's and NVIDIA's Python servers.

use super::{draft::Draft, memory, notices::disk, nvidia, speed, torch};
use crate::{
    Api, Basis, ComputeCapability, Flavour, OsFamily, Python, Runtime, Step, Weights, World,
    figures::{
        MIMI_DISK, MOSHI_PYTHON, MOSHI_PYTHON_ASKED, MOSHI_PYTHON_Q8, NO_GRAPHS_MS, PERSONAPLEX,
        PERSONAPLEX_DISK, PYTHON_ON_CPU, gb,
    },
};

/// The first generation that computes in bf16.
const BF16: ComputeCapability = ComputeCapability::new(8, 0);

/// The first generation that Triton compiles for.
const TRITON: ComputeCapability = ComputeCapability::new(7, 0);

/// NVIDIA's repository, which wants an account that has accepted its licence.
const GATED: &str = "nvidia/personaplex-7b-v1";

/// One of the three servers.
struct Server {
    runtime: Runtime,
    weights: Weights,
    flavour: Flavour,
    /// Memory on the card, in GB.
    memory: f64,
    /// On disk, in GB, and the repository that it is from.
    disk: (f64, &'static str),
}

const SERVERS: [Server; 3] = [
    Server {
        runtime: Runtime::MoshiPython,
        weights: Weights::Bf16,
        flavour: Flavour::Kyutai,
        memory: MOSHI_PYTHON,
        disk: (Weights::Bf16.needs().weights + MIMI_DISK, "kyutai/moshika-pytorch-bf16"),
    },
    Server {
        runtime: Runtime::MoshiPythonQ8,
        weights: Weights::Q8,
        flavour: Flavour::Kyutai,
        memory: MOSHI_PYTHON_Q8,
        disk: (Weights::Q8.needs().weights + MIMI_DISK, "kyutai/moshika-pytorch-q8"),
    },
    Server {
        runtime: Runtime::Personaplex,
        weights: Weights::Bf16,
        flavour: Flavour::Nvidia,
        memory: PERSONAPLEX,
        disk: (PERSONAPLEX_DISK + MIMI_DISK, GATED),
    },
];

/// The verdicts' makings for all three.
pub(super) fn servers(world: &World) -> Vec<Draft> {
    SERVERS.iter().map(|server| judge(world, server)).collect()
}

fn judge(world: &World, server: &Server) -> Draft {
    let gpu = nvidia(world);
    let mut draft = Draft::new(server.runtime, server.weights, gpu.map(|gpu| gpu.name.as_str()));
    let interpreter = interpreter(world, server.flavour);
    windows(&mut draft, world, interpreter);
    card(&mut draft, world, server);
    installed(&mut draft, world, server, interpreter);
    environment(&mut draft, world);
    match server.runtime {
        Runtime::Personaplex => personaplex(&mut draft, world),
        Runtime::MoshiPythonQ8 => scale(&mut draft),
        _ => {}
    }
    disk(&mut draft, world, server.disk.0, Some(server.disk.1));
    draft
}

/// Adds whether there is a card for the server. Without one it has nothing to run on.
pub(super) fn needs_nvidia(draft: &mut Draft, world: &World) {
    if world.gpus.is_none() {
        draft.leaves_open(
            "gpu.unknown",
            "It takes an NVIDIA card, and which cards this computer has is not known.",
            Step::new("Run the doctor on the computer itself, or describe its cards."),
        );
    } else if nvidia(world).is_none() {
        let other = world.gpus.iter().flatten().find(|gpu| gpu.is_discrete());
        let (says, next) = match other {
            Some(other) => (
                format!("It computes with CUDA, on NVIDIA cards alone, and not on the {}.", other.name),
                "Use myca host if it can use the card, or a remote host.",
            ),
            None => (
                "It computes with CUDA, on NVIDIA cards alone, and this computer has none.".to_owned(),
                "Use a remote host; typing works meanwhile.",
            ),
        };
        draft.stops("gpu.not-nvidia", says, Step::new(next));
    } else if let Some(gpu) = nvidia(world).filter(|gpu| gpu.has(Api::Cuda) == Some(false)) {
        draft.stops(
            "gpu.no-driver",
            format!("NVIDIA's driver for the {} does not answer.", gpu.name),
            Step::new("Install NVIDIA's driver; in a container, give it the card (--gpus all)."),
        );
    }
}

fn card(draft: &mut Draft, world: &World, server: &Server) {
    needs_nvidia(draft, world);
    let Some(gpu) = nvidia(world) else { return on_processor(draft, world) };
    memory::fits(draft, gpu, "It", server.memory);
    speed::bandwidth(draft, world, gpu);
    if server.runtime == Runtime::MoshiPython
        && gpu.memory_total_bytes.is_some_and(|total| (total as f64) < MOSHI_PYTHON_ASKED * 1e9)
    {
        draft.notes(
            "memory.asked",
            format!("Kyutai asks for a card with {MOSHI_PYTHON_ASKED:.0} GB."),
            Basis::Read,
            None,
        );
    }
    let Some(capability) = gpu.compute_capability else { return };
    if capability < BF16 {
        let says = format!(
            "The {} (compute capability {capability}) does not compute in bf16; 8.0 and later do.",
            gpu.name
        );
        let next = match server.flavour {
            Flavour::Kyutai => {
                Step::with_line("Start it with --half, in fp16.", "python -m moshi.server --half")
            }
            Flavour::Nvidia => {
                Step::new("NVIDIA's server has no --half: use another runtime or a remote host.")
            }
        };
        draft.will_fail("gpu.no-bf16", says, next);
    }
    if capability < TRITON && !world.environment.compile_is_off() {
        draft.will_fail(
            "triton.capability",
            format!("Triton, which compiles the model, takes compute capability 7.0, and the {} has {capability}.", gpu.name),
            Step::with_line("Turn compilation off; it is slower then.", "NO_TORCH_COMPILE=1"),
        );
    }
    if gpu.memory_total_bytes.is_some_and(|total| (total as f64) < server.memory * 1e9) {
        on_processor(draft, world);
    }
}

/// What becomes of it on the processor, which is the way out that people try.
fn on_processor(draft: &mut Draft, world: &World) {
    let ram = match world.ram.total_bytes {
        Some(total) => format!("; this computer has {}", gb(total)),
        None => String::new(),
    };
    draft.notes(
        "python.on-cpu",
        format!(
            "With --device cpu it takes 18 to {PYTHON_ON_CPU:.0} GB of memory{ram}. It is far from real time there, and \
             without CUDA Kyutai's server ends in its warm-up."
        ),
        Basis::Read,
        None,
    );
}

fn windows(draft: &mut Draft, world: &World, interpreter: Option<&Python>) {
    if world.os.family != Some(OsFamily::Windows) {
        return;
    }
    draft.will_fail(
        "os.windows",
        "The Python servers are not made for Windows.",
        Step::with_line("Run it inside Windows' Linux (WSL 2) or Docker.", "wsl --install"),
    );
    if !world.environment.compile_is_off() && interpreter.is_none_or(|python| python.triton.is_none()) {
        draft.will_fail(
            "triton.windows",
            "Triton, which compiles the model, does not exist for Windows.",
            Step::with_line(
                "Turn compilation off, if it has to be Windows; it is slower then.",
                "set NO_TORCH_COMPILE=1",
            ),
        );
    }
}

/// The interpreter that comes closest: the right Moshi, then any, then one with torch.
fn interpreter(world: &World, flavour: Flavour) -> Option<&Python> {
    let score = |python: &&Python| {
        let right = python.moshi.as_ref().is_some_and(|moshi| moshi.flavour == flavour);
        (right, python.moshi.is_some(), python.torch.as_ref().is_some_and(|torch| torch.cuda.is_some()))
    };
    // Of equals the first: that is the one that the person pointed to.
    world.pythons.iter().flatten().rev().max_by_key(score)
}

fn installed(draft: &mut Draft, world: &World, server: &Server, interpreter: Option<&Python>) {
    let install = match server.flavour {
        Flavour::Kyutai => Step::with_line(
            "Install it in an environment of its own, or point the app to where it is.",
            "pip install -U moshi",
        ),
        Flavour::Nvidia => Step::with_line(
            "Install it from NVIDIA's repository in an environment of its own, or point the app to where it is.",
            "pip install \"git+https://github.com/NVIDIA/personaplex#subdirectory=moshi\"",
        ),
    };
    let Some(python) = interpreter else {
        if world.pythons.is_some() {
            draft.stops(
                "python.none",
                "There is no Python on this computer that the doctor knows of.",
                Step::new(
                    "Install Python 3.10 or newer and Moshi in it, or point the app to where they are.",
                ),
            );
        } else {
            draft.leaves_open(
                "python.unknown",
                "Nobody has looked for Python.",
                Step::new("Point the app to the interpreter in which Moshi is installed."),
            );
        }
        return;
    };
    match &python.moshi {
        Some(moshi) if moshi.flavour == server.flavour => {}
        Some(_) => {
            let (has, wanted) = match server.flavour {
                Flavour::Kyutai => ("NVIDIA's moshi, for PersonaPlex,", "Kyutai's"),
                Flavour::Nvidia => ("Kyutai's moshi", "NVIDIA's, from its repository personaplex"),
            };
            draft.stops(
                "python.other-moshi",
                format!("{has} is installed in {}, and not {wanted}: both have the same name.", python.path),
                install,
            );
        }
        None => {
            draft.stops("python.no-moshi", format!("Moshi is not installed in {}.", python.path), install);
        }
    }
    let whose = format!("in {}", python.path);
    match &python.torch {
        Some(torch) => torch::suits(draft, torch, nvidia(world), &whose),
        // pip brings it along with Moshi.
        None if python.moshi.is_none() => {}
        None => draft.stops(
            "python.no-torch",
            format!("torch is not installed in {}.", python.path),
            Step::with_line("Install it.", "pip install torch"),
        ),
    }
    let on_linux = world.os.family != Some(OsFamily::Windows);
    if on_linux && python.torch.is_some() && python.triton.is_none() && !world.environment.compile_is_off() {
        draft.will_fail(
            "triton.missing",
            format!("Triton, which compiles the model, is not installed in {}.", python.path),
            Step::with_line(
                "Install it, or turn compilation off with NO_TORCH_COMPILE=1.",
                "pip install triton",
            ),
        );
    }
    if server.runtime == Runtime::MoshiPythonQ8 && python.moshi.is_some() && python.bitsandbytes.is_none() {
        draft.stops(
            "python.no-bitsandbytes",
            format!("bitsandbytes, which computes with q8, is not installed in {}.", python.path),
            Step::with_line("Install it.", "pip install bitsandbytes"),
        );
    }
}

fn environment(draft: &mut Draft, world: &World) {
    if world.environment.graphs_are_off() {
        draft.slows(
            "env.no-cuda-graph",
            format!(
                "NO_CUDA_GRAPH is set: without graphs a step takes 150 to 200 ms on an RTX 4080 and {NO_GRAPHS_MS:.0} on an \
                 RTX 5090, as measured."
            ),
            Basis::Read,
            Step::with_line("Unset it.", "unset NO_CUDA_GRAPH"),
        );
    }
    if world.environment.compile_is_off() {
        draft.notes(
            "env.no-torch-compile",
            "NO_TORCH_COMPILE is set: the model is not compiled, which is slower.",
            Basis::Read,
            Some(Step::with_line("Unset it where Triton works.", "unset NO_TORCH_COMPILE")),
        );
    }
}

fn personaplex(draft: &mut Draft, world: &World) {
    if nvidia(world)
        .is_some_and(|gpu| gpu.memory_total_bytes.is_some_and(|total| (total as f64) < PERSONAPLEX * 1e9))
    {
        draft.notes(
            "personaplex.cpu-offload",
            "--cpu-offload does not help: it fails at the voice prompt (\"meta\" and \"cuda\" tensors).",
            Basis::Read,
            None,
        );
    }
    match &world.hugging_face {
        None => draft.notes(
            "hf.unknown",
            format!("{GATED} takes a token of Hugging Face, and whether there is one is not known."),
            Basis::Read,
            None,
        ),
        Some(account) if account.has(GATED) => {}
        Some(account) if account.token => draft.notes(
            "hf.licence",
            format!("Its licence has to be accepted once, at huggingface.co/{GATED}."),
            Basis::Read,
            None,
        ),
        Some(_) => draft.stops(
            "hf.no-token",
            format!("{GATED} is gated: it takes a token of Hugging Face, and there is none."),
            Step::with_line(
                format!(
                    "Accept the licence at huggingface.co/{GATED}, make a token that may read, and log in."
                ),
                "huggingface-cli login",
            ),
        ),
    }
    draft.notes(
        "personaplex.open",
        "NVIDIA's server listens on all interfaces whatever --host says, without a password: keep its port behind a firewall.",
        Basis::Read,
        None,
    );
}

fn scale(draft: &mut Draft) {
    draft.will_fail(
        "python.weight-scb",
        "Its loader turns the scales of q8 weights into bf16, and the first step ends with \"Expected `weight_scb` to have \
         type float, but got bfloat16\" (moshi up to 0.2.13).",
        Step::new("Use bf16 where the card has 24 GB, or q8_0 in myca host or moshi-backend."),
    );
}
