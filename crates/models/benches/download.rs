//! A download of some gigabytes from a server on this computer, beside curl's of the same file.
//!
//! `cargo bench -p models` prints the rates of both, their ratio, and the most memory that a process which only downloads
//! took. The size in GB may be given behind `--`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark may stop at the first surprise, and prints"
)]

use std::{
    env, fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::Command,
    thread,
    time::Instant,
};

use models::{Catalogue, Hub, Options, Progress, Shelf, download};
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Bytes that the file repeats. More than caches of a processor hold.
const PATTERN: usize = 64 << 20;

/// Tells a child process what to download and where to.
const CHILD: &str = "MYCA_BENCH_DOWNLOAD";

fn main() {
    if let Ok(said) = env::var(CHILD) {
        return child(&said);
    }
    let gigabytes: u64 = env::args().filter_map(|arg| arg.parse().ok()).next().unwrap_or(4);
    let size = gigabytes << 30;
    let folder =
        tempfile::tempdir_in(env::var_os("MYCA_BENCH_FOLDER").unwrap_or_else(|| env::temp_dir().into()))
            .unwrap();
    if models::free(folder.path()).unwrap() < size + (2 << 30) {
        return println!("left out: {gigabytes} GiB do not fit on this disk");
    }
    let url = serve(size);
    let mut ratios = Vec::new();
    for round in 1..=5 {
        let ours = run(size, || {
            let this = env::current_exe().unwrap();
            let mut child = Command::new(this);
            child.env(CHILD, format!("{url}\n{}", folder.path().display()));
            child
        });
        fs::remove_dir_all(folder.path().join("m")).unwrap();
        let file = folder.path().join("curl.bin");
        let curls = run(size, || {
            let mut curl = Command::new("curl");
            curl.args(["--silent", "--fail", "--output"])
                .arg(&file)
                .arg(format!("{url}/o/m/resolve/main/model.gguf"));
            curl
        });
        fs::remove_file(file).unwrap();
        println!("round {round}: ours {ours:.0} MB/s, curl {curls:.0} MB/s, ratio {:.2}", ours / curls);
        ratios.push(ours / curls);
    }
    ratios.sort_by(f64::total_cmp);
    println!("ratio, median: {:.2}", ratios[ratios.len() / 2]);
}

/// Runs a program to its end. Returns megabytes a second.
fn run(size: u64, command: impl Fn() -> Command) -> f64 {
    let begun = Instant::now();
    assert!(command().status().unwrap().success());
    size as f64 / 1e6 / begun.elapsed().as_secs_f64()
}

fn child(said: &str) {
    let (url, folder) = said.split_once('\n').unwrap();
    let model = catalogue().models()[0].clone();
    let shelf = Shelf::new(Path::new(folder).to_owned(), None);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let (hub, options) = (Hub::new(url, None).unwrap(), Options::default());
        let progress = watch::Sender::new(Progress::default());
        download(&shelf, &model, &hub, &options, progress, &CancellationToken::new()).await.unwrap();
    });
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("VmHWM: not told");
    println!("         {peak}");
}

fn catalogue() -> Catalogue {
    let files = r#"{"name":"model.gguf"}"#;
    Catalogue::parse(&format!(
        r#"{{"version":1,"licences":{{"l":{{"name":"L","page":"https://l.example","credit":"C"}}}},"models":[{{
            "id":"m","name":"M","what":"It is.","repo":"o/m","revision":"main","licence":"l","gated":false,
            "purpose":"conversation","runtimes":["mycaHost"],"weights":"q8","memory":1,"about":1,"files":[{files}]}}]}}"#
    ))
    .unwrap()
}

/// A server with one file, which it does not have to read from a disk. Ends with the process.
fn serve(size: u64) -> String {
    let mut x = 1_u64;
    let mut noise = || {
        x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        x.to_le_bytes()
    };
    let pattern: &'static [u8] = (0..PATTERN / 8).flat_map(|_| noise()).collect::<Vec<u8>>().leak();
    let mut hash = Sha256::new();
    (0..size / PATTERN as u64).for_each(|_| hash.update(pattern));
    let hash: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let hash = hash.clone();
            // Whoever has enough hangs up.
            thread::spawn(move || answer(stream.unwrap(), pattern, size, &hash));
        }
    });
    url
}

fn answer(stream: TcpStream, pattern: &[u8], size: u64, hash: &str) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let (mut line, mut range, mut target) = (String::new(), None, String::new());
    loop {
        line.clear();
        stream.read_line(&mut line)?;
        let lower = line.to_ascii_lowercase();
        if let Some(said) = lower.strip_prefix("range: bytes=") {
            let (from, to) = said.trim().split_once('-').unwrap();
            range = Some((from.parse::<u64>().unwrap(), to.parse::<u64>().unwrap()));
        } else if target.is_empty() {
            target = line.clone();
        } else if line.trim().is_empty() {
            break;
        }
    }
    let stream = stream.get_mut();
    if target.contains("/tree/") {
        let list = format!(
            r#"[{{"type":"file","path":"model.gguf","size":{size},"lfs":{{"oid":"{hash}","size":{size}}}}}]"#
        );
        write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{list}", list.len())?;
        return Ok(());
    }
    let (status, (from, to)) = match range {
        Some(range) => ("206 Partial Content", range),
        None => ("200 OK", (0, size - 1)),
    };
    let len = to + 1 - from;
    write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-range: bytes {from}-{to}/{size}\r\ncontent-length: {len}\r\n\r\n"
    )?;
    let mut at = from;
    while at <= to {
        let begin = usize::try_from(at % PATTERN as u64).unwrap();
        let end = PATTERN.min(begin + usize::try_from(to + 1 - at).unwrap_or(PATTERN)).min(begin + (1 << 20));
        stream.write_all(&pattern[begin..end])?;
        at += (end - begin) as u64;
    }
    // Until the other side has it all and hangs up.
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let _ = stream.read(&mut [0; 1]);
    Ok(())
}
