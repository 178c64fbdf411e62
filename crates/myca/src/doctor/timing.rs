//! Real frames of a model, timed by a child: what counts for a verdict, and what does not.

use std::{env, path::Path, time::Duration};

use ::doctor::{ENOUGH_FRAMES, Ram, Report, Runtime, TimedRun, Weights, World};
use engine::MOST_FRAMES;
use models::Examined;
use process::{Child, Line, Source, Spec};
use serde::Serialize;
use tokio::{
    sync::broadcast::error::RecvError,
    task::spawn_blocking,
    time::{Instant, timeout_at},
};

use super::show::Phase;
use crate::{
    frames::Said,
    place::{Found, Place},
    print::{Show, line},
};

/// What the child gets less, to end by itself.
const TO_END: Duration = Duration::from_millis(500);

/// A model whose frames were timed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Timed {
    /// As it was named.
    model: String,
    /// The form of its weights, if it is of full size: only then do the figures count for a verdict.
    counts_as: Option<Weights>,
    frames: u32,
    median_ms: f64,
    p95_ms: f64,
}

impl Timed {
    /// What a verdict can rest on.
    fn run(&self) -> Option<TimedRun> {
        Some(TimedRun {
            runtime: Runtime::HostCpu,
            weights: self.counts_as?,
            device: None,
            median_ms: self.median_ms,
            p95_ms: self.p95_ms,
            frames: self.frames,
        })
    }

    /// The figures in sentences, where no verdict has them.
    pub(super) fn without_verdict(&self, report: &Report) -> Option<String> {
        let Self { model, counts_as, frames, median_ms, p95_ms } = self;
        let why = match counts_as {
            Some(weights) if report.finding(Runtime::HostCpu, *weights).is_some() => return None,
            Some(_) => "The table has no line for weights of its form",
            None => "It is smaller than Moshi 7B",
        };
        Some(format!(
            "{frames} frames of {} were timed: half took less than {median_ms:.1} ms and nineteen of twenty less than \
             {p95_ms:.1}.\n{why}, so that this says nothing of any model above.",
            line(model)
        ))
    }
}

/// Adds a timed model to what is known, if it counts.
pub(super) fn add(world: &mut World, timed: &Timed) {
    if let Some(run) = timed.run() {
        world.add_run(run);
    }
}

/// What a model is before it is timed.
struct Known {
    found: Found,
    counts_as: Option<Weights>,
    memory_bytes: u64,
}

/// Times frames of a model. Says why if that does not come about. The child ends when this is dropped.
pub(super) async fn time(
    named: &Path,
    place: &Place,
    ram: &Ram,
    limit: Duration,
    show: &mut Show,
) -> Result<Timed, String> {
    let begin = Instant::now();
    let deadline = begin + limit;
    show.progress(Phase::Timing, "loading the model", 0, MOST_FRAMES as usize);
    let known = {
        let (named, place) = (named.to_owned(), place.clone());
        spawn_blocking(move || know(&named, &place))
    };
    let Known { found, counts_as, memory_bytes } = match timeout_at(deadline, known).await {
        Ok(known) => known.map_err(|error| error.to_string())??,
        Err(_) => return Err(too_slow(None, limit)),
    };
    let available = ram.available_bytes.unwrap_or(u64::MAX);
    if memory_bytes > available {
        let gb = |bytes: u64| bytes as f64 / 1e9;
        return Err(format!(
            "it takes {:.1} GB of memory, and {:.1} are available",
            gb(memory_bytes),
            gb(available)
        ));
    }
    let program = env::current_exe().map_err(|error| error.to_string())?;
    let for_child = deadline.saturating_duration_since(Instant::now()).saturating_sub(TO_END);
    let spec = Spec::new(program)
        .arguments(["frames", "--limit", &for_child.as_millis().to_string(), "--model"])
        .argument(&found.path);
    let child = Child::start(spec).await.map_err(|error| error.to_string())?;
    let (mut timed, mut cost) = (None, None);
    let mut take = |line: &Line| match said(line) {
        Some(Said::Timed { frames }) => {
            timed = Some(frames);
            show.progress(Phase::Timing, "frames", frames as usize, MOST_FRAMES as usize);
        }
        Some(Said::Cost { frames, median_ms, p95_ms }) => cost = Some((frames, median_ms, p95_ms)),
        None => {}
    };
    let (before, mut lines) = child.follow();
    before.iter().for_each(&mut take);
    loop {
        match timeout_at(deadline, lines.recv()).await {
            Ok(Ok(line)) => take(&line),
            Ok(Err(RecvError::Lagged(_))) => {}
            Ok(Err(RecvError::Closed)) => break,
            Err(_) => {
                child.stop(Duration::ZERO).await;
                return Err(too_slow(timed, limit));
            }
        }
    }
    let exit = child.wait().await;
    let Some((frames, median_ms, p95_ms)) = cost else {
        let last = child.tail().into_iter().rfind(|line| line.source == Source::Error);
        return Err(last.map_or_else(|| exit.to_string(), |line| line.text));
    };
    if frames < ENOUGH_FRAMES {
        return Err(too_slow(Some(frames), limit));
    }
    Ok(Timed { model: named.display().to_string(), counts_as, frames, median_ms, p95_ms })
}

