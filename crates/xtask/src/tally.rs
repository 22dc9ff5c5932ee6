//! Counting: what nextest, the doc test harness and our Python scenarios print, read back as numbers.

use std::process::Command;

use crate::process;

/// How many checks passed, failed and were left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Tally {
    /// One check that passed or failed as a whole.
    pub(crate) fn one(passed: bool) -> Self {
        Self { passed: u64::from(passed), failed: u64::from(!passed), skipped: 0 }
    }

    /// One check that could not run here.
    pub(crate) fn skip() -> Self {
        Self { skipped: 1, ..Self::default() }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

/// Reads the closing line of the triage runner: `steps: 187 passed as recorded, 70 passed as a documented improvement, 3 failed, 0 skipped`.
pub(crate) fn read_triage(line: &str) -> Option<Tally> {
    let mut tally = Tally::default();
    for part in line.strip_prefix("steps: ")?.split(", ") {
        let (number, word) = part.split_once(' ')?;
        let number: u64 = number.parse().ok()?;
        match word.split(' ').next()? {
            "passed" => tally.passed += number,
            "failed" => tally.failed += number,
            _ => tally.skipped += number,
        }
    }
    Some(tally)
}

/// Runs a program that closes with such a line and counts. One that fails without a failed check, as when it does not start, counts as
/// one failure.
pub(crate) fn of(command: &mut Command) -> Result<Tally, String> {
    let (output, success) = process::run_and_read(command)?;
    let mut tally = read(&output).unwrap_or_default();
    if !success && tally.failed == 0 {
        tally.add(Tally::one(false));
    }
    Ok(tally)
}

/// Reads every summary line in the output of a test run: nextest's `Summary [...] 3 tests run: 2 passed (1 slow), 1 timed out, 0 skipped`, the
/// standard harness' `test result: ok. 4 passed; 0 failed; ...` and the scenarios' `5 passed, 0 failed`. `None` when there is none, as when
/// the tests did not build.
pub(crate) fn read(output: &str) -> Option<Tally> {
    let plain = without_colour(output);
    let mut total = None::<Tally>;
    for line in plain.lines().map(str::trim) {
        let counts = if let Some(rest) = line.strip_prefix("Summary [") {
            rest.split_once("run:").map(|(_, counts)| counts)
        } else if let Some(rest) = line.strip_prefix("test result:") {
            Some(rest)
        } else if line.starts_with(|c: char| c.is_ascii_digit())
            && line.contains(" passed, ")
            && line.ends_with(" failed")
        {
            Some(line)
        } else {
            None
        };
        if let Some(counts) = counts {
            total.get_or_insert_default().add(read_counts(counts));
        }
    }
    total
}

/// `2 passed (1 slow), 1 timed out, 0 skipped`: each number belongs to the words behind it. What is in parentheses is already counted.
fn read_counts(text: &str) -> Tally {
    let mut tally = Tally::default();
    let mut depth = 0_usize;
    let outside: String = text
        .chars()
        .filter(|&c| {
            depth = if c == '(' { depth + 1 } else { depth };
            let keep = depth == 0;
            depth = if c == ')' { depth.saturating_sub(1) } else { depth };
            keep
        })
        .collect();
    for part in outside.split([',', ';', '.']) {
        let mut words = part.split_whitespace();
        let Some(count) = words.next().and_then(|word| word.parse::<u64>().ok()) else { continue };
        match words.collect::<Vec<_>>().join(" ").as_str() {
            "passed" => tally.passed += count,
            "failed" | "timed out" | "exec failed" => tally.failed += count,
            "skipped" | "ignored" => tally.skipped += count,
            _ => {}
        }
    }
    tally
}

/// Takes ANSI colour sequences out.
fn without_colour(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        if c == '\u{1b}' {
            for skipped in characters.by_ref() {
                if skipped.is_ascii_alphabetic() {
                    break;
                }
            }
        } else {
            plain.push(c);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(passed: u64, failed: u64, skipped: u64) -> Tally {
        Tally { passed, failed, skipped }
    }

    #[test]
    fn the_triage_runner_counts_in_four_parts() {
        let line =
            "steps: 187 passed as recorded, 70 passed as a documented improvement, 3 failed, 1 skipped";
        assert_eq!(read_triage(line), Some(Tally { passed: 257, failed: 3, skipped: 1 }));
        assert_eq!(read_triage("ok    list_paging   26/26"), None);
    }

    #[test]
    fn nextest_summaries_are_read() {
        assert_eq!(read("     Summary [   0.078s] 9 tests run: 9 passed, 0 skipped"), Some(tally(9, 0, 0)));
        let mixed = "\u{1b}[31m     Summary\u{1b}[0m [ 12.0s] 10 tests run: 6 passed (2 slow, 1 flaky), 2 failed, 1 timed out, 1 exec failed, 3 skipped";
        assert_eq!(read(mixed), Some(tally(6, 4, 3)));
    }

    #[test]
    fn harness_results_are_summed() {
        let text = "test result: ok. 4 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.1s\n\
                    test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out";
        assert_eq!(read(text), Some(tally(5, 2, 1)));
    }

    #[test]
    fn scenario_lines_are_read_and_prose_is_not() {
        assert_eq!(read("the rest passed, none failed\n12 passed, 3 failed\n"), Some(tally(12, 3, 0)));
        assert_eq!(read("error: could not compile"), None);
    }
}
