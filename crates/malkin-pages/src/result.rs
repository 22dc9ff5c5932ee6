//! Pages about comparisons: where the code of a sample was seen.

use askama::Template;

use crate::filters;
use crate::frame::{Frame, Pager};

/// What a comparison is read as.
#[derive(Clone, Debug, Default)]
pub struct Sentence {
    /// A class: `good` for a sure family, `warn` for a possible one, empty if nothing is known.
    pub class: &'static str,
    /// The sentence before the name of the family.
    pub before: String,
    /// The family, if one is named.
    pub family: Option<(i64, String)>,
    /// The sentence after it.
    pub after: String,
    /// What speaks against it, or limits it.
    pub but: Vec<String>,
}

/// A family in a result.
#[derive(Clone, Debug, Default)]
pub struct FamilyLine {
    /// Its number.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Whether one of its samples is a library.
    pub is_library: bool,
    /// Samples with code in common.
    pub samples: u64,
    /// Own functions found in it.
    pub functions: u64,
    /// Own functions found nowhere else.
    pub unique_functions: u64,
    /// Share of the own bytes, 0..=100, of the best sample.
    pub score: f64,
    /// Without library functions.
    pub nonlib_score: f64,
    /// Best sample.
    pub best_sample: i64,
    /// Widths of the bar: bytes found only here, and the rest of what was found; 0..=100.
    pub bar: [String; 2],
    /// Address that filters by it.
    pub filter: String,
}

/// A sample in a result.
#[derive(Clone, Debug, Default)]
pub struct SampleLine {
    /// Its number.
    pub id: i64,
    /// Its family.
    pub family: String,
    /// Version of the family.
    pub version: String,
    /// Base name of the file.
    pub filename: String,
    /// Whether it is a library.
    pub is_library: bool,
    /// Own functions found in it.
    pub functions: u64,
    /// Share of own bytes, weighted by score.
    pub score: f64,
    /// The same without libraries.
    pub nonlib_score: f64,
    /// Width of its bar.
    pub width: String,
}

/// A pair in a result.
#[derive(Clone, Debug, Default)]
pub struct PairLine {
    /// Own function; none in queries, whose functions are not stored.
    pub own: Option<i64>,
    /// Its entry address.
    pub offset: u64,
    /// Its size in bytes.
    pub bytes: u64,
    /// Foreign function.
    pub function: i64,
    /// Foreign sample.
    pub sample: i64,
    /// Foreign family.
    pub family: String,
    /// 0..=100.
    pub score: f64,
    /// Families the own function was found in.
    pub families: u32,
    /// Why: `same code`, `similar`, `library`.
    pub why: &'static str,
}

/// A choice of the filter form.
#[derive(Clone, Debug, Default)]
pub struct FilterForm {
    /// Values as typed, by name of the field.
    pub values: Vec<(&'static str, String)>,
    /// The part of the address after `?` without page and order.
    pub query: String,
    /// Name of the order.
    pub sort: &'static str,
}

impl FilterForm {
    /// The value of a field.
    pub fn value(&self, name: &str) -> &str {
        self.values.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value)
    }

    /// Whether a box is ticked.
    pub fn is_ticked(&self, name: &str) -> bool {
        self.value(name) == "true"
    }

    /// Whether anything is filtered.
    pub fn is_active(&self) -> bool {
        self.values.iter().any(|(_, value)| !value.is_empty())
    }
}

/// A sample against everything or some others.
#[derive(Debug, Template)]
#[template(path = "result.html")]
pub struct ResultPage {
    /// What surrounds it.
    pub frame: Frame,
    /// The result.
    pub id: String,
    /// Its job, if that is still there.
    pub job: Option<String>,
    /// The own sample, if it is stored.
    pub sample: Option<i64>,
    /// Its name in words.
    pub name: String,
    /// What was asked, in words.
    pub question: &'static str,
    /// What it means.
    pub sentence: Sentence,
    /// Why it is not complete.
    pub partial: Option<String>,
    /// Own functions, those found anywhere, those found in libraries, bytes of all.
    pub own_functions: usize,
    /// Own functions found anywhere.
    pub matched: usize,
    /// Own functions found in a library.
    pub in_library: usize,
    /// Bytes of all own functions.
    pub own_bytes: u64,
    /// Families.
    pub families: Vec<FamilyLine>,
    /// Families that are not shown.
    pub more_families: usize,
    /// Samples, best first.
    pub samples: Vec<SampleLine>,
    /// Samples that are not shown.
    pub more_samples: usize,
    /// Filters.
    pub form: FilterForm,
    /// All pairs left by them.
    pub num_pairs: usize,
    /// Rows of this page.
    pub pairs: Vec<PairLine>,
    /// Pages.
    pub pager: Pager,
    /// Whether functions overlap, so that the map shows them one after another.
    pub overlaps: bool,
}
