//! `malkin-bench answers`: start, look-ups and matching on a data directory, each measured as a user of it meets it.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use malkin_report::{FunctionEntry, FunctionId, SampleId};
use malkin_service::questions;
use malkin_service::{App, BlockArguments, IndexReader, MatchArguments, Scratch};
use malkin_store::{Filter, FunctionQuery, Noun, Order, Page, Search, SearchError};
use serde_json::{Value, json};

use crate::data;
use crate::failure::Failure;
use crate::figures::{self, processor_seconds, resident, spread};

/// Stored signatures that are looked up.
const LOOK_UPS: usize = 20_000;
/// Stored functions that are matched alone.
const SINGLE_FUNCTIONS: usize = 200;
/// Parts of its time after which a comparison is cancelled.
const CANCELLED: u32 = 20;
/// Repetitions of each measured match; the output has the best and all.
const REPETITIONS: usize = 3;
/// Signatures compared with everything, for the speed of comparing.
const EXACT_SIGNATURES: usize = 64;
/// Samples whose functions are taken in turn for look-ups.
const SPREAD_SAMPLES: u64 = 200;

/// Options of the command.
#[derive(Args, Debug)]
#[group(skip)]
pub(crate) struct Options {
    /// Data directory of the embedded store
    #[arg(long, value_name = "DIR", env = "MALKIN_DATA", default_value = "malkin-data")]
    data: PathBuf,

    /// Samples to match with everything [default: the first four, which `corpus` makes with 150, 550, 650 and 7,000
    /// functions]
    #[arg(long, value_name = "ID,...", value_delimiter = ',', default_values_t = [0, 1, 2, 3])]
    samples: Vec<i64>,

    /// Sample to match in exact mode
    #[arg(long, value_name = "ID", default_value_t = 2)]
    exact: i64,

    /// Queries at once, for the memory they take
    #[arg(long, value_name = "N", default_value_t = 16)]
    concurrent: usize,
}

/// Measures.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let started = Instant::now();
    let app = data::open_existing(&options.data, "malkin-bench answers")?;
    let opened = started.elapsed().as_secs_f64();
    let first = options.samples.first().copied().unwrap_or_default();
    questions::match_sample(&app.corpus, SampleId::new(first), None, &MatchArguments::none())?;
    let answered = started.elapsed().as_secs_f64();
    let counts = app.corpus.counts()?;
    let stats = app.corpus.index().stats();
    let (_, idle) = resident();
    let mut figures = json!({
        "functions": counts.functions,
        "samples": counts.samples,
        "index": stats.named().into_iter().map(|(name, figure)| (name.to_owned(), figure.into())).collect::<serde_json::Map<String, Value>>(),
        "seconds": {"open": opened, "open_and_first_answer": answered},
        "resident_bytes_after_first_answer": idle,
    });
    let functions = spread_functions(&app)?;
    figures["look_up_microseconds"] = look_ups(&app, &functions);
    figures["single_function_milliseconds"] = single_functions(&app, &functions)?;
    let mut matches = serde_json::Map::new();
    for sample in &options.samples {
        matches.insert(sample.to_string(), whole_sample(&app, *sample, &MatchArguments::none())?);
    }
    figures["one_to_all"] = matches.into();
    let mut exact = MatchArguments::none();
    exact.exact();
    figures["exact"] = whole_sample(&app, options.exact, &exact)?;
    figures["cancel_milliseconds"] = cancelled(&app, options.samples.last().copied().unwrap_or_default())?;
    figures["compares_per_second_and_core"] = compares(&app.corpus.index().reader(), &functions).into();
    figures["unique_blocks_milliseconds"] = blocks(&app, &options.samples)?;
    figures["name_search_milliseconds"] = names(&app)?;
    figures["concurrent"] = concurrent(&app, options)?;
    figures["processor_seconds"] = processor_seconds().into();
    figures["resident_peak_bytes"] = resident().0.into();
    figures::print(&figures);
    Ok(())
}

