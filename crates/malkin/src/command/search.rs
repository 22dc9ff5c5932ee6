//! `malkin search`: families, samples or functions by a query.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use malkin_service::App;
use malkin_service::questions;
use malkin_store::{Filter, Noun, Order, Search, SearchError};
use serde_json::{Map, Value, json};

use crate::failure::Failure;
use crate::output::{self, Align, Document, Format, Table};
use crate::place::{self, Place};

/// What is searched.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Kind {
    Families,
    Samples,
    Functions,
}

/// Options of the command.
#[derive(Args, Debug)]
#[group(skip)]
pub(crate) struct Options {
    /// Kind of record to search
    #[arg(value_enum, value_name = "KIND")]
    kind: Kind,

    /// Words in names, conditions such as num_functions:>10 or family:=name, AND, OR, NOT, parentheses, quotes; an empty
    /// query matches everything
    #[arg(value_name = "QUERY", allow_hyphen_values = true)]
    query: String,

    /// Maximum number of records to show
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,

    /// Sort by this field [default: number]
    #[arg(long, value_name = "FIELD")]
    sort: Option<String>,

    /// Sort in descending order
    #[arg(long)]
    descending: bool,

    /// Output format; JSON is an object with the records by number
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,

    #[command(flatten)]
    place: place::Options,
}

/// Searches and prints.
pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let (records, more) = match options.place.open_to_read()? {
        Place::Local(app) => local(&app, options)?,
        Place::Remote(remote) => {
            let mut answer = remote.get(&path(options))?;
            let more = answer["cursor"]["forward"].is_string();
            match answer["search_results"].take() {
                Value::Object(records) => (records, more),
                _ => return Err(Failure::Remote("the server returned no search results".to_owned())),
            }
        }
    };
    match options.format {
        Format::Json => output::json(&Value::Object(records))?,
        Format::Jsonl => records.values().try_for_each(output::json)?,
        Format::Table | Format::Markdown => {
            let mut page = Document::new(options.format);
            page.table(&table(options.kind, &records));
            output::document(&page)?;
        }
    }
    if more {
        output::note("more results available; raise --limit");
    }
    Ok(ExitCode::SUCCESS)
}

/// The records of a data directory by number, and whether there are more.
fn local(app: &App, options: &Options) -> Result<(Map<String, Value>, bool), Failure> {
    let refused = |error: SearchError| Failure::Other(error.to_string());
    let noun = match options.kind {
        Kind::Families => Noun::Family,
        Kind::Samples => Noun::Sample,
        Kind::Functions => Noun::Function,
    };
    let order = Order::new(noun, options.sort.as_deref(), !options.descending).map_err(refused)?;
    let filter = Filter::new(noun, &options.query).map_err(refused)?;
    order.check().map_err(refused)?;
    let search = Search { filter, order, border: None, limit: options.limit as usize };
    let store = app.corpus.store();
    Ok(match options.kind {
        Kind::Families => {
            let found = store.search_families(&search)?;
            let records =
                found.entries.iter().map(|f| (f.family_id.to_string(), malkin_wire::family_entry_to_json(f)));
            (records.collect(), found.more)
        }
        Kind::Samples => {
            let found = store.search_samples(&search)?;
            let records =
                found.entries.iter().map(|s| (s.sample_id.to_string(), malkin_wire::sample_entry_to_json(s)));
            (records.collect(), found.more)
        }
        Kind::Functions => {
            let by_pichash = |hash| {
                questions::with_pichash(&app.corpus, hash).into_iter().map(|place| place.function).collect()
            };
            let found = store.search_functions(&search, Some(&by_pichash))?;
            let record = |f| malkin_wire::function_entry_to_json(f, Value::Null);
            let records = found.entries.iter().map(|f| (f.function_id.to_string(), record(f)));
            (records.collect(), found.more)
        }
    })
}

/// The request to a server.
fn path(options: &Options) -> String {
    let noun = match options.kind {
        Kind::Families => "families",
        Kind::Samples => "samples",
        Kind::Functions => "functions",
    };
    let mut path = format!("/search/{noun}?query={}&limit={}", escape(&options.query), options.limit);
    if let Some(sort) = &options.sort {
        path.push_str("&sort_by=");
        path.push_str(&escape(sort));
    }
    if options.descending {
        path.push_str("&is_ascending=false");
    }
    path
}

fn escape(text: &str) -> String {
    let bytes = text.bytes().map(|byte| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    });
    bytes.collect()
}

fn table(kind: Kind, records: &Map<String, Value>) -> Table {
    use Align::{Left, Right};
    let columns: &[(&'static str, &str, Align)] = match kind {
        Kind::Families => &[
            ("id", "family_id", Right),
            ("family", "family_name", Left),
            ("samples", "num_samples", Right),
            ("functions", "num_functions", Right),
            ("library", "num_library_samples", Right),
        ],
        Kind::Samples => &[
            ("id", "sample_id", Right),
            ("family", "family", Left),
            ("version", "version", Left),
            ("component", "component", Left),
            ("filename", "filename", Left),
            ("functions", "/statistics/num_functions", Right),
            ("library", "is_library", Left),
            ("sha256", "sha256", Left),
        ],
        Kind::Functions => &[
            ("id", "function_id", Right),
            ("sample", "sample_id", Right),
            ("family", "family_id", Right),
            ("offset", "offset", Right),
            ("name", "function_name", Left),
            ("instructions", "num_instructions", Right),
            ("blocks", "num_blocks", Right),
            ("pichash", "pichash", Right),
        ],
    };
    let names: Vec<(&'static str, Align)> = columns.iter().map(|(name, _, align)| (*name, *align)).collect();
    let mut table = Table::new(&names);
    for record in records.values() {
        table.row(columns.iter().map(|(_, field, _)| cell(field, record)).collect());
    }
    table
}

fn cell(field: &str, record: &Value) -> String {
    let value = if field.starts_with('/') { record.pointer(field) } else { record.get(field) };
    match (field, value.unwrap_or(&json!(""))) {
        ("offset", Value::Number(number)) => {
            let bits = number.as_i64().map_or_else(|| number.as_u64().unwrap_or(0), |signed| signed as u64);
            format!("{bits:#x}")
        }
        ("pichash", Value::Number(number)) => format!("{:016x}", number.as_u64().unwrap_or(0)),
        (_, Value::String(text)) => text.clone(),
        (_, Value::Bool(flag)) => if *flag { "yes" } else { "" }.to_owned(),
        (_, value) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_escaped_and_cells_readable() {
        assert_eq!(escape("a b&c=\u{e4}~"), "a%20b%26c%3D%C3%A4~");
        let record =
            json!({"offset": -4096, "pichash": 255, "is_library": true, "statistics": {"num_functions": 3}});
        assert_eq!(cell("offset", &record), "0xfffffffffffff000");
        assert_eq!(cell("pichash", &record), "00000000000000ff");
        assert_eq!(cell("/statistics/num_functions", &record), "3");
        assert_eq!(
            (cell("is_library", &record), cell("nothing", &record)),
            ("yes".to_owned(), String::new())
        );
    }
}
