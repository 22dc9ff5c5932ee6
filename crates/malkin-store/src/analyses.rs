//! Analyses of uploaded files and cached answers of threat-intelligence providers. Contract and values.
//!
//! An analysis is a JSON document with what it is found by. Hashes are compared without regard to case, bounds of time as
//! moments (`docs/reference/triage-api.md` D04, D12); the texts themselves are kept as they came, because records of the original service are
//! taken over. A respawn of the corpus leaves analyses alone.

use crate::error::StoreError;
use crate::page::Page;
use crate::time::Timestamp;

/// An analysis to be kept.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct NewAnalysis {
    /// 32 small hexadecimal digits; an id that is there already is left alone.
    pub id: String,
    /// UTC, `YYYY-MM-DDTHH:MM:SS.ffffffZ`.
    pub created_at: Option<String>,
    /// The same in microseconds since 1970; the least number when it is unknown.
    pub created_us: i64,
    /// Name of the file as sent.
    pub file_name: Option<String>,
    /// Its size in bytes.
    pub size_bytes: Option<i64>,
    /// Its MD5 in hexadecimal.
    pub md5: Option<String>,
    /// Its SHA-1.
    pub sha1: Option<String>,
    /// Its SHA-256.
    pub sha256: Option<String>,
    /// What the sender said about it.
    pub hint: Option<String>,
    /// What made the analysis.
    pub model: Option<String>,
    /// Families it speaks of, in small letters.
    pub families: Vec<String>,
    /// Further words it is to be found by.
    pub words: Vec<String>,
    /// The document: JSON text, but not necessarily sound when it was taken over.
    pub document: String,
}

/// An analysis in a listing.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[expect(missing_docs, reason = "the fields are those of NewAnalysis")]
pub struct AnalysisEntry {
    pub id: String,
    pub created_at: Option<String>,
    pub file_name: Option<String>,
    pub size_bytes: Option<i64>,
    pub md5: Option<String>,
    pub sha1: Option<String>,
    pub sha256: Option<String>,
    pub hint: Option<String>,
    pub model: Option<String>,
    pub families: Vec<String>,
}

/// The document of an analysis.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Analysis {
    /// Its id.
    pub id: String,
    /// JSON text as it was stored.
    pub document: String,
}

/// Which analyses a listing is about; conditions are ANDed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AnalysisFilter {
    /// SHA-256 of the file.
    pub sha256: Option<String>,
    /// SHA-1 of the file.
    pub sha1: Option<String>,
    /// MD5 of the file.
    pub md5: Option<String>,
    /// Earliest and latest moment, both included, in microseconds since 1970.
    pub created_us: (i64, i64),
    /// Order by moments instead of by `created_at` as text. They differ for records of the original service whose time has no
    /// fraction.
    pub by_moment: bool,
    /// A family.
    pub family: Option<String>,
    /// Text that stands in name, hint, hashes, families or words.
    pub text: Option<String>,
}

impl Default for AnalysisFilter {
    fn default() -> Self {
        Self {
            sha256: None,
            sha1: None,
            md5: None,
            created_us: (i64::MIN, i64::MAX),
            by_moment: false,
            family: None,
            text: None,
        }
    }
}

/// An answer of a provider.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IntelAnswer {
    /// HTTP status.
    pub status: u16,
    /// Body.
    pub body: Vec<u8>,
    /// When it came.
    pub fetched_at: Timestamp,
}

/// Analyses and cached answers.
pub trait Analyses {
    /// Keeps analyses, all of them or none; returns how many were new.
    fn add_analyses(&self, analyses: &[NewAnalysis]) -> Result<u64, StoreError>;

    /// A page of the listing, newest first, and how many match in all. The order is that of `created_at` as text, as in the
    /// original service, unless the filter says otherwise; for records of ours that is the order of time.
    fn analyses(&self, filter: &AnalysisFilter, page: Page) -> Result<(u64, Vec<AnalysisEntry>), StoreError>;

    /// One analysis by its id, exactly.
    fn analysis(&self, id: &str) -> Result<Option<Analysis>, StoreError>;

    /// The newest analysis of a file.
    fn newest_analysis(&self, sha256: &str) -> Result<Option<Analysis>, StoreError>;

    /// Deletes an analysis; returns whether it was there.
    fn delete_analysis(&self, id: &str) -> Result<bool, StoreError>;

    /// Deletes all analyses of a file; returns how many.
    fn purge_analyses(&self, sha256: &str) -> Result<u64, StoreError>;

    /// An answer that is still good.
    fn intel_answer(
        &self,
        provider: &str,
        hash: &str,
        now: Timestamp,
    ) -> Result<Option<IntelAnswer>, StoreError>;

    /// Keeps an answer until a moment, and forgets those whose moment has passed.
    fn keep_intel_answer(
        &self,
        provider: &str,
        hash: &str,
        answer: &IntelAnswer,
        good_until: Timestamp,
    ) -> Result<(), StoreError>;
}