/// Looks at a model without loading it.
fn know(named: &Path, place: &Place) -> Result<Known, String> {
    let found = place.find(named)?;
    let outline =
        engine::outline(&found.path, engine::CpuOptions::default()).map_err(|error| error.to_string())?;
    let examined = models::examine(&found.path).map_err(|error| error.to_string())?;
    let counts_as = outline.full_size.then(|| form(&examined));
    Ok(Known { found, counts_as, memory_bytes: outline.memory_bytes })
}

/// The form of weights that a model stands for.
fn form(examined: &Examined) -> Weights {
    match examined.weights {
        // What is larger than 16 bits costs no less than they do.
        models::Weights::F32 | models::Weights::F16 | models::Weights::Bf16 => Weights::Bf16,
        models::Weights::Q8 => Weights::Q8,
        models::Weights::Q4 => Weights::Q4,
    }
}

fn said(line: &Line) -> Option<Said> {
    (line.source == Source::Output).then(|| serde_json::from_str(&line.text).ok()).flatten()
}

fn too_slow(timed: Option<u32>, limit: Duration) -> String {
    let seconds = limit.as_secs_f64();
    match timed {
        None => format!("it was not loaded within {seconds:.0} s"),
        Some(frames) => format!(
            "{frames} frames came within {seconds:.0} s, loading included, and a verdict takes {ENOUGH_FRAMES}"
        ),
    }
}

#[cfg(test)]
mod tests {
    use ::doctor::judge;

    use super::*;

    fn timed(counts_as: Option<Weights>) -> Timed {
        Timed { model: "m\u{1b}".into(), counts_as, frames: 125, median_ms: 61.25, p95_ms: 70.0 }
    }

    #[test]
    fn a_model_of_full_size_proves_what_its_form_can_do() {
        let mut world = World::default();
        let timed = timed(Some(Weights::Q4));
        add(&mut world, &timed);
        let run = &world.measured.runs[0];
        assert_eq!((run.runtime, run.weights, run.frames), (Runtime::HostCpu, Weights::Q4, 125));
        assert_eq!(timed.without_verdict(&judge(&world)), None);
    }

    #[test]
    fn a_smaller_model_proves_nothing_and_is_told() {
        let mut world = World::default();
        let timed = timed(None);
        add(&mut world, &timed);
        assert_eq!(world, World::default());
        let sentence = timed.without_verdict(&judge(&world)).unwrap();
        assert!(
            sentence.starts_with("125 frames of m\u{fffd} were timed: half took less than 61.2 ms"),
            "{sentence}"
        );
    }

    #[test]
    fn a_model_that_is_too_slow_is_told_with_how_far_it_came() {
        let limit = Duration::from_secs(10);
        assert_eq!(too_slow(None, limit), "it was not loaded within 10 s");
        assert!(too_slow(Some(3), limit).starts_with("3 frames came within 10 s"));
    }
}
