//! Pages about examined files.

use askama::Template;

use crate::filters;
use crate::frame::{Frame, Pager};

/// A record in a list.
#[derive(Clone, Debug, Default)]
pub struct AnalysisRow {
    /// Its id.
    pub id: String,
    /// Name of the file.
    pub name: String,
    /// SHA-256 of the file.
    pub sha256: String,
    /// Size in bytes.
    pub size: u64,
    /// When.
    pub when: String,
    /// Families.
    pub families: Vec<String>,
}

/// Records.
#[derive(Debug, Template)]
#[template(path = "analyses.html")]
pub struct AnalysesPage {
    /// What surrounds it.
    pub frame: Frame,
    /// What was searched.
    pub query: String,
    /// Rows.
    pub rows: Vec<AnalysisRow>,
    /// Pages.
    pub pager: Pager,
}

/// A reason of a verdict.
#[derive(Clone, Debug, Default)]
pub struct Reason {
    /// Points.
    pub points: i64,
    /// What.
    pub text: String,
    /// The member of the record it rests on.
    pub from: String,
}

/// A text with its place: an indicator, a capability, a finding.
#[derive(Clone, Debug, Default)]
pub struct Item {
    /// Kind.
    pub kind: String,
    /// What.
    pub text: String,
    /// More about it.
    pub detail: String,
}

/// A section of the file.
#[derive(Clone, Debug, Default)]
pub struct SectionRow {
    /// Name.
    pub name: String,
    /// Address.
    pub address: u64,
    /// Size in the file.
    pub size: u64,
    /// Entropy, 0..=8.
    pub entropy: f64,
    /// Rights, for example `r-x`.
    pub rights: String,
}

/// One record.
#[derive(Debug, Template)]
#[template(path = "analysis.html")]
pub struct AnalysisPage {
    /// What surrounds it.
    pub frame: Frame,
    /// Its id.
    pub id: String,
    /// Name of the file.
    pub name: String,
    /// When.
    pub when: String,
    /// Level in words.
    pub level: String,
    /// Score, 0..=100.
    pub score: i64,
    /// What it adds up from.
    pub reasons: Vec<Reason>,
    /// Kind of the file and what is known of it.
    pub facts: Vec<(&'static str, String)>,
    /// Hashes.
    pub hashes: Vec<(&'static str, String)>,
    /// Families with code in common: name, functions, share.
    pub kinship: Vec<(String, u64, f64)>,
    /// Functions compared.
    pub compared: Option<u64>,
    /// Findings.
    pub findings: Vec<Item>,
    /// Capabilities.
    pub capabilities: Vec<Item>,
    /// Rules that hit.
    pub yara: Vec<Item>,
    /// Indicators, made harmless.
    pub indicators: Vec<Item>,
    /// Sections.
    pub sections: Vec<SectionRow>,
    /// The entropy along the file as points of a line, 100 wide and 8 high.
    pub entropy: String,
    /// Members of the archive: id, name, level.
    pub children: Vec<(String, String, String)>,
    /// What could not be read.
    pub unread: Vec<String>,
    /// What providers say, as text.
    pub reputation: Vec<Item>,
    /// The record as JSON.
    pub json: String,
}
