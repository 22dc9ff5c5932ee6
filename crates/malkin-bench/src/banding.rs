//! `malkin-bench banding`: how many of the pairs of similar signatures the bands of the index lead to, by score and by the number of
//! band keys that have to be shared.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use malkin_service::{App, IndexReader, Scratch};
use malkin_store::{FunctionQuery, Page};

use crate::data;
use crate::failure::Failure;
use crate::figures;

/// Numbers of required band keys that are compared.
const REQUIRED: [u32; 3] = [1, 2, 3];
/// Width of a class of scores, in percent.
const CLASS: f64 = 5.0;
/// Signatures that pass over the index together.
const BATCH: usize = 64;
/// Samples read at a time.
const SAMPLES: u64 = 200;

/// Options of the command.
#[derive(Args, Debug)]
#[group(skip)]
pub(crate) struct Options {
    /// Data directory of the embedded store
    #[arg(long, value_name = "DIR", env = "MALKIN_DATA", default_value = "malkin-data")]
    data: PathBuf,

    /// Compare only so many of the distinct signatures, evenly chosen, with all others [default: all]
    #[arg(long, value_name = "N")]
    signatures: Option<usize>,

    /// Scores must be above, in percent
    #[arg(long, value_name = "PERCENT", default_value_t = 50)]
    threshold: u8,

    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// How the result is printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Format {
    /// A table for reading.
    Table,
    /// JSON.
    Json,
    /// A table for `docs/`.
    Markdown,
}

/// Pairs of one class of scores.
#[derive(Clone, Copy, Default)]
struct Class {
    pairs: u64,
    /// By [`REQUIRED`].
    found: [u64; REQUIRED.len()],
}

/// Measures.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let app = data::open_existing(&options.data, "malkin-bench banding")?;
    let signatures = distinct(&app)?;
    let wanted = options.signatures.unwrap_or(signatures.len()).clamp(1, signatures.len().max(1));
    let chosen: Vec<&[u8]> = (0..wanted)
        .filter_map(|at| signatures.get(at * signatures.len() / wanted).map(Vec::as_slice))
        .collect();
    let reader = app.corpus.index().reader();
    let classes = compare(&reader, &chosen, options.threshold);
    figures::note(format_args!(
        "{} of {} distinct signatures, each with all others",
        chosen.len(),
        signatures.len()
    ));
    print(&classes, options);
    Ok(())
}

/// The distinct signatures of stored functions.
fn distinct(app: &App) -> Result<Vec<Vec<u8>>, Failure> {
    let mut found = std::collections::BTreeSet::new();
    let mut start = 0;
    loop {
        let samples = app.corpus.store().samples(Page { start, limit: SAMPLES })?;
        if samples.is_empty() {
            return Ok(found.into_iter().collect());
        }
        start += samples.len() as u64;
        for sample in samples {
            let functions = app.corpus.store().functions(&FunctionQuery::OfSample(sample.sample_id))?;
            let signatures = functions.iter().map(|function| function.minhash.as_bytes());
            found.extend(signatures.filter(|signature| !signature.is_empty()).map(<[u8]>::to_vec));
        }
    }
}

/// Every pair of a chosen signature and another above the threshold, by score, and which of them bands lead to.
fn compare(reader: &IndexReader, chosen: &[&[u8]], threshold: u8) -> Vec<Class> {
    let positions = reader.num_positions();
    let score = |equal: u32| 100.0 * f64::from(equal) / positions as f64;
    let least = (0..=positions as u32).find(|equal| score(*equal) > f64::from(threshold));
    let least = least.unwrap_or(positions as u32 + 1);
    let mut classes = vec![Class::default(); (100.0 / CLASS) as usize + 1];
    let mut scratch = Scratch::new();
    for batch in chosen.chunks(BATCH) {
        let mut found = Vec::new();
        for tile in 0..reader.num_tiles() {
            reader.exact_tile(tile, &batch.concat(), least, &mut found);
        }
        for (query, signature) in batch.iter().enumerate() {
            let close = || found.iter().filter(|close| close.query as usize == query);
            // A signature is no pair with itself.
            let others = || close().filter(|close| close.equal < positions as u32);
            for one in others() {
                classes[(score(one.equal) / CLASS) as usize].pairs += 1;
            }
            for (at, required) in REQUIRED.into_iter().enumerate() {
                let candidates = reader.candidates(signature, required, &mut scratch);
                for one in others().filter(|one| candidates.binary_search(&one.signature).is_ok()) {
                    classes[(score(one.equal) / CLASS) as usize].found[at] += 1;
                }
            }
        }
    }
    classes
}

fn print(classes: &[Class], options: &Options) {
    let mut all = Class::default();
    let mut rows = Vec::new();
    for (at, class) in classes.iter().enumerate().filter(|(_, class)| class.pairs > 0) {
        let from = (at as f64 * CLASS).max(f64::from(options.threshold));
        rows.push((format!("{from:.0} to {:.0}", (at + 1) as f64 * CLASS), *class));
        all.pairs += class.pairs;
        all.found.iter_mut().zip(class.found).for_each(|(sum, found)| *sum += found);
    }
    rows.push(("all".to_owned(), all));
    if options.format == Format::Json {
        let rows = classes.iter().enumerate().filter(|(_, class)| class.pairs > 0).map(|(at, class)| {
            serde_json::json!({"from": at as f64 * CLASS, "pairs": class.pairs, "found": class.found})
        });
        figures::print(&serde_json::json!({
            "threshold": options.threshold, "band_matches_required": REQUIRED, "classes": rows.collect::<Vec<_>>(),
            "pairs": all.pairs, "found": all.found,
        }));
        return;
    }
    let is_markdown = options.format == Format::Markdown;
    let line = |cells: Vec<String>| {
        if is_markdown {
            format!("| {} |", cells.join(" | "))
        } else {
            let padded: Vec<String> = cells.iter().map(|cell| format!("{cell:>14}")).collect();
            padded.concat()
        }
    };
    let head = ["score".to_owned(), "pairs".to_owned()].into_iter();
    let head = head.chain(REQUIRED.map(|required| format!("found with {required}"))).collect();
    figures::print_line(&line(head));
    if is_markdown {
        figures::print_line(&format!("|---|{}", "--:|".repeat(1 + REQUIRED.len())));
    }
    for (score, class) in rows {
        let share = |found: u64| format!("{:.1} %", 100.0 * found as f64 / class.pairs.max(1) as f64);
        let cells = [score, class.pairs.to_string()].into_iter().chain(class.found.map(share));
        figures::print_line(&line(cells.collect()));
    }
}
