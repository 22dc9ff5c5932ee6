//! What is printed: pages of lines and tables. The only text that `output` writes to the terminal, besides JSON.
//!
//! Text enters a page line by line or cell by cell, and each is made safe there (`shown`): no name can make a line
//! of its own, no escape sequence and no markup. Markup and colours are added by the methods here and never come from text.

use std::fmt::Write as _;

use clap::ValueEnum;

use crate::shown::{for_markdown, for_markdown_cell, for_terminal};

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

/// Lines and tables, for a terminal or as Markdown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Document {
    text: String,
    is_markdown: bool,
}

impl Document {
    /// An empty page for a terminal or a text file.
    pub(crate) fn plain() -> Self {
        Self { text: String::new(), is_markdown: false }
    }

    /// An empty page of Markdown.
    pub(crate) fn markdown() -> Self {
        Self { text: String::new(), is_markdown: true }
    }

    /// An empty page in the form that was asked for.
    pub(crate) fn new(format: Format) -> Self {
        if format == Format::Markdown { Self::markdown() } else { Self::plain() }
    }

    /// Whether this is Markdown.
    pub(crate) fn is_markdown(&self) -> bool {
        self.is_markdown
    }

    /// The text so far: safe to write as it is.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    fn shown(&self, text: &str) -> String {
        if self.is_markdown { for_markdown(text) } else { for_terminal(text) }
    }

    fn push(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// One line, for any text.
    pub(crate) fn line(&mut self, text: &str) {
        self.push(&self.shown(text));
    }

    /// An empty line.
    pub(crate) fn blank(&mut self) {
        self.text.push('\n');
    }

    /// A line that in Markdown is a heading of this level, 1 to 6.
    pub(crate) fn heading(&mut self, level: usize, text: &str) {
        let text = self.shown(text);
        self.push(&if self.is_markdown { format!("{} {text}", "#".repeat(level)) } else { text });
    }

    /// A line that in Markdown is bold.
    pub(crate) fn strong(&mut self, text: &str) {
        let text = self.shown(text.trim_end());
        self.push(&if self.is_markdown { format!("**{text}**") } else { text });
    }

    /// A line of a list.
    pub(crate) fn item(&mut self, text: &str) {
        let bullet = if self.is_markdown { "- " } else { "  " };
        self.push(&format!("{bullet}{}", self.shown(text)));
    }

    /// Lines of text in another language, such as a YARA rule: nothing but hidden characters is escaped.
    pub(crate) fn code(&mut self, language: &'static str, text: &str) {
        // A fence longer than any run of backticks in the text cannot be closed by it.
        let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
        let fence = "`".repeat(longest.max(2) + 1);
        if self.is_markdown {
            self.push(&format!("{fence}{language}"));
        }
        for line in text.lines() {
            self.push(&for_terminal(line));
        }
        if self.is_markdown {
            self.push(&fence);
        }
    }

    /// A table.
    pub(crate) fn table(&mut self, table: &Table) {
        self.text.push_str(&if self.is_markdown { table.to_markdown() } else { table.to_text() });
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

/// A table of text, which is kept as it comes and made safe when it is set.
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

    /// The same with columns that are only known when the table is made.
    pub(crate) fn with_names(columns: Vec<(String, Align)>) -> Self {
        Self { columns, rows: Vec::new() }
    }

    /// Adds a row of as many cells as there are columns.
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    fn to_text(&self) -> String {
        let names: Vec<String> = self.columns.iter().map(|(name, _)| for_terminal(name)).collect();
        let rows: Vec<Vec<String>> =
            self.rows.iter().map(|row| row.iter().map(|cell| cut(&for_terminal(cell))).collect()).collect();
        let width = |at: usize| {
            let cells = rows.iter().chain([&names]).filter_map(|row| row.get(at));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        let bold = crate::output::bold();
        let mut text = format!("{bold}{}{bold:#}\n", self.set(&names, &widths));
        for row in &rows {
            text.push_str(&self.set(row, &widths));
            text.push('\n');
        }
        text
    }

    fn set(&self, cells: &[String], widths: &[usize]) -> String {
        let cells =
            cells.iter().zip(widths).zip(&self.columns).map(|((cell, width), (_, align))| match align {
                Align::Left => format!("{cell:<width$}"),
                Align::Right => format!("{cell:>width$}"),
            });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    }

    fn to_markdown(&self) -> String {
        let mut text = String::from("|");
        for (name, _) in &self.columns {
            // Writing to a String cannot fail.
            let _ = write!(text, " {} |", for_markdown_cell(name));
        }
        text.push_str("\n|");
        for (_, align) in &self.columns {
            text.push_str(if *align == Align::Right { " ---: |" } else { " --- |" });
        }
        text.push('\n');
        for row in &self.rows {
            text.push('|');
            for cell in row {
                let _ = write!(text, " {} |", for_markdown_cell(cell));
            }
            text.push('\n');
        }
        text
    }
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

    fn page(format: Format, table: &Table) -> String {
        let mut page = Document::new(format);
        page.table(table);
        page.as_str().to_owned()
    }

    #[test]
    fn tables_align_and_escape() {
        let mut table = Table::new(&[("family", Align::Left), ("matched", Align::Right)]);
        table.row(vec!["a|b".to_owned(), "7".to_owned()]);
        table.row(vec!["\u{1b}[31mx\n".to_owned(), "123".to_owned()]);
        assert_eq!(
            page(Format::Table, &table),
            "family         matched\na|b                  7\n\\u{1b}[31mx\\n      123\n"
        );
        assert_eq!(
            page(Format::Markdown, &table),
            "| family | matched |\n| --- | ---: |\n| a\\|b | 7 |\n| \\\\u{1b}\\[31mx\\\\n | 123 |\n"
        );
        assert_eq!(cut(&"x".repeat(50)).chars().count(), MAX_CELL);
    }

    #[test]
    fn a_text_makes_one_line_and_no_markup() {
        let text = "<b>\n```\n# x";
        for mut page in [Document::plain(), Document::markdown()] {
            page.line(text);
            page.heading(2, text);
            page.strong(text);
            page.item(text);
            assert_eq!(page.as_str().lines().count(), 4, "{page:?}");
            assert_eq!(page.as_str().contains("<b>"), !page.is_markdown());
        }
    }

    #[test]
    fn code_does_not_end_its_fence() {
        let mut page = Document::markdown();
        page.code("yara", "a\n````\nb\u{1b}\n");
        assert_eq!(page.as_str(), "`````yara\na\n````\nb\\u{1b}\n`````\n");
    }
}
