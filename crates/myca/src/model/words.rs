//! What models are, in words.

use models::{Kept, Kind, Origin, Runtime, State, Weights};

/// Bytes, to three digits or so. A GB is 10^9 of them, as on disks.
pub(super) fn size(bytes: u64) -> String {
    let units = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    match units.into_iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{:.1} {name}", bytes as f64 / unit as f64),
        None => format!("{bytes} bytes"),
    }
}

/// Seconds, as a person would say them.
pub(super) fn duration(seconds: u64) -> String {
    match seconds {
        0..100 => format!("{seconds} s"),
        100..6_000 => format!("{} min", seconds.div_ceil(60)),
        _ => format!("{} h", seconds.div_ceil(3_600)),
    }
}

pub(super) fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Moshi => "a Moshi",
        Kind::PersonaPlex => "a PersonaPlex",
        Kind::Recogniser => "a recogniser of speech",
    }
}

pub(super) fn weights(weights: Weights) -> &'static str {
    match weights {
        Weights::F32 => "32 bits a weight",
        Weights::F16 => "16 bits a weight (f16)",
        Weights::Bf16 => "16 bits a weight (bf16)",
        Weights::Q8 => "8 bits a weight",
        Weights::Q4 => "4 bits a weight",
    }
}

/// What runs a model, as the beginning of a sentence.
pub(super) fn runs_with(runtimes: &[Runtime]) -> String {
    let name = |runtime: &Runtime| match runtime {
        Runtime::MycaHost => "myca host",
        Runtime::PythonMoshi => "Python moshi.server",
        Runtime::PersonaPlex => "NVIDIA's moshi.server",
        Runtime::MoshiBackend => "moshi-backend",
        Runtime::Docker => "Docker",
    };
    if runtimes.is_empty() {
        return "Nothing runs it yet".to_owned();
    }
    format!("Runs with {}", runtimes.iter().map(name).collect::<Vec<_>>().join(", "))
}

/// Whether a model can be used, and where it is.
pub(super) fn state(kept: &Kept) -> String {
    match (&kept.state, kept.origin) {
        (State::Whole, Origin::Downloaded) => "here".to_owned(),
        (State::Whole, Origin::HubCache) => "in Hugging Face's cache".to_owned(),
        (State::Whole, Origin::Imported) => "imported".to_owned(),
        (State::Paused { done, total }, _) => {
            format!("{} of it here; its download can go on", part(*done, *total))
        }
        (State::Damaged { file }, _) => format!("damaged: {file} is not there as it was"),
    }
}

/// A part of something.
pub(super) fn part(done: u64, total: u64) -> String {
    let percent = if total == 0 { 0 } else { u128::from(done) * 100 / u128::from(total) };
    format!("{percent} %")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_are_rounded_as_people_do() {
        assert_eq!([0, 999].map(size), ["0 bytes", "999 bytes"]);
        assert_eq!([1_500, 384_644_900, 8_600_000_000].map(size), ["1.5 kB", "384.6 MB", "8.6 GB"]);
        assert_eq!([0, 99, 100, 7_300].map(duration), ["0 s", "99 s", "2 min", "3 h"]);
        assert_eq!([(1, 3), (0, 0), (u64::MAX, u64::MAX)].map(|(a, b)| part(a, b)), ["33 %", "0 %", "100 %"]);
    }
}
