//! `cargo xtask deny`: what we link is permissively licensed, comes from crates.io and is not banned, as cargo-deny judges by `deny.toml`.
//!
//! Only what needs no network. Known holes (advisories) are looked up by `.github/workflows/dependencies.yml`, which also runs these checks on
//! each push. cargo-deny takes five minutes of processor time to build, more than most steps of CI, so it is used where it is installed.

use crate::process::{self, cargo};
use crate::tally::Tally;

/// `cargo xtask deny`
pub(crate) fn run(_arguments: &[String]) -> Result<(), String> {
    check().map(drop)
}

/// One check, or a skipped one without cargo-deny.
pub(crate) fn check() -> Result<Tally, String> {
    if !process::exists("cargo", &["deny", "--version"]) {
        println!(
            "SKIPPED: cargo-deny is not installed (cargo install --locked cargo-deny); the public CI runs the check"
        );
        return Ok(Tally::skip());
    }
    // A build fetches the crates of this platform only, and the graph has those of all. Without a network they may be there already.
    let _ = process::run_quietly(cargo().args(["fetch", "--locked"]));
    let mut deny = cargo();
    deny.args(["deny", "--offline", "--log-level", "error", "--all-features", "check"]);
    process::run(deny.args(["licenses", "bans", "sources"]))?;
    Ok(Tally::one(true))
}
