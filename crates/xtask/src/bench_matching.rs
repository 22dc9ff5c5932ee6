//! How fast real exports are imported and matched, against MCRIT in the same run, and whether as many matches are found.

use crate::{process, python_env};

/// `cargo xtask bench-matching [FOLDER] [--samples N]`; the default are the public exports.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let mut folder = crate::shared_dir().map(|shared| shared.join("exports"));
    let mut samples = "12";
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--samples" => {
                samples = rest.next().ok_or("--samples needs a number")?;
                samples.parse::<u32>().map_err(|_| format!("--samples: {samples} is no number"))?;
            }
            option if option.starts_with('-') => return Err(format!("unknown option {option}")),
            path => folder = Some(path.into()),
        }
    }
    let folder = folder.ok_or("../shared is absent: name a folder of .mcrit files")?;
    process::run(process::cargo().args(["build", "--release", "--quiet", "--package", "malkin"]))?;
    let scratch = crate::target_dir().join(format!("bench-matching-{}", std::process::id()));
    let mut script = python_env::script(&python_env::ensure()?, "bench_matching.py");
    script.arg("--malkin").arg(crate::target_dir().join("release/malkin"));
    script.arg("--bench").arg(process::bench_tool()?);
    script.arg("--exports").arg(folder).arg("--scratch").arg(&scratch).args(["--samples", samples]);
    // The reference runs on one thread; numeric libraries would otherwise take what they find.
    script.env("OMP_NUM_THREADS", "1").env("OPENBLAS_NUM_THREADS", "1");
    let outcome = process::run(&mut script);
    // Only disk space is at stake, and only below the target folder.
    let _ = std::fs::remove_dir_all(&scratch);
    outcome
}
