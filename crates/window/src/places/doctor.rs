//! The doctor, as a child: a driver that crashes while it is asked does not take the window along.

use std::{path::PathBuf, time::Duration};

use conversation::{Action, Problem, unix_ms};
use doctor::{Report, World, judge};
use process::{Child, Source, Spec};
use serde::Deserialize;
use store::Settings;
use tokio::{
    sync::{broadcast::error::RecvError, mpsc, watch},
    task::spawn_blocking,
    time::timeout,
};

use super::{News, models::Shelf};
use crate::view::{self, Basis, DoctorFact, DoctorPhase, DoctorRow};

/// How long it may take altogether: it reads for 2 s and measures for 20, and starts and ends.
const LIMIT: Duration = Duration::from_secs(40);
/// The longest line that is taken, in bytes: that of a world with many cards and repositories.
const LONGEST_WORLD: usize = 1 << 20;
/// How long it may take to end when it is not wanted any more.
const GRACE: Duration = Duration::from_secs(1);

/// What the doctor knows of this computer.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) world: World,
    pub(super) report: Report,
}

/// A look at this computer.
pub(super) struct Look {
    pub(super) myca: PathBuf,
    pub(super) shelf: Shelf,
    pub(super) settings: Settings,
    pub(super) world: watch::Sender<Option<Known>>,
}

/// A line that the doctor prints.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
enum Said {
    Progress { phase: String, what: String, done: u32, of: u32 },
    World { world: Box<World> },
}

impl Look {
    /// Looks, and tells how it goes on.
    pub(super) async fn run(&self, tell: &mpsc::Sender<News>) {
        let mut shown = self.world.borrow().as_ref().map(view).unwrap_or_default();
        (shown.phase, shown.since_ms, shown.progress) = (DoctorPhase::Reading, unix_ms(), 0.0);
        shown.problem = None;
        let _ = tell.send(News::Doctor(shown.clone())).await;
        let looked = timeout(LIMIT, self.look(&mut shown, tell)).await;
        let result = looked.unwrap_or_else(|_| Err("it took too long".to_owned()));
        (shown.phase, shown.since_ms, shown.at_work) = (DoctorPhase::Done, unix_ms(), String::new());
        if let Err(why) = result {
            shown.phase = DoctorPhase::Failed;
            shown.problem = Some(failed(&why).into());
        }
        let _ = tell.send(News::Doctor(shown)).await;
    }

    async fn look(&self, shown: &mut view::Doctor, tell: &mpsc::Sender<News>) -> Result<(), String> {
        let (shelf, settings) = (self.shelf.clone(), self.settings.clone());
        // The model that a start would take is timed. It looks at the disk.
        let model = spawn_blocking(move || shelf.best(&settings, None).map(|kept| kept.weights));
        let spec = self.spec(model.await.ok().flatten());
        let child = Child::start(spec).await.map_err(|error| error.to_string())?;
        let (mut early, mut lines) = child.follow();
        early.reverse();
        let mut worlds = 0;
        loop {
            let line = match early.pop() {
                Some(line) => line,
                None => match lines.recv().await {
                    Ok(line) => line,
                    // What was missed was progress: worlds are few, and come last.
                    Err(RecvError::Lagged(_)) => continue,
                    Err(RecvError::Closed) => break,
                },
            };
            if line.source != Source::Output {
                continue;
            }
            match serde_json::from_str(&line.text) {
                Ok(Said::Progress { phase, what, done, of }) => {
                    shown.phase =
                        if phase == "reading" { DoctorPhase::Reading } else { DoctorPhase::Measuring };
                    shown.at_work = what;
                    shown.progress = f64::from(done) / f64::from(of.max(1));
                }
                Ok(Said::World { world }) => {
                    worlds += 1;
                    let known = Known { report: judge(&world), world: *world };
                    *shown = view::Doctor {
                        phase: DoctorPhase::Measuring,
                        since_ms: shown.since_ms,
                        ..view(&known)
                    };
                    self.world.send_replace(Some(known));
                }
                Err(error) => tracing::debug!(%error, "the doctor says something else"),
            }
            let _ = tell.send(News::Doctor(shown.clone())).await;
        }
        let exit = child.stop(GRACE).await;
        if worlds > 0 { Ok(()) } else { Err(exit.to_string()) }
    }

    fn spec(&self, model: Option<PathBuf>) -> Spec {
        let mut spec = Spec::new(&self.myca)
            .arguments(["doctor", "--events"])
            .argument("--models-folder")
            .argument(self.shelf.folder())
            // A world is one.
            .longest_line(LONGEST_WORLD)
            // It ends when this does.
            .piped();
        let local = &self.settings.local;
        for (option, value) in [("--python", &local.python), ("--moshi-backend", &local.backend)] {
            if !value.is_empty() {
                spec = spec.argument(option).argument(value);
            }
        }
        match model {
            Some(model) => spec.argument("--model").argument(model),
            None => spec,
        }
    }
}