/// A stored function that has a signature.
struct Stored {
    id: FunctionId,
    signature: Vec<u8>,
}

/// Functions of samples from all over the corpus.
fn spread_functions(app: &App) -> Result<Vec<Stored>, Failure> {
    let count = app.corpus.counts()?.samples;
    let step = (count / SPREAD_SAMPLES).max(1);
    let mut found = Vec::new();
    for start in (0..count).step_by(step as usize) {
        for sample in app.corpus.store().samples(Page { start, limit: 1 })? {
            let functions = app.corpus.store().functions(&FunctionQuery::OfSample(sample.sample_id))?;
            let with_signature = functions.into_iter().filter(|function| !function.minhash.is_empty());
            let stored = with_signature.map(|function| Stored {
                id: function.function_id,
                signature: function.minhash.as_bytes().to_vec(),
            });
            found.extend(stored.take(LOOK_UPS / SPREAD_SAMPLES as usize));
        }
    }
    Ok(found)
}

/// The signatures that share two band keys with each of many: 20 bands are looked up.
fn look_ups(app: &App, functions: &[Stored]) -> Value {
    let reader = app.corpus.index().reader();
    let mut scratch = Scratch::new();
    let mut times = Vec::with_capacity(functions.len());
    let mut found = Vec::with_capacity(functions.len());
    // Twice, and the second time counts: a server that runs has its index in memory.
    for _ in 0..2 {
        times.clear();
        found.clear();
        for function in functions {
            let started = Instant::now();
            let candidates = reader.candidates(&function.signature, 2, &mut scratch).len();
            times.push(started.elapsed().as_secs_f64() * 1e6);
            found.push(candidates as f64);
        }
    }
    json!({"time": spread(times), "candidates": spread(found)})
}

fn single_functions(app: &App, functions: &[Stored]) -> Result<Value, Failure> {
    let step = (functions.len() / SINGLE_FUNCTIONS).max(1);
    let mut times = Vec::new();
    for function in functions.iter().step_by(step) {
        let started = Instant::now();
        questions::match_function(&app.corpus, function.id, &MatchArguments::none())?;
        times.push(started.elapsed().as_secs_f64() * 1e3);
    }
    Ok(spread(times))
}

fn whole_sample(app: &App, sample: i64, arguments: &MatchArguments) -> Result<Value, Failure> {
    let mut times = Vec::new();
    let mut bytes = 0;
    let before = processor_seconds();
    for _ in 0..REPETITIONS {
        let started = Instant::now();
        bytes = questions::match_sample(&app.corpus, SampleId::new(sample), None, arguments)?.len();
        times.push(started.elapsed().as_secs_f64());
    }
    let processor =
        processor_seconds().zip(before).map(|(after, before)| (after - before) / REPETITIONS as f64);
    let best = times.iter().copied().fold(f64::INFINITY, f64::min);
    let functions = app.corpus.store().functions(&FunctionQuery::OfSample(SampleId::new(sample)))?;
    Ok(json!({
        "functions": functions.len(),
        "candidate_function_pairs": pairs(app, &functions),
        "seconds": best,
        "seconds_of_each": times,
        "processor_seconds": processor,
        "result_bytes": bytes,
    }))
}

/// How long a comparison goes on after the wish to end it, which comes at different moments.
fn cancelled(app: &App, sample: i64) -> Result<Value, Failure> {
    let started = Instant::now();
    let sample = SampleId::new(sample);
    questions::match_sample(&app.corpus, sample, None, &MatchArguments::none())?;
    let whole = started.elapsed();
    let mut times = Vec::new();
    for moment in 1..CANCELLED {
        let (started, mut wished) = (Instant::now(), None);
        questions::match_while(&app.corpus, sample, &MatchArguments::none(), &mut |_| {
            if started.elapsed() >= whole * moment / CANCELLED {
                wished.get_or_insert_with(Instant::now);
            }
            wished.is_none()
        })?;
        times.extend(wished.map(|wished| wished.elapsed().as_secs_f64() * 1e3));
    }
    Ok(spread(times))
}

