//! `cargo xtask fuzz [TARGET...] [--runs N] [--seconds S]`: builds the targets of `fuzz/` and lets libFuzzer run each for a while.
//!
//! Works with the stable compiler and without cargo-fuzz: coverage instrumentation is a matter of stable flags. They would
//! make cargo build every dependency anew under the product's folder and lock it meanwhile, so these builds have a folder of
//! their own inside the target folder. Not a search for bugs by itself in CI, where a few seconds only show that what was
//! found stays mended; a long run is `cargo xtask fuzz --runs 10000000`.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::lanes::in_lanes;
use crate::process::{self, cargo};
use crate::tally::Tally;
use crate::{target_dir, workspace_root};

/// What instruments our code and all crates below it; libFuzzer reads the counters, and the compared values as hints.
const RUSTFLAGS: &[&str] = &[
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];

/// An input that takes longer is a finding, in seconds.
const TIMEOUT: u32 = 5;
/// A process that grows beyond this is a finding, in MiB. One allocation beyond it as well.
const MEMORY: u32 = 2048;
/// Longest input of a target that states none in `package.metadata.max_len` of the fuzz manifest, in bytes.
const MAX_LEN: i64 = 512;
/// Time of each target unless asked otherwise, in seconds.
const SECONDS: u64 = 20;
/// In CI, whichever comes first: a fast target has made these runs in a few seconds.
const SHORT: Effort = Effort { runs: Some(200_000), seconds: Some(6) };
/// Lines of a failed run that are shown.
const SHOWN_LINES: usize = 40;

/// How long a target runs: until the first of these is used up.
#[derive(Clone, Copy)]
struct Effort {
    runs: Option<u64>,
    seconds: Option<u64>,
}

/// `cargo xtask fuzz`
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let mut effort = Effort { runs: None, seconds: None };
    let mut wanted = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let mut number = || {
            let value = rest.next().and_then(|value| value.parse().ok());
            value.map(Some).ok_or_else(|| format!("{argument} wants a number"))
        };
        match argument.as_str() {
            "--runs" => effort.runs = number()?,
            "--seconds" => effort.seconds = number()?,
            option if option.starts_with('-') => return Err(format!("unknown option {option}")),
            target => wanted.push(target.to_owned()),
        }
    }
    if effort.runs.is_none() && effort.seconds.is_none() {
        effort.seconds = Some(SECONDS);
    }
    let tally = fuzz(&wanted, effort)?;
    println!("{tally}");
    if tally.failed == 0 { Ok(()) } else { Err(String::new()) }
}

/// All targets for a short while: a step of `cargo xtask test`.
pub(crate) fn short() -> Result<Tally, String> {
    if !process::exists("c++", &["--version"]) {
        println!("SKIPPED: libFuzzer is built with a C++ compiler, and there is no c++");
        return Ok(Tally::skip());
    }
    let tally = fuzz(&[], SHORT);
    // No other step uses these programs, and a machine of CI builds them from nothing each time: room for the steps after.
    if std::env::var_os("CI").is_some() {
        let _ = std::fs::remove_dir_all(build_dir());
    }
    tally
}

fn fuzz(wanted: &[String], effort: Effort) -> Result<Tally, String> {
    let known = targets()?;
    if let Some(unknown) = wanted.iter().find(|name| !known.contains(name)) {
        return Err(format!("no target is called {unknown}; there are {}", known.join(", ")));
    }
    let programs = build()?;
    let lengths = lengths()?;
    println!(
        "{:<10} {:>12} {:>9} {:>9} {:>9} {:>7}",
        "target", "executions", "exec/s", "peak MiB", "coverage", "max len"
    );
    let chosen: Vec<&String> =
        known.iter().filter(|name| wanted.is_empty() || wanted.contains(name)).collect();
    Ok(in_lanes(&chosen, |name| {
        let max_len = lengths.get(name.as_str()).and_then(toml::Value::as_integer).unwrap_or(MAX_LEN);
        Tally::one(run_target(name, &programs.join(name), max_len, effort).unwrap_or_else(|message| {
            println!("{name}: {message}");
            false
        }))
    }))
}

