//! What has to be on the machine: first named, then installed.

use anyhow::Result;

use crate::checkout::Checkout;
use crate::packages::Purpose;
use crate::{packages, tools};

/// Brings what building and starting the app needs.
pub(crate) fn for_running(checkout: &Checkout) -> Result<()> {
    let packages = packages::Missing::find(checkout, Purpose::Run)?;
    announce(packages.shown());
    packages.install(checkout)
}

/// Brings what `cargo xtask test` needs.
pub(crate) fn for_testing(checkout: &Checkout) -> Result<()> {
    let packages = packages::Missing::find(checkout, Purpose::Test)?;
    let tools = tools::Missing::find(checkout);
    announce(packages.shown().into_iter().chain(tools.shown()));
    packages.install(checkout)?;
    tools.install(checkout)
}

fn announce(lines: impl IntoIterator<Item = String>) {
    let mut lines = lines.into_iter().peekable();
    if lines.peek().is_none() {
        println!("Everything that is needed is installed.");
        return;
    }
    println!("Missing:");
    for line in lines {
        println!("  {line}");
    }
}
