//! The desktop app.

// A release build on Windows has no console.
#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

use std::process::ExitCode;

fn main() -> ExitCode {
    myca_voice::run()
}
