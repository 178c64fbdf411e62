//! What to do, and the whole in a few plain words.

use crate::{
    Choice, Effect, Finding, GpuKind, Recommendation, Runtime, Verdict, Weights, World,
    figures::{CACHE, FRAME_MS, floor_ms, gb, ms},
};

/// How many ways on this computer are named.
const NAMED: usize = 3;

/// The ways to a conversation, the best first.
pub(super) fn recommendations(findings: &[Finding]) -> Vec<Recommendation> {
    let mut all: Vec<Recommendation> = usable(findings).into_iter().take(NAMED).map(run).collect();
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
        let weights = match (finding.weights, finding.doubtful) {
            // bf16 sounds no better than q8_0 and takes twice as much.
            (Weights::Q8, false) => 0,
            (Weights::Bf16, false) => 1,
            (Weights::Q4, false) => 2,
            // Where there is little room, the smallest first.
            (Weights::Q4, true) => 0,
            (Weights::Q8, true) => 1,
            (Weights::Bf16, true) => 2,
        };
        (finding.verdict, finding.doubtful, finding.runtime, weights)
    });
    usable
}

fn run(finding: &Finding) -> Recommendation {
    let name = name(finding);
    let certainty = match (finding.verdict, finding.doubtful) {
        (Verdict::Works, _) => "it was timed and keeps up",
        (_, false) => "it should keep up; time it before you rely on it",
        (_, true) => "it may keep up; time it before you rely on it",
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

fn name(finding: &Finding) -> String {
    let device = match (&finding.device, finding.runtime) {
        (Some(device), _) => format!(" on the {device}"),
        (None, Runtime::HostCpu) => " on the processor".to_owned(),
        (None, _) => String::new(),
    };
    let program = match finding.runtime {
        Runtime::HostGpu | Runtime::HostCpu => "myca host".to_owned(),
        other => other.to_string(),
    };
    format!("{program} with {}{device}", finding.weights)
}

/// The whole in a few sentences.
pub(super) fn summary(world: &World, findings: &[Finding]) -> String {
    if let Some(best) = usable(findings).first() {
        let name = name(best);
        return match best.verdict {
            Verdict::Works => format!("This computer runs Moshi: {name} was timed here and keeps up."),
            _ if best.doubtful => {
                let doubt = best.reasons.iter().find(|reason| reason.effect == Effect::Doubts);
                let doubt = doubt.map(|reason| reason.says.as_str()).unwrap_or_default();
                format!("This computer may run Moshi: {name}. {doubt} Time it before you rely on it.")
            }
            _ => format!("This computer should run Moshi: {name}. It has not been timed yet."),
        };
    }
    let obstacles: Vec<String> =
        [card(world, findings), processor(world, findings)].into_iter().flatten().collect();
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
    Some(format!("This version of myca host cannot use its {}{memory} yet.", gpu.name))
}

/// What is wrong with its processor.
fn processor(world: &World, findings: &[Finding]) -> Option<String> {
    let is_smallest = |runtime, weights| runtime == Runtime::HostCpu && weights == Weights::Q4;
    let smallest = findings.iter().find(|finding| is_smallest(finding.runtime, finding.weights))?;
    let reason = smallest.reasons.iter().find(|reason| reason.effect <= Effect::Unknown)?;
    if smallest.verdict != Verdict::TooSlow {
        return Some(reason.says.clone());
    }
    let run = world.measured.runs.iter().rev().find(|run| is_smallest(run.runtime, run.weights));
    Some(match (reason.code, run, world.measured.cpu_gb_per_s) {
        ("timed.slow", Some(run), _) => {
            format!("Its processor took {} for each {FRAME_MS:.0} ms of conversation.", ms(run.median_ms))
        }
        ("speed.floor", _, Some(gb_per_s)) => {
            let streamed = Weights::Q4.needs().streamed;
            let empty = floor_ms(streamed, gb_per_s);
            let (time, when) = if empty >= FRAME_MS {
                (empty, "")
            } else {
                (floor_ms(streamed + CACHE, gb_per_s), " after four minutes")
            };
            format!(
                "Its processor would take {} or more for each {FRAME_MS:.0} ms of conversation{when}, because it reads \
                 only {gb_per_s:.0} GB of memory a second, as measured.",
                ms(time)
            )
        }
        _ => reason.says.clone(),
    })
}
