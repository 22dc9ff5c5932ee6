//! The only place that writes to stdout and stderr: data on stdout, everything else on stderr, colours only on a terminal.
//!
//! What is written is a page, one line, or JSON, each made safe on its way (`document`, `shown`); there is no way to write text as it
//! comes. Clippy keeps the two streams out of every other file (`clippy.toml`).
#![expect(clippy::disallowed_methods, reason = "the only place that writes to the terminal")]

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anstyle::{AnsiColor, Style};
use clap::error::ErrorKind;
use serde_json::Value;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::format;

pub(crate) use crate::document::{Align, Document, Format, Table};
use crate::failure::Failure;
use crate::shown::{for_json, for_terminal};

/// Longest line of an error or a note, in characters: a message of a hostile server has no bound of its own.
const MAX_LINE: usize = 2_000;

/// Log lines go to stderr; `MALKIN_LOG` chooses what is logged, for example `debug` or `malkin_service=debug`. Panics are reported
/// there as well.
pub(crate) fn start_log() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("MALKIN_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    // Names of files, answers of servers and texts of requests are values of fields; everything else in a line is ours.
    let fields = format::debug_fn(|writer, field, value| {
        let value = for_terminal(&format!("{value:?}"));
        if field.name() == "message" { write!(writer, "{value}") } else { write!(writer, "{field}={value}") }
    });
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .fmt_fields(fields.delimited(" "))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    std::panic::set_hook(Box::new(|panic| {
        let name = std::thread::current().name().unwrap_or("unnamed").to_owned();
        note(&format!("thread '{name}' {panic}").replace('\n', " "));
        let trace = std::backtrace::Backtrace::capture();
        if trace.status() == std::backtrace::BacktraceStatus::Captured {
            trace.to_string().lines().for_each(note);
        }
    }));
}

/// Writes a page to stdout.
pub(crate) fn document(document: &Document) -> Result<(), Failure> {
    write(document.as_str())
}

/// Writes one line to stdout, for any text.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    write(&format!("{}\n", for_terminal(text)))
}

/// Writes a JSON document to stdout, on one line.
pub(crate) fn json(value: &Value) -> Result<(), Failure> {
    json_text(&value.to_string())
}

/// Writes a JSON document to stdout, indented.
pub(crate) fn json_indented(value: &Value) -> Result<(), Failure> {
    json_text(&format!("{value:#}"))
}

/// Writes JSON that is text already to stdout, one document or one on each line, and ends it with a line feed.
pub(crate) fn json_text(text: &str) -> Result<(), Failure> {
    if text.is_empty() {
        return Ok(());
    }
    let end = if text.ends_with('\n') { "" } else { "\n" };
    write(&format!("{}{end}", for_json(text)))
}

/// The style of headings on stdout: bold on a terminal.
pub(crate) fn bold() -> Style {
    if std::io::stdout().is_terminal() { Style::new().bold() } else { Style::new() }
}

fn write(text: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()?;
    Ok(())
}

/// Writes one line to stderr, for any text.
pub(crate) fn note(text: &str) {
    note_after("", text);
}

fn note_after(start: &str, text: &str) {
    let text = match text.char_indices().nth(MAX_LINE) {
        Some((end, _)) => format!("{}…", for_terminal(&text[..end])),
        None => for_terminal(text),
    };
    let _ = writeln!(std::io::stderr(), "{start}{text}");
}

/// Reports why a command failed.
pub(crate) fn error(failure: &Failure) {
    if !failure.is_broken_pipe() {
        let style =
            if std::io::stderr().is_terminal() { AnsiColor::Red.on_default().bold() } else { Style::new() };
        note_after(&format!("{style}error{style:#}: "), failure.to_string().trim_end());
    }
}

/// Prints help, or what is wrong with the command line, and returns the exit status: 0 or 2. A wrong argument may be the name of a
/// file that a stranger made, so its text is made safe.
pub(crate) fn usage(mut error: clap::Error) -> u8 {
    if !matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        let unsafe_text = |text: &str| for_terminal(text) != text;
        let context: Vec<_> = error.context().map(|(kind, value)| (kind, value.clone())).collect();
        for (kind, value) in context {
            use clap::error::ContextValue as Text;
            let value = match value {
                Text::String(text) if unsafe_text(&text) => Text::String(for_terminal(&text)),
                Text::Strings(texts) => Text::Strings(texts.iter().map(|text| for_terminal(text)).collect()),
                _ => continue,
            };
            error.insert(kind, value);
        }
        let plain = error.render().to_string();
        if plain.lines().any(unsafe_text) {
            plain.lines().for_each(note);
            return 2;
        }
    }
    // Nobody reads it if the stream is gone.
    let _ = error.print();
    error.exit_code() as u8
}

/// Counts inputs done and the time left on one line of stderr, if that is a terminal.
#[derive(Debug)]
pub(crate) struct Progress {
    total: usize,
    what: &'static str,
    done: AtomicUsize,
    started: Instant,
    shown: bool,
}

impl Progress {
    /// Progress over a number of inputs; a single one needs none.
    pub(crate) fn over(total: usize) -> Self {
        Self::counting(total, "files")
    }

    /// The same over batches of something.
    pub(crate) fn over_batches(total: usize) -> Self {
        Self::counting(total, "batches")
    }

    fn counting(total: usize, what: &'static str) -> Self {
        let shown = total > 1 && std::io::stderr().is_terminal();
        Self { total, what, done: AtomicUsize::new(0), started: Instant::now(), shown }
    }

    /// One more is done.
    pub(crate) fn step(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        if self.shown {
            let left =
                self.started.elapsed().mul_f64((self.total - done.min(self.total)) as f64 / done as f64);
            let end = if done == self.total { "\n" } else { "" };
            let line = format!("{done} of {} {}, about {} s left", self.total, self.what, left.as_secs());
            let _ = write!(std::io::stderr(), "\r{line:<60}{end}");
        }
    }
}
