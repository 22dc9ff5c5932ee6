//! `malkin lookup`: what threat-intelligence providers know about hashes. Keys come from the environment.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use malkin_service::triage::{hash_kind, kind_name};
use malkin_service::{App, Clock, IntelSettings, Settings};
use malkin_store::SqliteStore;
use serde_json::Value;

use crate::command::exit_code;
use crate::failure::Failure;
use crate::output::{self, Align, Document, Table};

/// Options of the command.
#[derive(Args, Debug)]
#[group(skip)]
pub(crate) struct Options {
    /// MD5, SHA-1 or SHA-256 hashes
    #[arg(required = true, value_name = "HASH")]
    hashes: Vec<String>,

    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// Ways to print.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Format {
    /// Text for people
    Table,
    /// The answer as the API returns it, one line per hash
    Json,
    /// Markdown for a report
    Markdown,
}

/// Looks all hashes up, one after the other.
pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let store = std::sync::Arc::new(SqliteStore::open_in_memory()?);
    let intel = IntelSettings::from_named(|name| std::env::var(name).ok());
    if !intel.has_keys() {
        output::note("no provider key is set: set VT_API_KEY, HA_API_KEY, ABUSE_API_KEY or OTX_API_KEY");
    }
    let app = App::open_with(None, store, Clock::System, Settings { intel, ..Settings::default() })?;
    let mut failed = 0;
    for hash in &options.hashes {
        let hash = hash.trim();
        let Some(kind) = hash_kind(hash) else {
            output::error(&Failure::Other(format!(
                "{hash}: expected an MD5, SHA-1 or SHA-256 hash, found {}",
                kind_name(hash)
            )));
            failed += 1;
            continue;
        };
        let answer = app.triage.look_up(hash, kind);
        match options.format {
            Format::Json => output::json(&answer)?,
            Format::Table => output::document(&table(&answer, Document::plain()))?,
            Format::Markdown => output::document(&table(&answer, Document::markdown()))?,
        }
    }
    Ok(exit_code(options.hashes.len() - failed, failed))
}

fn table(answer: &Value, mut page: Document) -> Document {
    let summary = &answer["summary"];
    let list = |name: &str| -> String {
        let items = summary[name].as_array().into_iter().flatten().filter_map(Value::as_str);
        items.map(str::to_owned).collect::<Vec<_>>().join(", ")
    };
    let opinion = match summary["known_malicious"].as_bool() {
        Some(true) => "malicious",
        Some(false) => "not malicious",
        None => "unknown",
    };
    let hash = answer["hash"].as_str().unwrap_or_default();
    let mut rows = vec![("verdict".to_owned(), opinion.to_owned())];
    for (provider, status) in summary["status"].as_object().into_iter().flatten() {
        let basis = summary["verdicts"][provider]["basis"].as_str().map(|basis| format!(" ({basis})"));
        rows.push((
            provider.clone(),
            format!("{}{}", status.as_str().unwrap_or_default(), basis.unwrap_or_default()),
        ));
    }
    for (label, name) in [
        ("families", "families"),
        ("labels", "labels"),
        ("tags", "tags"),
        ("names", "names"),
        ("pages", "references"),
    ] {
        let text = list(name);
        if !text.is_empty() {
            rows.push((label.to_owned(), text));
        }
    }
    for name in ["file_type", "first_seen", "last_seen"] {
        if let Some(text) = summary[name].as_str() {
            rows.push((name.replace('_', " "), text.to_owned()));
        }
    }
    page.heading(2, hash);
    if page.is_markdown() {
        page.blank();
        let mut table = Table::new(&[("", Align::Left), ("", Align::Left)]);
        for (name, value) in rows {
            table.row(vec![name, value]);
        }
        page.table(&table);
    } else {
        for (name, value) in rows {
            page.item(&format!("{name:<16} {value}"));
        }
    }
    page.blank();
    page
}
