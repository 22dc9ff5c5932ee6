//! Pages about what the corpus holds: start page, search, families, samples, comparison of several, statistics.

use askama::Template;

use crate::filters;
use crate::frame::{Frame, Pager};
use crate::jobs::JobRow;

/// A sample in a list.
#[derive(Clone, Debug, Default)]
pub struct SampleRow {
    /// Its number.
    pub id: i64,
    /// Its family's number.
    pub family_id: i64,
    /// Its family.
    pub family: String,
    /// Version of the family.
    pub version: String,
    /// Component of the family.
    pub component: String,
    /// Base name of the file.
    pub filename: String,
    /// Identity.
    pub sha256: String,
    /// Architecture and bitness, for example `intel 64`.
    pub architecture: String,
    /// Functions.
    pub functions: u64,
    /// Whether it is a library.
    pub is_library: bool,
    /// When its report was made.
    pub timestamp: String,
}

/// A family in a list.
#[derive(Clone, Debug, Default)]
pub struct FamilyRow {
    /// Its number.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Samples.
    pub samples: u64,
    /// Functions.
    pub functions: u64,
    /// Library samples.
    pub library_samples: u64,
}

/// A function in a list.
#[derive(Clone, Debug, Default)]
pub struct FunctionRow {
    /// Its number.
    pub id: i64,
    /// Its sample.
    pub sample_id: i64,
    /// Its family.
    pub family: String,
    /// Entry address.
    pub offset: u64,
    /// Name, empty if none is known.
    pub name: String,
    /// Blocks.
    pub blocks: u32,
    /// Instructions.
    pub instructions: u32,
    /// PicHash; none for functions that have none.
    pub pichash: Option<u64>,
    /// Families in which a function of the same PicHash stands.
    pub families: u64,
}

/// The start page.
#[derive(Debug, Template)]
#[template(path = "home.html")]
pub struct HomePage {
    /// What surrounds it.
    pub frame: Frame,
    /// Stored samples, families and functions.
    pub samples: u64,
    /// Families, without the nameless one.
    pub families: u64,
    /// Functions.
    pub functions: u64,
    /// Jobs that run or wait.
    pub running: Vec<JobRow>,
    /// Comparisons that ended last.
    pub recent: Vec<JobRow>,
    /// Files examined last: id, name, level.
    pub analyses: Vec<AnalysisLine>,
}

/// An examined file on the start page.
#[derive(Clone, Debug, Default)]
pub struct AnalysisLine {
    /// Id of its record.
    pub id: String,
    /// Its name.
    pub name: String,
    /// When.
    pub when: String,
}

/// What a search found.
#[derive(Debug, Template)]
#[template(path = "search.html")]
pub struct SearchPage {
    /// What surrounds it.
    pub frame: Frame,
    /// The query as typed.
    pub query: String,
    /// Why it was not understood.
    pub error: Option<String>,
    /// Families.
    pub families: Vec<FamilyRow>,
    /// Samples.
    pub samples: Vec<SampleRow>,
    /// Functions.
    pub functions: Vec<FunctionRow>,
    /// Most rows of each kind.
    pub most: usize,
}

/// Families.
#[derive(Debug, Template)]
#[template(path = "families.html")]
pub struct FamiliesPage {
    /// What surrounds it.
    pub frame: Frame,
    /// Rows.
    pub rows: Vec<FamilyRow>,
    /// Pages.
    pub pager: Pager,
}

/// One family.
#[derive(Debug, Template)]
#[template(path = "family.html")]
pub struct FamilyPage {
    /// What surrounds it.
    pub frame: Frame,
    /// The family.
    pub family: FamilyRow,
    /// Its samples.
    pub samples: Vec<SampleRow>,
    /// Samples by version: name and number.
    pub versions: Vec<(String, usize)>,
    /// Numbers of its samples for links that take a list, if there are few enough.
    pub ids: Option<String>,
    /// Pages.
    pub pager: Pager,
}

/// Samples.
#[derive(Debug, Template)]
#[template(path = "samples.html")]
pub struct SamplesPage {
    /// What surrounds it.
    pub frame: Frame,
    /// Rows.
    pub rows: Vec<SampleRow>,
    /// Pages.
    pub pager: Pager,
}

