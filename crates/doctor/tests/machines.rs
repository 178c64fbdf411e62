//! Every machine of the design's table gets the right verdict, with the reason and the next step.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests may stop at the first surprise"
)]

use doctor::{Basis, Choice, Effect, Finding, Report, Runtime, Verdict, Weights, World, judge};

use Runtime::{Docker, HostCpu, HostGpu, MoshiBackend, MoshiPython, MoshiPythonQ8, Personaplex};
use Verdict::{ShouldWork, TooSlow, Unknown, WillNotStart, Works};
use Weights::{Bf16, Q4, Q8};

fn world(name: &str) -> World {
    let path = format!("{}/tests/worlds/{name}.json", env!("CARGO_MANIFEST_DIR"));
    World::from_json(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn report(name: &str) -> Report {
    judge(&world(name))
}

trait Asked {
    fn of(&self, runtime: Runtime, weights: Weights) -> &Finding;
    fn verdict(&self, runtime: Runtime, weights: Weights) -> Verdict {
        self.of(runtime, weights).verdict
    }
}

impl Asked for Report {
    fn of(&self, runtime: Runtime, weights: Weights) -> &Finding {
        self.finding(runtime, weights).expect("every runtime is judged")
    }
}

/// The reason of this code, or a list of those that there are.
fn says<'a>(finding: &'a Finding, code: &str) -> &'a str {
    match finding.reasons.iter().find(|reason| reason.code == code) {
        Some(reason) => &reason.says,
        None => panic!("{code} is not among {:#?}", finding.reasons),
    }
}

fn line<'a>(finding: &'a Finding, code: &str) -> &'a str {
    let reason = finding.reasons.iter().find(|reason| reason.code == code).expect("the reason is given");
    reason.next.as_ref().and_then(|next| next.line.as_deref()).expect("it has a line to copy")
}

fn best(report: &Report) -> (Runtime, Weights) {
    match &report.recommendations[0].choice {
        Choice::Run { runtime, weights, .. } => (*runtime, *weights),
        other => panic!("{other:?} is recommended: {}", report.summary),
    }
}

/// A remote host first and typing meanwhile, and nothing on this computer.
fn is_sent_away(report: &Report) {
    let choices: Vec<&Choice> = report.recommendations.iter().map(|all| &all.choice).collect();
    assert_eq!(choices, [&Choice::RemoteHost, &Choice::Typing], "{}", report.summary);
    for words in ["remote host", "typing works meanwhile"] {
        assert!(report.summary.contains(words), "{}", report.summary);
    }
}

#[test]
fn an_rtx_5090_under_windows_runs_ours_and_no_python_server() {
    let report = report("rtx-5090-windows");
    let python = report.of(MoshiPython, Bf16);
    assert_eq!((python.verdict, python.basis), (WillNotStart, Basis::Read));
    assert!(says(python, "torch.arch").contains("no code for the NVIDIA GeForce RTX 5090 (sm_120)"));
    assert!(line(python, "torch.arch").contains("cu128"), "the fix, if the person insists");
    assert!(says(python, "triton.windows").contains("does not exist for Windows"));
    assert_eq!(line(python, "triton.windows"), "set NO_TORCH_COMPILE=1");
    assert_eq!(line(python, "os.windows"), "wsl --install");
    for weights in [Q4, Q8, Bf16] {
        let ours = report.of(HostGpu, weights);
        assert_eq!((ours.verdict, ours.doubtful), (ShouldWork, false), "{weights}");
    }
    assert_eq!(best(&report), (HostGpu, Q8));
    let integrated = report.findings.iter().find(|finding| {
        finding.device.as_deref() == Some("AMD Radeon(TM) Graphics") && finding.runtime == HostGpu
    });
    assert_eq!(integrated.unwrap().verdict, TooSlow, "what shares the machine's memory does not count");
}

