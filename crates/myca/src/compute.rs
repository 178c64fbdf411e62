//! How a model is computed, as it is said on the command line.

use clap::ValueEnum;
use engine::{CacheFormat, CpuOptions};

#[derive(clap::Args)]
pub(crate) struct Compute {
    /// Threads that compute; without it as many as there are cores
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Steps of 80 ms that the model looks back, at most those that it was taught with (3000: four minutes)
    #[arg(long, value_name = "STEPS", value_parser = clap::value_parser!(u32).range(1..))]
    context: Option<u32>,
    /// How those steps are remembered: f16 takes 1.57 GB for 3000 of them, q8 takes 0.84 GB
    #[arg(long, value_enum, default_value_t = Cache::F16)]
    cache: Cache,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Cache {
    F16,
    Q8,
}

impl Compute {
    pub(crate) fn options(&self) -> CpuOptions {
        CpuOptions {
            threads: self.threads.map(usize::from),
            context: self.context.map(|steps| steps as usize),
            cache: match self.cache {
                Cache::F16 => CacheFormat::F16,
                Cache::Q8 => CacheFormat::Q8,
            },
            exact: false,
        }
    }
}
