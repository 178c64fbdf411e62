//! Where ssh is to go.

use super::TunnelError;

/// The longest target, in bytes.
const LONGEST: usize = 300;

/// The target, if it can be nothing else: no option, and nothing that a configuration's `%h` would hand to a shell.
pub(super) fn checked(target: &str) -> Result<&str, TunnelError> {
    let target = target.trim();
    let signs = target.chars().all(|sign| sign.is_alphanumeric() || "._-@:[]%+~=,".contains(sign));
    let host = target.rsplit_once('@').map_or(target, |(_, host)| host);
    let fits = !target.starts_with('-') && !host.starts_with('-') && !host.is_empty();
    if signs && fits && target.len() <= LONGEST { Ok(target) } else { Err(TunnelError::Target) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_name_and_nothing_else() {
        for target in
            ["gpu", "me@gpu.example", " me@10.0.0.7 ", "me@[2001:db8::1]", "DOMAIN+me@gpu", "fe80::1%eth0"]
        {
            assert!(checked(target).is_ok(), "{target}");
        }
        for target in [
            "",
            "me@",
            "-oProxyCommand=x",
            "me@-oProxyCommand=x",
            "gpu -v",
            "gpu;reboot",
            "$(reboot)",
            "`reboot`",
            "gpu|x",
            "a'b",
            "gpu\\nx",
            "ssh://gpu",
            &"x".repeat(301),
        ] {
            assert_eq!(checked(target), Err(TunnelError::Target), "{target}");
        }
    }
}
