//! Why there is no tunnel.

use std::time::Duration;

use crate::Verdict;

/// Why there is no tunnel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TunnelError {
    /// The target is no name of a computer.
    Target,
    /// ssh is not installed.
    NoSsh,
    /// ssh's configuration cannot be used, in its words.
    Config(String),
    /// The name is not known.
    UnknownName,
    /// No ssh server listens there.
    Refused,
    /// It does not answer, in ssh's words.
    Unreachable(String),
    /// Nothing came of it in this time.
    NoAnswer(Duration),
    /// The key of the host is not known here.
    HostKeyUnknown,
    /// The key of the host is another one than before.
    HostKeyChanged,
    /// It does not let the person in.
    Denied,
    /// It does not let anything be forwarded.
    ForwardingRefused,
    /// Nothing listens at the port behind the tunnel.
    NothingBehind,
    /// Somebody took the port of this computer before ssh did, again and again.
    PortTaken,
    /// Anything else, in ssh's words.
    Failed(String),
}

impl TunnelError {
    /// Stable code for the edge.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Target => "tunnel.bad_target",
            Self::NoSsh => "tunnel.no_ssh",
            Self::Config(_) => "tunnel.config",
            Self::UnknownName => "tunnel.unknown_name",
            Self::Refused => "tunnel.refused",
            Self::Unreachable(_) => "tunnel.unreachable",
            Self::NoAnswer(_) => "tunnel.no_answer",
            Self::HostKeyUnknown => "tunnel.host_key_unknown",
            Self::HostKeyChanged => "tunnel.host_key_changed",
            Self::Denied => "tunnel.denied",
            Self::ForwardingRefused => "tunnel.forwarding_refused",
            Self::NothingBehind => "tunnel.nothing_behind",
            Self::PortTaken => "tunnel.port_taken",
            Self::Failed(_) => "tunnel.failed",
        }
    }

    pub(crate) fn verdict(&self) -> Verdict {
        match self {
            Self::UnknownName
            | Self::Refused
            | Self::Unreachable(_)
            | Self::NoAnswer(_)
            | Self::NothingBehind
            | Self::PortTaken
            | Self::Failed(_) => Verdict::Unreachable,
            Self::Target
            | Self::NoSsh
            | Self::Config(_)
            | Self::HostKeyUnknown
            | Self::HostKeyChanged
            | Self::Denied
            | Self::ForwardingRefused => Verdict::Refused,
        }
    }

    /// Whether trying again in a moment can help by itself.
    pub(crate) fn may_pass(&self) -> bool {
        self.verdict() == Verdict::Unreachable
    }

    pub(crate) fn what(&self, host: &str) -> String {
        match self {
            Self::Target => "ssh cannot go to this name.".into(),
            Self::NoSsh => "The program ssh is not installed on this computer.".into(),
            Self::Config(said) => format!("The configuration of ssh cannot be used ({said})."),
            Self::UnknownName => format!("ssh finds no computer for {host}."),
            Self::Refused => format!("No ssh server listens at {host}."),
            Self::Unreachable(said) => format!("{host} does not answer ssh ({said})."),
            Self::NoAnswer(limit) => {
                format!("There was no tunnel to {host} within {} seconds.", limit.as_secs())
            }
            Self::HostKeyUnknown => format!("ssh does not know the key of {host} yet."),
            Self::HostKeyChanged => format!("The ssh server of {host} shows another key than before."),
            Self::Denied => format!("{host} does not let you in with the keys that ssh has."),
            Self::ForwardingRefused => format!("The ssh server of {host} lets nothing be forwarded."),
            Self::NothingBehind => format!("ssh reaches {host}, but no Moshi listens at its port there."),
            Self::PortTaken => "Other programs take the ports of this computer before ssh does.".into(),
            Self::Failed(said) => format!("The tunnel to {host} failed ({said})."),
        }
    }

    pub(crate) fn next(&self) -> &'static str {
        match self {
            Self::Target => "Write it like user@gpu.example, or a name from your ssh configuration.",
            Self::NoSsh => "Install OpenSSH's client.",
            Self::Config(_) => "Repair the file; running ssh in a terminal shows the same.",
            Self::UnknownName => "Check the name, and that this computer is in the right network.",
            Self::Refused => "Check that sshd runs there, and its port.",
            Self::Unreachable(_) | Self::NoAnswer(_) => {
                "Check that the host is switched on, and that no firewall is in between."
            }
            Self::HostKeyUnknown => {
                "Log in once with ssh in a terminal, compare the fingerprint, and say yes."
            }
            Self::HostKeyChanged => {
                "Somebody may stand in between. Only if whoever runs the host says that its key is new, take the old one \
                 out of known_hosts with ssh-keygen -R."
            }
            Self::Denied => {
                "Add your key to the agent with ssh-add, and to authorized_keys over there; ssh in a terminal shows more."
            }
            Self::ForwardingRefused => {
                "Have AllowTcpForwarding and PermitOpen set for you in its sshd_config."
            }
            Self::NothingBehind => "Start Moshi over there, or check the port; Moshi's usual one is 8998.",
            Self::PortTaken => "Try again.",
            Self::Failed(_) => "Try ssh to the same host in a terminal; it shows more.",
        }
    }
}
