//! The Python server in Docker.

use super::{draft::Draft, memory, nvidia, python::needs_nvidia, speed, torch};
use crate::{
    Basis, ComputeCapability, Docker, DockerState, Gpu, OsFamily, Runtime, Step, Weights, World,
    figures::{GRAPHS_MS, MOSHI_PYTHON},
};

/// More restarts than that are a loop.
const LOOP: u32 = 3;

/// The volume that keeps what is downloaded.
const VOLUME: &str = "docker volume create moshi-model-cache";

pub(super) fn docker(world: &World) -> Draft {
    let weights = Weights::Bf16;
    let gpu = nvidia(world);
    let mut draft = Draft::new(Runtime::Docker, weights, gpu.map(|gpu| gpu.name.as_str()));
    needs_nvidia(&mut draft, world);
    if let Some(gpu) = gpu {
        memory::fits(&mut draft, gpu, "It", MOSHI_PYTHON);
        speed::bandwidth(&mut draft, world, gpu);
    }
    match &world.docker {
        None => draft.leaves_open(
            "docker.unknown",
            "Nobody has looked for Docker.",
            Step::new("Run the doctor on the computer itself."),
        ),
        Some(docker) => state(&mut draft, world, docker, gpu),
    }
    draft
}

fn state(draft: &mut Draft, world: &World, docker: &Docker, gpu: Option<&Gpu>) {
    match docker.state {
        DockerState::Absent => draft.stops(
            "docker.absent",
            "Docker is not installed.",
            Step::new("Install Docker, on Windows Docker Desktop with WSL 2, or use another runtime."),
        ),
        DockerState::Stopped => draft.stops(
            "docker.stopped",
            "Docker is installed, and its server does not run.",
            if world.os.family == Some(OsFamily::Windows) {
                Step::new("Start Docker Desktop.")
            } else {
                Step::with_line("Start it.", "sudo systemctl start docker")
            },
        ),
        DockerState::Refused => draft.stops(
            "docker.refused",
            "Docker runs, and this user may not use it.",
            Step::with_line(
                "Add the user to the group docker and log in again.",
                "sudo usermod -aG docker \"$USER\"",
            ),
        ),
        DockerState::Running => {
            runtime(draft, docker);
            images(draft, docker, gpu);
            cache(draft, docker);
        }
    }
}

fn runtime(draft: &mut Draft, docker: &Docker) {
    if docker.nvidia_runtime == Some(false) {
        draft.stops(
            "docker.no-nvidia",
            "Docker has no NVIDIA runtime, so that containers cannot use the card.",
            Step::with_line(
                "Install the NVIDIA Container Toolkit, configure Docker with it, and restart Docker.",
                "sudo nvidia-ctk runtime configure --runtime=docker && sudo systemctl restart docker",
            ),
        );
    }
}

fn images(draft: &mut Draft, docker: &Docker, gpu: Option<&Gpu>) {
    let images = docker.images.iter().flatten();
    let Some(known) = images.filter_map(|image| Some((image, image.torch.as_ref()?))).next() else {
        let newest = gpu
            .and_then(|gpu| gpu.compute_capability)
            .is_some_and(|card| card >= ComputeCapability::new(10, 0));
        if newest {
            draft.doubts(
                "docker.image",
                "The card takes an image whose torch is built with CUDA 12.8 or newer; older ones have no code for it.",
                Basis::Read,
                Some(Step::new("Take or build an image on CUDA 12.8 or newer, with a torch from cu128.")),
            );
        }
        return;
    };
    let (image, torch) = known;
    torch::suits(draft, torch, gpu, &format!("in the image {}", image.name));
    draft.notes(
        "docker.graphs",
        format!(
            "With a torch that has code for the card, {GRAPHS_MS} ms a step were measured on an RTX 5090, with CUDA graphs."
        ),
        Basis::Read,
        None,
    );
}

fn cache(draft: &mut Draft, docker: &Docker) {
    let containers = || docker.containers.iter().flatten();
    if let Some(container) = containers().find(|container| container.restarts > LOOP) {
        draft.will_fail(
            "docker.restart-loop",
            format!("The container {} has been started {} times again.", container.name, container.restarts),
            if container.keeps_its_cache {
                Step::with_line(
                    "Look at its last lines.",
                    format!("docker logs --tail 50 {}", container.name),
                )
            } else {
                Step::with_line(
                    "Give it a volume for what it downloads: each start begins the 15 GB anew.",
                    VOLUME,
                )
            },
        );
    } else if docker.volumes.as_ref().is_some_and(Vec::is_empty)
        && !containers().any(|container| container.keeps_its_cache)
    {
        draft.doubts(
            "docker.no-volume",
            "No volume keeps what the container downloads: each new one would fetch the 15 GB again.",
            Basis::Read,
            Some(Step::with_line("Make a volume and mount it at /root/.cache.", VOLUME)),
        );
    }
}