#[test]
fn an_rtx_5090_in_an_old_container_takes_a_newer_image() {
    let report = report("rtx-5090-docker");
    let docker = report.of(Docker, Bf16);
    assert_eq!(docker.verdict, WillNotStart);
    let arch = says(docker, "torch.arch");
    for part in ["2.6.0.dev20241112+cu124", "mycosoft/moshi-voice:latest", "sm_90", "sm_120"] {
        assert!(arch.contains(part), "{part}: {arch}");
    }
    assert!(docker.next.says.contains("CUDA 12.8"), "{:?}", docker.next);
    assert!(says(docker, "docker.graphs").contains("30.75 ms"));
    assert_eq!(report.verdict(MoshiPython, Bf16), WillNotStart);
    assert_eq!(best(&report), (HostGpu, Q8));

    let mut newer = world("rtx-5090-docker");
    let image = &mut newer.docker.as_mut().unwrap().images.as_mut().unwrap()[0];
    let torch = image.torch.as_mut().unwrap();
    torch.cuda = Some("12.8".to_owned());
    torch.arch_list = Some(["sm_90", "sm_100", "sm_120"].map(str::to_owned).to_vec());
    assert_eq!(judge(&newer).verdict(Docker, Bf16), ShouldWork, "an image with cu128 works");
}

#[test]
fn a_gtx_1080_ti_runs_ours_in_q4_and_barely_in_q8() {
    let report = report("gtx-1080-ti");
    let python = report.of(MoshiPython, Bf16);
    assert_eq!(python.verdict, WillNotStart);
    assert!(says(python, "memory.too-small").contains("needs 18.0 GB"));
    assert!(says(python, "gpu.no-bf16").contains("6.1"));
    assert!(line(python, "gpu.no-bf16").contains("--half"));
    assert!(says(python, "triton.capability").contains("7.0"));
    let on_cpu = says(python, "python.on-cpu");
    assert!(on_cpu.contains("18 to 20 GB") && on_cpu.contains("17.2 GB"), "{on_cpu}");
    let q8 = report.of(MoshiPythonQ8, Q8);
    assert_eq!(q8.verdict, WillNotStart);
    assert!(says(q8, "python.weight-scb").contains("got bfloat16"));
    assert!(says(report.of(MoshiBackend, Q8), "backend.capability").contains("8.0"));

    let q4 = report.of(HostGpu, Q4);
    assert_eq!((q4.verdict, q4.doubtful), (ShouldWork, false));
    assert!(says(q4, "speed.room").contains("at least 8.6 ms"), "{}", says(q4, "speed.room"));
    assert!(says(q4, "memory.fits").contains("needs 6.4 GB"));
    let q8 = report.of(HostGpu, Q8);
    assert_eq!((q8.verdict, q8.doubtful), (ShouldWork, true));
    assert!(says(q8, "memory.tight").contains("needs 10.2 GB"));
    assert_eq!(report.verdict(HostGpu, Bf16), WillNotStart);
    assert_eq!(best(&report), (HostGpu, Q4), "what has room comes first");
}

#[test]
fn an_rtx_3060_under_windows_runs_q4_with_a_thin_margin() {
    let report = report("rtx-3060-windows");
    assert_eq!(report.verdict(MoshiPython, Bf16), WillNotStart);
    let q4 = report.of(HostGpu, Q4);
    assert_eq!((q4.verdict, q4.doubtful, q4.basis), (ShouldWork, true, Basis::Read));
    let published = says(q4, "speed.published");
    assert!(published.contains("12.8 frames a second") && published.contains("Windows"), "{published}");
    assert!(q4.next.says.contains("Time it"), "{:?}", q4.next);
    assert!(says(q4, "memory.fits").contains("11.4 GB of 12.9 GB are free"), "free, not all of it");
    assert_eq!(best(&report), (HostGpu, Q4), "with little room, the smallest first");
    assert!(report.summary.contains("may run Moshi"), "{}", report.summary);
}

