//! `cargo xtask test`: the steps, their order, and what became of each.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::checkout::Checkout;
use crate::command::run;
use crate::tools::{NEXTEST, WINDOWS};
use crate::{bindings, deny, node, secrets, setup};

/// One thing that has to hold before a change goes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Packages,
    Rustfmt,
    Secrets,
    Ui,
    Bindings,
    Clippy,
    Build,
    Tests,
    Deny,
    Windows,
}

/// Quick ones first; the window before whatever builds the app, which contains it.
const STEPS: [Step; 10] = [
    Step::Packages,
    Step::Rustfmt,
    Step::Secrets,
    Step::Ui,
    Step::Bindings,
    Step::Clippy,
    Step::Build,
    Step::Tests,
    Step::Deny,
    Step::Windows,
];

impl Step {
    fn name(self) -> &'static str {
        match self {
            Self::Packages => "packages",
            Self::Rustfmt => "rustfmt",
            Self::Secrets => "secrets",
            Self::Ui => "ui",
            Self::Bindings => "bindings",
            Self::Clippy => "clippy",
            Self::Build => "build",
            Self::Tests => "tests",
            Self::Deny => "deny",
            Self::Windows => "windows",
        }
    }

    fn about(self) -> &'static str {
        match self {
            Self::Packages => "install what the other steps need",
            Self::Rustfmt => "the Rust sources are formatted",
            Self::Secrets => "no keys, tokens or passwords in the checkout",
            Self::Ui => "the window: types, lint, tests, build, tests in both engines",
            Self::Bindings => "the window's TypeScript bindings are what Rust says",
            Self::Clippy => "no warnings in any Rust target",
            Self::Build => "every program and every test builds",
            Self::Tests => "the Rust tests, end-to-end ones included, and the documentation's examples",
            Self::Deny => "licences, banned crates, sources, advisories",
            Self::Windows => "all of it also type-checks for Windows, without warnings",
        }
    }

    fn perform(self, checkout: &Checkout) -> Result<()> {
        match self {
            Self::Packages => setup::for_testing(checkout),
            Self::Rustfmt => run(&mut checkout.cargo(["fmt", "--all", "--check"])),
            Self::Secrets => secrets::check(checkout),
            Self::Ui => ui(checkout),
            Self::Bindings => bindings::compare(checkout),
            Self::Clippy => {
                let clippy = ["clippy", "--locked", "--workspace", "--all-targets", "--", "--deny=warnings"];
                run(&mut checkout.cargo(clippy))
            }
            // Tests start our programs as children, and cargo builds those only for packages with tests in a folder of their own.
            Self::Build => {
                run(&mut checkout.cargo(["build", "--locked", "--workspace", "--bins", "--tests"]))
            }
            Self::Tests => tests(checkout),
            Self::Deny => deny::check(checkout),
            Self::Windows => windows(checkout),
        }
    }
}

fn ui(checkout: &Checkout) -> Result<()> {
    node::check(checkout)?;
    node::install(checkout)?;
    for script in ["check", "lint", "test", "build", "test:browser", "test:webkit"] {
        node::script(checkout, script)?;
    }
    Ok(())
}

fn tests(checkout: &Checkout) -> Result<()> {
    if NEXTEST.is_there(checkout) {
        run(&mut checkout.cargo(["nextest", "run", "--locked", "--workspace"]))?;
    } else {
        println!(
            "cargo-nextest is not there: cargo test runs the tests, one by one and without time limits."
        );
        run(&mut checkout.cargo([
            "test",
            "--locked",
            "--workspace",
            "--tests",
            "--bins",
            "--lib",
            "--",
            "--test-threads=1",
        ]))?;
    }
    run(&mut checkout.cargo(["test", "--locked", "--workspace", "--doc", "--quiet"]))
}

fn windows(checkout: &Checkout) -> Result<()> {
    if cfg!(windows) {
        println!("This is Windows: clippy and build have asked already.");
        return Ok(());
    }
    let targets = ["--workspace", "--lib", "--bins", "--tests", "--target", WINDOWS];
    run(checkout.cargo(["clippy", "--locked"]).args(targets).args(["--", "--deny=warnings"]))
}

/// The steps to take, in their order.
#[derive(Debug, PartialEq)]
pub(crate) struct Selection(Vec<Step>);

impl Selection {
    /// All steps, those named in `only`, or all but those named in `skip`; names are separated by commas.
    pub(crate) fn new(only: Option<&str>, skip: Option<&str>) -> Result<Self> {
        let steps: Vec<Step> = match (only, skip) {
            (Some(_), Some(_)) => bail!("--only and --skip are one too many"),
            (Some(names), None) => {
                let named = named(names)?;
                STEPS.into_iter().filter(|step| named.contains(step)).collect()
            }
            (None, Some(names)) => {
                let named = named(names)?;
                STEPS.into_iter().filter(|step| !named.contains(step)).collect()
            }
            (None, None) => STEPS.to_vec(),
        };
        if steps.is_empty() {
            bail!("no step is left to take");
        }
        Ok(Self(steps))
    }
}

