//! How close our disassembler is to SMDA, and how much faster and smaller: both run on the same files, and every field of their reports is
//! compared by a script.

use std::path::{Path, PathBuf};

use crate::{process, python_env};

/// `cargo xtask compare-smda [--seconds S] [--worst N] [--keep FOLDER] [FILE or FOLDER...]`; the default is the golden binaries.
///
/// With `--patched N [--seed S] [--processes N]` both read N copies of the files, each with one to three header fields
/// changed; with `--keep` a run goes on where the one before it stopped.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let (options, paths) = parse(arguments)?;
    let mut files = Vec::new();
    for path in paths {
        collect(&path, &mut files)?;
    }
    process::run(process::cargo().args(["build", "--release", "--quiet", "--package", "malkin"]))?;
    let patched = options.iter().any(|option| option == "--patched");
    let name = if patched { "compare_patched.py" } else { "compare_smda.py" };
    let mut script = python_env::script(&python_env::ensure()?, name);
    script.arg("--malkin").arg(crate::target_dir().join("release/malkin")).args(options).args(files);
    // One thread each.
    script.env("RAYON_NUM_THREADS", "1");
    process::run(&mut script)
}

fn parse(arguments: &[String]) -> Result<(Vec<String>, Vec<PathBuf>), String> {
    let (mut options, mut paths) = (Vec::new(), Vec::new());
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--seconds" | "--worst" | "--keep" | "--patched" | "--seed" | "--processes" => {
                let value = rest.next().ok_or_else(|| format!("{argument} needs a value"))?;
                options.extend([argument.clone(), value.clone()]);
            }
            option if option.starts_with('-') => return Err(format!("unknown option {option}")),
            path => paths.push(PathBuf::from(path)),
        }
    }
    if paths.is_empty() {
        let shared = crate::shared_dir().ok_or("../shared is absent: name files or folders")?;
        paths.push(shared.join("disasm/golden/public"));
    }
    Ok((options, paths))
}

/// Files as they are, folders recursively by name. Reports that lie beside their binaries are left out.
fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), String> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let entries = std::fs::read_dir(path).map_err(|e| format!("cannot list {}: {e}", path.display()))?;
    let mut entries: Vec<PathBuf> =
        entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    entries.sort();
    for entry in entries {
        let name = entry.to_string_lossy();
        let is_report = [".json", ".smda", ".json.gz", ".smda.gz"].iter().any(|end| name.ends_with(end));
        if !is_report && !entry.is_symlink() {
            collect(&entry, files)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_take_values_and_the_rest_are_paths() {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let (options, paths) = parse(&words(&["--worst", "3", "a", "b"])).unwrap();
        assert_eq!(
            (options, paths),
            (words(&["--worst", "3"]), vec![PathBuf::from("a"), PathBuf::from("b")])
        );
        assert!(parse(&words(&["--worst"])).is_err());
        assert!(parse(&words(&["--fast"])).is_err());
    }
}
