//! Whether all matchers answer as MCRIT does on corpora nobody has seen: random families, libraries and near-duplicates go into the genuine
//! package and into a server of ours, and a script compares what they answer field by field.

use std::path::Path;

use crate::server::Server;
use crate::tally::{self, Tally};
use crate::{process, python_env};

/// `cargo xtask compare-matching [--seeds N] [--first N] [--functions N] [-v]`
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    check(arguments)?;
    let shared =
        crate::shared_dir().ok_or("../shared is absent: it holds the instructions to build functions of")?;
    process::run(process::cargo().args(["build", "--quiet", "--package", "malkin"]))?;
    let data = crate::target_dir().join(format!("compare-matching-{}", std::process::id()));
    let tally = compare(&python_env::ensure()?, &shared, &data, arguments);
    // Only disk space is at stake, and only below the target folder.
    let _ = std::fs::remove_dir_all(&data);
    if tally?.failed == 0 { Ok(()) } else { Err(String::new()) }
}

/// Compares with a server of its own over the folder `data`. The binary must have been built.
pub(crate) fn compare(
    python: &Path,
    shared: &Path,
    data: &Path,
    arguments: &[String],
) -> Result<Tally, String> {
    process::run(process::cargo().args([
        "build",
        "--quiet",
        "--package",
        "malkin-matching",
        "--example",
        "read_results",
    ]))?;
    let server = Server::malkin(data, None, &[])?;
    let mut script = python_env::script(python, "compare_matching.py");
    script.args(["--candidate", &server.url]);
    script.arg("--reader").arg(crate::target_dir().join("debug/examples/read_results"));
    script.arg("--pool").arg(shared.join("codehash/golden/public/smda/true.smda.gz"));
    script.args(arguments);
    tally::of(&mut script)
}

fn check(arguments: &[String]) -> Result<(), String> {
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "-v" => {}
            "--seeds" | "--first" | "--functions" => {
                let value = rest.next().ok_or_else(|| format!("{argument} needs a value"))?;
                value.parse::<u32>().map_err(|_| format!("{argument}: {value} is no number"))?;
            }
            other => return Err(format!("unknown option {other}")),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_numbers() {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        assert_eq!(check(&words(&["--seeds", "3", "-v"])), Ok(()));
        for wrong in [&["--seeds"][..], &["--seeds", "x"], &["--fast"]] {
            assert!(check(&words(wrong)).is_err());
        }
    }
}
