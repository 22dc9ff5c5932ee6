//! `malkin verify`: does the data directory hold what it should, and does the index say what the store says?

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use crate::failure::Failure;
use crate::output::{self, Align, Document, Format, Table};
use crate::place;

/// Options of the command.
#[derive(Args, Debug)]
#[group(skip)]
pub(crate) struct Options {
    /// Data directory of the embedded store
    #[arg(long, value_name = "DIR", env = "MALKIN_DATA", default_value = "malkin-data")]
    data: PathBuf,

    /// Build the index anew from the store if it does not agree with it
    #[arg(long)]
    repair: bool,

    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// Checks, and says what it found. Status 1 if anything was wrong that is not mended now.
pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    if !options.data.is_dir() {
        return Err(Failure::Refused {
            path: options.data.clone(),
            what: "no such data directory".to_owned(),
        });
    }
    let (engine, store) = place::open_local(&options.data, "malkin verify")?;
    let database = store.verify().err().map(|error| error.to_string());
    let mut report = engine.memory().verify(engine.store())?;
    let mut repaired = false;
    if !report.equal && options.repair {
        engine.memory().rebuild(engine.store())?;
        engine.memory().settle();
        let findings = std::mem::take(&mut report.findings);
        report = engine.memory().verify(engine.store())?;
        report.findings = findings;
        repaired = report.equal;
    }
    let counts = engine.counts()?;
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
                table.row(vec!["mended at start".to_owned(), finding.clone()]);
            }
            if repaired {
                table.row(vec!["repaired".to_owned(), "the index was built anew".to_owned()]);
            }
            let mut page = Document::new(options.format);
            page.table(&table);
            output::document(&page)?;
        }
    }
    let sound = database.is_none() && report.equal && complete;
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
