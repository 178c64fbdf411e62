//! What the tests start in the place of Python, `moshi-backend` and `myca`. With `guard` before its arguments it is the
//! guard of a program.
//!
//! It does what the file `scenario` in its folder says, a line at a time. A line of three dashes ends what the first start
//! does; the last part is for all starts that follow. It writes the number of its process into the file `starts`.
//!
//! | line | what it does |
//! |---|---|
//! | `check WORD` | answers with this as the flavour when it is asked as Python is; `none` for none, `broken` for no answer |
//! | `say TEXT`, `err TEXT` | prints on standard output, or error |
//! | `serve`, `page`, `open` | answers at its port as Moshi, as some other server, or not at all |
//! | `ready` | says that it is, as `myca host` does |
//! | `variable NAME` | prints a variable of its environment |
//! | `flood N` | prints so many lines |
//! | `stubborn` | does not end when it is asked to |
//! | `grandchild` | starts something that is as stubborn, and notes it in the file `grandchildren` |
//! | `exit N` | ends with this code |
//!
//! Behind the last line it waits to be ended.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test's program stops at the first surprise, and says what it is told to"
)]

use std::{
    env,
    fs::{self, OpenOptions},
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    process::{Command, ExitCode, exit},
    thread,
};

/// What aiohttp answers to a request without an upgrade.
const MOSHI: &str = "HTTP/1.1 400 Bad Request\r\nServer: Python/3.12 aiohttp/3.11.18\r\nConnection: close\r\n\r\n\
                     No WebSocket UPGRADE hdr: None\n Can \"Upgrade\" only to \"WebSocket\".";
const PAGE: &str = "HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n";

fn main() -> ExitCode {
    let first = env::args().nth(1);
    if first.as_deref() == Some("guard") {
        return process::guard::run(env::args_os().skip(2));
    }
    let scenario = fs::read_to_string("scenario").unwrap();
    if first.as_deref() == Some("-c") {
        check(&scenario);
        return ExitCode::SUCCESS;
    }
    note("starts", std::process::id());
    let starts = fs::read_to_string("starts").unwrap().lines().count();
    let parts: Vec<&str> = scenario.split("---\n").collect();
    for line in parts[(starts - 1).min(parts.len() - 1)].lines() {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        act(word, rest);
    }
    loop {
        thread::park();
    }
}

fn check(scenario: &str) {
    let word = scenario.lines().find_map(|line| line.strip_prefix("check ")).unwrap_or("kyutai");
    match word {
        "broken" => {
            eprintln!("Fatal Python error: init_fs_encoding: failed to get the Python codec");
            exit(1);
        }
        "none" => println!("{{\"moshi\": null}}"),
        word => println!("some package greets\n{{\"moshi\": \"{word}\"}}"),
    }
}

fn act(word: &str, rest: &str) {
    match word {
        "check" => {}
        "say" => println!("{rest}"),
        "err" => eprintln!("{rest}"),
        "serve" => serve(Some(MOSHI)),
        "page" => serve(Some(PAGE)),
        "open" => serve(None),
        "ready" => println!("{{\"address\":\"127.0.0.1\",\"event\":\"ready\",\"port\":{}}}", port()),
        "variable" => println!("{rest}={}", env::var(rest).unwrap_or_else(|_| "(not set)".to_owned())),
        "flood" => {
            for number in 0..rest.parse().unwrap() {
                println!(
                    "{number} of a flood that is as long as the lines of a server that is beside itself"
                );
            }
        }
        "stubborn" => be_stubborn(),
        "grandchild" => {
            let child =
                Command::new("/bin/sh").args(["-c", "trap '' TERM; while :; do sleep 1; done"]).spawn();
            note("grandchildren", child.unwrap().id());
        }
        "exit" => exit(rest.parse().unwrap()),
        other => panic!("what is {other}?"),
    }
}

fn note(file: &str, number: u32) {
    let mut file = OpenOptions::new().create(true).append(true).open(file).unwrap();
    writeln!(file, "{number}").unwrap();
}

/// As each of them is told its port.
fn port() -> u16 {
    let arguments: Vec<String> = env::args().collect();
    let place = arguments.iter().position(|argument| argument == "--port").unwrap();
    arguments[place + 1].parse().unwrap()
}

fn serve(answer: Option<&'static str>) {
    let listener = match TcpListener::bind(("127.0.0.1", port())) {
        Ok(listener) => listener,
        Err(error) => {
            eprintln!("OSError: [Errno 98] error while attempting to bind on address: {error}");
            exit(1);
        }
    };
    thread::spawn(move || {
        let mut open = Vec::new();
        for stream in listener.incoming() {
            match answer {
                Some(text) => answer_with(stream.unwrap(), text),
                None => open.push(stream),
            }
        }
    });
}

fn answer_with(mut stream: TcpStream, text: &str) {
    let mut asked = Vec::new();
    let mut piece = [0; 1024];
    while !asked.ends_with(b"\r\n\r\n") {
        match stream.read(&mut piece) {
            Ok(count @ 1..) => asked.extend_from_slice(&piece[..count]),
            _ => return,
        }
    }
    // Who asked may be gone.
    let _ = stream.write_all(text.as_bytes());
}

/// A signal that is ignored stays so when a program becomes another one; a shell can ignore it without unsafe code.
#[cfg(unix)]
fn be_stubborn() {
    use std::os::unix::process::CommandExt;
    if env::var_os("STUBBORN").is_none() {
        let again = env::current_exe().unwrap();
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", "trap '' TERM; exec \"$0\" \"$@\""]).arg(again).args(env::args_os().skip(1));
        // It begins anew, and is counted once.
        fs::remove_file("starts").unwrap();
        panic!("{}", shell.env("STUBBORN", "1").exec());
    }
}

#[cfg(not(unix))]
fn be_stubborn() {
    panic!("there are no signals here");
}
