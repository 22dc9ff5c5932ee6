//! `malkin triage`: what a file is, what code it shares with the corpus, what others say about it, and a verdict that names its
//! reasons. Nothing is kept and nothing is sent anywhere but hashes to providers that have a key.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use malkin_service::triage::DEFAULT_MODEL;
use malkin_service::{App, Clock, IntelSettings, Settings, Uploaded};
use malkin_store::SqliteStore;
use serde_json::Value;

use crate::command::exit_code;
use crate::failure::Failure;
use crate::output::{self, Document, Format};
use crate::{input, place};

/// Options of the command.
#[derive(Args, Debug)]
#[group(skip)]
pub(crate) struct Options {
    /// Files or folders to examine
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Compare code with the corpus in this data directory, if it exists [default: malkin-data]
    #[arg(long, value_name = "DIR", env = "MALKIN_DATA")]
    data: Option<PathBuf>,

    /// Run the YARA rules in this folder
    #[arg(long, value_name = "DIR", env = "MALKIN_RULES")]
    rules: Option<PathBuf>,

    /// Skip disassembly and matching (much faster)
    #[arg(long)]
    no_similarity: bool,

    /// Output format; JSON is the indented record of a file, JSONL the record on one line
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// Examines all files.
pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let files = input::expand(&options.files)?;
    let data = options.data.as_deref().unwrap_or(Path::new("malkin-data"));
    let settings = Settings {
        intel: IntelSettings::from_named(|name| std::env::var(name).ok()),
        rules: options.rules.as_deref().map(input::rules).transpose()?,
        ..Settings::default()
    };
    let app = if data.is_dir() {
        place::open_local_with(data, "malkin triage", settings)?.0
    } else {
        if options.data.is_some() {
            output::note(&format!("no data directory at {}: skipping the comparison", data.display()));
        }
        App::open_with(None, Arc::new(SqliteStore::open_in_memory()?), Clock::System, settings)?
    };
    let mut failed = 0;
    for file in &files {
        if let Err(failure) = one(&app, file, options) {
            if failure.is_broken_pipe() {
                return Err(failure);
            }
            output::error(&failure);
            failed += 1;
        }
    }
    Ok(exit_code(files.len() - failed, failed))
}

fn one(app: &App, path: &Path, options: &Options) -> Result<(), Failure> {
    let bytes = input::raw(path)?;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let file = Uploaded {
        bytes: &bytes,
        name: &name,
        hint: "",
        model: DEFAULT_MODEL,
        similarity: !options.no_similarity,
    };
    let text = app.triage.examine_now(&file)?;
    if options.format == Format::Jsonl {
        return output::json_text(&text);
    }
    let record: Value = serde_json::from_str(&text)
        .map_err(|error| Failure::Other(format!("the record cannot be read: {error}")))?;
    match options.format {
        Format::Json => output::json_indented(&record),
        format => output::document(&readable(&record, Document::new(format))),
    }
}

/// Lines of a list that are shown.
const SHOWN: usize = 12;

