//! How fast all functions of a folder of SMDA reports are hashed, against the Python packages in the same run, one thread each, and whether the
//! hashes are equal.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::Value;

use crate::{process, python_env};

/// Fields of a row that must agree. Rows are one function each, files in the order given, functions by offset.
const FIELDS: &[&str] = &["offset", "num_instructions", "num_blocks", "pichash", "minhash"];
/// How many different rows are shown.
const SHOWN: usize = 5;

/// `cargo xtask bench-reference [FOLDER] [--architecture NAME]`
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let (folder, architecture) = parse(arguments)?;
    process::run(process::cargo().args(["build", "--release", "--quiet", "--package", "malkin"]))?;
    let python = python_env::ensure()?;
    let rows_path = crate::target_dir().join("reference-rows.jsonl");
    let reference = hash_by_reference(&python, &reports_in(&folder)?, architecture.as_deref(), &rows_path)?;
    let files: Vec<&str> = reference["files"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|file| file["path"].as_str())
        .collect();
    let (cpu_before, started) = (cpu_of_children(), Instant::now());
    let ours = hash_by_malkin(&files)?;
    let spent = Spent { wall: started.elapsed().as_secs_f64(), cpu: cpu_of_children() - cpu_before };
    let same_work = measure_ours(&files)?;
    let theirs = std::fs::read_to_string(&rows_path)
        .map_err(|e| format!("cannot read {}: {e}", rows_path.display()))?;
    let (functions, differing) = compare(&theirs, &ours)?;
    report(&reference, functions, spent, same_work)?;
    if differing == 0 {
        println!("all {functions} functions have equal hashes");
        Ok(())
    } else {
        Err(format!("{differing} of {functions} functions differ"))
    }
}

fn parse(arguments: &[String]) -> Result<(PathBuf, Option<String>), String> {
    let mut folder = None;
    let mut architecture = None;
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--architecture" => {
                architecture = Some(rest.next().ok_or("--architecture needs a name")?.clone());
            }
            option if option.starts_with('-') => return Err(format!("unknown option {option}")),
            path if folder.is_none() => folder = Some(PathBuf::from(path)),
            path => return Err(format!("one folder is enough, {path} is too much")),
        }
    }
    let folder =
        folder.or_else(|| crate::shared_dir().map(|shared| shared.join("codehash/golden/public/smda")));
    Ok((folder.ok_or("../shared is absent: name a folder of SMDA reports")?, architecture))
}

/// The reports of a folder, by name: `.smda`, `.json`, each also gzipped.
fn reports_in(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = std::fs::read_dir(folder).map_err(|e| format!("cannot list {}: {e}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    paths.retain(|path| {
        let name = path.to_string_lossy();
        let name = name.strip_suffix(".gz").unwrap_or(&name);
        name.strip_suffix(".smda").or_else(|| name.strip_suffix(".json")).is_some()
    });
    paths.sort();
    if paths.is_empty() { Err(format!("no SMDA report in {}", folder.display())) } else { Ok(paths) }
}

