//! What to do, and the whole in a few plain words.

use std::cmp::Reverse;

use crate::{
    Basis, Choice, Effect, Finding, GpuKind, Recommendation, Runtime, Verdict, Weights, World, figures::gb,
};

/// How many ways on this computer are named.
const NAMED: usize = 3;

/// The ways to a conversation, the best first.
pub(super) fn recommendations(world: &World, findings: &[Finding]) -> Vec<Recommendation> {
    let mut all: Vec<Recommendation> =
        usable(findings).into_iter().take(NAMED).map(|finding| run(world, finding)).collect();
    all.push(Recommendation {
        choice: Choice::RemoteHost,
        says: if all.is_empty() {
            "Use a remote host: a computer with a graphics card on which Moshi runs.".to_owned()
        } else {
            "Or use a remote host.".to_owned()
        },
    });
    all.push(Recommendation {
        choice: Choice::Typing,
        says: "Typing works meanwhile; it takes no Moshi.".to_owned(),
    });
    all
}

/// Findings that a person can build on, the best first: what was timed before what was only read, then what has room,
/// then what takes the fewest other programs, then the best weights.
fn usable(findings: &[Finding]) -> Vec<&Finding> {
    let mut usable: Vec<&Finding> =
        findings.iter().filter(|finding| finding.verdict <= Verdict::ShouldWork).collect();
    usable.sort_by_key(|finding| {
        let fastest = finding.weights;
        let weights = match fastest {
            // Where there is little room, the smallest first.
            _ if finding.tight => Reverse(fastest as u8),
            Weights::Q8 => Reverse(3),
            Weights::Bf16 => Reverse(2),
            Weights::Q4 => Reverse(1),
        };
        (finding.verdict, finding.tight, finding.runtime, weights)
    });
    usable
}

fn run(world: &World, finding: &Finding) -> Recommendation {
    let name = name(world, finding);
    let certainty = match (finding.verdict, finding.tight) {
        (Verdict::Works, _) => "it was timed and keeps up",
        (_, false) => "it should keep up; time it before you rely on it",
        (_, true) => "with little room; time it before you rely on it",
    };
    Recommendation {
        choice: Choice::Run {
            runtime: finding.runtime,
            weights: finding.weights,
            device: finding.device.clone(),
        },
        says: format!("{name}: {certainty}."),
    }
}

fn name(world: &World, finding: &Finding) -> String {
    let device = match (&finding.device, finding.runtime) {
        (Some(device), _) => format!(" on the {device}"),
        (None, Runtime::HostCpu) => {
            world.cpu.name.as_ref().map(|cpu| format!(" ({cpu})")).unwrap_or_default()
        }
        (None, _) => String::new(),
    };
    format!("{} with {}{device}", finding.runtime, finding.weights)
}

/// The whole in a few sentences.
pub(super) fn summary(world: &World, findings: &[Finding]) -> String {
    if let Some(best) = usable(findings).first() {
        let name = name(world, best);
        return match best.verdict {
            Verdict::Works => format!("This computer runs Moshi: {name} was timed here and keeps up."),
            _ if best.tight => {
                format!(
                    "This computer may run Moshi: {name}. There is little room, and it has not been timed."
                )
            }
            _ => format!("This computer should run Moshi: {name}. It has not been timed yet."),
        };
    }
    let obstacles: Vec<String> = [card(world, findings), processor(findings)].into_iter().flatten().collect();
    if findings.iter().all(|finding| finding.verdict >= Verdict::TooSlow) {
        format!(
            "This computer cannot run Moshi in real time. {} Use a remote host; typing works meanwhile.",
            obstacles.join(" ")
        )
    } else {
        format!(
            "Too little is known to say whether this computer can run Moshi. {} Use a remote host or type meanwhile.",
            obstacles.join(" ")
        )
        .replace(".  ", ". ")
    }
}

/// What is wrong with its cards.
fn card(world: &World, findings: &[Finding]) -> Option<String> {
    let gpus = world.gpus.as_ref()?;
    let Some(gpu) = gpus.iter().find(|gpu| gpu.is_discrete()) else {
        let integrated = gpus.iter().find(|gpu| gpu.kind == Some(GpuKind::Integrated));
        return Some(match integrated {
            Some(gpu) => format!("Its graphics ({}) have no memory of their own.", gpu.name),
            None => "It has no graphics card.".to_owned(),
        });
    };
    let mut on_card = findings.iter().filter(|finding| {
        finding.runtime == Runtime::HostGpu && finding.device.as_deref() == Some(gpu.name.as_str())
    });
    let smallest = on_card.find(|finding| finding.weights == Weights::Q4)?;
    let reason = smallest.reasons.iter().find(|reason| reason.effect <= Effect::Unknown)?;
    if reason.code != "host.cpu-only" {
        return Some(reason.says.clone());
    }
    let memory = gpu.memory_total_bytes.map(|total| format!(" ({})", gb(total))).unwrap_or_default();
    Some(format!("It has a {}{memory}, which this version of myca host cannot use yet.", gpu.name))
}

/// What is wrong with its processor.
fn processor(findings: &[Finding]) -> Option<String> {
    let smallest = findings
        .iter()
        .find(|finding| finding.runtime == Runtime::HostCpu && finding.weights == Weights::Q4)?;
    let reason = smallest.reasons.iter().find(|reason| reason.effect <= Effect::Unknown)?;
    Some(match (reason.effect, reason.basis) {
        (Effect::Slows, Basis::Measured) => {
            format!("Its processor is too slow, by measurement. {}", reason.says)
        }
        (Effect::Slows, Basis::Read) => format!("Its processor is too slow. {}", reason.says),
        _ => reason.says.clone(),
    })
}
