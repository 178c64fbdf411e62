//! Reading and measuring this machine.
//!
//! [`read`] asks the system, drivers and other programs, all at once, and is done within the limit of its settings
//! (2 s): whoever has not answered by then is named in [`World::unread`]. [`measure`] takes up to 20 s. Both end, with
//! the programs that they started, when their future is dropped.

mod adapters;
mod bandwidth;
mod child;
mod containers;
mod disk;
mod gpus;
mod hugging_face;
mod machine;
mod nvidia;
mod ports;
mod pythons;
mod surroundings;
mod thread;

use std::{
    future::Future,
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::{sync::watch, time::timeout};

pub use self::surroundings::Surroundings;
use crate::{Cpu, Environment, Host, Os, Ram, Unread, World};

/// The operating system, the processor, and the memory alone.
///
/// # Errors
/// What the system says where it does not tell.
pub async fn machine(place: &Surroundings) -> Result<(Os, Cpu, Ram), String> {
    machine::read(place).await
}

/// What [`read`] is to look at.
#[derive(Debug, Clone)]
pub struct ReadSettings {
    /// The machine, as far as a test can replace it.
    pub surroundings: Surroundings,
    /// The folder of the models. It need not exist yet.
    pub models: PathBuf,
    /// Python interpreters, or folders of virtual environments, that the person pointed to.
    pub pythons: Vec<PathBuf>,
    /// The program moshi-backend, if the person pointed to it.
    pub moshi_backend: Option<PathBuf>,
    /// Our own runtime, as far as the caller knows it.
    pub host: Option<Host>,
    /// The ports that are to be free, on loopback.
    pub ports: Vec<u16>,
    /// How long all of it may take.
    pub limit: Duration,
}

impl ReadSettings {
    /// What is usual: this machine, Moshi's port and the bridge's, and 2 s less what the rest takes.
    pub fn new(models: impl Into<PathBuf>) -> Self {
        Self {
            surroundings: Surroundings::of_this_machine(),
            models: models.into(),
            pythons: Vec::new(),
            moshi_backend: None,
            host: None,
            ports: vec![8998, 8999],
            limit: Duration::from_millis(1800),
        }
    }
}

/// What [`measure`] is to do.
#[derive(Debug, Clone)]
pub struct MeasureSettings {
    /// The machine, as far as a test can replace it.
    pub surroundings: Surroundings,
    /// How much memory is read to measure its bandwidth, in bytes. `None` takes 1 GiB, or an eighth of what is
    /// available.
    pub buffer_bytes: Option<usize>,
    /// How long all of it may take.
    pub limit: Duration,
}

impl MeasureSettings {
    /// What is usual: this machine, and 20 s.
    pub fn new() -> Self {
        Self {
            surroundings: Surroundings::of_this_machine(),
            buffer_bytes: None,
            limit: Duration::from_secs(20),
        }
    }
}

impl Default for MeasureSettings {
    fn default() -> Self {
        Self::new()
    }
}

/// How far it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// Parts that are done.
    pub done: usize,
    /// Parts that there are.
    pub of: usize,
    /// The part that was done last, for people.
    pub last: &'static str,
}

/// Reads this machine.
pub async fn read(settings: &ReadSettings, progress: &watch::Sender<Progress>) -> World {
    let place = &settings.surroundings;
    let reading = Reading::new(settings.limit, progress, 8);
    let parts = async {
        tokio::join!(
            reading.part("processor and memory", machine::read(place)),
            reading.part("disk", disk::read(&settings.models)),
            reading.part("NVIDIA cards", nvidia::read(place)),
            reading.part("graphics adapters", adapters::read(place)),
            reading.part("Docker", containers::read(place)),
            reading.part("Python", pythons::read(place, &settings.pythons, settings.limit)),
            reading.part("ports", ports::read(&settings.ports)),
            reading.part("Hugging Face", hugging_face::read(place)),
        )
    };
    let (machine, disk, nvidia, adapters, docker, pythons, taken_ports, hugging_face) = Box::pin(parts).await;
    let (os, cpu, ram) = machine.unwrap_or_default();
    let pythons = pythons.map(|found| {
        reading.missed(found.unread);
        found.pythons
    });
    let backend = &settings.moshi_backend;
    World {
        os,
        cpu,
        ram,
        disk: disk.unwrap_or_default(),
        gpus: gpus::all(nvidia, adapters, gpus::without_driver(place)),
        docker,
        pythons,
        moshi_backend: Some(
            backend.as_ref().is_some_and(|path| path.is_file()) || place.find("moshi-backend").is_some(),
        ),
        taken_ports,
        hugging_face,
        environment: Environment {
            no_torch_compile: place.text("NO_TORCH_COMPILE"),
            no_cuda_graph: place.text("NO_CUDA_GRAPH"),
        },
        host: settings.host.clone(),
        measured: crate::Measured::default(),
        unread: reading.finish(),
    }
}

/// Measures this machine, and returns what is known of it with what was measured.
pub async fn measure(world: &World, settings: &MeasureSettings, progress: &watch::Sender<Progress>) -> World {
    let mut world = world.clone();
    let pythons =
        world.pythons.as_ref().map_or(0, |all| all.iter().filter(|python| python.torch.is_some()).count());
    let begin = tokio::time::Instant::now();
    let reading = Reading::new(settings.limit / 2, progress, 1 + usize::from(pythons > 0));
    let bytes = settings.buffer_bytes.unwrap_or_else(|| bandwidth::usual_bytes(&world.ram));
    // One after the other: importing torch would take bandwidth away.
    let measured =
        reading.part("bandwidth of the memory", bandwidth::measure(bytes, settings.limit / 4)).await;
    world.measured.cpu_gb_per_s = measured.or(world.measured.cpu_gb_per_s);
    if pythons > 0 {
        let left = settings.limit.saturating_sub(begin.elapsed());
        let reading = Reading { limit: left, ..reading };
        let asked = pythons::architectures(
            &settings.surroundings,
            world.pythons.as_deref().unwrap_or_default(),
            left,
        );
        if let Some(asked) = reading.part("architectures of torch", asked).await {
            reading.missed(asked.unread);
            world.pythons = Some(asked.pythons);
        }
        world.unread.extend(reading.finish());
    } else {
        world.unread.extend(reading.finish());
    }
    world
}

/// Parts that are read at the same time, each within the limit.
struct Reading<'a> {
    limit: Duration,
    progress: &'a watch::Sender<Progress>,
    unread: Mutex<Vec<Unread>>,
}

impl<'a> Reading<'a> {
    fn new(limit: Duration, progress: &'a watch::Sender<Progress>, of: usize) -> Self {
        progress.send_replace(Progress { done: 0, of, last: "" });
        Self { limit, progress, unread: Mutex::default() }
    }

    async fn part<T>(&self, name: &'static str, part: impl Future<Output = Result<T, String>>) -> Option<T> {
        let found = match timeout(self.limit, part).await {
            Ok(found) => found,
            Err(_) => Err(format!("no answer within {:.1} s", self.limit.as_secs_f64())),
        };
        self.progress.send_modify(|progress| {
            progress.done += 1;
            progress.last = name;
        });
        match found {
            Ok(found) => Some(found),
            Err(why) => {
                self.missed(vec![Unread { probe: name.to_owned(), why }]);
                None
            }
        }
    }

    fn missed(&self, missed: Vec<Unread>) {
        self.unread.lock().unwrap_or_else(PoisonError::into_inner).extend(missed);
    }

    fn finish(self) -> Vec<Unread> {
        self.unread.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}