/// Runs our script over the published packages; its last line is the summary.
fn hash_by_reference(
    python: &Path,
    files: &[PathBuf],
    architecture: Option<&str>,
    rows: &Path,
) -> Result<Value, String> {
    let mut script = python_env::script(python, "reference_hash.py");
    script.arg("--rows").arg(rows);
    if let Some(architecture) = architecture {
        script.args(["--architecture", architecture]);
    }
    // One thread each: numeric libraries would otherwise take what they find.
    script.args(files).env("OMP_NUM_THREADS", "1").env("OPENBLAS_NUM_THREADS", "1").stderr(Stdio::inherit());
    let output = script.output().map_err(|e| format!("cannot start the reference: {e}"))?;
    if !output.status.success() {
        return Err(format!("the reference ended with {}", output.status));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let summary = text.lines().last().ok_or("the reference printed nothing")?;
    serde_json::from_str(summary).map_err(|e| format!("the reference's summary is not JSON: {e}"))
}

fn hash_by_malkin(files: &[&str]) -> Result<String, String> {
    let mut command = Command::new(crate::target_dir().join("release/malkin"));
    command.arg("hash").args(files).env("RAYON_NUM_THREADS", "1").stderr(Stdio::inherit());
    let output = command.output().map_err(|e| format!("cannot start malkin: {e}"))?;
    if !output.status.success() {
        return Err(format!("malkin hash ended with {}", output.status));
    }
    String::from_utf8(output.stdout).map_err(|e| format!("malkin hash printed no UTF-8: {e}"))
}

/// Processor time of unpacking, parsing and hashing alone: what is timed of the reference, which starts and prints untimed.
fn measure_ours(files: &[&str]) -> Result<f64, String> {
    let mut command = process::cargo();
    command.args([
        "run",
        "--release",
        "--quiet",
        "--package",
        "malkin-codehash",
        "--example",
        "measure",
        "--",
    ]);
    let (output, success) = process::run_and_read(command.args(files))?;
    let seconds = output.lines().last().and_then(|line| line.parse().ok());
    seconds.filter(|_| success).ok_or_else(|| "the example `measure` of malkin-codehash failed".to_owned())
}

/// Compares row by row; returns the number of functions and how many of them differ.
fn compare(theirs: &str, ours: &str) -> Result<(usize, usize), String> {
    let (count, our_count) = (theirs.lines().count(), ours.lines().count());
    if count != our_count {
        return Err(format!("the reference hashed {count} functions, malkin {our_count}"));
    }
    let mut differing = 0;
    for (number, (their_line, our_line)) in theirs.lines().zip(ours.lines()).enumerate() {
        let row = |line: &str| {
            serde_json::from_str::<Value>(line).map_err(|e| format!("row {} is not JSON: {e}", number + 1))
        };
        let (their_row, our_row) = (row(their_line)?, row(our_line)?);
        let fields: Vec<&str> =
            FIELDS.iter().copied().filter(|field| their_row[*field] != our_row[*field]).collect();
        if !fields.is_empty() {
            differing += 1;
            if differing <= SHOWN {
                println!(
                    "function {} at {}: different {}",
                    number + 1,
                    their_row["offset"],
                    fields.join(", ")
                );
            }
        }
    }
    Ok((count, differing))
}

/// Seconds by the clock and of processor time. On a busy machine only the latter compares.
#[derive(Clone, Copy)]
struct Spent {
    wall: f64,
    cpu: f64,
}

/// Processor time of ended child processes, in seconds, from Linux' table of processes; 0 where there is none.
fn cpu_of_children() -> f64 {
    /// `USER_HZ`, 100 on every architecture we run on.
    const TICKS_A_SECOND: f64 = 100.0;
    let line = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Behind the name in parentheses, which may hold blanks, fields 3 and following; cutime and cstime are fields 16 and 17.
    let fields = line.rsplit_once(')').map_or("", |(_, fields)| fields);
    let ticks = |field: usize| {
        fields.split_whitespace().nth(field - 3).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0)
    };
    (ticks(16) + ticks(17)) / TICKS_A_SECOND
}

fn report(reference: &Value, functions: usize, ours: Spent, same_work: f64) -> Result<(), String> {
    let number =
        |field: &str| reference[field].as_f64().ok_or(format!("the reference's summary lacks {field}"));
    let instructions = number("instructions")?;
    let hashing = Spent { wall: number("hash_seconds")?, cpu: number("hash_cpu_seconds")? };
    let all = Spent {
        wall: hashing.wall + number("parse_seconds")?,
        cpu: hashing.cpu + number("parse_cpu_seconds")?,
    };
    println!("\n{functions} functions, {instructions} instructions, one thread each");
    println!(
        "{:<44} {:>9} {:>12} {:>18} {:>21}",
        "", "seconds", "CPU seconds", "functions/CPU s", "instructions/CPU s"
    );
    let row = |name: &str, spent: Spent| {
        let (wall, cpu) = (spent.wall, spent.cpu);
        println!(
            "{name:<44} {wall:>9.3} {cpu:>12.2} {:>18.0} {:>21.0}",
            functions as f64 / cpu,
            instructions / cpu
        );
    };
    row("Python packages: hashing", hashing);
    row("Python packages: reading and hashing", all);
    row("malkin hash: whole process, output included", ours);
    let ratio = |theirs: Spent| {
        format!("{:.1} by the clock, {:.1} by CPU time", theirs.wall / ours.wall, theirs.cpu / ours.cpu)
    };
    println!("malkin, unpacking, reading and hashing alone: {same_work:.3} CPU seconds");
    println!("ratio of the whole process to hashing alone: {}", ratio(hashing));
    println!("ratio of the whole process to reading and hashing: {}", ratio(all));
    println!("ratio of the same work, reading and hashing: {:.1} by CPU time", all.cpu / same_work);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: &str = r#"{"offset":4096,"num_instructions":11,"num_blocks":2,"pichash":18446744073709551615,"minhash":"00"}"#;

    #[test]
    fn equal_rows_are_equal_whatever_their_spacing() {
        assert_eq!(compare(ROW, &ROW.replace(',', ", ")), Ok((1, 0)));
    }

    #[test]
    fn a_hash_that_differs_in_the_last_bit_differs() {
        assert_eq!(compare(ROW, &ROW.replace("18446744073709551615", "18446744073709551614")), Ok((1, 1)));
        assert!(compare(ROW, "").is_err());
    }

    #[test]
    fn arguments_name_a_folder_and_an_architecture() {
        let arguments = ["reports", "--architecture", "intel"].map(str::to_owned);
        assert_eq!(parse(&arguments), Ok((PathBuf::from("reports"), Some("intel".to_owned()))));
        assert!(parse(&["--fast".to_owned()]).is_err());
    }
}