#[test]
fn an_rtx_4080_runs_q8_and_not_personaplex() {
    let report = report("rtx-4080");
    let personaplex = report.of(Personaplex, Bf16);
    assert_eq!(personaplex.verdict, WillNotStart);
    assert!(says(personaplex, "memory.too-small").contains("needs 19.0 GB"));
    assert!(says(personaplex, "personaplex.cpu-offload").contains("voice prompt"));
    assert!(says(personaplex, "personaplex.open").contains("all interfaces"));
    let python = report.of(MoshiPython, Bf16);
    let graphs = python.reasons.iter().find(|reason| reason.code == "env.no-cuda-graph").unwrap();
    assert!(graphs.says.contains("150 to 200 ms"));
    assert_eq!(graphs.effect, Effect::Slows);
    assert_eq!(report.verdict(HostGpu, Q8), ShouldWork);
    assert_eq!(best(&report), (HostGpu, Q8));

    let codes: Vec<&str> = report.notices.iter().map(|notice| notice.code).collect();
    assert_eq!(codes, ["env.no-torch-compile-trap", "port.taken"]);
    assert!(report.notices[0].says.contains("NO_TORCH_COMPILE=0 turns compilation off"));
    assert!(report.notices[1].says.contains("8998"));
}

#[test]
fn cards_with_24_gb_and_more_run_everything_on_linux() {
    for name in ["rtx-4090", "rtx-3090", "h100", "h200"] {
        let report = report(name);
        for (runtime, weights) in [
            (MoshiPython, Bf16),
            (Personaplex, Bf16),
            (Docker, Bf16),
            (MoshiBackend, Q8),
            (HostGpu, Q4),
            (HostGpu, Q8),
            (HostGpu, Bf16),
        ] {
            let finding = report.of(runtime, weights);
            assert_eq!(finding.verdict, ShouldWork, "{name}, {runtime}, {weights}: {:#?}", finding.reasons);
        }
        assert_eq!(
            report.verdict(MoshiPythonQ8, Q8),
            WillNotStart,
            "{name}: its loader is at fault, not the card"
        );
        assert_eq!(best(&report), (HostGpu, Q8), "{name}");
        assert!(report.summary.starts_with("This computer should run Moshi"), "{}", report.summary);
    }
}

#[test]
fn cards_that_are_not_nvidias_run_ours_alone() {
    for (name, card) in [("rx-6700-xt", "RX 6700 XT"), ("arc-b580", "B580")] {
        let report = report(name);
        for (runtime, weights) in
            [(MoshiPython, Bf16), (Personaplex, Bf16), (MoshiBackend, Q8), (Docker, Bf16)]
        {
            let finding = report.of(runtime, weights);
            assert_eq!(finding.verdict, WillNotStart, "{name}, {runtime}");
            let cuda = says(finding, "gpu.not-nvidia");
            assert!(cuda.contains("CUDA") && cuda.contains(card), "{cuda}");
        }
        assert_eq!(report.verdict(HostGpu, Q4), ShouldWork, "{name}");
        assert_eq!(best(&report).0, HostGpu, "{name}");
    }
    let arc = report("arc-b580");
    assert!(says(arc.of(HostGpu, Q4), "memory.free-unknown").contains("12.7 GB"), "Windows does not tell");
}

#[test]
fn a_laptop_is_not_real_time_by_measurement() {
    let report = report("laptop");
    let ours = report.of(HostCpu, Q4);
    assert_eq!((ours.verdict, ours.basis), (TooSlow, Basis::Measured));
    assert!(says(ours, "timed.slow").contains("88 ms"));
    let integrated = report.of(HostGpu, Q4);
    assert_eq!(integrated.verdict, TooSlow);
    assert!(says(integrated, "gpu.integrated").contains("no memory of its own"));
    assert!(says(integrated, "speed.published").contains("6.6 frames"));
    assert!(report.notices.iter().any(|notice| notice.code == "gpu.software"));
    is_sent_away(&report);
}

