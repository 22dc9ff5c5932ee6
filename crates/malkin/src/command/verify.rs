//! `malkin verify`: does the data directory hold what it should, and does the index say what the store says?

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use malkin_service::{App, Clock};
use malkin_store::{Inspection, SqliteStore, Store, StoreError};
use serde_json::json;

use crate::failure::Failure;
use crate::output::{self, Align, Document, Format, Table};

/// Options of the command.
#[derive(Args, Debug)]
#[group(skip)]
pub(crate) struct Options {
    /// Data directory of the embedded store
    #[arg(long, value_name = "DIR", env = "MALKIN_DATA", default_value = "malkin-data")]
    data: PathBuf,

    /// Rebuild the index from the store if the two disagree
    #[arg(long)]
    repair: bool,

    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// Opens the store, or only reads it where nothing can be written.
fn open_store(data: &Path) -> Result<Arc<SqliteStore>, Failure> {
    match SqliteStore::open(data, "malkin verify") {
        Err(StoreError::NotWritable(cause)) => {
            output::note(&format!("note: opened the data directory read-only: {cause}"));
            Ok(Arc::new(SqliteStore::open_read_only(data)?))
        }
        outcome => Ok(Arc::new(outcome?)),
    }
}

/// Prints what is damaged.
fn report_damage(options: &Options, found: &Inspection) -> Result<(), Failure> {
    let findings: Vec<&String> = found.structure.iter().chain(&found.records).collect();
    match options.format {
        Format::Json | Format::Jsonl => {
            output::json(&json!({"database": findings.first(), "findings": findings}))
        }
        Format::Table | Format::Markdown => {
            let mut table = Table::new(&[("what", Align::Left), ("finding", Align::Left)]);
            for finding in findings {
                table.row(vec!["database".to_owned(), finding.clone()]);
            }
            table.row(vec!["index".to_owned(), "not compared, the database is damaged".to_owned()]);
            let mut page = Document::new(options.format);
            page.table(&table);
            output::document(&page)
        }
    }
}

/// Checks and reports. Exit status 1 if anything is wrong and not repaired.
pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    if !options.data.is_dir() {
        return Err(Failure::Refused {
            path: options.data.clone(),
            what: "no such data directory".to_owned(),
        });
    }
    let store = open_store(&options.data)?;
    let inspection = store.inspect(&mut || true)?;
    if !inspection.structure.is_empty() {
        // The store answers nothing any more, so there is nothing to compare the index with.
        report_damage(options, &inspection)?;
        return Ok(ExitCode::FAILURE);
    }
    let database = (!inspection.is_sound()).then(|| inspection.records.join("; "));
    let shared: Arc<dyn Store> = store.clone();
    // A damaged function or sample is met again when the index is read or built.
    let app = match App::open_in(&options.data, shared, Clock::System) {
        Err(_) if database.is_some() => {
            report_damage(options, &inspection)?;
            return Ok(ExitCode::FAILURE);
        }
        outcome => outcome?,
    };
    let mut report = match app.corpus.index().verify(app.corpus.store()) {
        Err(_) if database.is_some() => {
            report_damage(options, &inspection)?;
            return Ok(ExitCode::FAILURE);
        }
        outcome => outcome?,
    };
    let mut repaired = false;
    if !report.equal && options.repair {
        app.corpus.index().rebuild(app.corpus.store())?;
        app.corpus.index().settle();
        let findings = std::mem::take(&mut report.findings);
        report = app.corpus.index().verify(app.corpus.store())?;
        report.findings = findings;
        repaired = report.equal;
    }
    let counts = app.corpus.counts()?;
    let complete = report.samples as u64 == counts.samples && report.functions as u64 == counts.functions;
    let rows = [
        ("database", database.clone().unwrap_or_else(|| "sound".to_owned())),
        ("samples in the store", counts.samples.to_string()),
        ("functions in the store", counts.functions.to_string()),
        ("samples in the index", report.samples.to_string()),
        ("functions in the index", report.functions.to_string()),
        ("index equal to a rebuilt one", (if report.equal { "yes" } else { "no" }).to_owned()),
    ];
    match options.format {
        Format::Json | Format::Jsonl => {
            let figures = json!({
                "database": database,
                "findings": inspection.records,
                "store": {"samples": counts.samples, "functions": counts.functions},
                "index": {
                    "samples": report.samples,
                    "functions": report.functions,
                    "equal": report.equal,
                    "repaired": repaired,
                    "findings": report.findings,
                },
            });
            output::json(&figures)?;
        }
        Format::Table | Format::Markdown => {
            let mut table = Table::new(&[("what", Align::Left), ("finding", Align::Left)]);
            for (what, finding) in rows {
                table.row(vec![what.to_owned(), finding]);
            }
            for finding in &report.findings {
                table.row(vec!["repaired at start".to_owned(), finding.clone()]);
            }
            if repaired {
                table.row(vec!["repaired".to_owned(), "index rebuilt".to_owned()]);
            }
            let mut page = Document::new(options.format);
            page.table(&table);
            output::document(&page)?;
        }
    }
    let sound = database.is_none() && report.equal && complete;
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
