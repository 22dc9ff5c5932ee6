//! Files of every format in which one count, size, offset or range is multiplied: each is loaded, disassembled, examined and opened,
//! or read as a report, and none may cost more than a file of its size may.
//!
//! Every run tries some hundred, and judges by counted work and by what comes out. `MALKIN_MULTIPLIED=10000` tries as many and
//! also holds each to 5 s of processor time and 512 MB (release build; Linux):
//!
//! ```text
//! MALKIN_MULTIPLIED=10000 cargo test --release -p malkin-service --test all multiplied -- --nocapture
//! ```
//!
//! A file is known by its number, which is the seed of all that is chosen for it. `MALKIN_MULTIPLIED_FROM` is the first number.

mod base;
mod fields;

use std::time::{Duration, Instant};

use base::{Base, Kind};
use fields::{Chance, Field, fields, multiply};
use malkin_disasm::{Limits, disassemble};
use malkin_loader::{LoadOptions, limits, load_within};
use malkin_report::Budget;
use malkin_triage::yara::Rules;
use malkin_triage::{Options, archive, examine};
use malkin_wire::mcrit;

/// Files in every run.
const FILES: u64 = 300;
/// What one file may cost in a long run.
const MAX_PROCESSOR_TIME: Duration = Duration::from_secs(5);
const MAX_MEMORY: u64 = 512 << 20;
/// Time of one scan with multiplied rules.
const RULES_TIME: Duration = Duration::from_secs(4);
/// A record of a small file is no larger than this, in bytes of JSON.
const MAX_RECORD: usize = 16 << 20;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Processor time of this thread in clock ticks' resolution, where the system reports it.
fn processor_time() -> Duration {
    #[cfg(unix)]
    {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
    }
    #[cfg(not(unix))]
    Duration::ZERO
}

/// Greatest resident memory since the last call, and present one, in bytes (Linux).
fn memory() -> Option<(u64, u64)> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
    };
    let found = (field("VmHWM:")?, field("VmRSS:")?);
    std::fs::write("/proc/self/clear_refs", "5").ok()?;
    Some(found)
}

/// Everything that is done with a file of a kind. Returns the units of work.
fn run(kind: Kind, bytes: &[u8]) -> Result<u64, String> {
    let budget = Budget::for_size(bytes.len()).with_memory(MAX_MEMORY);
    let before = budget.used();
    match kind {
        Kind::Program => {
            if let Ok(image) = load_within(bytes, &LoadOptions::file(), &budget) {
                if image.data.len() as u64 > limits::MAX_IMAGE_SIZE.next_multiple_of(0x1000) {
                    return Err(format!("an image of {} bytes", image.data.len()));
                }
                let slots =
                    image.tables.imported_functions.as_ref().map_or(0, std::collections::BTreeMap::len);
                if slots > bytes.len() {
                    return Err(format!("{slots} imports"));
                }
                let started = Instant::now();
                let time = Duration::from_secs(3);
                let report = disassemble(&image, Limits::within_memory(MAX_MEMORY), &|| {
                    started.elapsed() < time && budget.poll()
                });
                drop(image);
                examined(bytes, Some(&report), &budget)?;
            } else {
                examined(bytes, None, &budget)?;
            }
        }
        Kind::Data => {
            examined(bytes, None, &budget)?;
            let budget = Budget::for_size(bytes.len());
            let opened = archive::unpack(bytes, &budget);
            let total: usize = opened.members.iter().map(|member| member.bytes.len()).sum();
            if total > 16 << 20 {
                return Err(format!("{total} bytes unfolded of {}", bytes.len()));
            }
        }
        Kind::Report => {
            let _ = malkin_wire::read_report(bytes);
        }
        Kind::Rules => {
            let text = String::from_utf8_lossy(bytes).into_owned();
            if !Rules::are_too_heavy(&text) {
                let rules = Rules::compile([("rules".to_owned(), text)], RULES_TIME);
                let _ = rules.scan(&[b"MZ\0\0\x01aabcdefgxyzqzq".as_slice(), &[0; 4096]].concat());
            }
        }
        Kind::Export => {
            if let Ok(mut reader) = mcrit::McritReader::open(std::io::Cursor::new(bytes)) {
                while let Ok(Some(_)) = reader.next_sample() {}
            }
        }
    }
    Ok(budget.used() - before)
}

fn examined(bytes: &[u8], report: Option<&malkin_report::Report>, budget: &Budget<'_>) -> Result<(), String> {
    let facts =
        examine(bytes, &Options { report, now: Some(1_800_000_000), rules: None, budget: Some(budget) });
    let text = serde_json::to_string(&facts).map_err(|error| error.to_string())?;
    if text.len() > MAX_RECORD {
        return Err(format!("a record of {} bytes", text.len()));
    }
    Ok(())
}

#[test]
fn no_multiplied_field_costs_more_than_the_file_may() {
    let bases = base::all();
    assert!(bases.len() >= 8, "PE, ELF, Mach-O, archives and reports are made by the test itself");
    let tables: Vec<(&Base, Vec<Field>)> = bases.iter().map(|base| (base, fields(base))).collect();
    for (base, fields) in &tables {
        assert!(!fields.is_empty(), "{} has fields", base.name);
    }
    let is_long = number("MALKIN_MULTIPLIED").is_some();
    let count = number("MALKIN_MULTIPLIED").unwrap_or(FILES);
    let from = number("MALKIN_MULTIPLIED_FROM").unwrap_or(0);
    let (mut slowest, mut largest, mut hardest) = ((Duration::ZERO, 0), (0, 0), (0.0, 0));
    let mut faults = Vec::new();
    for seed in from..from + count {
        let mut chance = Chance::new(seed);
        let (base, fields) = &tables[chance.below(tables.len())];
        let field = fields[chance.below(fields.len())];
        let mut bytes = base.bytes.clone();
        let how = multiply(&mut bytes, field, &mut chance);
        let place = || format!("{seed}: {} at {:#x}: {how}", base.name, field.at);
        let resident = memory().map_or(0, |(_, resident)| resident);
        let started = processor_time();
        let outcome = run(base.kind, &bytes);
        let took = processor_time().saturating_sub(started);
        let peak = memory().map_or(0, |(peak, _)| peak.saturating_sub(resident));
        match outcome {
            Ok(work) => {
                let bound = (64 << 20) + 64 * bytes.len() as u64;
                let share = work as f64 / bound as f64;
                if share > hardest.0 {
                    hardest = (share, seed);
                }
            }
            Err(cause) => faults.push(format!("{}: {cause}", place())),
        }
        if took > slowest.0 {
            slowest = (took, seed);
            println!("slower: {took:?} {}", place());
        }
        if peak > largest.0 {
            largest = (peak, seed);
            println!("larger: {} MB {}", peak >> 20, place());
        }
        if is_long && (took > MAX_PROCESSOR_TIME || peak > MAX_MEMORY) {
            faults.push(format!("{}: {took:?}, {} MB", place(), peak >> 20));
        }
    }
    println!(
        "{count} files from {from}: slowest {:?} ({}), largest {} MB ({}), greatest share of its work {:.2} ({})",
        slowest.0,
        slowest.1,
        largest.0 >> 20,
        largest.1,
        hardest.0,
        hardest.1
    );
    assert!(faults.is_empty(), "{} files: {faults:#?}", faults.len());
}
