//! `malkin-bench corpus`: fills a data directory and reports time, size and distribution.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::time::Instant;

use clap::Args;
use malkin_store::NewSample;
use serde_json::{Value, json};

use crate::data::{self, CodeOptions};
use crate::failure::Failure;
use crate::figures::{self, processor_seconds, resident, spread};
use crate::generator::{Corpus, FIXED_SIZES};

/// Samples made ahead of the store.
const AHEAD: usize = 8;
/// One signature in so many is counted by its band keys: enough for the shape of the distribution.
const BAND: usize = 0;

/// Options of the command.
#[derive(Args, Debug)]
#[group(skip)]
pub(crate) struct Options {
    /// Data directory to fill; must not hold samples yet
    #[arg(long, value_name = "DIR")]
    data: PathBuf,

    /// Functions to make, at least
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    functions: usize,

    /// Equal seeds make equal corpora
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,

    /// Make disassembly too
    #[arg(long)]
    blobs: bool,

    /// Store the executables and reports of this folder instead; each folder in it is a family
    #[arg(long, value_name = "DIR", conflicts_with_all = ["functions", "seed", "blobs"])]
    from: Option<PathBuf>,

    #[command(flatten)]
    code: CodeOptions,
}

/// Makes, stores and measures.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let app = data::open(&options.data, "malkin-bench corpus")?;
    if app.corpus.counts()?.samples > 0 {
        return Err(Failure::file(&options.data, "holds samples already"));
    }
    let started = Instant::now();
    let mut shape = Shape::default();
    let projection = app.corpus.index().reader().projection().clone();
    let mut failed = 0;
    let mut add = |sample: &NewSample| -> Result<(), Failure> {
        app.corpus.add(sample)?;
        shape.take(sample, &projection);
        Ok(())
    };
    match &options.from {
        None => generate(options, &mut add)?,
        Some(folder) => failed = disassemble(folder, options, &app, &mut add)?,
    }
    let stored = started.elapsed().as_secs_f64();
    app.corpus.index().settle();
    app.corpus.index().compact();
    let settled = started.elapsed().as_secs_f64();
    let stats = app.corpus.index().stats();
    let counts = app.corpus.counts()?;
    // Closed, the log of the database is part of it; before, it is counted twice.
    drop(app);
    let size = size_of(&options.data);
    let functions = counts.functions as f64;
    let bytes = |bytes: usize| bytes as f64 / functions;
    let figures = json!({
        "samples": counts.samples,
        "functions": counts.functions,
        "families": counts.families,
        "failed_files": failed,
        "seconds": {"stored": stored, "and_index_compacted": settled},
        "functions_per_second": functions / stored,
        "processor_seconds": processor_seconds(),
        "resident_peak_bytes": resident().0,
        "index": {
            "signatures": stats.signatures,
            "signature_bytes_per_function": bytes(stats.signature_bytes),
            "other_bytes_per_function": bytes(stats.overhead_bytes),
            "segments": stats.segments,
        },
        "data_directory": {"bytes": size, "bytes_per_function": size as f64 / functions},
        "distribution": shape.figures(counts.functions, &stats),
        "samples_of_fixed_size": if options.from.is_none() { json!(FIXED_SIZES) } else { Value::Null },
    });
    figures::print(&figures);
    Ok(())
}

/// Makes samples on one thread and stores them on this one.
fn generate(
    options: &Options,
    add: &mut dyn FnMut(&NewSample) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let corpus = Corpus::new(options.seed, options.blobs);
    let mut samples = 0;
    let mut functions = 0;
    while functions < options.functions {
        functions += corpus.num_functions(samples);
        samples += 1;
    }
    std::thread::scope(|scope| {
        let (sender, receiver) = sync_channel(AHEAD);
        scope.spawn(move || {
            for number in 0..samples {
                if sender.send(corpus.sample(number)).is_err() {
                    break;
                }
            }
        });
        for sample in receiver {
            add(&sample)?;
        }
        Ok(())
    })
}

/// Stores files; a file's family is the folder it is in. Answers how many could not be stored.
fn disassemble(
    folder: &Path,
    options: &Options,
    app: &malkin_service::App,
    add: &mut dyn FnMut(&NewSample) -> Result<(), Failure>,
) -> Result<usize, Failure> {
    let files = data::files_below(folder)?;
    let mut failed = 0;
    for file in &files {
        let ingested = data::report(file, &options.code).and_then(|mut report| {
            let parent = file.strip_prefix(folder).ok().and_then(Path::parent);
            report.metadata.family =
                parent.map(|parent| parent.to_string_lossy().into_owned()).unwrap_or_default();
            malkin_service::ingest(report, app.corpus.hasher()).map_err(|error| Failure::file(file, error))
        });
        match ingested {
            Ok(ingested) => add(&ingested.sample)?,
            Err(failure) => {
                figures::note(&failure);
                failed += 1;
            }
        }
    }
    Ok(failed)
}

fn size_of(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => size_of(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    });
    sizes.sum()
}

/// What of a corpus is compared with real ones.
#[derive(Default)]
struct Shape {
    with_signature: u64,
    blocks: u64,
    /// Functions by the key of one band.
    keys: HashMap<u32, u32>,
    sizes: Vec<f64>,
}

impl Shape {
    fn take(&mut self, sample: &NewSample, projection: &malkin_codehash::Projection) {
        self.sizes.push(sample.functions.len() as f64);
        for function in &sample.functions {
            self.blocks += function.picblockhashes.len() as u64;
            if let Some(key) = projection.keys(function.minhash.as_bytes()).nth(BAND) {
                self.with_signature += 1;
                *self.keys.entry(key).or_default() += 1;
            }
        }
    }

    /// Beside the published figures of Malpedia at 8,657,357 functions (field study 2b).
    fn figures(self, functions: u64, index: &malkin_service::IndexStats) -> Value {
        let share = |count: usize| count as f64 / functions as f64;
        json!({
            "share_with_signature": [self.with_signature as f64 / functions as f64, 0.64],
            "signatures_per_function": [share(index.signatures), 0.104],
            "pichashes_per_function": [share(index.pichashes), 0.27],
            "distinct_blocks_per_function": [share(index.blocks), 1.06],
            "block_hashes_per_function": [self.blocks as f64 / functions as f64, null],
            "distinct_keys_of_a_band_per_function": [share(self.keys.len()), 0.049],
            "functions_of_a_band_key": [spread(self.keys.into_values().map(f64::from).collect()), {"p50": 1, "p99": 42, "max": 18_968}],
            "functions_of_a_sample": [spread(self.sizes), {"mean": 1195}],
            "columns": ["here", "Malpedia"],
        })
    }
}