fn readable(record: &Value, mut page: Document) -> Document {
    let facts = &record["facts"];
    let text_of = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let name = text_of(&record["file"]["name"]);
    let verdict = &record["verdict"];
    let level = format!("{} ({} of 100)", text_of(&verdict["level"]), verdict["score"]);
    if page.is_markdown() {
        page.heading(1, &name);
        page.blank();
        page.strong(&level);
    } else {
        page.line(&format!("{name}: {level}"));
    }
    let mut section = |title: &str, rows: Vec<String>| {
        if rows.is_empty() {
            return;
        }
        page.blank();
        page.heading(2, title);
        if page.is_markdown() {
            page.blank();
        }
        rows.iter().take(SHOWN).for_each(|row| page.item(row));
        if rows.len() > SHOWN {
            page.item(&format!("and {} more", rows.len() - SHOWN));
        }
    };
    let list = |value: &'_ Value| value.as_array().cloned().unwrap_or_default();
    let reasons = list(&verdict["reasons"]);
    section(
        "why",
        reasons
            .iter()
            .map(|reason| {
                format!(
                    "{:>+4}  {}  [{}]",
                    reason["points"].as_i64().unwrap_or_default(),
                    text_of(&reason["what"]),
                    text_of(&reason["fact"])
                )
            })
            .collect(),
    );
    let mut file =
        vec![format!("{} of {} bytes, entropy {}", text_of(&facts["kind"]), facts["size"], facts["entropy"])];
    for hash in ["md5", "sha1", "sha256", "ssdeep", "tlsh"] {
        if let Some(value) = facts["hashes"][hash].as_str() {
            file.push(format!("{hash:<8} {value}"));
        }
    }
    if let Some(imphash) = facts["pe"]["imphash"].as_str() {
        file.push(format!("imphash  {imphash}"));
    }
    let signature = &facts["pe"]["signature"];
    if signature.is_object() {
        file.push(signed(signature, &text_of));
    }
    section("file", file);
    for part in ["pe", "native"] {
        let sections = list(&facts[part]["sections"]);
        section(
            "sections",
            sections
                .iter()
                .map(|row| {
                    format!(
                        "{:<10} {:<3} {:>10} bytes  entropy {}",
                        text_of(&row["name"]),
                        text_of(&row["flags"]),
                        row["size"],
                        row["entropy"]
                    )
                })
                .collect(),
        );
    }
    section("findings", list(&facts["findings"]).iter().map(|finding| text_of(&finding["what"])).collect());
    section(
        "capabilities",
        list(&facts["capabilities"])
            .iter()
            .map(|one| {
                let apis: Vec<String> = list(&one["apis"]).iter().map(&text_of).collect();
                format!("{:<10} {}  ({})", text_of(&one["technique"]), text_of(&one["what"]), apis.join(", "))
            })
            .collect(),
    );
    section(
        "indicators",
        list(&facts["indicators"])
            .iter()
            .map(|one| format!("{:<16} {}", text_of(&one["kind"]), text_of(&one["defanged"])))
            .collect(),
    );
    section(
        "put together on the stack",
        list(&facts["stack_strings"])
            .iter()
            .map(|one| format!("{:<16} {}", address(&one["function"]), text_of(&one["text"])))
            .collect(),
    );
    section(
        "kinship",
        list(&record["kinship"]["families"])
            .iter()
            .map(|family| {
                format!(
                    "{:<20} {:>6} % of the code, {} functions of its own",
                    text_of(&family["family"]),
                    family["percent"],
                    family["unique_functions"]
                )
            })
            .collect(),
    );
    section(
        "rules",
        list(&facts["yara"])
            .iter()
            .map(|hit| format!("{}  ({})", text_of(&hit["rule"]), text_of(&hit["namespace"])))
            .collect(),
    );
    section(
        "inside",
        list(&record["children"])
            .iter()
            .map(|child| {
                format!("{:<8} {:>4}  {}", text_of(&child["level"]), child["score"], text_of(&child["path"]))
            })
            .collect(),
    );
    section("not unpacked", list(&record["not_unpacked"]).iter().map(&text_of).collect());
    let status = record["reputation"]["summary"]["status"].as_object().cloned().unwrap_or_default();
    section(
        "reputation",
        status.iter().map(|(provider, status)| format!("{provider:<16} {}", text_of(status))).collect(),
    );
    section("not read", list(&facts["unread"]).iter().map(&text_of).collect());
    page.blank();
    page
}

/// A signature in one line. That the names in it are checked by nobody has to be said each time.
fn signed(signature: &Value, text_of: &dyn Fn(&Value) -> String) -> String {
    let signer = &signature["signer"];
    let by = if signer.is_object() {
        format!("signed by {} until {}", text_of(&signer["name"]), text_of(&signer["not_after"]))
    } else {
        "signed, without the certificate of the signer".to_owned()
    };
    let digest = match signature["file_digest"].as_str() {
        Some("fits") => "made for this file",
        Some("differs") => "NOT made for this file",
        _ => "digest of the file not readable",
    };
    format!("{by} ({digest}; chain not checked)")
}

fn address(value: &Value) -> String {
    format!("0x{:x}", value.as_u64().unwrap_or_default())
}
