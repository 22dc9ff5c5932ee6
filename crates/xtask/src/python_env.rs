//! The reference environment: a Python venv below the target folder with the pinned packages of `conformance/requirements.txt`.
//!
//! Uses the machine's own pip configuration and says nothing about it. An environment that is complete for the same requirements is reused.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process;

/// `cargo xtask python-env`: makes the environment and prints its interpreter.
pub(crate) fn run(_arguments: &[String]) -> Result<(), String> {
    println!("{}", ensure()?.display());
    Ok(())
}

/// The interpreter of the environment, which is made when it is missing or has other requirements.
pub(crate) fn ensure() -> Result<PathBuf, String> {
    let requirements = scripts().join("requirements.txt");
    let wanted = std::fs::read_to_string(&requirements)
        .map_err(|e| format!("cannot read {}: {e}", requirements.display()))?;
    let environment = crate::target_dir().join("reference-env");
    let interpreter = environment.join("bin/python");
    let stamp = environment.join("complete");
    let fingerprint = fingerprint(&wanted);
    if interpreter.exists() && std::fs::read_to_string(&stamp).is_ok_and(|found| found == fingerprint) {
        return Ok(interpreter);
    }
    if environment.exists() {
        std::fs::remove_dir_all(&environment)
            .map_err(|e| format!("cannot remove {}: {e}", environment.display()))?;
    }
    eprintln!("making {} (once)", environment.display());
    create(&environment)?;
    install(&interpreter, &requirements)?;
    std::fs::write(&stamp, fingerprint).map_err(|e| format!("cannot write {}: {e}", stamp.display()))?;
    Ok(interpreter)
}

/// The folder of our own Python scripts.
fn scripts() -> PathBuf {
    crate::workspace_root().join("conformance")
}

/// A script of that folder, to be run by this interpreter.
pub(crate) fn script(python: &Path, name: &str) -> Command {
    let mut command = Command::new(python);
    command.arg(scripts().join(name)).env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// Some systems ship `venv` without the bundled pip; then the environment is made without one and filled by the system's pip.
fn create(environment: &Path) -> Result<(), String> {
    let with_pip = process::run_quietly(Command::new("python3").args(["-m", "venv"]).arg(environment));
    if with_pip.is_ok() {
        return Ok(());
    }
    process::run_quietly(
        Command::new("python3").args(["-m", "venv", "--clear", "--without-pip"]).arg(environment),
    )
    .map(drop)
}

fn install(interpreter: &Path, requirements: &Path) -> Result<(), String> {
    let own_pip = process::run_quietly(Command::new(interpreter).args(["-m", "pip", "--version"])).is_ok();
    let mut pip = Command::new(if own_pip { interpreter } else { Path::new("python3") });
    pip.args(["-m", "pip"]);
    if !own_pip {
        pip.arg("--python").arg(interpreter);
    }
    pip.args(["install", "--quiet", "--disable-pip-version-check", "--requirement"]).arg(requirements);
    // pip's own complaints name package indexes of the machine, which have no place in a log.
    process::run_quietly(&mut pip)
        .map(drop)
        .map_err(|_| "pip could not install the reference packages; run it by hand to see why".to_owned())
}

/// Changes when the requirements change. Compared only on the machine that made it.
fn fingerprint(requirements: &str) -> String {
    let mut hasher = DefaultHasher::new();
    for line in requirements.lines().filter(|line| !line.starts_with('#')) {
        line.trim().hash(&mut hasher);
    }
    format!("{:016x}", hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_changed_package_changes_the_fingerprint() {
        assert_eq!(fingerprint("# about\na==1\n"), fingerprint("# other words\na==1\n"));
        assert_ne!(fingerprint("a==1\n"), fingerprint("a==2\n"));
    }
}
