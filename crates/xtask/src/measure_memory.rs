//! What very large and hostile files cost: a script makes them and tells peak memory and processor time of the commands that read them.

use crate::{process, python_env};

/// `cargo xtask measure-memory [--megabytes N]`
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let megabytes = match arguments {
        [] => "1000",
        [option, value] if option == "--megabytes" && value.parse::<u32>().is_ok() => value,
        _ => return Err("only --megabytes N is understood".to_owned()),
    };
    let shared =
        crate::shared_dir().ok_or("../shared is absent: its exports are what large files are made of")?;
    process::run(process::cargo().args(["build", "--release", "--quiet", "--package", "malkin"]))?;
    let scratch = crate::target_dir().join(format!("measure-memory-{}", std::process::id()));
    let mut script = python_env::script(&python_env::ensure()?, "measure_memory.py");
    script.arg("--malkin").arg(crate::target_dir().join("release/malkin"));
    script.arg("--exports").arg(shared.join("exports")).args(["--megabytes", megabytes]);
    script.arg("--report").arg(shared.join("codehash/golden/public/smda/true.smda.gz"));
    script.arg("--scratch").arg(&scratch);
    let outcome = process::run(&mut script);
    // Only disk space is at stake, and only below the target folder.
    let _ = std::fs::remove_dir_all(&scratch);
    outcome
}
