//! Whether our escapers equal SMDA's on generated instructions: our scripts make them, ask SMDA in its own Python and ours through the example
//! `escape_lines`, and compare every answer. The same seed makes the same instructions.

use crate::{process, python_env};

/// Operand texts and as many byte strings an architecture, unless asked otherwise.
const CASES: u64 = 200_000;
/// The same in CI.
const SHORT: u64 = 4_000;

/// `cargo xtask compare-escapers [--cases N] [--seed S]`
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let (cases, seed) = parse(arguments)?;
    compare(cases, seed)
}

/// A small part of it, the same every time.
pub(crate) fn short() -> Result<(), String> {
    compare(SHORT, None)
}

fn parse(arguments: &[String]) -> Result<(u64, Option<u64>), String> {
    let (mut cases, mut seed) = (CASES, None);
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let number = rest.next().and_then(|value| value.parse().ok());
        let number = number.ok_or_else(|| format!("{argument} wants a number"));
        match argument.as_str() {
            "--cases" => cases = number?,
            "--seed" => seed = Some(number?),
            other => return Err(format!("unknown argument {other}")),
        }
    }
    Ok((cases, seed))
}

fn compare(cases: u64, seed: Option<u64>) -> Result<(), String> {
    let shared = crate::shared_dir().ok_or("../shared is absent: its reports are what cases are made of")?;
    let mut build = process::cargo();
    build.args(["build", "--quiet", "--package", "malkin-codehash", "--example", "escape_lines"]);
    process::run(&mut build)?;
    let native = crate::target_dir().join("debug/examples/escape_lines");
    let python = python_env::ensure()?;
    let mut intel = python_env::script(&python, "compare_escapers_intel.py");
    intel.arg(&native).arg(shared.join("codehash/golden/public/smda")).arg(cases.to_string());
    intel.args(seed.map(|seed| seed.to_string()));
    let mut other = python_env::script(&python, "compare_escapers_other.py");
    other.arg("--binary").arg(&native).args(["--count", &cases.to_string()]);
    if let Some(seed) = seed {
        other.args(["--seed", &seed.to_string()]);
    }
    // Both run, whatever the first one finds.
    let outcomes = [process::run(&mut intel), process::run(&mut other)];
    outcomes.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_numbers() {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        assert_eq!(parse(&[]), Ok((CASES, None)));
        assert_eq!(parse(&words(&["--seed", "7", "--cases", "10"])), Ok((10, Some(7))));
        assert!(parse(&words(&["--cases"])).is_err());
        assert!(parse(&words(&["--fast", "1"])).is_err());
    }
}