fn named(names: &str) -> Result<Vec<Step>> {
    let find = |name: &str| match STEPS.into_iter().find(|step| step.name() == name.trim()) {
        Some(step) => Ok(step),
        None => bail!("there is no step {:?}; there are {}", name.trim(), STEPS.map(Step::name).join(", ")),
    };
    names.split(',').map(find).collect()
}

/// Names the steps.
pub(crate) fn list() {
    for step in STEPS {
        println!("{:10} {}", step.name(), step.about());
    }
}

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Outcome {
    Passed(Duration),
    Failed(Duration),
    NotTaken,
}

/// Takes the steps one after the other and says at the end how each of them went.
pub(crate) fn test(checkout: &Checkout, selection: &Selection, keep_going: bool) -> ExitCode {
    let begin = Instant::now();
    let mut outcomes = Vec::new();
    let mut failed = false;
    for &step in &selection.0 {
        if failed && !keep_going {
            outcomes.push((step, Outcome::NotTaken));
            continue;
        }
        println!("\n== {}: {}", step.name(), step.about());
        let begin = Instant::now();
        let outcome = match step.perform(checkout) {
            Ok(()) => Outcome::Passed(begin.elapsed()),
            Err(error) => {
                println!("\n{} failed: {error:#}", step.name());
                println!("To run it alone: cargo xtask test --only {}", step.name());
                failed = true;
                Outcome::Failed(begin.elapsed())
            }
        };
        outcomes.push((step, outcome));
    }
    println!("\n{}", table(&outcomes, begin.elapsed()));
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn table(outcomes: &[(Step, Outcome)], total: Duration) -> String {
    let mut lines = Vec::new();
    for (step, outcome) in outcomes {
        let (word, time) = match outcome {
            Outcome::Passed(time) => ("ok", minutes(*time)),
            Outcome::Failed(time) => ("FAILED", minutes(*time)),
            Outcome::NotTaken => ("not run", String::new()),
        };
        lines.push(format!("{:10} {word:8} {time:>6}", step.name()).trim_end().to_owned());
    }
    lines.push(format!("{:19} {:>6}", "together", minutes(total)));
    lines.join("\n")
}

/// Minutes and seconds, as on a watch.
fn minutes(time: Duration) -> String {
    let seconds = time.as_secs();
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(only: Option<&str>, skip: Option<&str>) -> Vec<&'static str> {
        Selection::new(only, skip).unwrap().0.into_iter().map(Step::name).collect()
    }

    #[test]
    fn steps_are_taken_in_their_own_order() {
        assert_eq!(names(Some("tests, clippy"), None), ["clippy", "tests"], "not in the order of asking");
        assert_eq!(names(None, None).len(), STEPS.len(), "all of them without options");
        assert!(!names(None, Some("deny,windows")).contains(&"deny"), "skipped ones are left out");
        assert_eq!(names(None, Some("deny,windows")).len(), STEPS.len() - 2, "and nothing else is");
    }

    #[test]
    fn unknown_steps_are_refused_and_known_ones_named() {
        let error = Selection::new(Some("clipy"), None).unwrap_err().to_string();
        assert!(error.contains("clipy") && error.contains("clippy"), "{error}");
        assert!(Selection::new(None, Some("clipy")).is_err(), "a typo in --skip must not run everything");
        assert!(Selection::new(Some("ui"), Some("ui")).is_err(), "both options at once");
        let all = STEPS.map(Step::name).join(",");
        assert!(Selection::new(None, Some(&all)).is_err(), "nothing left is not a success");
    }

    #[test]
    fn the_window_is_built_before_the_app_that_contains_it() {
        let place = |step| STEPS.iter().position(|other| *other == step);
        for later in [Step::Bindings, Step::Clippy, Step::Build, Step::Tests, Step::Windows] {
            assert!(place(Step::Ui) < place(later), "{later:?} builds the app");
        }
        assert!(place(Step::Build) < place(Step::Tests), "tests start programs that have to be built");
    }

    #[test]
    fn the_table_has_a_line_for_every_step() {
        let outcomes = [
            (Step::Rustfmt, Outcome::Passed(Duration::from_secs(2))),
            (Step::Clippy, Outcome::Failed(Duration::from_secs(75))),
            (Step::Tests, Outcome::NotTaken),
        ];
        let expected = "\
rustfmt    ok         0:02
clippy     FAILED     1:15
tests      not run
together              1:17";
        assert_eq!(table(&outcomes, Duration::from_secs(77)), expected, "aligned, nothing left out");
    }
}
