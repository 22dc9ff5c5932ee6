//! What every measurement needs: memory and processor time of this process, the spread of some values, and the way to the terminal.

use std::fmt::Display;

use serde_json::Value;

/// Prints figures as indented JSON on stdout.
#[expect(clippy::print_stdout, reason = "the figures are what the command is run for")]
pub(crate) fn print(figures: &Value) {
    println!("{figures:#}");
}

/// Prints a line on stdout.
#[expect(clippy::print_stdout, reason = "the figures are what the command is run for")]
pub(crate) fn print_line(line: &str) {
    println!("{line}");
}

/// Prints a line on stderr.
#[expect(clippy::print_stderr, reason = "stdout is for figures only")]
pub(crate) fn note(line: impl Display) {
    eprintln!("{line}");
}

/// Peak and present resident memory of this process in bytes; `None` where the system does not report it.
pub(crate) fn resident() -> (Option<u64>, Option<u64>) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
    };
    (field("VmHWM:"), field("VmRSS:"))
}

/// Processor time of this process so far, in seconds; `None` where the system does not report it.
pub(crate) fn processor_seconds() -> Option<f64> {
    /// Clock ticks per second in `/proc`, the same on every Linux.
    const TICKS: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let fields: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|ticks| ticks.parse::<f64>().ok());
    Some((ticks(11)? + ticks(12)?) / TICKS)
}

/// Median, 99th percentile and largest of some measurements.
pub(crate) fn spread(mut values: Vec<f64>) -> Value {
    values.sort_by(f64::total_cmp);
    let at =
        |share: f64| values.get(((values.len() as f64 * share) as usize).min(values.len().saturating_sub(1)));
    serde_json::json!({"p50": at(0.5), "p90": at(0.9), "p99": at(0.99), "max": values.last(), "count": values.len()})
}
