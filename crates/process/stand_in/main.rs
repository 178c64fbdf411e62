//! What the tests start in place of the app.
//!
//! `guard -- program arguments` is a guard. `app (alone|guarded) program arguments` starts a child and is then killed, or
//! ends by itself when its standard input does, without any goodbye.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test's program stops at the first surprise")]

use std::{env, ffi::OsString, io::Read, process::ExitCode};

use process::{Child, Guard, Spec, guard};

fn main() -> ExitCode {
    let mut arguments = env::args_os().skip(1);
    match arguments.next().as_ref().and_then(|word| word.to_str()) {
        Some("guard") => guard::run(arguments),
        Some("app") => app(arguments),
        _ => ExitCode::FAILURE,
    }
}

fn app(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let guarded = arguments.next().expect("alone or guarded") == "guarded";
    let mut spec = Spec::new(arguments.next().expect("a program")).arguments(arguments);
    if guarded {
        spec = spec.guarded_by(Guard::new(env::current_exe().unwrap(), ["guard"]));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let child = runtime.block_on(Child::start(spec)).expect("it starts");
    // Nothing polls the runtime from here on, as in a program that hangs.
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    std::mem::forget(child);
    std::process::exit(0);
}
