//! `cargo xtask test`: everything that CI checks, in order of cost, closing with one line `N passed, N failed`.
//!
//! A failing step does not stop the later ones: one run shows all there is to mend. What a step needs and is not there is installed by its
//! ordinary client (rustup, cargo, pip, npm, apt).

use std::time::Instant;

use crate::process::{self, cargo};
use crate::tally::{self, Tally};
use crate::{conformance, deny, fuzz, pages, tidy};

/// A step: the name to ask for it, its heading, what runs it.
struct Step {
    name: &'static str,
    heading: &'static str,
    run: fn() -> Result<Tally, String>,
}

const STEPS: &[Step] = &[
    Step { name: "fmt", heading: "formatting", run: format_check },
    Step { name: "tidy", heading: "rules of the house", run: || check(tidy::run(&[])) },
    Step { name: "deny", heading: "licences and sources of dependencies", run: deny::check },
    Step { name: "clippy", heading: "clippy, warnings are errors", run: clippy },
    Step { name: "doc", heading: "documentation, private items too", run: documentation },
    Step { name: "unit", heading: "unit, golden, property and black-box tests", run: tests },
    Step { name: "fuzz", heading: "fuzz targets, a few seconds each", run: fuzz::short },
    Step { name: "doctest", heading: "examples in the documentation", run: documentation_tests },
    Step { name: "pages", heading: "the pages in a real browser", run: pages::play_all },
    Step {
        name: "conformance",
        heading: "conformance with the reference, from outside",
        run: conformance::play_all,
    },
];

/// `cargo xtask test [STEP...]`
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    if let Some(unknown) = arguments.iter().find(|name| STEPS.iter().all(|step| step.name != name.as_str())) {
        let known: Vec<_> = STEPS.iter().map(|step| step.name).collect();
        return Err(format!("no step is called {unknown}; there are {}", known.join(", ")));
    }
    let mut total = Tally::default();
    let mut table = Vec::new();
    for step in
        STEPS.iter().filter(|step| arguments.is_empty() || arguments.iter().any(|name| name == step.name))
    {
        println!("\n=== {}: {}", step.name, step.heading);
        let started = Instant::now();
        let tally = (step.run)().unwrap_or_else(|message| {
            println!("{message}");
            Tally::one(false)
        });
        let seconds = started.elapsed().as_secs_f64();
        println!("--- {}: {tally} in {seconds:.1} s", step.name);
        table.push((step.name, tally, seconds));
        total.add(tally);
    }
    println!("\n=== summary");
    for (name, tally, seconds) in table {
        println!(
            "{name:<12} {:>6} passed {:>4} failed {:>4} skipped {seconds:>8.1} s",
            tally.passed, tally.failed, tally.skipped
        );
    }
    if total.skipped > 0 {
        println!("{} skipped", total.skipped);
    }
    println!("{total}");
    if total.failed == 0 { Ok(()) } else { Err(String::new()) }
}

fn check(outcome: Result<(), String>) -> Result<Tally, String> {
    outcome.map(|()| Tally::one(true))
}

fn format_check() -> Result<Tally, String> {
    need_component("fmt", "rustfmt")?;
    check(process::run(cargo().args(["fmt", "--all", "--check"])))
}

fn clippy() -> Result<Tally, String> {
    need_component("clippy", "clippy")?;
    check(process::run(cargo().args([
        "clippy",
        "--quiet",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ])))
}

fn documentation() -> Result<Tally, String> {
    let mut command = cargo();
    command.args(["doc", "--quiet", "--workspace", "--no-deps", "--document-private-items"]);
    check(process::run(command.env("RUSTDOCFLAGS", "-D warnings")))
}

fn tests() -> Result<Tally, String> {
    let mut command = cargo();
    if have_nextest() {
        // Examples are checked by clippy; linking them would take their time and place again.
        command.args(["nextest", "run", "--workspace", "--lib", "--bins", "--tests", "--profile", "ci"]);
    } else {
        command.args(["test", "--workspace", "--lib", "--bins", "--tests", "--no-fail-fast"]);
    }
    tally::of(&mut command)
}

fn documentation_tests() -> Result<Tally, String> {
    tally::of(cargo().args(["test", "--quiet", "--workspace", "--doc", "--no-fail-fast"]))
}

/// cargo-nextest runs tests side by side and limits their time; without it and without a way to install it, `cargo test` does.
fn have_nextest() -> bool {
    if process::exists("cargo", &["nextest", "--version"]) {
        return true;
    }
    println!("installing cargo-nextest (once)");
    let installed = process::run(cargo().args(["install", "cargo-nextest", "--locked", "--quiet"]));
    if let Err(message) = &installed {
        println!("{message}; the tests run under cargo test instead");
    }
    installed.is_ok() && process::exists("cargo", &["nextest", "--version"])
}

/// Makes sure of a rustup component that provides `cargo SUBCOMMAND`.
fn need_component(subcommand: &str, component: &str) -> Result<(), String> {
    if process::exists("cargo", &[subcommand, "--version"]) {
        return Ok(());
    }
    let added =
        process::run_quietly(std::process::Command::new("rustup").args(["component", "add", component]));
    added.map(drop).map_err(|e| format!("{component} is missing and could not be added: {e}"))
}