/// One sample.
#[derive(Debug, Template)]
#[template(path = "sample.html")]
pub struct SamplePage {
    /// What surrounds it.
    pub frame: Frame,
    /// The sample.
    pub sample: SampleRow,
    /// Base address.
    pub base_addr: u64,
    /// Size of the mapped image in bytes.
    pub size: u64,
    /// Version of the disassembler.
    pub smda_version: String,
    /// Finished comparison of this sample with everything, if there is one.
    pub result: Option<String>,
    /// Jobs about it.
    pub jobs: Vec<JobRow>,
    /// Functions.
    pub functions: Vec<FunctionRow>,
    /// Pages of functions.
    pub pager: Pager,
}

/// Where samples to compare are chosen.
#[derive(Debug, Template)]
#[template(path = "compare.html")]
pub struct ComparePage {
    /// What surrounds it.
    pub frame: Frame,
    /// Samples as typed.
    pub typed: String,
    /// Why they were not taken.
    pub error: Option<String>,
    /// Finished and running comparisons of several samples.
    pub jobs: Vec<JobRow>,
}

/// A cell of a matrix.
#[derive(Clone, Debug, Default)]
pub struct Cell {
    /// Sample of the row.
    pub row: i64,
    /// Sample of the column.
    pub column: i64,
    /// Share of the row's code found in the column, 0..=100.
    pub percent: f64,
    /// Functions found.
    pub matches: u64,
}

impl Cell {
    /// A class of five by share.
    pub fn class(&self) -> &'static str {
        match self.percent {
            share if share < 5.0 => "q0",
            share if share < 25.0 => "q1",
            share if share < 50.0 => "q2",
            share if share < 75.0 => "q3",
            _ => "q4",
        }
    }

    /// The share without decimals.
    pub fn short(&self) -> String {
        format!("{:.0}", self.percent)
    }
}

/// Several samples compared with each other.
#[derive(Debug, Template)]
#[template(path = "matrix.html")]
pub struct MatrixPage {
    /// What surrounds it.
    pub frame: Frame,
    /// The job.
    pub job: String,
    /// Names of the six ways of weighting, and whether each is the one that is shown.
    pub weightings: Vec<(&'static str, &'static str, bool)>,
    /// Samples in the order of their clustering.
    pub samples: Vec<SampleRow>,
    /// Rows of cells in the same order.
    pub rows: Vec<(SampleRow, Vec<Cell>)>,
    /// Dendrogram as lines: x1, y1, x2, y2 in a square of 100.
    pub tree: Vec<[String; 4]>,
}

/// One bar of a chart.
#[derive(Clone, Debug, Default)]
pub struct Bar {
    /// Its text.
    pub label: String,
    /// Its number.
    pub count: u64,
    /// Its length, 0..=100.
    pub width: String,
}

impl Bar {
    /// Bars whose longest one is 100 wide.
    pub fn scaled(counts: impl IntoIterator<Item = (String, u64)>) -> Vec<Self> {
        let counts: Vec<(String, u64)> = counts.into_iter().collect();
        let most = counts.iter().map(|(_, count)| *count).max().unwrap_or(0).max(1);
        let width = |count: u64| format!("{:.1}", 100.0 * count as f64 / most as f64);
        counts.into_iter().map(|(label, count)| Self { label, count, width: width(count) }).collect()
    }
}

/// Statistics of the corpus.
#[derive(Debug, Template)]
#[template(path = "statistics.html")]
pub struct StatisticsPage {
    /// What surrounds it.
    pub frame: Frame,
    /// Numbers with their names.
    pub numbers: Vec<(&'static str, u64)>,
    /// Families with most samples.
    pub by_family: Vec<Bar>,
    /// Samples by architecture.
    pub by_architecture: Vec<Bar>,
    /// Samples by month of their report.
    pub by_month: Vec<Bar>,
    /// Whether not all samples were counted.
    pub is_cut: bool,
}

/// Two samples that were not compared yet.
#[derive(Debug, Template)]
#[template(path = "pair.html")]
pub struct PairPage {
    /// What surrounds it.
    pub frame: Frame,
    /// The one.
    pub a: i64,
    /// The other.
    pub b: i64,
}
