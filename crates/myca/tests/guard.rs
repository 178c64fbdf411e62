//! `myca guard` as the program that it is. What it ends is tested with the crate that does it.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may stop at the first surprise")]

mod program;

use program::Home;

#[test]
fn a_program_runs_behind_it_with_all_of_its_arguments() {
    let home = Home::new();
    let run = |script: &str| home.run(&["guard", "--", "sh", "-c", script, "sh", "--help", "--"]);
    let output = run("printf '%s ' \"$@\"; exit 7");
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(7), b"--help -- ".as_slice()));
    assert_eq!(run("kill -9 $$").status.code(), Some(128 + 9));
    home.refuses(&["guard", "--", "/nowhere"], 126, "does not start");
}

#[test]
fn what_programs_alone_need_is_not_in_the_help() {
    let help = Home::new().prints(&["--help"]);
    assert!(help.contains("doctor") && help.contains("model"), "{help}");
    assert!(!help.contains("guard") && !help.contains("frames"), "{help}");
}