/// Pairs of functions that share two band keys: what the reference scores one by one.
fn pairs(app: &App, functions: &[FunctionEntry]) -> usize {
    let reader = app.corpus.index().reader();
    let mut scratch = Scratch::new();
    let of = |function: &FunctionEntry| {
        let candidates = reader.candidates(function.minhash.as_bytes(), 2, &mut scratch);
        candidates.iter().map(|candidate| reader.functions_of(*candidate).count()).sum::<usize>()
    };
    functions.iter().map(of).sum()
}

/// Pairs of signatures compared in a second by one thread, every pair the exact mode would.
fn compares(reader: &IndexReader, functions: &[Stored]) -> f64 {
    let queries: Vec<u8> =
        functions.iter().take(EXACT_SIGNATURES).flat_map(|function| &function.signature).copied().collect();
    let asked = queries.len() / reader.signature_len().max(1);
    let started = Instant::now();
    let mut found = Vec::new();
    for tile in 0..reader.num_tiles() {
        reader.exact_tile(tile, &queries, 33, &mut found);
    }
    (asked * reader.num_signatures()) as f64 / started.elapsed().as_secs_f64()
}

fn blocks(app: &App, samples: &[i64]) -> Result<Value, Failure> {
    let mut figures = serde_json::Map::new();
    let ids: Vec<SampleId> = samples.iter().copied().take(3).map(SampleId::new).collect();
    let five: Vec<SampleId> = ids.iter().copied().chain([SampleId::new(4), SampleId::new(5)]).collect();
    for (name, ids) in [("1 sample", &ids[ids.len().min(1) - 1..ids.len().min(1)]), ("5 samples", &five)] {
        let mut times = Vec::new();
        for _ in 0..REPETITIONS {
            let started = Instant::now();
            questions::unique_blocks(&app.corpus, ids, &BlockArguments::default())?;
            times.push(started.elapsed().as_secs_f64() * 1e3);
        }
        figures.insert(name.to_owned(), spread(times));
    }
    Ok(figures.into())
}

/// A part of a name that no function has.
fn names(app: &App) -> Result<Value, Failure> {
    let mut times = Vec::new();
    for word in ["zzqzzqxy", "nosuchnameanywhere", "qqq"] {
        let started = Instant::now();
        let refused = |error: SearchError| Failure::Other(error.to_string());
        let order = Order::new(Noun::Function, None, true).map_err(refused)?;
        let filter = Filter::new(Noun::Function, word).map_err(refused)?;
        app.corpus.store().search_functions(&Search { filter, order, border: None, limit: 100 }, None)?;
        times.push(started.elapsed().as_secs_f64() * 1e3);
    }
    Ok(spread(times))
}

/// Several matches at once: how long all take, and what memory they add.
fn concurrent(app: &App, options: &Options) -> Result<Value, Failure> {
    // From here on the peak is that of the matches at once (Linux: 5 resets it; elsewhere the figure is that of the whole run).
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    let (_, before) = resident();
    let started = Instant::now();
    let samples: Vec<SampleId> = (0..options.concurrent)
        .map(|n| SampleId::new(options.samples[n % options.samples.len().min(3)]))
        .collect();
    let outcome: Result<Vec<usize>, Failure> = std::thread::scope(|scope| {
        let threads: Vec<_> = samples
            .iter()
            .map(|sample| {
                scope.spawn(|| questions::match_sample(&app.corpus, *sample, None, &MatchArguments::none()))
            })
            .collect();
        let mut sizes = Vec::new();
        for thread in threads {
            let result = thread.join().map_err(|_| Failure::Other("a match panicked".to_owned()))?;
            sizes.push(result?.len());
        }
        Ok(sizes)
    });
    let sizes = outcome?;
    let (peak, _) = resident();
    Ok(json!({
        "matches": sizes.len(),
        "seconds": started.elapsed().as_secs_f64(),
        "resident_bytes_before": before,
        "resident_peak_bytes": peak,
    }))
}
