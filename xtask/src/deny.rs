//! Licences, bans, sources, and advisories where their database can be had.

use std::time::Duration;

use anyhow::Result;

use crate::checkout::Checkout;
use crate::command::{run_quietly, succeeds_within};

/// A firewall that drops packets must not hold everything up for long.
const FETCH_LIMIT: Duration = Duration::from_secs(60);

pub(crate) fn check(checkout: &Checkout) -> Result<()> {
    // Fetched first and on its own, so that no network is one thing and a vulnerable crate another.
    let mut fetch = checkout.cargo(["deny", "--locked", "fetch", "db"]);
    let fetched = succeeds_within(fetch.env("GIT_TERMINAL_PROMPT", "0"), FETCH_LIMIT);
    // Several versions of one crate are worth a look now and then (`cargo deny check bans`), not a page in every run.
    let mut check = checkout.cargo(["deny", "--locked", "check", "--allow", "duplicate"]);
    if fetched {
        check.arg("advisories");
    } else {
        println!(
            "The advisory database cannot be fetched: advisories and withdrawn versions are not checked this time."
        );
    }
    run_quietly(check.args(["bans", "licenses", "sources"]))
}
