//! `cargo xtask deny`: what we link must be permissively licensed, come from crates.io, and not be on the list of banned crates.
//!
//! Reads `deny.toml`, which is a valid configuration of cargo-deny, and judges the graph that `cargo metadata` resolves, for all platforms and
//! dev-dependencies too. cargo-deny itself takes minutes to build, so it is only an addition: it runs when it is installed. Advisories are not
//! looked at here.

mod policy;
mod spdx;

use serde_json::Value;

use crate::process;
use policy::{Package, Policy};

/// `cargo xtask deny`
pub(crate) fn run(_arguments: &[String]) -> Result<(), String> {
    let path = crate::workspace_root().join("deny.toml");
    let text = std::fs::read_to_string(&path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
    let policy = Policy::parse(&text)?;
    let packages = packages()?;
    let problems = policy.problems(&packages);
    for problem in &problems {
        println!("deny: {problem}");
    }
    for duplicate in policy::duplicates(&packages) {
        println!("deny: note: {duplicate}");
    }
    println!("deny: {} packages, {} problems", packages.len(), problems.len());
    if !problems.is_empty() {
        return Err("a dependency is not allowed".to_owned());
    }
    if process::exists("cargo", &["deny", "--version"]) {
        process::run(process::cargo().args([
            "deny",
            "--offline",
            "--all-features",
            "check",
            "licenses",
            "bans",
            "sources",
        ]))?;
    }
    Ok(())
}

/// The packages of the resolved graph.
fn packages() -> Result<Vec<Package>, String> {
    let text =
        process::run_quietly(process::cargo().args(["metadata", "--format-version", "1", "--all-features"]))?;
    let metadata: Value =
        serde_json::from_str(&text).map_err(|e| format!("cargo metadata printed no JSON: {e}"))?;
    let listed = metadata["packages"].as_array().ok_or("cargo metadata lists no packages")?;
    let field = |package: &Value, name: &str| package[name].as_str().map(str::to_owned);
    listed
        .iter()
        .map(|package| {
            Ok(Package {
                name: field(package, "name").ok_or("a package has no name")?,
                version: field(package, "version").ok_or("a package has no version")?,
                license: field(package, "license"),
                source: field(package, "source"),
            })
        })
        .collect()
}
