//! What a second client sees while a server of ours is attacked: answers that nobody reads, everything asked for at once, idle
//! connections, a full queue, hostile uploads. With `--mixed` what the server keeps of a long mixed load, with `--queued` what a long
//! queue costs.

use std::path::Path;
use std::process::Command;

use crate::tally::{self, Tally};
use crate::{process, python_env};

/// Functions of the generated corpus: for attacks, and for load of which most is to be other than comparisons.
const FUNCTIONS: &str = "1000000";
const FEW_FUNCTIONS: &str = "50000";

/// `cargo xtask attack-server [--functions N] [--seconds S] [--attack NAME] [--strict]`, `--mixed SECONDS`, `--queued JOBS`
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    process::run(process::cargo().args(["build", "--release", "--quiet", "--package", "malkin"]))?;
    let malkin = crate::target_dir().join("release/malkin");
    let (mut functions, mut script, mut rest) = (None, "attack_server.py", Vec::new());
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let mut number = || arguments.next().cloned().ok_or(format!("{argument} takes a number"));
        match argument.as_str() {
            "--functions" => functions = Some(number()?),
            "--mixed" => {
                script = "mixed_load.py";
                rest.extend(["--seconds".to_owned(), number()?, "--fixtures".to_owned()]);
                rest.push(crate::workspace_root().join("fixtures").display().to_string());
            }
            "--queued" => {
                script = "queue_load.py";
                rest.extend(["--jobs".to_owned(), number()?]);
            }
            _ => rest.push(argument.clone()),
        }
    }
    let usual = if script == "attack_server.py" { FUNCTIONS } else { FEW_FUNCTIONS };
    let functions = functions.unwrap_or_else(|| usual.to_owned());
    let data = crate::target_dir().join(format!("attack-server-{}", std::process::id()));
    let tally = play((&python_env::ensure()?, script), &malkin, &data, &functions, &rest);
    // Only disk space is at stake, and only below the target folder.
    let _ = std::fs::remove_dir_all(&data);
    if tally?.failed == 0 { Ok(()) } else { Err(String::new()) }
}

fn play(
    (python, script): (&Path, &str),
    malkin: &Path,
    data: &Path,
    functions: &str,
    arguments: &[String],
) -> Result<Tally, String> {
    let mut corpus = Command::new(process::bench_tool()?);
    corpus.args(["corpus", "--seed", "1", "--functions", functions, "--data"]).arg(data);
    process::run(&mut corpus)?;
    let mut run = python_env::script(python, script);
    run.arg("--malkin").arg(malkin).arg("--data").arg(data).args(arguments);
    tally::of(&mut run)
}
