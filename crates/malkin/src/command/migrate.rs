//! `malkin migrate`: takes over the corpus of a running MCRIT server, batch by batch over its REST API.
//!
//! What was taken is known by the SHA-256 of the samples, so a migration that was interrupted is simply started again: it asks
//! for what is missing. New ids are assigned in the order of the old ones.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use malkin_service::{App, ImportError};
use malkin_store::Page;
use serde_json::Value;

use crate::command::PARTLY_DONE;
use crate::failure::Failure;
use crate::output::{self, Align, Document, Progress, Table};
use crate::place::{self, Place};
use crate::remote::Remote;
use crate::shown::counted;

/// Samples listed by one request.
const PAGE_SAMPLES: usize = 500;
/// Most samples of a server that are listed: beyond any known corpus, and a bound for a server that never ends its list.
const MAX_SAMPLES: usize = 100_000_000;
/// A batch has at most so many samples, and functions unless it is one sample: some tens of megabytes.
const BATCH_SAMPLES: usize = 100;
const BATCH_FUNCTIONS: u64 = 10_000;
/// Attempts at a batch that the server does not return.
const ATTEMPTS: usize = 3;

/// Options of the command.
#[derive(Args, Debug)]
#[group(skip)]
pub(crate) struct Options {
    /// Address of the MCRIT server to copy from
    #[arg(long, value_name = "URL")]
    from: String,

    /// API token for that server
    #[arg(long, value_name = "TOKEN", env = "MALKIN_FROM_TOKEN", hide_env_values = true)]
    from_token: Option<String>,

    #[command(flatten)]
    place: place::Options,
}

/// A sample there.
#[derive(Clone, Debug)]
struct Listed {
    id: i64,
    sha256: String,
    functions: u64,
}

/// Copies what is missing, then compares the counts.
pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let there = Remote::new(&options.from, options.from_token.clone())?;
    let here = options.place.open()?;
    let started = Instant::now();
    let listed = list(&there)?;
    let known = known(&here)?;
    let missing: Vec<Listed> =
        listed.iter().filter(|sample| !known.contains(&sample.sha256)).cloned().collect();
    if missing.len() < listed.len() {
        output::note(&format!(
            "{} of {} samples are already present",
            listed.len() - missing.len(),
            listed.len()
        ));
    }
    let batches = batches(missing);
    let progress = Progress::over_batches(batches.len());
    let (mut samples, mut functions, mut failed) = (0, 0, 0);
    for batch in &batches {
        match take(&there, &here, batch) {
            Ok(taken) => {
                samples += taken.samples;
                functions += taken.functions;
                failed += taken.failures.len();
                taken.failures.iter().for_each(output::error);
            }
            Err(failure) => {
                output::error(&failure);
                output::note(&format!(
                    "stopped after {}; rerun the same command to resume",
                    amount(samples, functions)
                ));
                return Ok(if samples == 0 { ExitCode::FAILURE } else { ExitCode::from(PARTLY_DONE) });
            }
        }
        progress.step();
    }
    families(&there, &here)?;
    let seconds = started.elapsed().as_secs_f64();
    output::note(&format!("{} copied in {seconds:.1} s, {failed} failed", amount(samples, functions)));
    let equal = compare(&there, &here)?;
    Ok(match (failed, equal) {
        (0, true) => ExitCode::SUCCESS,
        _ => ExitCode::from(PARTLY_DONE),
    })
}

/// Samples with functions, in words.
fn amount(samples: u64, functions: u64) -> String {
    format!("{} with {}", counted(samples, "sample"), counted(functions, "function"))
}

