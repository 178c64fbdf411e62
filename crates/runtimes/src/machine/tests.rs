use process::Exit;

use super::{
    starting::{ASK, STALLED, WRONG},
    *,
};
use crate::Stage;

/// A machine and a clock that goes as it is told.
struct Bench {
    machine: Machine,
    now: Instant,
}

impl Bench {
    fn new() -> Self {
        Self { machine: Machine::new(), now: Instant::now() }
    }

    fn step(&mut self, input: Input) -> Option<Effect> {
        self.machine.step(input, self.now)
    }

    fn after(&mut self, time: Duration, input: Input) -> Option<Effect> {
        self.now += time;
        self.step(input)
    }

    /// Lets time go to the machine's next deadline.
    fn wait(&mut self) -> Option<Effect> {
        self.now = self.machine.deadline().expect("it waits for something");
        self.step(Input::Tick)
    }

    fn state(&self) -> State {
        self.machine.state()
    }

    fn stage(&self) -> Stage {
        match self.state() {
            State::Starting { stage, .. } => stage,
            other => panic!("it does not start: {other:?}"),
        }
    }

    fn started() -> Self {
        let mut bench = Self::new();
        assert_eq!(bench.step(Input::Start { fixed: false }), Some(Effect::Launch { elsewhere: false }));
        bench
    }

    fn ready() -> Self {
        let mut bench = Self::started();
        assert_eq!(bench.step(Input::Launched { port: 8998 }), Some(Effect::Ask { port: 8998 }));
        bench.step(moshi());
        assert!(matches!(bench.state(), State::Ready { .. }));
        bench
    }

    fn why(&self) -> Failure {
        match self.state() {
            State::Failed { why } | State::Waiting { why, .. } => why,
            other => panic!("nothing failed: {other:?}"),
        }
    }
}

fn moshi() -> Input {
    Input::Moshi(Local { address: "ws://127.0.0.1:8998/api/chat".to_owned(), pin: None })
}

fn ended() -> Input {
    let mut why = Failure::new("runtime.ended", "It ended.", "Start it.");
    why.exit = Some(Exit::Code(1));
    why.lines = vec!["last words".to_owned()];
    Input::Ended(Ended { why, hopeless: false })
}

