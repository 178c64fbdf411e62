//! What `myca host` and `myca echo` have in common: the address, the line that says that it is ready, and the end.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the ready line and sentences are for whoever started it"
)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::process::ExitCode;
use std::sync::Arc;

use engine::Error;
use engine::serve::{ASR_PATH, Server, ServerSettings, Source};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::end;

/// The exit code when the address can not be had.
const NO_ADDRESS: u8 = 3;

/// The exit code when the model can not be loaded.
pub(crate) const NO_MODEL: u8 = 4;

/// Where callers come in, and when it ends. (Not `Args`: clap takes the name for one group of arguments, and the command
/// that these are part of has it already.)
#[derive(clap::Args)]
pub(crate) struct Listen {
    /// The address to listen at; anything but this machine's own is open to the network
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    address: IpAddr,
    /// The port to listen at; 0 for any that is free
    #[arg(long, default_value_t = 8998)]
    port: u16,
    /// A web page that may use the host, for example https://example.org; may be given several times
    #[arg(long, value_name = "ORIGIN")]
    allow_origin: Vec<String>,
    /// End when standard input ends, or when the program that started this one does
    #[arg(long)]
    end_with_parent: bool,
    /// Print a line of JSON when callers are taken
    #[arg(long)]
    json: bool,
}

/// What callers come for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Paths {
    /// Conversations.
    pub(crate) talks: bool,
    /// Their words alone.
    pub(crate) hears: bool,
}

/// Serves what `load` loads until something ends it.
pub(crate) fn run<S: Source>(
    args: &Listen,
    paths: Paths,
    load: impl FnOnce() -> Result<S, Error> + Send + 'static,
) -> ExitCode {
    end::run(async |stop| serve(args, paths, load, stop).await)
}

async fn serve<S: Source>(
    args: &Listen,
    paths: Paths,
    load: impl FnOnce() -> Result<S, Error> + Send + 'static,
    stop: CancellationToken,
) -> ExitCode {
    if args.end_with_parent
        && let Err(error) = end::with_parent(&stop)
    {
        eprintln!("The program cannot watch its parent ({error}). Leave out --end-with-parent.");
        return ExitCode::FAILURE;
    }
    let address = SocketAddr::new(args.address, args.port);
    if !args.address.is_loopback() {
        eprintln!(
            "Warning: everybody who can reach {address} can use this host. Listen at 127.0.0.1 and come in \
             through a tunnel unless that is what you want."
        );
    }
    // Loading takes a minute, and an address that is taken should not take that long to be told.
    if let Err(source) = TcpListener::bind(address) {
        return fail(&Error::Address { address, source }, NO_ADDRESS);
    }
    let loaded = tokio::select! {
        loaded = tokio::task::spawn_blocking(load) => loaded,
        () = stop.cancelled() => return ExitCode::SUCCESS,
    };
    let source = match loaded.unwrap_or(Err(Error::Stopped { stage: "loading" })) {
        Ok(source) => source,
        Err(error) => return fail(&error, NO_MODEL),
    };
    let settings =
        ServerSettings { address, allowed_origins: args.allow_origin.clone(), ..ServerSettings::default() };
    let server = match Server::bind(settings, Arc::new(source)) {
        Ok(server) => server,
        Err(error) => return fail(&error, NO_ADDRESS),
    };
    announce(server.address(), paths, args.json);
    match server.run(stop).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error, NO_ADDRESS),
    }
}

/// Says where callers come in.
fn announce(address: SocketAddr, paths: Paths, json: bool) {
    // Nobody can call an address that stands for all of them.
    let reachable = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => SocketAddr::new(Ipv4Addr::LOCALHOST.into(), address.port()),
        IpAddr::V6(ip) if ip.is_unspecified() => SocketAddr::new(Ipv6Addr::LOCALHOST.into(), address.port()),
        _ => address,
    };
    let url = |path: &str| format!("ws://{reachable}{path}");
    let chat = paths.talks.then(|| url("/api/chat"));
    let hear = paths.hears.then(|| url(ASR_PATH));
    if json {
        let ip = address.ip().to_string();
        let mut ready = json!({ "event": "ready", "address": ip, "port": address.port() });
        for (key, url) in [("url", chat), ("hearUrl", hear)] {
            if let Some(url) = url {
                ready[key] = url.into();
            }
        }
        println!("{ready}");
        return;
    }
    let places = [("Talk with it", chat), ("Be heard", hear)];
    let places: Vec<String> =
        places.into_iter().filter_map(|(what, url)| Some(format!("{what} at {}", url?))).collect();
    println!("Ready. {}. End it with Ctrl+C.", places.join(". "));
}

fn fail(error: &Error, code: u8) -> ExitCode {
    tracing::debug!(code = error.code(), "ends");
    eprintln!("{error}");
    ExitCode::from(code)
}
