//! Files in which one count, size, offset or range is multiplied (`malkin-service/tests/multiplied`), given to the commands and the
//! upload routes of the real program. None may take more than 5 s of processor time or 512 MB of memory, none may end a
//! program by a signal or a panic, and no route answers 5xx.
//!
//! Every run tries some dozen files. To try more:
//!
//! ```text
//! MALKIN_MULTIPLIED=1000 cargo nextest run --release -p malkin multiplied
//! ```
//!
//! Time and memory are read from `/proc` while a command runs, so they are judged on Linux only.

use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::server::Server;

#[path = "../../../malkin-service/tests/multiplied/base.rs"]
mod base;
#[path = "../../../malkin-service/tests/multiplied/fields.rs"]
mod fields;

use base::{Base, Kind};
use fields::{Chance, Field, fields, multiply};

/// Files in every run.
const FILES: u64 = 24;
/// What one file may cost, beyond what the program takes without it.
const MAX_PROCESSOR_TIME: Duration = Duration::from_secs(5);
const MAX_MEMORY: u64 = 512 << 20;
/// Clock ticks in a second, as Linux reports them to every program.
const TICKS: u64 = 100;
/// A command that runs so long hangs.
const PATIENCE: Duration = Duration::from_mins(2);

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Processor time of a process so far and the most memory it has held, in bytes; nothing where the system does not report it.
pub(crate) fn cost(process: u32) -> Option<(Duration, u64)> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name, in brackets, may hold blanks.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let ticks = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0");
    let peak = peak.split_whitespace().next()?.parse::<u64>().ok()? * 1024;
    Some((Duration::from_millis(ticks * 1000 / TICKS), peak))
}

/// Waits for a command. Returns its end and what it cost.
fn watch(mut child: Child) -> (ExitStatus, Duration, u64) {
    let (mut time, mut peak) = (Duration::ZERO, 0);
    let started = Instant::now();
    loop {
        if let Some((now, most)) = cost(child.id()) {
            time = time.max(now);
            peak = peak.max(most);
        }
        if let Some(status) = child.try_wait().unwrap() {
            return (status, time, peak);
        }
        if started.elapsed() > PATIENCE {
            child.kill().unwrap();
        }
        std::thread::sleep(Duration::from_millis(3));
    }
}

/// A multiplied file of a seed, with its base and a description.
fn file(tables: &[(&Base, Vec<Field>)], seed: u64) -> (Kind, Vec<u8>, String) {
    let mut chance = Chance::new(seed);
    let (base, fields) = &tables[chance.below(tables.len())];
    let field = fields[chance.below(fields.len())];
    let mut bytes = base.bytes.clone();
    let how = multiply(&mut bytes, field, &mut chance);
    (base.kind, bytes, format!("{seed}: {} at {:#x}: {how}", base.name, field.at))
}

/// Commands that take a file of a kind.
fn commands(kind: Kind) -> &'static [&'static [&'static str]] {
    match kind {
        Kind::Program | Kind::Data => &[&["triage"], &["disassemble"], &["submit"], &["query"], &["hash"]],
        Kind::Report => &[&["submit"], &["query"], &["hash"]],
        Kind::Export => &[&["import"], &["hash"]],
        // Only the server compiles rules of others; `triage --rules` takes the operator's.
        Kind::Rules => &[],
    }
}

/// Runs the commands on a file. Returns what is wrong.
fn commanded(kind: Kind, path: &Path, data: &Path) -> Vec<String> {
    let mut faults = Vec::new();
    for words in commands(kind) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_malkin"));
        command.args(*words).arg(path).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if !matches!(words[0], "disassemble" | "hash") {
            command.arg("--data").arg(data);
        }
        let (status, time, peak) = watch(command.spawn().unwrap());
        // 101 is a panic; no code is a signal.
        if status.code().is_none_or(|code| code > 2) {
            faults.push(format!("{words:?} ended with {status}"));
        }
        if time > MAX_PROCESSOR_TIME || peak > MAX_MEMORY {
            faults.push(format!("{words:?} took {time:?} and {} MB", peak >> 20));
        }
    }
    faults
}

/// Uploads a file by every route that takes it, and waits for the job it starts. Returns what is wrong.
fn uploaded(kind: Kind, bytes: &[u8], server: &Server) -> Vec<String> {
    const BOUNDARY: &str = "0123456789abcdef";
    let mut form =
        format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.bin\"\r\n\r\n")
            .into_bytes();
    form.extend_from_slice(bytes);
    form.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
    let form_type = format!("multipart/form-data; boundary={BOUNDARY}");
    let (octets, json) = ("application/octet-stream", "application/json");
    let routes: &[(&str, &str, &[u8])] = match kind {
        Kind::Program | Kind::Data => &[
            ("/analyze/upload", form_type.as_str(), &form),
            ("/samples/binary?filename=a&family=&version=&is_dump=false", octets, bytes),
            ("/query/binary", octets, bytes),
            ("/query/binary/mapped/4096", octets, bytes),
        ],
        Kind::Report => {
            &[("/samples", json, bytes), ("/query", json, bytes), ("/query/function", json, bytes)]
        }
        Kind::Export => &[("/import", json, bytes)],
        Kind::Rules => &[("/uniqueblocks/check", "text/plain", bytes)],
    };
    let mut faults = Vec::new();
    for (path, content, body) in routes {
        let before = server.cost();
        let answer = match server.try_send("POST", path, &[("content-type", content)], body) {
            Ok(answer) => answer,
            Err(error) => {
                faults.push(format!("{path}: {error}"));
                continue;
            }
        };
        if answer.status >= 500 {
            faults.push(format!("{path} answered {}", answer.status));
        }
        if let Some(job) = answer.body["data"].as_str().filter(|id| id.len() == 24) {
            server.await_job(job);
        }
        if let (Some((before, _)), Some((after, peak))) = (before, server.cost()) {
            let time = after.saturating_sub(before);
            if time > MAX_PROCESSOR_TIME || peak > MAX_MEMORY {
                faults.push(format!("{path} took {time:?}; the server has held {} MB", peak >> 20));
            }
        }
    }
    faults
}

#[test]
fn no_multiplied_field_costs_commands_or_routes_more_than_the_file_may() {
    let bases = base::all();
    let tables: Vec<(&Base, Vec<Field>)> = bases.iter().map(|base| (base, fields(base))).collect();
    let count = number("MALKIN_MULTIPLIED").unwrap_or(FILES);
    let from = number("MALKIN_MULTIPLIED_FROM").unwrap_or(0);
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("server"), &[]);
    let (path, data) = (folder.path().join("file"), folder.path().join("data"));
    let mut faults = Vec::new();
    for seed in from..from + count {
        let (kind, bytes, what) = file(&tables, seed);
        std::fs::write(&path, &bytes).unwrap();
        let found = [commanded(kind, &path, &data), uploaded(kind, &bytes, &server)].concat();
        faults.extend(found.into_iter().map(|fault| format!("{what}: {fault}")));
    }
    println!("{count} files from {from}");
    assert!(faults.is_empty(), "{} faults: {faults:#?}", faults.len());
}
