//! A way through SSH: the system's own `ssh`, with the person's keys, agent and known hosts.
//!
//! It listens on a free port of this computer's loopback and leads to a port of the other's. Nothing is ever asked: a key
//! that is not known, or that needs a passphrase that no agent has, is said as what it is.

mod error;
mod target;
mod words;

pub use error::TunnelError;

use std::{
    ffi::OsString,
    future::pending,
    net::{Ipv4Addr, TcpListener},
    path::PathBuf,
    time::Duration,
};

use net::{Access, Client, ConnectError, HttpError, Limits, Origin};
use process::{Child, Spec, StartError};
use tokio::{
    select,
    sync::broadcast::error::RecvError,
    time::{Instant, sleep_until, timeout},
};
use url::Url;

/// How long ssh may take to say why it let a connection down.
const WORDS: Duration = Duration::from_millis(500);
/// How often another port is tried, where somebody took it before ssh did.
const PORTS: usize = 3;

/// Which ssh, and with which configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshProgram {
    /// The program, by its path or its name.
    pub program: PathBuf,
    /// A configuration instead of the person's own.
    pub config: Option<PathBuf>,
}

impl Default for SshProgram {
    /// The system's, as the person has set it up.
    fn default() -> Self {
        Self { program: "ssh".into(), config: None }
    }
}

/// A tunnel. It ends when it is dropped, and with this program, however that ends.
#[derive(Debug)]
pub struct Tunnel {
    child: Child,
    port: u16,
    secure: bool,
}

impl Tunnel {
    /// Opens a tunnel to a port of the other computer's loopback, and asks through it whether something is there.
    /// `target`: `user@host`, or a name from the person's ssh configuration; `port`: of the ssh server, where it is another
    /// one than configured. Dropping the future ends what it has begun.
    ///
    /// # Errors
    /// What ssh says, or that nothing is behind it.
    pub async fn open(
        ssh: &SshProgram,
        target: &str,
        port: Option<u16>,
        remote_port: u16,
        limit: Duration,
    ) -> Result<Self, TunnelError> {
        let target = target::checked(target)?;
        let deadline = Instant::now() + limit;
        for _ in 0..PORTS {
            let local = free_port()?;
            let arguments = arguments(ssh, target, port, local, remote_port, limit);
            match Self::start(ssh, arguments, local, deadline, limit).await {
                Err(TunnelError::PortTaken) => {}
                opened => return opened,
            }
        }
        Err(TunnelError::PortTaken)
    }

    async fn start(
        ssh: &SshProgram,
        arguments: Vec<OsString>,
        port: u16,
        deadline: Instant,
        limit: Duration,
    ) -> Result<Self, TunnelError> {
        // No window that asks for a passphrase: nobody sits there when a call is tried again.
        let spec = Spec::new(&ssh.program).arguments(arguments).set("SSH_ASKPASS_REQUIRE", "never");
        let child = Child::start(spec).await.map_err(|error| match error {
            StartError::NotFound(_) => TunnelError::NoSsh,
            other => TunnelError::Failed(other.to_string()),
        })?;
        let secure = select! {
            secure = ready(&child, port) => secure,
            _ = child.wait() => Err(why(&child)),
            () = sleep_until(deadline) => {
                Err(words::of(&said(&child)).unwrap_or(TunnelError::NoAnswer(limit)))
            }
        }?;
        Ok(Self { child, port, secure })
    }

    /// The port of this computer's loopback at which it begins.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether what is behind it speaks TLS.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// Waits until the tunnel is gone by itself, and says why.
    pub async fn lost(&self) -> TunnelError {
        self.child.wait().await;
        why(&self.child)
    }
}

/// What ssh is told. Everything else is as the person has it.
fn arguments(
    ssh: &SshProgram,
    target: &str,
    port: Option<u16>,
    local: u16,
    remote: u16,
    limit: Duration,
) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = Vec::new();
    if let Some(config) = &ssh.config {
        arguments.extend(["-F".into(), config.into()]);
    }
    // No command, no terminal, no agent and no display over there, and a connection of its own that ends with this
    // process.
    arguments.extend(["-N", "-T", "-a", "-x", "-S", "none"].map(Into::into));
    let connect = format!("ConnectTimeout={}", limit.as_secs().max(1));
    let options = [
        "BatchMode=yes",
        "ExitOnForwardFailure=yes",
        "ServerAliveInterval=5",
        "ServerAliveCountMax=3",
        "PermitLocalCommand=no",
        // Its words are how its end is explained, and among those of this level is that it listens.
        "LogLevel=DEBUG1",
        connect.as_str(),
    ];
    for option in options {
        arguments.extend(["-o".into(), option.into()]);
    }
    if let Some(port) = port {
        arguments.extend(["-p".into(), port.to_string().into()]);
    }
    arguments.extend(["-L".into(), format!("127.0.0.1:{local}:127.0.0.1:{remote}").into()]);
    // Nothing behind this is an option.
    arguments.extend(["--".into(), target.into()]);
    arguments
}

