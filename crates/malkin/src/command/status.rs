//! `malkin status`: what the corpus holds.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::output::{self, Align, Document, Format, Table};
use crate::place::{self, Place};

/// Options of the command.
#[derive(Args, Debug)]
#[group(skip)]
pub(crate) struct Options {
    #[command(flatten)]
    place: place::Options,

    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// Prints the figures.
pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let status = match options.place.open_to_read()? {
        Place::Remote(remote) => remote.get("/status?with_pichash=true")?["status"].take(),
        Place::Local(app) => {
            let counts = app.corpus.counts()?;
            let index = app.corpus.index().stats();
            json!({
                "num_families": counts.families,
                "num_samples": counts.samples,
                "num_functions": counts.functions,
                "num_pichashes": app.corpus.store().distinct_pichashes()?,
                "num_signatures": index.signatures,
                "index_bytes": index.signature_bytes + index.overhead_bytes,
                "num_samples_with_stale_minhashes": counts.samples_with_stale_minhashes,
                "smda_version": malkin_codehash::SMDA_VERSION,
                "escaper_fingerprint": malkin_codehash::ESCAPER_FINGERPRINT,
            })
        }
    };
    match options.format {
        Format::Json | Format::Jsonl => output::json(&status)?,
        Format::Table | Format::Markdown => {
            let mut page = Document::new(options.format);
            page.table(&table(&status));
            output::document(&page)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn table(status: &Value) -> Table {
    let mut table = Table::new(&[("what", Align::Left), ("value", Align::Right)]);
    for (name, value) in status.as_object().into_iter().flatten() {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        table.row(vec![name.strip_prefix("num_").unwrap_or(name).replace('_', " "), value]);
    }
    table
}
