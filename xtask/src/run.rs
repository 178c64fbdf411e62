//! `cargo xtask run`: builds the app with all that belongs to it, and starts it.

use std::env;
use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::checkout::Checkout;
use crate::command::{run as run_command, shown};
use crate::{node, setup};

pub(crate) fn run(checkout: &Checkout, release: bool, arguments: &[OsString]) -> Result<ExitCode> {
    // Libraries may be there in ways that no package manager knows, so the build has the last word.
    if let Err(error) = setup::for_running(checkout) {
        println!("{error:#}\nTrying without.");
    }
    node::check(checkout)?;
    node::install(checkout)?;
    node::script(checkout, "build")?;
    // The app starts `myca` as a child, from its own folder.
    let mut build = checkout.cargo(["build", "--package", "myca-voice", "--package", "myca"]);
    if release {
        build.arg("--release");
    }
    run_command(&mut build)?;
    let folder = checkout.target.join(if release { "release" } else { "debug" });
    let mut app = checkout.command(folder.join(format!("myca-voice{}", env::consts::EXE_SUFFIX)));
    // The app belongs to the user and not to the build: it starts where the user is.
    app.args(arguments).current_dir(env::current_dir()?);
    println!("$ {}", shown(&app));
    let status = app.status().context("the app could not be started")?;
    Ok(match status.code() {
        Some(0) => ExitCode::SUCCESS,
        Some(code) => u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from),
        None => {
            println!("The app was ended: {status}");
            ExitCode::FAILURE
        }
    })
}
