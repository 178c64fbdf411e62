//! `cargo bench -p engine --bench kernels`: every set of instructions of this machine, one thread.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a benchmark prints, and may stop"
)]

fn main() {
    // Part of a name, to measure only those: `cargo bench -p engine --bench kernels -- AVX2`.
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with("--")).unwrap_or_default();
    let (fastest, figures) = engine::bench::kernels(&wanted).unwrap();
    println!("one thread reads {:.1} GB/s", fastest / 1e9);
    println!("{:<10} {:<18} {:>7} {:>12}", "", "", "GB/s", "time/reading");
    for figure in figures {
        println!(
            "{:<10} {:<18} {:>7.1} {:>12.2}",
            figure.instructions,
            figure.what,
            figure.bandwidth / 1e9,
            figure.ratio
        );
    }
}