#[test]
fn two_cores_without_a_card_are_not_real_time_by_measurement() {
    let report = report("no-gpu");
    let ours = report.of(HostCpu, Q4);
    assert_eq!((ours.verdict, ours.basis), (TooSlow, Basis::Measured));
    assert!(says(ours, "timed.slow").contains("116 ms"));
    assert_eq!(report.verdict(HostGpu, Q4), WillNotStart);
    assert_eq!(report.verdict(MoshiPython, Bf16), WillNotStart);
    is_sent_away(&report);
    assert!(report.summary.contains("no graphics card"), "{}", report.summary);

    let mut untimed = world("no-gpu");
    untimed.measured.runs.clear();
    let untimed = judge(&untimed);
    let ours = untimed.of(HostCpu, Q4);
    assert_eq!((ours.verdict, ours.basis), (TooSlow, Basis::Measured), "the bandwidth was measured too");
    let floor = says(ours, "speed.floor");
    assert!(floor.contains("104 ms at 40 GB/s") && floor.contains("52 GB/s and more"), "{floor}");
    assert!(says(untimed.of(HostCpu, Q8), "speed.floor").contains("98 GB/s and more"));
    is_sent_away(&untimed);
}

#[test]
fn memory_that_another_program_holds_does_not_count_and_the_program_is_named() {
    let report = report("taken");
    for weights in [Q8, Bf16] {
        assert_eq!(report.verdict(HostGpu, weights), WillNotStart, "{weights}");
    }
    let q8 = report.of(HostGpu, Q8);
    let taken = says(q8, "memory.taken");
    assert!(taken.contains("only 6.1 GB of 17.2 GB are free: ollama holds 10.0 GB"), "{taken}");
    assert!(q8.next.says.starts_with("Close ollama"), "{:?}", q8.next);
    let q4 = report.of(HostGpu, Q4);
    assert_eq!((q4.verdict, q4.doubtful), (ShouldWork, true), "with a cache in q8 there is just room");
    assert!(says(q4, "memory.tight").contains("5.6 GB"));

    let mut free = world("taken");
    let gpu = &mut free.gpus.as_mut().unwrap()[0];
    gpu.memory_free_bytes = gpu.memory_total_bytes;
    assert_eq!(judge(&free).verdict(HostGpu, Q8), ShouldWork, "the card itself is large enough");
}

#[test]
fn a_build_for_the_processor_alone_promises_nothing_on_a_card() {
    let report = report("cpu-only-build");
    for weights in [Q4, Q8, Bf16] {
        let finding = report.of(HostGpu, weights);
        assert_eq!(finding.verdict, WillNotStart, "{weights}");
        assert!(says(finding, "host.cpu-only").contains("myca host 0.1.0 computes on the processor alone"));
    }
    assert!(
        says(report.of(HostGpu, Q4), "memory.fits").contains("6.4 GB"),
        "what it would take is said all the same"
    );
    let summary = &report.summary;
    assert!(summary.contains("cannot use its NVIDIA GeForce RTX 4080 (17.2 GB) yet"), "{summary}");
    assert!(summary.contains("95 ms or more for each 80 ms of conversation after four minutes"), "{summary}");
    for recommendation in &report.recommendations {
        assert!(
            !matches!(recommendation.choice, Choice::Run { runtime: HostGpu, .. }),
            "{}",
            recommendation.says
        );
    }
}

