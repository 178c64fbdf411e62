//! What a flood costs: a MAS that pushes thousands of messages a second, and a watch that is read at leisure.
//!
//! `cargo bench -p brain --bench flood` prints how many were sent, how many are told and left out, and how much memory
//! this process has, the stand-in for MAS included. What is gathered has bounds, so the memory may not grow between the
//! two lines.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a benchmark may stop at the first surprise"
)]
#![allow(clippy::print_stdout, reason = "it is there to print")]

#[path = "../tests/stand_in/mod.rs"]
mod stand_in;

use std::{
    fs,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use brain::mas::{Limits, Mas, MasAddress, News, Watch};
use serde_json::json;
use stand_in::{Piece, Reply, StandIn};
use tokio::time::{Instant, sleep, timeout_at};

/// Messages a second.
const RATE: u32 = 5_000;
/// When a line is printed.
const LINES: [Duration; 2] = [Duration::from_secs(10), Duration::from_secs(60)];
/// How long whoever looks takes for each of the news.
const LEISURE: Duration = Duration::from_millis(200);

static SENT: AtomicU64 = AtomicU64::new(0);

/// One of many agents says something that it has not said before.
fn message(number: u64) -> String {
    SENT.fetch_add(1, Relaxed);
    let data = json!({
        "agent_id": format!("agent-{}", number % 2_500), "status": "processing",
        "message": format!("Step {number} of a long task, which is told in a sentence of some length."),
    });
    json!({ "type": "agent_status", "source": "runner", "timestamp": number, "data": data }).to_string()
}

/// Resident memory of this process in KiB, where the system tells.
fn resident() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse().ok())
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let server = StandIn::start().await;
    server.reply("/live", Reply::json(200, &json!({ "status": "alive" })));
    server.reply("/ws/agents/status", Reply::socket(vec![Piece::Flood(RATE, message)]));
    let mas = Mas::new(MasAddress::parse(&server.address()).unwrap(), None, Limits::default());
    let mut watch = Watch::start(mas);
    println!("{:>8} {:>10} {:>8} {:>10} {:>12}", "after", "messages", "told", "left out", "memory");
    let began = Instant::now();
    let (mut told, mut left_out) = (0, 0);
    for line in LINES {
        let until = began + line;
        // There is always something: the wait alone would not end.
        while Instant::now() < until {
            match timeout_at(until, watch.next()).await {
                Ok(Some(News::Happened(what))) => told += what.len(),
                Ok(Some(News::LeftOut(more))) => left_out += more,
                Ok(Some(_)) => {}
                Ok(None) => panic!("a watch goes on"),
                Err(_) => break,
            }
            sleep(LEISURE).await;
        }
        let memory = resident().map_or_else(|| "not told".to_owned(), |kib| format!("{kib} KiB"));
        let (after, sent) = (format!("{} s", line.as_secs()), SENT.load(Relaxed));
        println!("{after:>8} {sent:>10} {told:>8} {left_out:>10} {memory:>12}");
    }
}