fn known(code: &'static str, another_port: bool) -> Input {
    Input::Known(Known { failure: Failure::new(code, "Known.", "Cure."), another_port, if_stalled: false })
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_start_goes_through_its_stages_and_is_ready_only_when_moshi_answers() {
    let mut bench = Bench::started();
    assert_eq!(bench.stage(), Stage::Preparing);
    assert_eq!(bench.step(Input::Launched { port: 1 }), Some(Effect::Ask { port: 1 }));
    assert_eq!(bench.stage(), Stage::Started);
    assert_eq!(bench.step(Input::Sign(Sign::Stage(Stage::Loading))), None, "it is being asked");
    bench.step(Input::NoMoshi(None));
    assert_eq!(bench.stage(), Stage::Loading);
    assert_eq!(bench.after(ASK - Duration::from_millis(1), Input::Tick), None);
    assert_eq!(bench.wait(), Some(Effect::Ask { port: 1 }));
    bench.step(Input::NoMoshi(None));
    let asks = bench.step(Input::Sign(Sign::Listens(Some(2))));
    assert_eq!(asks, Some(Effect::Ask { port: 2 }), "it is asked at once when it says that it listens");
    assert_eq!(bench.stage(), Stage::Answering, "and is not ready because it says so");
    bench.step(moshi());
    assert!(matches!(bench.state(), State::Ready { .. }));
    assert_eq!(bench.machine.deadline(), None);
}

#[test]
fn an_open_port_that_never_speaks_moshi_is_not_ready_but_a_failure() {
    let mut bench = Bench::started();
    bench.step(Input::Launched { port: 9 });
    let began = bench.now;
    let end = loop {
        assert!(matches!(bench.state(), State::Starting { .. }));
        match bench.step(Input::NoMoshi(Some("says nothing".into()))) {
            Some(effect) => break effect,
            None => assert_eq!(bench.wait(), Some(Effect::Ask { port: 9 })),
        }
    };
    assert_eq!((end, bench.now - began), (Effect::End, WRONG));
    assert_eq!(bench.state(), State::Stopping);
    bench.step(ended());
    assert_eq!(bench.why().code, "runtime.not_moshi");
    assert!(bench.why().what.contains("says nothing"));
}

#[test]
fn a_crash_is_followed_by_three_starts_after_one_three_and_nine_seconds_and_then_explained() {
    let mut bench = Bench::ready();
    for (attempt, seconds) in [(1, 1), (2, 3), (3, 9)] {
        assert_eq!(bench.step(ended()), None);
        let until = bench.now + SECOND * seconds;
        assert_eq!(bench.state(), State::Waiting { until, attempt, why: bench.why() });
        assert_eq!(bench.after(SECOND * seconds / 2, Input::Tick), None);
        assert_eq!(bench.wait(), Some(Effect::Launch { elsewhere: false }));
        assert_eq!(bench.now, until);
        bench.step(Input::Launched { port: 8998 });
        bench.step(moshi());
    }
    assert_eq!(bench.step(ended()), None);
    let why = bench.why();
    assert!(matches!(bench.state(), State::Failed { .. }));
    assert!(why.what.starts_with("It was started again three times"), "{}", why.what);
    assert_eq!((why.exit, why.lines.as_slice()), (Some(Exit::Code(1)), ["last words".to_owned()].as_slice()));
}

#[test]
fn what_crashes_now_and_then_is_always_started_again() {
    let mut bench = Bench::ready();
    for _ in 0..50 {
        bench.now += WINDOW / 2;
        bench.step(ended());
        assert!(bench.machine.restarts() <= 2);
        assert_eq!(bench.wait(), Some(Effect::Launch { elsewhere: false }));
        bench.step(Input::Launched { port: 8998 });
        bench.step(moshi());
    }
}

#[test]
fn a_start_that_is_known_to_be_in_vain_is_not_tried_again() {
    let mut bench = Bench::started();
    bench.step(Input::Launched { port: 1 });
    bench.step(known("gpu.memory", false));
    assert!(matches!(bench.state(), State::Starting { .. }), "a line alone ends nothing");
    bench.step(ended());
    assert!(matches!(bench.state(), State::Failed { .. }));
    let why = bench.why();
    assert_eq!((why.code, why.lines.len(), why.exit), ("gpu.memory", 1, Some(Exit::Code(1))));

    let mut bench = Bench::started();
    bench.step(Input::Refused(Failure::new("runtime.no_model", "No model.", "Download it.")));
    assert_eq!(bench.why().code, "runtime.no_model");
    assert!(matches!(bench.state(), State::Failed { .. }));

    let mut bench = Bench::started();
    let Input::Ended(mut end) = ended() else { unreachable!() };
    end.hopeless = true;
    bench.step(Input::Ended(end));
    assert!(matches!(bench.state(), State::Failed { .. }));
}

#[test]
fn what_was_ready_once_is_tried_again_after_any_failure_and_only_a_recent_line_explains_it() {
    let mut bench = Bench::ready();
    bench.step(known("gpu.memory", false));
    bench.step(ended());
    assert_eq!(bench.why().code, "gpu.memory");
    assert!(matches!(bench.state(), State::Waiting { .. }));

    let mut bench = Bench::ready();
    bench.step(known("gpu.memory", false));
    bench.after(RECENT, ended());
    assert_eq!(bench.why().code, "runtime.ended");

    let mut bench = Bench::started();
    bench.step(known("gpu.memory", false));
    bench.step(Input::Launched { port: 8998 });
    bench.step(moshi());
    bench.step(ended());
    assert_eq!(bench.why().code, "runtime.ended", "a warning that did no harm explains nothing");
}

#[test]
fn a_port_that_the_runtime_could_not_have_is_left_unless_it_is_the_only_one() {
    let mut bench = Bench::started();
    bench.step(known("port.taken", true));
    bench.step(ended());
    assert_eq!(bench.wait(), Some(Effect::Launch { elsewhere: true }));

    let mut bench = Bench::new();
    bench.step(Input::Start { fixed: true });
    bench.step(known("port.taken", true));
    bench.step(ended());
    assert!(matches!(bench.state(), State::Failed { .. }));
}

#[test]
fn stop_counts_in_every_state() {
    let mut bench = Bench::started();
    assert_eq!(bench.step(Input::Stop), Some(Effect::End), "before it was launched");
    assert_eq!(bench.step(Input::Launched { port: 1 }), None, "which it learns of too late");
    bench.step(ended());
    assert_eq!(bench.state(), State::Off);

    let mut bench = Bench::ready();
    assert_eq!(bench.step(Input::Stop), Some(Effect::End));
    assert_eq!(bench.state(), State::Stopping);
    assert_eq!(bench.step(Input::Stop), None);
    assert_eq!(bench.step(moshi()), None);
    assert_eq!(bench.step(ended()), None);
    assert_eq!(bench.state(), State::Off);

    let mut bench = Bench::ready();
    bench.step(ended());
    assert_eq!(bench.step(Input::Stop), None, "nothing runs while it waits");
    assert_eq!((bench.state(), bench.machine.deadline()), (State::Off, None));
}

#[test]
fn a_start_while_it_runs_ends_it_first_and_the_last_wish_counts() {
    let mut bench = Bench::ready();
    assert_eq!(bench.step(Input::Start { fixed: false }), Some(Effect::End));
    bench.step(Input::Stop);
    bench.step(Input::Start { fixed: false });
    assert_eq!(bench.step(ended()), Some(Effect::Launch { elsewhere: false }));

    let mut bench = Bench::ready();
    bench.step(Input::Start { fixed: false });
    bench.step(Input::Stop);
    assert_eq!(bench.step(ended()), None);
    assert_eq!(bench.state(), State::Off);
}

#[test]
fn a_start_by_a_person_begins_the_count_of_starts_anew() {
    let mut bench = Bench::ready();
    for _ in 0..3 {
        bench.step(ended());
        bench.wait();
    }
    bench.step(ended());
    assert!(matches!(bench.state(), State::Failed { .. }));
    assert_eq!(bench.step(Input::Start { fixed: false }), Some(Effect::Launch { elsewhere: false }));
    bench.step(ended());
    assert_eq!(bench.machine.restarts(), 1);
}

#[test]
fn a_download_is_told_by_the_bar_or_else_by_the_growth_of_the_cache() {
    let mut bench = Bench::started();
    let progress = |bench: &Bench| match bench.state() {
        State::Starting { progress, .. } => progress,
        other => panic!("{other:?}"),
    };
    bench.step(Input::Launched { port: 1 });
    bench.step(Input::Sign(Sign::Stage(Stage::Fetching)));
    bench.step(Input::Grown(5_000_000));
    assert_eq!(progress(&bench), Some(Progress { bytes: 5_000_000, of: None }));
    let bar = |bytes, of| Input::Sign(Sign::Progress(Progress { bytes, of: Some(of) }));
    bench.step(bar(200, 1200));
    assert_eq!(progress(&bench).unwrap().of, None, "a small file says little");
    bench.step(bar(5_000_000, 400_000_000));
    bench.step(Input::Grown(6_000_000));
    assert_eq!(progress(&bench), Some(Progress { bytes: 5_000_000, of: Some(400_000_000) }));
    bench.step(bar(400_000_000, 400_000_000));
    assert_eq!(progress(&bench), None);
    bench.step(Input::Grown(400_000_000));
    bench.step(Input::Grown(400_000_000));
    assert_eq!(progress(&bench), None, "nothing more came");
    bench.step(Input::Grown(400_000_001));
    bench.step(Input::Sign(Sign::Stage(Stage::Loading)));
    assert_eq!(progress(&bench), None);
}

#[test]
fn a_start_without_any_sign_is_called_stalled_until_the_next_one() {
    let stalled = |bench: &Bench| match bench.state() {
        State::Starting { stalled, .. } => stalled.map(|why| why.code),
        other => panic!("{other:?}"),
    };
    let mut bench = Bench::started();
    bench.step(Input::Launched { port: 1 });
    bench.step(Input::Sign(Sign::Stage(Stage::Fetching)));
    bench.step(Input::Sign(Sign::Progress(Progress { bytes: 5_000_000, of: Some(400_000_000) })));
    bench.after(STALLED - SECOND, Input::Grown(1));
    bench.after(STALLED - SECOND, Input::Tick);
    assert_eq!(stalled(&bench), None, "a byte is a sign, also where a bar stands still");
    bench.after(SECOND, Input::Tick);
    assert_eq!(stalled(&bench), Some("runtime.stalled"));
    bench.step(Input::NoMoshi(None));
    bench.after(SECOND, Input::Sign(Sign::Stage(Stage::Loading)));
    assert_eq!(stalled(&bench), None);
    let Input::Known(mut download) = known("model.download_stalls", false) else { unreachable!() };
    download.if_stalled = true;
    bench.step(Input::Known(download));
    assert_eq!(stalled(&bench), None, "a usual line");
    bench.after(STALLED, Input::Tick);
    assert_eq!(stalled(&bench), Some("model.download_stalls"));
    bench.step(ended());
    assert_eq!(bench.why().code, "runtime.ended", "it explains no end");
}
