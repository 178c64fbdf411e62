//! Reads this machine, measures it, and prints the report: `cargo run -p doctor --features probes --example this_machine`.
#![allow(clippy::print_stdout, reason = "this is what it is for")]

use doctor::{
    Host, judge,
    probe::{self, MeasureSettings, ReadSettings},
};
use tokio::sync::watch;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut settings = ReadSettings::new(std::env::temp_dir());
    settings.host = Some(Host { version: None, backends: vec!["cpu".to_owned()] });
    let (progress, _) = watch::channel(probe::Progress::default());
    let mut world = probe::read(&settings, &progress).await;
    if std::env::args().any(|argument| argument == "--measure") {
        world = probe::measure(&world, &MeasureSettings::new(), &progress).await;
    }
    if std::env::args().any(|argument| argument == "--json") {
        println!("{}", world.to_json().unwrap_or_default());
    }
    println!("{}", judge(&world).to_text());
}