/// All samples there, ascending.
fn list(server: &Remote) -> Result<Vec<Listed>, Failure> {
    let mut listed: BTreeMap<i64, Listed> = BTreeMap::new();
    loop {
        let page = server.get(&format!("/samples?start={}&limit={PAGE_SAMPLES}", listed.len()))?;
        let page = page.as_object().ok_or_else(|| odd("the list of samples is not an object"))?;
        let before = listed.len();
        for (id, sample) in page {
            let id: i64 = id.parse().map_err(|_| odd("the id of a sample is not a number"))?;
            let sha256 = sample["sha256"].as_str().ok_or_else(|| odd("a sample has no sha256"))?.to_owned();
            let functions = sample["statistics"]["num_functions"].as_u64().unwrap_or_default();
            listed.insert(id, Listed { id, sha256, functions });
        }
        if page.len() < PAGE_SAMPLES {
            return Ok(listed.into_values().collect());
        }
        if listed.len() == before || listed.len() > MAX_SAMPLES {
            return Err(odd("the list of samples does not end"));
        }
    }
}

fn odd(what: &str) -> Failure {
    Failure::Remote(format!("unexpected answer from the MCRIT server: {what}"))
}

/// SHA-256 texts of the samples here.
fn known(place: &Place) -> Result<BTreeSet<String>, Failure> {
    match place {
        Place::Remote(remote) => Ok(list(remote)?.into_iter().map(|sample| sample.sha256).collect()),
        Place::Local(app) => {
            let mut known = BTreeSet::new();
            let mut start = 0;
            loop {
                let page = app.corpus.store().samples(Page { start, limit: PAGE_SAMPLES as u64 })?;
                start += page.len() as u64;
                let is_last = page.len() < PAGE_SAMPLES;
                known.extend(page.into_iter().map(|sample| sample.sha256));
                if is_last {
                    return Ok(known);
                }
            }
        }
    }
}

fn batches(samples: Vec<Listed>) -> Vec<Vec<Listed>> {
    let mut batches: Vec<Vec<Listed>> = Vec::new();
    let mut functions = 0_u64;
    for sample in samples {
        functions = functions.saturating_add(sample.functions);
        match batches.last_mut() {
            Some(batch) if batch.len() < BATCH_SAMPLES && functions <= BATCH_FUNCTIONS => batch.push(sample),
            _ => {
                functions = sample.functions;
                batches.push(vec![sample]);
            }
        }
    }
    batches
}

/// What came of a batch.
#[derive(Default)]
struct Taken {
    samples: u64,
    functions: u64,
    /// Samples that cannot be fetched.
    failures: Vec<Failure>,
}

/// Copies a batch. A batch that cannot be fetched is halved, so that one bad sample does not affect the others. Fails only if
/// one of the two sides is gone.
fn take(there: &Remote, here: &Place, batch: &[Listed]) -> Result<Taken, Failure> {
    let mut attempt = 1;
    let failure = loop {
        let failure = match fetch(there, batch).and_then(|export| store(here, &export)) {
            Ok((samples, functions)) => return Ok(Taken { samples, functions, failures: Vec::new() }),
            Err(failure) => failure,
        };
        if is_over(&failure, there, here) {
            return Err(failure);
        }
        if batch.len() > 1 || attempt == ATTEMPTS {
            break failure;
        }
        output::note(&format!("sample {}: {failure}; retrying", batch[0].id));
        attempt += 1;
    };
    if let [sample] = batch {
        let named = Failure::Remote(format!("sample {} ({}): {failure}", sample.id, sample.sha256));
        return Ok(Taken { failures: vec![named], ..Taken::default() });
    }
    let mut taken = Taken::default();
    let (first, second) = batch.split_at(batch.len() / 2);
    for half in [first, second] {
        let more = take(there, here, half)?;
        taken.samples += more.samples;
        taken.functions += more.functions;
        taken.failures.extend(more.failures);
    }
    Ok(taken)
}

/// Whether a failure is one of a side and not of the samples that were asked for.
fn is_over(failure: &Failure, there: &Remote, here: &Place) -> bool {
    let answers = |server: &Remote| server.get("/version").is_ok();
    let here_is_gone = match here {
        Place::Local(_) => matches!(failure, Failure::Store(_)),
        Place::Remote(remote) => !answers(remote),
    };
    here_is_gone || !answers(there)
}

