//! Running other programs: with their output on the terminal, or read along while it passes.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

/// The cargo that runs us, in the workspace root. Variables that `cargo run` sets for us are taken away: they would describe the wrong package.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(crate::workspace_root());
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
        {
            command.env_remove(name.as_ref());
        }
    }
    command
}

/// Builds `malkin-bench`, which fills data directories and measures answers, and returns where it is.
pub(crate) fn bench_tool() -> Result<std::path::PathBuf, String> {
    run(cargo().args(["build", "--release", "--quiet", "--package", "malkin-bench"]))?;
    Ok(crate::target_dir().join("release/malkin-bench"))
}

/// Runs a program to its end with the terminal as its output.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let name = name_of(command);
    let status = command.status().map_err(|e| format!("cannot start {name}: {e}"))?;
    if status.success() { Ok(()) } else { Err(format!("{name} ended with {status}")) }
}

/// Runs a program silently. The error holds what it said.
pub(crate) fn run_quietly(command: &mut Command) -> Result<String, String> {
    let name = name_of(command);
    let output = command.output().map_err(|e| format!("cannot start {name}: {e}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{name} ended with {}: {}", output.status, said.trim()))
}

/// Whether a program can be started and answers `--version`.
pub(crate) fn exists(program: &str, arguments: &[&str]) -> bool {
    let status = Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// Runs a program, passes both of its outputs through to ours and returns their text as well, with its success.
pub(crate) fn run_and_read(command: &mut Command) -> Result<(String, bool), String> {
    let name = name_of(command);
    let spawned = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = spawned.map_err(|e| format!("cannot start {name}: {e}"))?;
    let errors = child.stderr.take().map(|pipe| std::thread::spawn(move || pass_through(pipe, true)));
    let mut text = child.stdout.take().map(|pipe| pass_through(pipe, false)).unwrap_or_default();
    if let Some(reader) = errors {
        text.push_str(&reader.join().map_err(|_| format!("reading the output of {name} failed"))?);
    }
    let status = child.wait().map_err(|e| format!("waiting for {name} failed: {e}"))?;
    Ok((text, status.success()))
}

fn pass_through(pipe: impl std::io::Read, to_stderr: bool) -> String {
    let mut text = String::new();
    let mut reader = BufReader::new(pipe);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
        let shown = String::from_utf8_lossy(&line);
        if to_stderr {
            eprint!("{shown}");
        } else {
            print!("{shown}");
        }
        text.push_str(&shown);
        line.clear();
    }
    text
}

fn name_of(command: &Command) -> String {
    let program =
        Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let first = command.get_args().next().map(|argument| argument.to_string_lossy().into_owned());
    first.map_or_else(|| program.clone(), |argument| format!("{program} {argument}"))
}
