//! Reading results of matching: those that were stored as JSON, or that another server gave.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};
use serde_json::Value;

use crate::entry::{EntryError, sample_entry_from_json};
use malkin_report::address::Va;
use malkin_report::entry::SampleEntry;
use malkin_report::id::{FamilyId, FunctionId, SampleId};
use malkin_report::matching::{
    Amount, BandingReport, Ceiling, MatchCounts, MatchFlags, MatchInfo, MatchJob, MatchTuple,
    MatchedFunction, MatchedFunctionCounts, MatchedSample, MatcherKind, MatchingResult, Missed, OtherSamples,
    Partial, Weighted,
};

/// Why a document is no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResultReadError {
    /// It is no JSON, or members are missing or of another type.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// A member has an impossible value.
    #[error(transparent)]
    Entry(#[from] EntryError),
}

// Not held to the limits of reports: results come from the own store or from a server that the user named. Only the bytes taken in are
// bounded, by the caller.
/// Reads the result of any matcher except the cross comparison; the compact form has no functions. Members that are not
/// known are passed over.
pub fn matching_result_from_json(bytes: &[u8]) -> Result<MatchingResult, ResultReadError> {
    let stated: Stated = serde_json::from_slice(bytes)?;
    let kind = MatcherKind::from_text(&stated.info.kind);
    let kind =
        kind.ok_or(EntryError { record: "result", field: "type", fault: "is no known kind of matching" })?;
    let job = stated.info.job.map(|job| MatchJob {
        duration: job.duration,
        timestamp: job.timestamp,
        parameters: job.parameters,
    });
    let info = MatchInfo { job, sample: sample_entry_from_json(&stated.info.sample)?, kind };
    let others = match (stated.other_sample_info, stated.other_sample_infos) {
        // Which member is there says which kind of question it was: a list for a group, even for a group of one.
        (Some(one), _) => OtherSamples::One(Box::new(sample_entry_from_json(&one)?)),
        (None, Some(group)) => {
            let group: Result<Vec<SampleEntry>, EntryError> =
                group.iter().map(sample_entry_from_json).collect();
            OtherSamples::Group(group?)
        }
        (None, None) => OtherSamples::All,
    };
    let Matches { aggregation, functions, samples } = stated.matches;
    Ok(MatchingResult {
        info,
        minhash: aggregation.minhash.into(),
        pichash: aggregation.pichash.into(),
        functions: functions.into_iter().map(MatchedFunction::from).collect(),
        samples: samples.into_iter().map(MatchedSample::from).collect(),
        others,
        exact: stated.exact.map(BandingReport::from),
        partial: stated.partial.and_then(Cut::read),
    })
}

// The structs below have the names of the members, which is what makes them readable here and useless elsewhere: values of the domain have
// names of their own.
#[derive(Deserialize)]
struct Stated {
    info: Info,
    matches: Matches,
    #[serde(default)]
    other_sample_info: Option<Value>,
    #[serde(default)]
    other_sample_infos: Option<Vec<Value>>,
    #[serde(default)]
    // Ours; results of MCRIT do not have them.
    exact: Option<Exact>,
    #[serde(default)]
    partial: Option<Cut>,
}

#[derive(Deserialize)]
struct Exact {
    band_matches_required: u32,
    matches: Counted,
    own_functions: Counted,
    samples: BTreeMap<i64, Counted>,
}

#[derive(Deserialize)]
struct Counted {
    found: u64,
    missed: u64,
}

impl From<Counted> for Missed {
    fn from(counted: Counted) -> Self {
        Self { found: counted.found, missed: counted.missed }
    }
}

impl From<Exact> for BandingReport {
    fn from(exact: Exact) -> Self {
        let samples = exact.samples.into_iter().map(|(id, counted)| (SampleId::new(id), counted.into()));
        Self {
            band_matches_required: exact.band_matches_required,
            matches: exact.matches.into(),
            own_functions: exact.own_functions.into(),
            samples: samples.collect(),
        }
    }
}

#[derive(Deserialize)]
struct Cut {
    ceiling: String,
    done: u64,
    total: u64,
}

impl Cut {
    /// None for a ceiling that is not known.
    fn read(self) -> Option<Partial> {
        let ceiling =
            [Ceiling::Time, Ceiling::Memory].into_iter().find(|one| one.as_str() == self.ceiling)?;
        Some(Partial { ceiling, done: self.done, total: self.total })
    }
}

