//! Prints the report on this machine, measured with `--measure`, or on the ones that are described in files.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "this is what it is for")]

use doctor::{
    Host, World, judge,
    probe::{self, MeasureSettings, ReadSettings},
};
use tokio::sync::watch;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let files: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    for file in &files {
        let world = World::from_json(&std::fs::read_to_string(file).unwrap()).unwrap();
        println!("{file}\n\n{}", judge(&world).to_text());
    }
    if !files.is_empty() {
        return;
    }
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
