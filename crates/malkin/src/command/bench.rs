//! `malkin bench`: reproducible measurements on this machine. Figures go to stdout as JSON, one object each.

mod answers;
mod banding;
mod corpus;
mod load;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::failure::Failure;

/// Options of the command.
#[derive(Args, Debug)]
#[group(skip)]
pub(crate) struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Debug)]
enum What {
    /// Fill a data directory with a corpus made from a seed, or from real executables.
    Corpus(corpus::Options),
    /// Measure start, look-ups and matching on a data directory.
    Answers(answers::Options),
    /// Read, match and submit on a running server.
    Load(load::Options),
    /// Measure which pairs of similar signatures the bands of the index lead to.
    Banding(banding::Options),
}

/// Measures.
pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    match &options.what {
        What::Corpus(options) => corpus::run(options),
        What::Answers(options) => answers::run(options),
        What::Load(options) => load::run(options),
        What::Banding(options) => banding::run(options),
    }
}

/// Peak and present resident memory of this process in bytes; `None` where the system does not report it.
fn resident() -> (Option<u64>, Option<u64>) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
    };
    (field("VmHWM:"), field("VmRSS:"))
}

/// Processor time of this process so far, in seconds; `None` where the system does not report it.
fn processor_seconds() -> Option<f64> {
    /// Clock ticks per second in `/proc`, the same on every Linux.
    const TICKS: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let fields: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|ticks| ticks.parse::<f64>().ok());
    Some((ticks(11)? + ticks(12)?) / TICKS)
}

/// Median, 99th percentile and largest of some measurements.
fn spread(mut values: Vec<f64>) -> serde_json::Value {
    values.sort_by(f64::total_cmp);
    let at =
        |share: f64| values.get(((values.len() as f64 * share) as usize).min(values.len().saturating_sub(1)));
    serde_json::json!({"p50": at(0.5), "p90": at(0.9), "p99": at(0.99), "max": values.last(), "count": values.len()})
}