#[derive(Deserialize)]
struct Info {
    job: Option<Job>,
    sample: Value,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct Job {
    duration: f64,
    timestamp: String,
    parameters: String,
}

#[derive(Deserialize)]
struct Matches {
    aggregation: Aggregation,
    #[serde(default)]
    // Left out in the compact form.
    functions: Vec<StatedFunction>,
    samples: Vec<StatedSample>,
}

#[derive(Deserialize)]
struct Aggregation {
    minhash: StatedCounts,
    pichash: StatedCounts,
}

#[derive(Deserialize)]
struct StatedCounts {
    num_own_functions_matched: u64,
    num_foreign_functions_matched: u64,
    num_own_functions_matched_as_library: u64,
    num_self_matches: u64,
    bytes_matched: StatedAmount,
}

impl From<StatedCounts> for MatchCounts {
    fn from(stated: StatedCounts) -> Self {
        Self {
            num_own_functions_matched: stated.num_own_functions_matched,
            num_foreign_functions_matched: stated.num_foreign_functions_matched,
            num_own_functions_matched_as_library: stated.num_own_functions_matched_as_library,
            num_self_matches: stated.num_self_matches,
            bytes_matched: stated.bytes_matched.0,
        }
    }
}

/// A number that is an integer or not.
#[derive(Clone, Copy)]
struct StatedAmount(Amount);

impl<'de> Deserialize<'de> for StatedAmount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AmountVisitor;
        impl Visitor<'_> for AmountVisitor {
            type Value = StatedAmount;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<StatedAmount, E> {
                // An amount that does not fit is more than any sample has bytes; as a double it stays readable.
                Ok(StatedAmount(u32::try_from(value).map_or(Amount::Float(value as f64), Amount::Int)))
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<StatedAmount, E> {
                Ok(StatedAmount(Amount::Float(value as f64)))
            }

            fn visit_f64<E: Error>(self, value: f64) -> Result<StatedAmount, E> {
                Ok(StatedAmount(Amount::Float(value)))
            }
        }
        deserializer.deserialize_any(AmountVisitor)
    }
}

#[derive(Deserialize)]
struct StatedFunction {
    num_bytes: f64,
    // Results of MCRIT before 1.9.0 lack it.
    #[serde(default)]
    num_instructions: u32,
    offset: u64,
    // Family, sample, function, score, flags: see `MatchTuple`.
    matches: Vec<(i64, i64, i64, StatedAmount, u8)>,
    fid: i64,
}

impl From<StatedFunction> for MatchedFunction {
    fn from(stated: StatedFunction) -> Self {
        let matches = stated.matches.into_iter().map(|(family, sample, function, score, flags)| MatchTuple {
            family_id: FamilyId::new(family),
            sample_id: SampleId::new(sample),
            function_id: FunctionId::new(function),
            score: score.0,
            flags: MatchFlags::from_bits(flags),
        });
        Self {
            num_bytes: stated.num_bytes,
            num_instructions: stated.num_instructions,
            offset: Va::new(stated.offset),
            matches: matches.collect(),
            function_id: FunctionId::new(stated.fid),
        }
    }
}

#[derive(Deserialize)]
struct StatedSample {
    family: String,
    family_id: i64,
    version: String,
    bitness: u64,
    sha256: String,
    filename: String,
    sample_id: i64,
    num_bytes: f64,
    is_library: bool,
    num_functions: u64,
    matched: Matched,
}

#[derive(Deserialize)]
struct Matched {
    functions: FunctionCounts,
    bytes: Figures<StatedAmount>,
    percent: Figures<f64>,
}

#[derive(Deserialize)]
struct FunctionCounts {
    minhashes: u64,
    pichashes: u64,
    combined: u64,
    library: u64,
}

#[derive(Deserialize)]
struct Figures<T> {
    unweighted: T,
    score_weighted: T,
    frequency_weighted: T,
    nonlib_unweighted: T,
    nonlib_score_weighted: T,
    nonlib_frequency_weighted: T,
}

impl<T> Figures<T> {
    fn map<U>(self, change: impl Fn(T) -> U) -> Weighted<U> {
        Weighted {
            unweighted: change(self.unweighted),
            score_weighted: change(self.score_weighted),
            frequency_weighted: change(self.frequency_weighted),
            nonlib_unweighted: change(self.nonlib_unweighted),
            nonlib_score_weighted: change(self.nonlib_score_weighted),
            nonlib_frequency_weighted: change(self.nonlib_frequency_weighted),
        }
    }
}

impl From<StatedSample> for MatchedSample {
    fn from(stated: StatedSample) -> Self {
        let FunctionCounts { minhashes, pichashes, combined, library } = stated.matched.functions;
        Self {
            family: stated.family,
            family_id: FamilyId::new(stated.family_id),
            version: stated.version,
            bitness: stated.bitness,
            sha256: stated.sha256,
            filename: stated.filename,
            sample_id: SampleId::new(stated.sample_id),
            num_bytes: stated.num_bytes,
            is_library: stated.is_library,
            num_functions: stated.num_functions,
            functions: MatchedFunctionCounts { minhashes, pichashes, combined, library },
            bytes: stated.matched.bytes.map(|amount| amount.0),
            percent: stated.matched.percent.map(|percent| percent),
        }
    }
}