#[test]
fn only_a_timed_run_makes_it_work_and_it_counts_more_than_what_was_read() {
    let mut world = world("rtx-4080");
    let run = |runtime, weights, median_ms: f64, frames| doctor::TimedRun {
        runtime,
        weights,
        device: Some("NVIDIA GeForce RTX 4080".to_owned()),
        median_ms,
        p95_ms: median_ms * 1.2,
        frames,
    };
    world.add_run(run(HostGpu, Q4, 31.0, 250));
    world.add_run(run(HostGpu, Q8, 79.0, 250));
    world.add_run(run(HostGpu, Bf16, 1.0, 3));
    let report = judge(&world);
    let q4 = report.of(HostGpu, Q4);
    assert_eq!((q4.verdict, q4.basis), (Works, Basis::Measured));
    assert!(says(q4, "timed.fast").contains("31 ms"));
    assert_eq!(best(&report), (HostGpu, Q4), "what was timed comes before what was read");
    assert!(report.summary.contains("was timed here"), "{}", report.summary);
    let q8 = report.of(HostGpu, Q8);
    assert_eq!((q8.verdict, q8.doubtful), (ShouldWork, true), "one in twenty is late");
    assert!(says(q8, "timed.uneven").contains("95"));
    let bf16 = report.of(HostGpu, Bf16);
    assert!(bf16.reasons.iter().all(|reason| !reason.code.starts_with("timed")), "three frames say nothing");

    world.add_run(run(HostGpu, Q4, 90.0, 250));
    assert_eq!(judge(&world).verdict(HostGpu, Q4), TooSlow, "a later run takes the place of an earlier one");
    world.add_run(run(MoshiPythonQ8, Q8, 40.0, 250));
    let patched = judge(&world);
    assert_eq!(patched.verdict(MoshiPythonQ8, Q8), Works, "a loader that was mended has run");
}

#[test]
fn of_a_machine_that_nothing_is_known_of_nothing_is_claimed() {
    let report = judge(&World::default());
    for finding in &report.findings {
        let known = finding.runtime == MoshiPythonQ8;
        let expected = if known { WillNotStart } else { Unknown };
        assert_eq!(
            finding.verdict, expected,
            "{}, {}: {:#?}",
            finding.runtime, finding.weights, finding.reasons
        );
    }
    assert!(report.summary.starts_with("Too little is known"), "{}", report.summary);
    assert_eq!(report.recommendations[0].choice, Choice::RemoteHost);
}

#[test]
fn a_container_that_starts_again_and_again_is_looked_at_by_its_own_name() {
    let of = |keeps: bool| {
        let container = format!(r#"{{"name":"my-moshi","restarts":9,"keeps_its_cache":{keeps}}}"#);
        let world = format!(r#"{{"docker":{{"state":"running","containers":[{container}]}}}}"#);
        judge(&World::from_json(&world).unwrap())
    };
    let (kept, lost) = (of(true), of(false));
    assert_eq!(kept.verdict(Docker, Bf16), WillNotStart);
    assert_eq!(line(kept.of(Docker, Bf16), "docker.restart-loop"), "docker logs --tail 50 my-moshi");
    assert!(line(lost.of(Docker, Bf16), "docker.restart-loop").starts_with("docker volume create"));
}

#[test]
fn every_runtime_is_judged_with_a_reason_and_a_next_step() {
    for file in std::fs::read_dir(format!("{}/tests/worlds", env!("CARGO_MANIFEST_DIR"))).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let report = report(&name);
        for runtime in Runtime::ALL {
            assert!(report.findings.iter().any(|finding| finding.runtime == runtime), "{name}: {runtime}");
        }
        for finding in &report.findings {
            let told = !finding.reasons.is_empty() && !finding.next.says.is_empty();
            assert!(told, "{name}: {} {}", finding.runtime, finding.weights);
            assert!(
                finding.verdict != Works || finding.basis == Basis::Measured,
                "{name}: only what was timed works"
            );
        }
        for reason in report.findings.iter().flat_map(|finding| &finding.reasons) {
            assert!(reason.says.ends_with('.'), "{name}: {} is no sentence: {}", reason.code, reason.says);
        }
        let last = &report.recommendations.last().unwrap().choice;
        assert_eq!(*last, Choice::Typing, "{name}: typing always remains");
    }
}
