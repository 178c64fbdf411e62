//! Whether a model fits this computer: what the doctor says of the runtimes that would run it.

use doctor::{Runtime, Verdict, Weights};

use super::doctor::Known;
use crate::view::Fits;

/// Whether a model fits, and why.
pub(super) fn fits(model: &models::Model, known: Option<&Known>) -> (Fits, String) {
    let Some(known) = known else {
        return (Fits::Unknown, "The doctor has not looked at this computer yet.".into());
    };
    if model.purpose == models::Purpose::Recognition {
        return (Fits::Unknown, "The doctor says nothing about recognisers.".into());
    }
    let findings = known.report.findings.iter().filter(|finding| {
        model.runtimes.iter().any(|own| runs(*own, finding.runtime)) && same(model.weights, finding.weights)
    });
    let Some(best) = findings.min_by_key(|finding| finding.verdict) else {
        return (Fits::Unknown, "The doctor knows nothing that runs it.".into());
    };
    let fits = match best.verdict {
        Verdict::Works | Verdict::ShouldWork if best.doubtful => Fits::Barely,
        Verdict::Works | Verdict::ShouldWork => Fits::Yes,
        Verdict::Unknown => Fits::Unknown,
        Verdict::TooSlow => Fits::Barely,
        Verdict::WillNotStart => Fits::No,
    };
    let why = best.reasons.first().map_or_else(|| best.verdict.to_string(), |reason| reason.says.clone());
    (fits, format!("{}: {why}", best.runtime))
}

/// How the weights are called.
pub(super) fn weights(weights: models::Weights) -> &'static str {
    match weights {
        models::Weights::F32 => "f32",
        models::Weights::F16 => "f16",
        models::Weights::Bf16 => "bf16",
        models::Weights::Q8 => "q8",
        models::Weights::Q4 => "q4",
    }
}

fn same(model: models::Weights, found: Weights) -> bool {
    match model {
        models::Weights::F32 => false,
        models::Weights::F16 | models::Weights::Bf16 => found == Weights::Bf16,
        models::Weights::Q8 => found == Weights::Q8,
        models::Weights::Q4 => found == Weights::Q4,
    }
}

fn runs(own: models::Runtime, found: Runtime) -> bool {
    match own {
        models::Runtime::MycaHost => matches!(found, Runtime::HostGpu | Runtime::HostCpu),
        models::Runtime::PythonMoshi => matches!(found, Runtime::MoshiPython | Runtime::MoshiPythonQ8),
        models::Runtime::PersonaPlex => found == Runtime::Personaplex,
        models::Runtime::MoshiBackend => found == Runtime::MoshiBackend,
        models::Runtime::Docker => found == Runtime::Docker,
    }
}
