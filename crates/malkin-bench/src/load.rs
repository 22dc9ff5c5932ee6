//! `malkin-bench load`: readers, matches and submissions against a running server, as its clients meet them.
//!
//! Two phases: readers and one client that matches samples with everything, side by side; then submissions of distinct reports, each of
//! which is looked up afterwards. The server keeps the samples that were submitted.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Value, json};

use crate::client::Client;
use crate::failure::Failure;
use crate::figures::{self, spread};
use crate::generator::load_report;

/// Options of the command.
#[derive(Args, Debug)]
#[group(skip)]
pub(crate) struct Options {
    /// The server
    #[arg(long, value_name = "URL", env = "MALKIN_SERVER")]
    server: String,

    /// Its API token
    #[arg(long, value_name = "TOKEN", env = "MALKIN_TOKEN", hide_env_values = true)]
    token: Option<String>,

    /// Clients that read records
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=256))]
    readers: u16,

    /// Seconds of the first phase
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,

    /// Reports to submit in the second phase
    #[arg(long, value_name = "N", default_value_t = 1000)]
    submissions: u64,

    /// Numbers submitted reports are made from: another seed makes other reports
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

/// Measures.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let server = client(options);
    let status = server.get("/status?with_pichash=false")?;
    let count = |what: &str| status["status"][what].as_u64().unwrap_or(0);
    let (samples, functions) = (count("num_samples"), count("num_functions"));
    if samples == 0 {
        return Err(Failure::Remote("the server has no samples to read".to_owned()));
    }
    let before = resident(&server)?;
    let readers = read_and_match(options, samples, functions)?;
    let between = resident(&server)?;
    let submissions = submit(options, &server)?;
    let figures = json!({
        "samples": samples, "functions": functions, "readers": options.readers,
        "reading_beside_matching": readers,
        "submissions": submissions,
        "resident_bytes": {"before": before, "after_reading": between, "after_submissions": resident(&server)?},
    });
    figures::print(&figures);
    Ok(())
}

fn client(options: &Options) -> Client {
    Client::new(&options.server, options.token.clone())
}

/// Resident memory of the server, as it reports.
fn resident(server: &Client) -> Result<Option<u64>, Failure> {
    let text = server.get_text("/metrics")?;
    let line = text.lines().find_map(|line| line.strip_prefix("process_resident_memory_bytes "));
    Ok(line.and_then(|value| value.trim().parse().ok()))
}

fn read_and_match(options: &Options, samples: u64, functions: u64) -> Result<Value, Failure> {
    let (stop, matches, gone) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    let started = Instant::now();
    let times = std::thread::scope(|scope| {
        let readers: Vec<_> = (0..u64::from(options.readers))
            .map(|reader| {
                scope.spawn({
                    let (stop, gone) = (&stop, &gone);
                    move || read(options, reader, [samples, functions], (stop, gone))
                })
            })
            .collect();
        let matcher = scope.spawn(|| match_all(options, samples, (&stop, &gone), &matches));
        std::thread::sleep(Duration::from_secs(options.seconds));
        stop.store(true, Ordering::Relaxed);
        let mut times = Vec::new();
        for reader in readers {
            times.append(&mut reader.join().map_err(|_| Failure::Other("a reader panicked".to_owned()))??);
        }
        matcher.join().map_err(|_| Failure::Other("the matcher panicked".to_owned()))??;
        Ok::<_, Failure>(times)
    })?;
    let seconds = started.elapsed().as_secs_f64();
    Ok(json!({
        "seconds": seconds,
        "gets_per_second": times.len() as f64 / seconds,
        "get_milliseconds": spread(times),
        "one_to_all_per_second": matches.into_inner() as f64 / seconds,
        "gone_meanwhile": gone.into_inner(),
    }))
}

/// One client that reads records of samples and functions; the time of each answer in milliseconds.
fn read(
    options: &Options,
    reader: u64,
    [samples, functions]: [u64; 2],
    (stop, gone): (&AtomicBool, &AtomicUsize),
) -> Result<Vec<f64>, Failure> {
    let server = client(options);
    let mut times = Vec::new();
    let mut number = reader.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    while !stop.load(Ordering::Relaxed) {
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let of = |count: u64| (number >> 33) % count.max(1);
        let path = if times.len() % 2 == 0 || functions == 0 {
            format!("/samples/{}", of(samples))
        } else {
            format!("/functions/{}", of(functions))
        };
        let started = Instant::now();
        if unless_gone(server.get_text(&path))?.is_none() {
            gone.fetch_add(1, Ordering::Relaxed);
        }
        times.push(started.elapsed().as_secs_f64() * 1e3);
    }
    Ok(times)
}

/// One client that matches samples with everything, one after the other, and reads the whole results.
fn match_all(
    options: &Options,
    samples: u64,
    (stop, gone): (&AtomicBool, &AtomicUsize),
    matches: &AtomicUsize,
) -> Result<(), Failure> {
    let server = client(options);
    for sample in (0..samples).cycle() {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        match unless_gone(match_one(&server, sample))? {
            Some(()) => matches.fetch_add(1, Ordering::Relaxed),
            None => gone.fetch_add(1, Ordering::Relaxed),
        };
    }
    Ok(())
}

/// Matches one sample and reads the result.
fn match_one(server: &Client, sample: u64) -> Result<(), Failure> {
    let job = server.get(&format!("/matches/sample/{sample}?force_recalculation=true"))?;
    let result = match server.await_job(job.as_str().unwrap_or_default(), Duration::from_millis(2)) {
        Ok(result) => result,
        // The sample may have been deleted while the job waited.
        Err(failure) => return server.get(&format!("/samples/{sample}")).and(Err(failure)),
    };
    server.get_text(&format!("/results/{result}")).map(|_| ())
}

/// `None` for what somebody else deleted meanwhile: a server under load is no less under load for that.
fn unless_gone<T>(answer: Result<T, Failure>) -> Result<Option<T>, Failure> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(Failure::Gone(_)) => Ok(None),
        Err(failure) => Err(failure),
    }
}

fn submit(options: &Options, server: &Client) -> Result<Value, Failure> {
    let started = Instant::now();
    let mut hashes = Vec::new();
    let mut times = Vec::new();
    for number in 0..options.submissions {
        let (sha256, report) = load_report(options.seed, number);
        let sent = Instant::now();
        let answer = server.post("/samples", report.as_bytes())?;
        times.push(sent.elapsed().as_secs_f64() * 1e3);
        if answer["sample_info"]["sha256"] != sha256 {
            return Err(Failure::Remote(format!("the answer to report {number} is about another sample")));
        }
        hashes.push(sha256);
    }
    let seconds = started.elapsed().as_secs_f64();
    let is_lost = |hash: &&String| server.get(&format!("/samples/sha256/{hash}")).is_err();
    let lost = hashes.iter().filter(is_lost).count();
    Ok(json!({
        "submitted": hashes.len(), "lost": lost, "per_second": hashes.len() as f64 / seconds, "milliseconds": spread(times),
    }))
}
