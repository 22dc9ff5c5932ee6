//! Whether a server keeps what it acknowledged when it is killed under load, again and again.

use std::path::Path;

use crate::tally::{self, Tally};
use crate::{process, python_env};

/// Restarts in CI.
const SHORT: &str = "4";

/// `cargo xtask kill-server [--rounds N] [--seed N] [-v]`
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let shared = crate::shared_dir().ok_or("../shared is absent: it holds the report that is submitted")?;
    process::run(process::cargo().args(["build", "--release", "--quiet", "--package", "malkin"]))?;
    let data = crate::target_dir().join(format!("kill-server-{}", std::process::id()));
    let malkin = crate::target_dir().join("release/malkin");
    let tally = play(&python_env::ensure()?, &shared, &malkin, &data, arguments);
    // Only disk space is at stake, and only below the target folder.
    let _ = std::fs::remove_dir_all(&data);
    if tally?.failed == 0 { Ok(()) } else { Err(String::new()) }
}

/// A few rounds with the development build.
pub(crate) fn short(python: &Path, shared: &Path, data: &Path) -> Result<Tally, String> {
    let malkin = crate::target_dir().join("debug/malkin");
    play(python, shared, &malkin, data, &["--rounds".to_owned(), SHORT.to_owned()])
}

fn play(
    python: &Path,
    shared: &Path,
    malkin: &Path,
    data: &Path,
    arguments: &[String],
) -> Result<Tally, String> {
    let mut script = python_env::script(python, "kill_server.py");
    script.arg("--malkin").arg(malkin);
    script.arg("--report").arg(shared.join("codehash/golden/public/smda/prog1_gcc_m32_O2.smda.gz"));
    script.arg("--data").arg(data).args(arguments);
    tally::of(&mut script)
}
