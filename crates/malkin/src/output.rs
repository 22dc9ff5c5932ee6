//! What a person sees: data on stdout, everything else on stderr, colours only on a terminal, tables that fit.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anstyle::{AnsiColor, Style};
use clap::ValueEnum;

use crate::failure::Failure;

/// How a result is printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Format {
    /// A table for reading.
    Table,
    /// The API's JSON.
    Json,
    /// One JSON document a line.
    Jsonl,
    /// A table for reports.
    Markdown,
}

/// Log lines go to stderr; `MALKIN_LOG` chooses what is logged, for example `debug` or `malkin_service=debug`.
pub(crate) fn start_log() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("MALKIN_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
}

/// Writes data to stdout.
pub(crate) fn data(text: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()?;
    Ok(())
}

/// Says something on stderr.
pub(crate) fn note(text: &str) {
    // Nobody to tell if stderr is gone.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Says why a command failed.
pub(crate) fn error(failure: &Failure) {
    if !failure.is_broken_pipe() {
        let style = error_style();
        note(&format!("{style}error{style:#}: {failure}"));
    }
}

fn error_style() -> Style {
    if std::io::stderr().is_terminal() { AnsiColor::Red.on_default().bold() } else { Style::new() }
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

/// How a column is set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// A table of text.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    columns: Vec<(String, Align)>,
    rows: Vec<Vec<String>>,
}

/// Widest cell of a table for reading; longer ones are cut.
const MAX_CELL: usize = 40;

impl Table {
    /// A table with these columns.
    pub(crate) fn new(columns: &[(&'static str, Align)]) -> Self {
        Self::with_names(columns.iter().map(|(name, align)| ((*name).to_owned(), *align)).collect())
    }

    /// The same with columns that are only known when the table is made. Their names are cleaned as cells are.
    pub(crate) fn with_names(columns: Vec<(String, Align)>) -> Self {
        let columns = columns.into_iter().map(|(name, align)| (clean(&name), align));
        Self { columns: columns.collect(), rows: Vec::new() }
    }

    /// Adds a row. Text from samples may hold anything: control characters are replaced, so that it cannot steer the
    /// terminal.
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells.iter().map(|cell| clean(cell)).collect());
    }

    /// For a terminal or a text file.
    pub(crate) fn to_text(&self) -> String {
        let rows: Vec<Vec<String>> =
            self.rows.iter().map(|row| row.iter().map(|cell| cut(cell)).collect()).collect();
        let widths: Vec<usize> = self
            .columns
            .iter()
            .enumerate()
            .map(|(at, (name, _))| {
                rows.iter()
                    .map(|row| row[at].chars().count())
                    .chain([name.chars().count()])
                    .max()
                    .unwrap_or(0)
            })
            .collect();
        let bold = if std::io::stdout().is_terminal() { Style::new().bold() } else { Style::new() };
        let names = self.columns.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        let mut text = format!("{bold}{}{bold:#}\n", self.line(&names, &widths));
        for row in &rows {
            text.push_str(&self.line(row, &widths));
            text.push('\n');
        }
        text
    }

    fn line(&self, cells: &[String], widths: &[usize]) -> String {
        let cells =
            cells.iter().zip(widths).zip(&self.columns).map(|((cell, width), (_, align))| match align {
                Align::Left => format!("{cell:<width$}"),
                Align::Right => format!("{cell:>width$}"),
            });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    }

    /// For a report.
    pub(crate) fn to_markdown(&self) -> String {
        let escape = |cell: &str| cell.replace('\\', "\\\\").replace('|', "\\|").replace('<', "&lt;");
        let mut text = String::from("|");
        for (name, _) in &self.columns {
            let _ = write!(text, " {name} |");
        }
        text.push_str("\n|");
        for (_, align) in &self.columns {
            text.push_str(if *align == Align::Right { " ---: |" } else { " --- |" });
        }
        text.push('\n');
        for row in &self.rows {
            text.push('|');
            for cell in row {
                let _ = write!(text, " {} |", escape(cell));
            }
            text.push('\n');
        }
        text
    }
}

/// Text out of a file, fit for a terminal: control characters could steer it.
pub(crate) fn clean(cell: &str) -> String {
    cell.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn cut(cell: &str) -> String {
    if cell.chars().count() <= MAX_CELL {
        return cell.to_owned();
    }
    cell.chars().take(MAX_CELL - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_align_and_escape() {
        let mut table = Table::new(&[("family", Align::Left), ("matched", Align::Right)]);
        table.row(vec!["a|b".to_owned(), "7".to_owned()]);
        table.row(vec!["\u{1b}[31mx".to_owned(), "123".to_owned()]);
        assert_eq!(table.to_text(), "family  matched\na|b           7\n\u{fffd}[31mx      123\n");
        assert_eq!(
            table.to_markdown(),
            "| family | matched |\n| --- | ---: |\n| a\\|b | 7 |\n| \u{fffd}[31mx | 123 |\n"
        );
        assert_eq!(cut(&"x".repeat(50)).chars().count(), MAX_CELL);
    }
}