fn fetch(there: &Remote, batch: &[Listed]) -> Result<Vec<u8>, Failure> {
    let ids: Vec<String> = batch.iter().map(|sample| sample.id.to_string()).collect();
    let export = there.get(&format!("/export/{}?compress=true", ids.join(",")))?;
    let count = export["sample_entries"].as_object().map_or(0, serde_json::Map::len);
    if count != batch.len() {
        return Err(Failure::Remote(format!("requested {} samples, received {count}", batch.len())));
    }
    serde_json::to_vec(&export).map_err(|error| Failure::Other(error.to_string()))
}

fn store(here: &Place, export: &[u8]) -> Result<(u64, u64), Failure> {
    let refused = || {
        let cause =
            "its hashes cannot be compared with those of this corpus: it was made with other settings";
        Failure::Remote(cause.to_owned())
    };
    match here {
        Place::Local(app) => {
            let imported = app.corpus.import(std::io::Cursor::new(export));
            let imported = imported.map_err(|error| match error {
                ImportError::Store(error) => Failure::Store(error),
                error => Failure::Remote(error.to_string()),
            });
            let imported = imported?.ok_or_else(refused)?;
            Ok((imported.samples, imported.functions))
        }
        Place::Remote(remote) => {
            let answer = remote.post("/import", export)?;
            if answer.is_null() {
                return Err(refused());
            }
            let count = |name: &str| answer[name].as_u64().unwrap_or_default();
            Ok((count("num_samples_imported"), count("num_functions_imported")))
        }
    }
}

/// Families there that have no samples come too, where that is possible.
fn families(there: &Remote, here: &Place) -> Result<(), Failure> {
    let families = there.get("/families")?;
    let empty = families.as_object().into_iter().flatten().filter(|(_, family)| family["num_samples"] == 0);
    let names: Vec<&str> = empty.filter_map(|(_, family)| family["family_name"].as_str()).collect();
    match here {
        Place::Local(app) => {
            for name in names.iter().filter(|name| !name.is_empty()) {
                app.corpus.store().family_named(name, app.corpus.now())?;
            }
        }
        Place::Remote(_) if names.iter().any(|name| !name.is_empty()) => {
            output::note("families without samples cannot be copied through a server");
        }
        Place::Remote(_) => {}
    }
    Ok(())
}

/// Prints the counts of both sides; true if they are equal.
fn compare(there: &Remote, here: &Place) -> Result<bool, Failure> {
    let status = |server: &Remote| -> Result<Value, Failure> { Ok(server.get("/status")?["status"].take()) };
    let theirs = status(there)?;
    let ours = match here {
        Place::Remote(remote) => status(remote)?,
        Place::Local(app) => counts(app)?,
    };
    let mut table = Table::new(&[
        ("what", Align::Left),
        ("there", Align::Right),
        ("here", Align::Right),
        ("", Align::Left),
    ]);
    let mut equal = true;
    for name in ["num_families", "num_samples", "num_functions"] {
        let same = theirs[name] == ours[name];
        equal &= same;
        let what = name.trim_start_matches("num_").to_owned();
        table.row(vec![
            what,
            theirs[name].to_string(),
            ours[name].to_string(),
            if same { "equal" } else { "different" }.to_owned(),
        ]);
    }
    let mut page = Document::plain();
    page.table(&table);
    output::document(&page)?;
    Ok(equal)
}

fn counts(app: &App) -> Result<Value, Failure> {
    let counts = app.corpus.counts()?;
    Ok(serde_json::json!({
        "num_families": counts.families,
        "num_samples": counts.samples,
        "num_functions": counts.functions,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_bounded_and_keep_their_order() {
        let sample = |id: i64, functions| Listed { id, sha256: id.to_string(), functions };
        let sizes = |samples: Vec<Listed>| batches(samples).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes((0..250).map(|id| sample(id, 10)).collect()), [100, 100, 50]);
        assert_eq!(
            sizes(vec![sample(0, 9_000), sample(1, 2_000), sample(2, 50_000), sample(3, 1)]),
            [1, 1, 1, 1]
        );
        assert_eq!(sizes(vec![sample(0, 9_000), sample(1, 1_000), sample(2, u64::MAX)]), [2, 1]);
        assert!(sizes(Vec::new()).is_empty());
    }
}