fn failed(why: &str) -> Problem {
    Problem::new(
        "doctor.failed",
        format!("The doctor could not look at this computer ({why})."),
        "Try again; if it stays like this, install MYCA Voice again.",
        &[Action::OpenDoctor],
    )
}

/// What the window shows of it.
fn view(known: &Known) -> view::Doctor {
    let Known { world, report } = known;
    let best = report.recommendations.first().map(|first| &first.choice);
    view::Doctor {
        phase: DoctorPhase::Done,
        since_ms: 0,
        at_work: String::new(),
        progress: 1.0,
        summary: report.summary.clone(),
        facts: facts(world),
        rows: report.findings.iter().map(|finding| row(finding, best)).collect(),
        left_out: world.unread.iter().map(|unread| format!("{}: {}", unread.probe, unread.why)).collect(),
        problem: None,
    }
}

fn row(finding: &doctor::Finding, best: Option<&doctor::Choice>) -> DoctorRow {
    let runtime = match &finding.device {
        Some(device) => format!("{} ({device})", finding.runtime),
        None => finding.runtime.to_string(),
    };
    let recommended = matches!(best, Some(doctor::Choice::Run { runtime, weights, device })
        if (*runtime, *weights, device) == (finding.runtime, finding.weights, &finding.device));
    let next = &finding.next;
    let next = match &next.line {
        Some(line) => format!("{} {line}", next.says),
        None => next.says.clone(),
    };
    DoctorRow {
        runtime,
        program: match finding.runtime {
            doctor::Runtime::HostGpu | doctor::Runtime::HostCpu => view::Runtime::MycaHost,
            doctor::Runtime::MoshiPython | doctor::Runtime::MoshiPythonQ8 => view::Runtime::PythonMoshi,
            doctor::Runtime::Personaplex => view::Runtime::PersonaPlex,
            doctor::Runtime::MoshiBackend => view::Runtime::MoshiBackend,
            doctor::Runtime::Docker => view::Runtime::Docker,
        },
        weights: Some(finding.weights.to_string()),
        verdict: match finding.verdict {
            doctor::Verdict::Works => view::Verdict::Works,
            doctor::Verdict::ShouldWork => view::Verdict::ShouldWork,
            doctor::Verdict::Unknown => view::Verdict::Unknown,
            doctor::Verdict::TooSlow => view::Verdict::TooSlow,
            doctor::Verdict::WillNotStart => view::Verdict::WillNotStart,
        },
        basis: match finding.basis {
            doctor::Basis::Read => Basis::Read,
            doctor::Basis::Measured => Basis::Measured,
        },
        reasons: finding.reasons.iter().map(|reason| reason.says.clone()).collect(),
        next,
        recommended,
    }
}

/// The machine in a few lines.
fn facts(world: &World) -> Vec<DoctorFact> {
    let gb = |bytes: u64| format!("{:.1} GB", bytes as f64 / 1e9);
    let fact = |name: &str, value: Option<String>| {
        Some(DoctorFact { name: name.to_owned(), value: value.filter(|value| !value.is_empty())? })
    };
    let graphics = world.gpus.as_ref().map(|gpus| {
        let real = gpus.iter().filter(|gpu| gpu.kind != Some(doctor::GpuKind::Software));
        let cards: Vec<String> = real
            .map(|gpu| match (gpu.memory_total_bytes, gpu.memory_free_bytes) {
                (Some(total), Some(free)) => format!("{}, {} free of {}", gpu.name, gb(free), gb(total)),
                (Some(total), None) => format!("{}, {}", gpu.name, gb(total)),
                (None, _) => gpu.name.clone(),
            })
            .collect();
        if cards.is_empty() { "No graphics card".to_owned() } else { cards.join("; ") }
    });
    let cores = world.cpu.physical_cores.map(|cores| format!("{cores} cores"));
    let processor = [world.cpu.name.clone(), cores].into_iter().flatten().collect::<Vec<_>>().join(", ");
    let memory = world.ram.total_bytes.map(|total| match world.ram.available_bytes {
        Some(free) => format!("{} free of {}", gb(free), gb(total)),
        None => gb(total),
    });
    let bandwidth = world.measured.cpu_gb_per_s.map(|rate| format!("{rate:.0} GB/s, measured"));
    [
        fact("System", world.os.name.clone()),
        fact("Processor", Some(processor)),
        fact("Memory", memory),
        fact("Memory bandwidth", bandwidth),
        fact("Graphics", graphics),
        fact("Disk", world.disk.free_bytes.map(|free| format!("{} free for models", gb(free)))),
    ]
    .into_iter()
    .flatten()
    .collect()
}
