//! Results of matching: where the functions of one sample have been seen.
//!
//! The values that `malkin-matching` produces and clients read; their JSON shapes are in `malkin_wire::matching`. How the numbers
//! come about (what is summed in which order) is no concern of this file.

use crate::address::Va;
use crate::entry::SampleEntry;
use crate::id::{FamilyId, FunctionId, SampleId};

/// Which question was asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MatcherKind {
    /// A stored sample against everything.
    Sample,
    /// A stored sample against one other.
    Vs,
    /// A stored sample against a group of others.
    VsGroup,
    /// A report that is not stored against everything.
    Query,
    /// One function that is not stored against everything.
    QueryFunction,
}

impl MatcherKind {
    const ALL: [Self; 5] = [Self::Sample, Self::Vs, Self::VsGroup, Self::Query, Self::QueryFunction];

    /// The text of results.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sample => "matcher_sample",
            Self::Vs => "matcher_vs",
            Self::VsGroup => "matcher_vs_group",
            Self::Query => "matcher_query",
            Self::QueryFunction => "matcher_query_function",
        }
    }

    /// Reads the text of results.
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// An amount that clients see as an integer or as a float: Python's arithmetic keeps the difference, and so do its results.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Amount {
    /// Printed without a fraction.
    Int(u32),
    /// Printed with a fraction, also when it is whole.
    Float(f64),
}

impl Amount {
    /// The integer zero, where every sum starts.
    pub const ZERO: Self = Self::Int(0);

    /// The value.
    pub fn get(self) -> f64 {
        match self {
            Self::Int(value) => f64::from(value),
            Self::Float(value) => value,
        }
    }

    /// Adds a float; the sum is a float from then on.
    pub fn add(&mut self, value: f64) {
        *self = Self::Float(self.get() + value);
    }
}

/// Flags of a match.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct MatchFlags(u8);

impl MatchFlags {
    /// The signatures are similar.
    pub const MINHASH: Self = Self(1);
    /// The PicHashes are equal.
    pub const PICHASH: Self = Self(2);
    /// The foreign sample is a library.
    pub const LIBRARY: Self = Self(4);

    /// The bits as clients see them, 0..=7.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Reads bits; unknown ones are dropped.
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits & 7)
    }

    /// Both sets of flags together.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all flags of `other` are set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// One foreign function that a function was found in.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct MatchTuple {
    /// Family of the foreign sample.
    pub family_id: FamilyId,
    /// The foreign sample.
    pub sample_id: SampleId,
    /// The foreign function.
    pub function_id: FunctionId,
    /// 0..=100.
    pub score: Amount,
    /// Why it matches.
    pub flags: MatchFlags,
}

/// One own function with everything it matches.
#[derive(Clone, PartialEq, Debug)]
pub struct MatchedFunction {
    /// Sum of instruction sizes in bytes.
    pub num_bytes: f64,
    /// Number of instructions.
    pub num_instructions: u32,
    /// Entry address.
    pub offset: Va,
    /// Ascending by family, sample, function; empty if nothing matches.
    pub matches: Vec<MatchTuple>,
    /// The own function; negative in queries.
    pub function_id: FunctionId,
}

/// Counts over one kind of match.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct MatchCounts {
    /// Own functions that match a function of another sample.
    pub num_own_functions_matched: u64,
    /// Distinct foreign functions matched.
    pub num_foreign_functions_matched: u64,
    /// Own functions that match a function of a library sample.
    pub num_own_functions_matched_as_library: u64,
    /// Functions of the own sample that match another function of the own sample.
    pub num_self_matches: u64,
    /// Bytes of the own functions matched.
    pub bytes_matched: Amount,
}

/// Six figures for the six ways of weighting a match.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Weighted<T> {
    /// Bytes as they are.
    pub unweighted: T,
    /// Bytes times score.
    pub score_weighted: T,
    /// Bytes times score, less for functions that many families share.
    pub frequency_weighted: T,
    /// As above without functions that match any library.
    pub nonlib_unweighted: T,
    /// As above without functions that match any library.
    pub nonlib_score_weighted: T,
    /// As above without functions that match any library.
    pub nonlib_frequency_weighted: T,
}

impl<T> Weighted<T> {
    /// Names of the six figures, in the order of results.
    pub const NAMES: [&'static str; 6] = [
        "unweighted",
        "score_weighted",
        "frequency_weighted",
        "nonlib_unweighted",
        "nonlib_score_weighted",
        "nonlib_frequency_weighted",
    ];

    /// The six figures in the order of [`Weighted::NAMES`].
    pub const fn as_array(&self) -> [&T; 6] {
        [
            &self.unweighted,
            &self.score_weighted,
            &self.frequency_weighted,
            &self.nonlib_unweighted,
            &self.nonlib_score_weighted,
            &self.nonlib_frequency_weighted,
        ]
    }

    /// Six figures in the order of [`Weighted::NAMES`].
    pub fn from_array(figures: [T; 6]) -> Self {
        let [unweighted, score_weighted, frequency_weighted, n0, n1, n2] = figures;
        Self {
            unweighted,
            score_weighted,
            frequency_weighted,
            nonlib_unweighted: n0,
            nonlib_score_weighted: n1,
            nonlib_frequency_weighted: n2,
        }
    }
}

/// Numbers of own functions that match one foreign sample.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct MatchedFunctionCounts {
    /// By signature.
    pub minhashes: u64,
    /// By PicHash.
    pub pichashes: u64,
    /// By either.
    pub combined: u64,
    /// Those that match a library, be it this sample or any other.
    pub library: u64,
}

