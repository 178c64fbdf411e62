//! What ssh's words mean. It has them in one language only, and they have hardly changed in twenty years.

use super::TunnelError;

/// The longest line that is shown, in characters.
const SHOWN: usize = 200;

/// What its lines say is wrong; nothing where they say nothing that is known.
pub(super) fn of(lines: &[String]) -> Option<TunnelError> {
    // The first that fits counts, whatever line it stands in: what is said last often only follows from it.
    MEANINGS.iter().find_map(|(words, meaning)| {
        let line = lines.iter().find(|line| words.iter().all(|word| line.contains(word)))?;
        Some(meaning(line.chars().take(SHOWN).collect()))
    })
}

type Meaning = (&'static [&'static str], fn(String) -> TunnelError);

const MEANINGS: [Meaning; 23] = [
    (&["REMOTE HOST IDENTIFICATION HAS CHANGED"], |_| TunnelError::HostKeyChanged),
    (&["host key for", "has changed"], |_| TunnelError::HostKeyChanged),
    (&["Host key verification failed"], |_| TunnelError::HostKeyUnknown),
    (&["host key is known for", "strict checking"], |_| TunnelError::HostKeyUnknown),
    (&["Bad configuration option"], TunnelError::Config),
    (&["Bad owner or permissions on"], TunnelError::Config),
    (&["Can't open user config file"], TunnelError::Config),
    (&["terminating,", "bad configuration"], TunnelError::Config),
    (&["Could not resolve hostname"], |_| TunnelError::UnknownName),
    (&["Permission denied ("], |_| TunnelError::Denied),
    (&["Too many authentication failures"], |_| TunnelError::Denied),
    (&["open failed: administratively prohibited"], |_| TunnelError::ForwardingRefused),
    (&["open failed: connect failed"], |_| TunnelError::NothingBehind),
    (&["Address already in use"], |_| TunnelError::PortTaken),
    (&["cannot listen to port"], |_| TunnelError::PortTaken),
    (&["connect to host", "Connection refused"], |_| TunnelError::Refused),
    (&["connect to host"], TunnelError::Unreachable),
    (&["not responding"], TunnelError::Unreachable),
    (&["Connection closed by"], TunnelError::Unreachable),
    (&["closed by remote host"], TunnelError::Unreachable),
    (&["Connection reset by"], TunnelError::Unreachable),
    (&["Connection timed out"], TunnelError::Unreachable),
    (&["kex_exchange_identification"], TunnelError::Unreachable),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(lines: &str) -> Option<TunnelError> {
        of(&lines.lines().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn ssh_is_understood() {
        let unreachable = |line: &str| TunnelError::Unreachable(line.to_owned());
        for (lines, expected) in [
            (
                "@@@@@@@@@@@\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\nIT IS POSSIBLE THAT SOMEONE \
                 IS DOING SOMETHING NASTY!\nHost key for [127.0.0.1]:1 has changed and you have requested strict \
                 checking.\nHost key verification failed.",
                TunnelError::HostKeyChanged,
            ),
            (
                "No ED25519 host key is known for gpu and you have requested strict checking.\nHost key verification \
                 failed.",
                TunnelError::HostKeyUnknown,
            ),
            (
                "Warning: Permanently added 'gpu' (ED25519) to the list of known hosts.\nme@gpu: Permission denied \
                 (publickey,password).",
                TunnelError::Denied,
            ),
            ("ssh: Could not resolve hostname gpu: Name or service not known", TunnelError::UnknownName),
            ("ssh: connect to host gpu port 22: Connection refused", TunnelError::Refused),
            (
                "ssh: connect to host gpu port 22: No route to host",
                unreachable("ssh: connect to host gpu port 22: No route to host"),
            ),
            (
                "channel 1: open failed: administratively prohibited: open failed",
                TunnelError::ForwardingRefused,
            ),
            ("channel 2: open failed: connect failed: Connection refused", TunnelError::NothingBehind),
            (
                "bind [127.0.0.1]:4000: Address already in use\nchannel_setup_fwd_listener_tcpip: cannot listen to port: \
                 4000\nCould not request local forwarding.",
                TunnelError::PortTaken,
            ),
            (
                "/home/me/.ssh/config: line 3: Bad configuration option: x",
                TunnelError::Config("/home/me/.ssh/config: line 3: Bad configuration option: x".into()),
            ),
        ] {
            assert_eq!(meaning(lines), Some(expected), "{lines}");
        }
        assert_eq!(meaning("Welcome to gpu!\nBe careful."), None);
    }
}
