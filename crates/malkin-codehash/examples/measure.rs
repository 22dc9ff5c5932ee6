//! Measures unpacking, parsing and hashing of report files on one thread: processor times, rates, and bytes allocated a function.
//!
//! `cargo run --release -p malkin-codehash --example measure -- FILE...` (plain or gzip). The last line, all three together in
//! seconds of processor time, is what `cargo xtask bench-reference` compares with the same work of the Python packages.

#![expect(clippy::print_stdout, reason = "prints what it measured")]

use std::alloc::System;
use std::time::Duration;

use malkin_codehash::{HashPath, MinHasher, SampleContext, Scratch, hash_function_in};
use malkin_report::Report;
use malkin_wire::gzip;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

/// The system's allocator, counted.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Time this thread has spent on a processor: what others run meanwhile does not count. Linux only.
fn processor_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split(' ').next().and_then(|number| number.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or(0))
}

/// Sums over all files.
#[derive(Default)]
struct Totals {
    bytes: usize,
    unpack: Duration,
    functions: usize,
    hashed: usize,
    instructions: usize,
    parse: Duration,
    hash: Duration,
    allocated: usize,
    allocations: usize,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let hasher = MinHasher::default();
    let mut scratch = Scratch::new();
    let mut totals = Totals::default();
    // `malkin hash` uses its buffer again, too.
    let mut text = Vec::new();
    for path in std::env::args().skip(1) {
        let started = processor_time();
        read(&path, &mut text);
        totals.unpack += processor_time().saturating_sub(started);
        let started = processor_time();
        let report = malkin_wire::read_report(&text)?;
        totals.parse += processor_time().saturating_sub(started);
        totals.bytes += text.len();
        hash(&report, &hasher, &mut scratch, &mut totals)?;
    }
    print(&totals);
    Ok(())
}

/// The content of a file as `malkin hash` reads it.
fn read(path: &str, text: &mut Vec<u8>) {
    let packed = std::fs::read(path).unwrap_or_default();
    if !gzip::unpack_whole(&packed, usize::MAX, text) {
        malkin_testkit::read_gz_into(path, text);
    }
}

fn hash(
    report: &Report,
    hasher: &MinHasher,
    scratch: &mut Scratch,
    totals: &mut Totals,
) -> Result<(), malkin_codehash::HashError> {
    let context = SampleContext::of(report);
    let region = Region::new(ALLOCATOR);
    let started = processor_time();
    for function in &report.functions {
        let hashes = hash_function_in(function, &context, hasher, HashPath::Server, scratch)?;
        totals.hashed += usize::from(!hashes.minhash.is_empty());
        totals.instructions += function.num_instructions();
    }
    totals.hash += processor_time().saturating_sub(started);
    totals.functions += report.functions.len();
    let change = region.change();
    totals.allocated += change.bytes_allocated;
    totals.allocations += change.allocations + change.reallocations;
    Ok(())
}

fn print(totals: &Totals) {
    let (parse, hash) = (totals.parse.as_secs_f64(), totals.hash.as_secs_f64());
    let functions = totals.functions as f64;
    println!("unpacked in {:.3} s", totals.unpack.as_secs_f64());
    println!(
        "read   {:8.1} MB in {parse:.3} s, {:.1} MB/s",
        totals.bytes as f64 / 1e6,
        totals.bytes as f64 / 1e6 / parse
    );
    println!(
        "hashed {} functions ({} with signature), {} instructions in {hash:.3} s",
        totals.functions, totals.hashed, totals.instructions
    );
    println!(
        "       {:.0} functions/s, {:.2} M instructions/s",
        functions / hash,
        totals.instructions as f64 / 1e6 / hash
    );
    println!(
        "       {:.1} bytes and {:.2} allocations a function",
        totals.allocated as f64 / functions,
        totals.allocations as f64 / functions
    );
    println!("{:.3}", (totals.unpack + totals.parse + totals.hash).as_secs_f64());
}
