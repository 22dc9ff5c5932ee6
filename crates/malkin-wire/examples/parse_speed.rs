//! Speed of reading reports: megabytes a second of processor time of this thread, for the plain or gzipped files of a
//! folder. Run with the folder and, if wanted, the number of rounds.

#![expect(clippy::print_stdout, reason = "its output is its purpose")]

use std::hint::black_box;
use std::path::PathBuf;
use std::time::Duration;

/// The allocator of the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Processor time of this thread so far, as Linux counts it.
fn thread_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split(' ').next().and_then(|number| number.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or_default())
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().unwrap_or_default());
    let rounds = arguments.next().and_then(|number| number.parse().ok()).unwrap_or(5);
    let files = malkin_testkit::files_in(folder, ".smda.gz");
    let texts: Vec<Vec<u8>> = files.iter().map(malkin_testkit::gunzip_file).collect();
    let megabytes = texts.iter().map(Vec::len).sum::<usize>() as f64 / 1e6;

    for round in 1..=rounds {
        let (mut reading, mut dropping, mut functions) = (Duration::ZERO, Duration::ZERO, 0);
        for text in &texts {
            let start = thread_time();
            let report = black_box(malkin_wire::read_report(text));
            let read = thread_time();
            functions += report.as_ref().map_or(0, |report| report.functions.len());
            drop(report);
            reading += read.saturating_sub(start);
            dropping += thread_time().saturating_sub(read);
        }
        let speed = |time: Duration| megabytes / time.as_secs_f64();
        println!(
            "round {round}: {megabytes:.1} MB, {functions} functions: read {:.0} MB/s ({:.1} ms), drop {:.1} ms, both {:.0} MB/s",
            speed(reading),
            reading.as_secs_f64() * 1e3,
            dropping.as_secs_f64() * 1e3,
            speed(reading + dropping),
        );
    }
}