/// Waits until ssh says that it listens. Before that the port is nobody's, and whoever took it would be believed. (What it
/// says of the port itself comes before it has it.)
async fn listens(child: &Child) {
    let is_it = |text: &str| text.starts_with("debug1: channel ") && text.contains("[port listener]");
    let (_, mut following) = child.follow();
    loop {
        // Also after lines were missed.
        if child.tail().iter().any(|said| is_it(&said.text)) {
            return;
        }
        if let Err(RecvError::Closed) = following.recv().await {
            // It has ended, which is looked for elsewhere.
            return pending().await;
        }
    }
}

/// Waits until something answers through the tunnel; tells whether it speaks TLS.
async fn ready(child: &Child, port: u16) -> Result<bool, TunnelError> {
    listens(child).await;
    let (plain, tls) = (client("ws", port)?, client("wss", port)?);
    // Whoever waits for this has a limit.
    let limits = Limits::whole(Duration::from_secs(3600));
    match plain.get("/api/chat", limits).await {
        Ok(_) | Err(HttpError::NotHttp) => return Ok(false),
        Err(HttpError::WantsTls) => return Ok(true),
        // ssh took the connection and let it down again.
        Err(_) => {}
    }
    // Some servers hang up on who does not speak TLS.
    let trial = async { tls.reach().await?.secure().await };
    if matches!(trial.await, Ok(()) | Err(ConnectError::Certificate(_))) {
        return Ok(true);
    }
    Err(soon(child).await.unwrap_or(TunnelError::NothingBehind))
}

fn client(scheme: &str, port: u16) -> Result<Client, TunnelError> {
    let url = Url::parse(&format!("{scheme}://127.0.0.1:{port}")).ok();
    let origin = url.as_ref().and_then(Origin::of);
    let origin = origin.ok_or_else(|| TunnelError::Failed("this computer has no address".into()))?;
    Ok(Client::new(origin).with_access(&Access { encrypted: true, ..Access::default() }))
}

/// Why ssh lets connections down, if it says so in a moment.
async fn soon(child: &Child) -> Option<TunnelError> {
    let (_, mut following) = child.follow();
    if let Some(error) = words::of(&said(child)) {
        return Some(error);
    }
    let known = async {
        while let Ok(line) = following.recv().await {
            if let Some(error) = words::of(&[line.text]) {
                return Some(error);
            }
        }
        None
    };
    timeout(WORDS, known).await.ok().flatten()
}

/// Why it has ended.
fn why(child: &Child) -> TunnelError {
    let said = said(child);
    let other = || {
        let end = child.ended().map(|exit| exit.to_string());
        said.last().cloned().or(end).unwrap_or_default()
    };
    words::of(&said).unwrap_or_else(|| TunnelError::Failed(other()))
}

/// What it said to people.
fn said(child: &Child) -> Vec<String> {
    let lines = child.tail().into_iter().map(|line| line.text);
    lines.filter(|line| !line.starts_with("debug1: ")).collect()
}

/// A port of the loopback that nobody has, at this moment.
fn free_port() -> Result<u16, TunnelError> {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    taken.map(|address| address.port()).map_err(|error| TunnelError::Failed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ssh_is_told_nothing_that_a_target_could_change() {
        let ssh = SshProgram { config: Some("/c".into()), ..SshProgram::default() };
        let told = arguments(&ssh, "me@gpu", Some(2222), 4000, 8998, Duration::from_secs(9));
        let told: Vec<String> = told.into_iter().map(|part| part.into_string().unwrap()).collect();
        assert_eq!(told[..2], ["-F", "/c"]);
        assert_eq!(told[told.len() - 2..], ["--", "me@gpu"]);
        let all = told.join(" ");
        for part in
            ["-L 127.0.0.1:4000:127.0.0.1:8998", "-p 2222", "-o BatchMode=yes", "-o ExitOnForwardFailure=yes"]
        {
            assert!(all.contains(part), "{all}");
        }
        assert!(!all.contains("StrictHostKeyChecking"), "that is as the person has it");
    }
}
