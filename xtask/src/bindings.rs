//! The window's TypeScript bindings, which the test `bindings` of crates/window writes to where MYCA_BINDINGS_OUT says.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::checkout::Checkout;
use crate::command::run_quietly;

/// Writes the bindings that the window is built with.
pub(crate) fn regenerate(checkout: &Checkout) -> Result<()> {
    let committed = committed(checkout);
    write(checkout, &committed)?;
    println!("{} is up to date", committed.display());
    Ok(())
}

/// Errs unless the committed bindings are what the commands in Rust say today.
pub(crate) fn compare(checkout: &Checkout) -> Result<()> {
    let fresh = checkout.target.join("xtask").join("bindings.ts");
    if let Some(folder) = fresh.parent() {
        fs::create_dir_all(folder)?;
    }
    write(checkout, &fresh)?;
    let fresh = fs::read_to_string(&fresh)?;
    let committed =
        fs::read_to_string(committed(checkout)).context("ui/src/lib/backend/bindings.ts cannot be read")?;
    if let Some(difference) = first_difference(&committed, &fresh) {
        bail!(
            "ui/src/lib/backend/bindings.ts is out of date ({difference}); run `cargo xtask bindings` and commit it"
        );
    }
    Ok(())
}

fn committed(checkout: &Checkout) -> PathBuf {
    checkout.ui().join("src").join("lib").join("backend").join("bindings.ts")
}

fn write(checkout: &Checkout, path: &Path) -> Result<()> {
    let mut command = checkout.cargo(["test", "--locked", "--package", "window", "--test", "bindings"]);
    run_quietly(command.env("MYCA_BINDINGS_OUT", path))?;
    if !path.is_file() {
        bail!("the test `bindings` did not write {}", path.display());
    }
    Ok(())
}

/// The first line in which the two differ, if any. Line ends do not count: git may have changed them.
fn first_difference(committed: &str, fresh: &str) -> Option<String> {
    let (mut old, mut new) = (committed.lines(), fresh.lines());
    for number in 1.. {
        match (old.next(), new.next()) {
            (None, None) => break,
            (left, right) if left == right => {}
            (left, right) => {
                let [left, right] = [left, right].map(|line| line.unwrap_or("the end").trim());
                return Some(format!("line {number}: `{left}` is to be `{right}`"));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_named() {
        assert_eq!(first_difference("a\nb\n", "a\r\nb"), None, "line ends do not count");
        let changed = first_difference("a\nb\nc\n", "a\nx\ny\n").unwrap();
        assert_eq!(changed, "line 2: `b` is to be `x`", "the first line that differs");
        let longer = first_difference("a\n", "a\nb\n").unwrap();
        assert_eq!(longer, "line 2: `the end` is to be `b`", "also when one just goes on");
    }
}