/// A foreign sample and how much of the own sample was found in it.
#[derive(Clone, PartialEq, Debug)]
pub struct MatchedSample {
    /// Family name.
    pub family: String,
    /// Family number.
    pub family_id: FamilyId,
    /// Version of the family.
    pub version: String,
    /// 32, 64 or 0.
    pub bitness: u64,
    /// Identity as submitted.
    pub sha256: String,
    /// Base name of the file.
    pub filename: String,
    /// Number of the sample.
    pub sample_id: SampleId,
    /// Sum of instruction sizes of the foreign sample, in bytes.
    pub num_bytes: f64,
    /// Whether it is a library.
    pub is_library: bool,
    /// Functions of the foreign sample.
    pub num_functions: u64,
    /// Own functions matched.
    pub functions: MatchedFunctionCounts,
    /// Own bytes matched.
    pub bytes: Weighted<Amount>,
    /// Own bytes matched as share of the matchable ones, 0..=100.
    pub percent: Weighted<f64>,
}

/// How a result came about.
#[derive(Clone, PartialEq, Debug)]
pub struct MatchJob {
    /// Seconds of work.
    pub duration: f64,
    /// Local time of the start, ISO 8601 with microseconds.
    pub timestamp: String,
    /// The question in words, for example `MatcherVs(3, 2)`.
    pub parameters: String,
}

/// What was asked, and how long the answer took.
#[derive(Clone, PartialEq, Debug)]
pub struct MatchInfo {
    /// Absent (null) when the result did not come from a job.
    pub job: Option<MatchJob>,
    /// The own sample.
    pub sample: SampleEntry,
    /// Which question was asked.
    pub kind: MatcherKind,
}

/// The samples a comparison was restricted to.
#[derive(Clone, PartialEq, Debug)]
pub enum OtherSamples {
    /// Not restricted.
    All,
    /// One other sample.
    One(Box<SampleEntry>),
    /// A group of samples, in the order of the request.
    Group(Vec<SampleEntry>),
}

/// The answer of every matcher except the cross comparison.
#[derive(Clone, PartialEq, Debug)]
pub struct MatchingResult {
    /// What was asked.
    pub info: MatchInfo,
    /// Counts over matches by signature (PicHash matches count too, unless configured otherwise).
    pub minhash: MatchCounts,
    /// Counts over matches by PicHash.
    pub pichash: MatchCounts,
    /// Every own function in storage order, unmatched ones with empty matches.
    pub functions: Vec<MatchedFunction>,
    /// Foreign samples in the order of first appearance in `functions`.
    pub samples: Vec<MatchedSample>,
    /// The samples the comparison was restricted to.
    pub others: OtherSamples,
    /// In exact mode what banding would have missed; ours, and absent in every answer MCRIT could give.
    pub exact: Option<BandingReport>,
    /// Why and where the comparison stopped early, if the caller allowed that; ours.
    pub partial: Option<Partial>,
}

/// What an exact comparison found that candidates by bands would not have led to.
///
/// Counted are pairs of an own function and a foreign sample that match by signature alone: a match by PicHash needs no bands. Such
/// a pair is missed when no signature of that sample above the threshold shares the required number of band keys.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct BandingReport {
    /// Band keys that have to be shared.
    pub band_matches_required: u32,
    /// Pairs that match by signature alone, and how many of them banding misses.
    pub matches: Missed,
    /// Own functions with such a pair, and how many of them banding leaves without any.
    pub own_functions: Missed,
    /// For each foreign sample with such pairs their number, in the order of [`MatchingResult::samples`].
    pub samples: Vec<(SampleId, Missed)>,
}

/// How many there are, and how many of them banding misses.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Missed {
    /// Found.
    pub found: u64,
    /// Of these, those that banding would have missed.
    pub missed: u64,
}

/// A comparison that ended before all own functions were compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Partial {
    /// What was used up.
    pub ceiling: Ceiling,
    /// Distinct signatures of the own functions that were compared, of `total`.
    pub done: u64,
    /// Distinct signatures of the own functions.
    pub total: u64,
}

/// What a comparison may use up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ceiling {
    /// The time it was given.
    Time,
    /// The memory it may take.
    Memory,
}

impl Ceiling {
    /// The word for it in results.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Memory => "memory",
        }
    }
}

/// Pairwise comparison of several samples under one weighting. Rows and columns follow `CrossResult::samples`.
#[derive(Clone, PartialEq, Debug)]
pub struct CrossMatrix {
    /// Row by row: own functions of the row's sample found in the column's sample; 0 on the diagonal.
    pub matching_matches: Vec<u64>,
    /// Row by row: percentage of the row's sample found in the column's sample; the integer 100 on the diagonal and the
    /// integer 0 where nothing matches.
    pub matching_percent: Vec<Amount>,
    /// The samples in the leaf order of their clustering.
    pub clustered_sequence: Vec<SampleId>,
}

/// The answer of a cross comparison.
#[derive(Clone, PartialEq, Debug)]
pub struct CrossResult {
    /// The samples in the order of the request.
    pub samples: Vec<SampleId>,
    /// One matrix for each weighting.
    pub matrices: Weighted<CrossMatrix>,
}

/// The answer of comparing two stored functions.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct FunctionMatch {
    /// The own function.
    pub function_id: FunctionId,
    /// Its sum of instruction sizes in bytes.
    pub num_bytes: f64,
    /// Its entry address.
    pub offset: Va,
    /// Family of the other function.
    pub other_family_id: FamilyId,
    /// Sample of the other function.
    pub other_sample_id: SampleId,
    /// The other function.
    pub other_function_id: FunctionId,
    /// 0..=100; absent when either function has no signature.
    pub score: Option<f64>,
    /// Why they match.
    pub flags: MatchFlags,
}
