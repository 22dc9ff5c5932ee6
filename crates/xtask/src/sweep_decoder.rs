//! Whether our x86 decoder and text equal capstone 5.0.9 over the whole instruction space: the example `sweep_lines` prints
//! generated encodings, a script of ours compares each with capstone in Python. The same seed makes the same encodings.

use std::process::{Command, Stdio};

use crate::{process, python_env};

/// Encodings of each bitness, unless asked otherwise.
const CASES: u64 = 2_500_000;

/// `cargo xtask sweep-decoder [--cases N] [--seed S]`
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let (cases, seed) = parse(arguments)?;
    let mut build = process::cargo();
    build.args(["build", "--quiet", "--package", "malkin-disasm", "--example", "sweep_lines"]);
    process::run(&mut build)?;
    let python = python_env::ensure()?;
    let mut native = Command::new(crate::target_dir().join("debug/examples/sweep_lines"));
    native.args([cases.to_string(), seed.to_string()]).stdout(Stdio::piped());
    let mut native = native.spawn().map_err(|e| format!("cannot start sweep_lines: {e}"))?;
    let lines = native.stdout.take().ok_or("sweep_lines has no output")?;
    let mut script = python_env::script(&python, "sweep_decoder.py");
    script.stdin(lines);
    let outcome = process::run(&mut script);
    let status = native.wait().map_err(|e| format!("cannot wait for sweep_lines: {e}"))?;
    outcome?;
    if status.success() { Ok(()) } else { Err(format!("sweep_lines ended with {status}")) }
}

fn parse(arguments: &[String]) -> Result<(u64, u64), String> {
    let (mut cases, mut seed) = (CASES, 1);
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let number = rest.next().and_then(|value| value.parse().ok());
        let number = number.ok_or_else(|| format!("{argument} needs a number"));
        match argument.as_str() {
            "--cases" => cases = number?,
            "--seed" => seed = number?,
            other => return Err(format!("unknown argument {other}")),
        }
    }
    Ok((cases, seed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_numbers() {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        assert_eq!(parse(&[]), Ok((CASES, 1)));
        assert_eq!(parse(&words(&["--cases", "10", "--seed", "7"])), Ok((10, 7)));
        assert!(parse(&words(&["--cases"])).is_err());
        assert!(parse(&words(&["--fast", "1"])).is_err());
    }
}
