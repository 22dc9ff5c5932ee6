//! What a second client sees while a server of ours is attacked: answers that nobody reads, everything asked for at once, idle
//! connections, a full queue.

use std::path::Path;
use std::process::Command;

use crate::tally::{self, Tally};
use crate::{process, python_env};

/// Functions of the generated corpus.
const FUNCTIONS: &str = "1000000";

/// `cargo xtask attack-server [--functions N] [--seconds S] [--attack NAME] [--strict]`
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    process::run(process::cargo().args(["build", "--release", "--quiet", "--package", "malkin"]))?;
    let malkin = crate::target_dir().join("release/malkin");
    let (mut functions, mut rest) = (FUNCTIONS.to_owned(), Vec::new());
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        if argument == "--functions" {
            functions.clone_from(arguments.next().ok_or("--functions takes a number")?);
        } else {
            rest.push(argument.clone());
        }
    }
    let data = crate::target_dir().join(format!("attack-server-{}", std::process::id()));
    let tally = play(&python_env::ensure()?, &malkin, &data, &functions, &rest);
    // Only disk space is at stake, and only below the target folder.
    let _ = std::fs::remove_dir_all(&data);
    if tally?.failed == 0 { Ok(()) } else { Err(String::new()) }
}

fn play(
    python: &Path,
    malkin: &Path,
    data: &Path,
    functions: &str,
    arguments: &[String],
) -> Result<Tally, String> {
    let mut corpus = Command::new(malkin);
    corpus.args(["bench", "corpus", "--seed", "1", "--functions", functions, "--data"]).arg(data);
    process::run(&mut corpus)?;
    let mut script = Command::new(python);
    script.arg(python_env::scripts().join("attack_server.py")).arg("--malkin").arg(malkin);
    script.arg("--data").arg(data).args(arguments).env("PYTHONDONTWRITEBYTECODE", "1");
    let (output, success) = process::run_and_read(&mut script)?;
    let mut tally = tally::read(&output).unwrap_or_default();
    if !success && tally.failed == 0 {
        tally.add(Tally::one(false));
    }
    Ok(tally)
}