/// Names of the targets, those of their files.
fn targets() -> Result<Vec<String>, String> {
    let folder = workspace_root().join("fuzz/fuzz_targets");
    let unreadable = |e| format!("cannot read {}: {e}", folder.display());
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}

/// Longest inputs by target.
fn lengths() -> Result<toml::Table, String> {
    let text = std::fs::read_to_string(workspace_root().join("fuzz/Cargo.toml"));
    let manifest: toml::Table = text
        .map_err(|e| e.to_string())
        .and_then(|text| text.parse().map_err(|e| format!("{e}")))
        .map_err(|e| format!("fuzz/Cargo.toml: {e}"))?;
    let lengths = manifest.get("package").and_then(|table| table.get("metadata")?.get("max_len")?.as_table());
    Ok(lengths.cloned().unwrap_or_default())
}

fn build_dir() -> PathBuf {
    target_dir().join("fuzz-build")
}

/// Builds all targets and says where they are. The target triple is stated so that build scripts and macros, which run
/// without libFuzzer, stay without instrumentation.
fn build() -> Result<PathBuf, String> {
    let version = process::run_quietly(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.ok_or("rustc does not name its host")?;
    let mut command = cargo();
    command.args(["build", "--quiet", "--release", "--manifest-path", "fuzz/Cargo.toml", "--target", host]);
    command.env("CARGO_TARGET_DIR", build_dir()).env("RUSTFLAGS", RUSTFLAGS.join(" "));
    process::run(command.env_remove("CARGO_ENCODED_RUSTFLAGS"))?;
    Ok(build_dir().join(host).join("release"))
}

/// Runs one target on what earlier runs found, its seeds and former crashes, and prints its figures. Answers whether
/// nothing was found.
fn run_target(name: &str, program: &Path, max_len: i64, effort: Effort) -> Result<bool, String> {
    let corpus = build_dir().join("corpus").join(name);
    let artifacts = build_dir().join("artifacts").join(name);
    for folder in [&corpus, &artifacts] {
        std::fs::create_dir_all(folder).map_err(|e| format!("cannot make {}: {e}", folder.display()))?;
    }
    let mut command = Command::new(program);
    command.current_dir(workspace_root()).arg(&corpus);
    let given = ["fuzz/seeds", "fixtures/crashes"].map(|place| workspace_root().join(place).join(name));
    command.args(given.iter().filter(|folder| folder.is_dir()));
    command.args([
        format!("-max_len={max_len}"),
        format!("-timeout={TIMEOUT}"),
        format!("-rss_limit_mb={MEMORY}"),
        format!("-artifact_prefix={}/", artifacts.display()),
        "-print_final_stats=1".to_owned(),
    ]);
    command.args(effort.runs.map(|runs| format!("-runs={runs}")));
    command.args(effort.seconds.map(|seconds| format!("-max_total_time={seconds}")));
    let output = command.output().map_err(|e| format!("cannot start {name}: {e}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let figure = |label: &str| {
        let line = said.lines().rev().find(|line| line.contains(label))?;
        line.split(label).nth(1)?.split_whitespace().next().map(str::to_owned)
    };
    let shown = |label: &str| figure(label).unwrap_or_else(|| "-".to_owned());
    println!(
        "{name:<10} {:>12} {:>9} {:>9} {:>9} {max_len:>7}",
        shown("stat::number_of_executed_units:"),
        shown("stat::average_exec_per_sec:"),
        shown("stat::peak_rss_mb:"),
        shown(" cov: "),
    );
    if !output.status.success() {
        let lines: Vec<&str> = said.lines().collect();
        lines[lines.len().saturating_sub(SHOWN_LINES)..].iter().for_each(|line| println!("    {line}"));
        println!("{name}: {}; the input lies in {}", output.status, artifacts.display());
    }
    Ok(output.status.success())
}
