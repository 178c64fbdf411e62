//! An ssh server on the loopback, with keys and known hosts of its own, and the configuration of a client for it.
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

use std::{
    fs,
    io::Read,
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use hosts::SshProgram;

const PROGRAM: &str = "/usr/sbin/sshd";

/// What is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    Nothing,
    /// The client knows another key of it.
    OtherHostKey,
    /// The client knows no key of it.
    NoHostKey,
    /// It knows another key of the client.
    OtherClientKey,
    /// It forwards nothing.
    NoForwarding,
    /// It is gone.
    Gone,
}

/// The server. Ends with this.
pub struct Sshd {
    daemon: Child,
    folder: tempfile::TempDir,
    pub port: u16,
}

impl Sshd {
    pub fn start(wrong: Wrong) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        for key in ["host", "other_host", "client", "other_client"] {
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-C", key, "-f"])
                .arg(file(key))
                .status();
            assert!(made.is_ok_and(|made| made.success()), "openssh-client is installed");
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let public = |key: &str| fs::read_to_string(file(&format!("{key}.pub"))).unwrap();
        let client = if wrong == Wrong::OtherClientKey { "other_client" } else { "client" };
        fs::write(file("authorized_keys"), public(client)).unwrap();
        let known = match wrong {
            Wrong::OtherHostKey => format!("[127.0.0.1]:{port} {}", public("other_host")),
            Wrong::NoHostKey => String::new(),
            _ => format!("[127.0.0.1]:{port} {}", public("host")),
        };
        fs::write(file("known_hosts"), known).unwrap();
        let forwarding = if wrong == Wrong::NoForwarding { "no" } else { "yes" };
        let server = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {host}\nAuthorizedKeysFile {keys}\nPidFile none\nUsePAM \
             no\nStrictModes no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin \
             yes\nAllowTcpForwarding {forwarding}\n",
            host = file("host").display(),
            keys = file("authorized_keys").display(),
        );
        fs::write(file("sshd_config"), server).unwrap();
        let user = Command::new("id").arg("-un").output().unwrap().stdout;
        let config = format!(
            "Host gpu\n  HostName 127.0.0.1\n  Port {port}\n  User {user}\n  IdentityFile {key}\n  IdentitiesOnly \
             yes\n  IdentityAgent none\n  UserKnownHostsFile {known}\n  GlobalKnownHostsFile /dev/null\n",
            user = String::from_utf8(user).unwrap().trim(),
            key = file("client").display(),
            known = file("known_hosts").display(),
        );
        fs::write(file("config"), config).unwrap();
        // Where it is started as root it wants this one to be there.
        let _ = fs::create_dir_all("/run/sshd");
        let daemon = Command::new(PROGRAM)
            .args(["-D", "-e", "-f"])
            .arg(file("sshd_config"))
            .stderr(Stdio::piped())
            .spawn();
        let daemon = daemon.expect("openssh-server is installed");
        let mut sshd = Self { daemon, folder, port };
        sshd.wait();
        if wrong == Wrong::Gone {
            sshd.end();
        }
        sshd
    }

    fn wait(&mut self) {
        let begin = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            if let Some(exit) = self.daemon.try_wait().unwrap() {
                let mut said = String::new();
                self.daemon.stderr.take().unwrap().read_to_string(&mut said).unwrap();
                panic!("sshd ended ({exit}): {said}");
            }
            assert!(begin.elapsed() < Duration::from_secs(30), "sshd listens");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The client's side, whose only host is `gpu`.
    pub fn client(&self) -> SshProgram {
        SshProgram { config: Some(self.file("config")), ..SshProgram::default() }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Ends the processes that serve its clients.
    pub fn end_sessions(&self) {
        let parent = self.daemon.id().to_string();
        Command::new("pkill").args(["-KILL", "-P", &parent]).status().unwrap();
    }

    pub fn end(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.end();
    }
}
