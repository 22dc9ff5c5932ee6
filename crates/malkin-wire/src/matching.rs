//! JSON of matching results, as MCRIT 1.9.0 writes it: key order, integers against floats, string keys of matrices.
//!
//! A result may hold millions of matches, so it goes straight into one byte vector and never through a tree of values.

mod read;

use serde::ser::{Serialize, SerializeMap, SerializeSeq, SerializeTuple, Serializer};

use super::entry::sample_entry_to_json;
use malkin_report::id::SampleId;
use malkin_report::matching::{
    Amount, BandingReport, CrossMatrix, CrossResult, FunctionMatch, MatchCounts, MatchInfo, MatchTuple,
    MatchedFunction, MatchedSample, MatchingResult, Missed, OtherSamples, Weighted,
};

pub use read::{ResultReadError, matching_result_from_json};

/// The JSON text of a result. `compact` leaves `matches.functions` out.
pub fn matching_result_to_json(result: &MatchingResult, compact: bool) -> Vec<u8> {
    let functions: Functions<'_, Nothing> =
        if compact { Functions::None } else { Functions::Listed(&result.functions) };
    let matches =
        if compact { 0 } else { result.functions.iter().map(|function| function.matches.len()).sum() };
    let expected = expected(result, matches, result.functions.len());
    to_bytes(&Json(Whole { result, functions }), expected)
}

/// Matches that are made while they are written, because a result may have millions of them.
pub trait MatchSource {
    /// Number of own functions.
    fn num_functions(&self) -> usize;

    /// Number of all matches.
    fn num_matches(&self) -> usize;

    /// An own function in storage order; its `matches` are left empty.
    fn function(&self, at: usize) -> MatchedFunction;

    /// The matches of an own function, ascending by family, sample, function.
    fn matches(&self, at: usize) -> impl Iterator<Item = MatchTuple>;

    /// Asked for every own function; false ends the writing.
    fn proceed(&self, at: usize) -> bool;
}

/// As [`matching_result_to_json`] with the functions of `source` instead of those of `result`; `None` if the source ended it.
pub fn matching_result_from_source(result: &MatchingResult, source: &impl MatchSource) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(expected(result, source.num_matches(), source.num_functions()));
    serde_json::to_writer(&mut bytes, &Json(Whole { result, functions: Functions::Made(source) })).ok()?;
    Some(bytes)
}

/// Bytes of a result, a little too many rather than too few: what grows is copied.
///
/// A match is a list of five numbers, a function has four more members, a sample is an object of some thirty.
fn expected(result: &MatchingResult, matches: usize, functions: usize) -> usize {
    2048 + 40 * matches + 120 * functions + 900 * result.samples.len()
}

/// The JSON text of a cross comparison.
pub fn cross_result_to_json(result: &CrossResult) -> Vec<u8> {
    to_bytes(&Json(result), 1024 + 6 * 40 * result.samples.len() * result.samples.len())
}

/// The JSON text of the `match_entry` in a comparison of two functions.
pub fn function_match_to_json(entry: &FunctionMatch) -> Vec<u8> {
    to_bytes(&Json(entry), 128)
}

fn to_bytes(value: &impl Serialize, expected: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(expected);
    let written = serde_json::to_writer(&mut bytes, value);
    debug_assert!(written.is_ok(), "writing to memory cannot fail and every key is a string: {written:?}");
    bytes
}

// The shape of each part is in docs/reference/mcrit-api.md section 7.1 and docs/reference/similarity.md section 9. Members are written in
// MCRIT's order, one by one and not derived from the structs: clients compare texts, and a field that is moved in a struct must not move in
// an answer.
/// Gives a value of the domain its JSON shape.
struct Json<T>(T);

/// A result, with its functions from here or there, or without.
///
/// `{"info", "matches", "other_sample_info"?, "other_sample_infos"?, "exact"?, "partial"?}`. The last two are ours and there only where a
/// request asked for them or a ceiling was reached, so that a plain result is MCRIT's, byte for byte.
struct Whole<'a, M> {
    result: &'a MatchingResult,
    functions: Functions<'a, M>,
}

/// Where the functions of a result come from.
enum Functions<'a, M> {
    None,
    Listed(&'a [MatchedFunction]),
    Made(&'a M),
}

/// The part of a result that is called `matches`.
///
/// `{"aggregation", "functions"?, "samples"}`. Without `functions` in the compact form, where MCRIT leaves the member out as well and does
/// not write an empty list.
struct Matches<'a, M>(&'a Whole<'a, M>);

/// No source: for results that hold their functions.
///
/// The type parameter of [`Whole`] needs one where there is no source. It has no values, so its methods can never be called.
enum Nothing {}

impl MatchSource for Nothing {
    fn num_functions(&self) -> usize {
        match *self {}
    }

    fn num_matches(&self) -> usize {
        match *self {}
    }

    fn function(&self, _: usize) -> MatchedFunction {
        match *self {}
    }

    fn matches(&self, _: usize) -> impl Iterator<Item = MatchTuple> {
        std::iter::empty()
    }

    fn proceed(&self, _: usize) -> bool {
        match *self {}
    }
}

impl<M: MatchSource> Serialize for Json<Whole<'_, M>> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let result = self.0.result;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("info", &Json(&result.info))?;
        map.serialize_entry("matches", &Matches(&self.0))?;
        match &result.others {
            OtherSamples::All => {}
            OtherSamples::One(sample) => {
                map.serialize_entry("other_sample_info", &sample_entry_to_json(sample))?;
            }
            OtherSamples::Group(samples) => {
                let samples: Vec<_> = samples.iter().map(sample_entry_to_json).collect();
                map.serialize_entry("other_sample_infos", &samples)?;
            }
        }
        if let Some(exact) = &result.exact {
            map.serialize_entry("exact", &Json(exact))?;
        }
        if let Some(partial) = &result.partial {
            map.serialize_entry(
                "partial",
                &serde_json::json!({"ceiling": partial.ceiling.as_str(), "done": partial.done, "total": partial.total}),
            )?;
        }
        map.end()
    }
}

impl Serialize for Json<&BandingReport> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let report = self.0;
        let counts = |missed: &Missed| serde_json::json!({"found": missed.found, "missed": missed.missed});
        let samples = report.samples.iter().map(|(id, missed)| (id.to_string(), counts(missed)));
        let mut map = serializer.serialize_map(Some(4))?;
        map.serialize_entry("band_matches_required", &report.band_matches_required)?;
        map.serialize_entry("matches", &counts(&report.matches))?;
        map.serialize_entry("own_functions", &counts(&report.own_functions))?;
        map.serialize_entry("samples", &samples.collect::<serde_json::Map<_, _>>())?;
        map.end()
    }
}

impl Serialize for Json<&MatchInfo> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(3))?;
        let job = self.0.job.as_ref().map(|job| {
            serde_json::json!({ "duration": job.duration, "timestamp": job.timestamp, "parameters": job.parameters })
        });
        map.serialize_entry("job", &job)?;
        map.serialize_entry("sample", &sample_entry_to_json(&self.0.sample))?;
        map.serialize_entry("type", self.0.kind.as_str())?;
        map.end()
    }
}

/// The functions of a source.
struct Made<'a, M>(&'a M);

impl<M: MatchSource> Serialize for Made<'_, M> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct One<'a, M>(&'a M, usize);
        impl<M: MatchSource> Serialize for One<'_, M> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                // The serializer has no way to stop but an error; who ended it knows that it did.
                if !self.0.proceed(self.1) {
                    return Err(serde::ser::Error::custom("ended"));
                }
                function(&self.0.function(self.1), &OfOne(self.0, self.1), serializer)
            }
        }
        struct OfOne<'a, M>(&'a M, usize);
        impl<M: MatchSource> Serialize for OfOne<'_, M> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut seq = serializer.serialize_seq(None)?;
                for matched in self.0.matches(self.1) {
                    seq.serialize_element(&Json(&matched))?;
                }
                seq.end()
            }
        }
        let mut seq = serializer.serialize_seq(None)?;
        for at in 0..self.0.num_functions() {
            seq.serialize_element(&One(self.0, at))?;
        }
        seq.end()
    }
}

impl<M: MatchSource> Serialize for Matches<'_, M> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Aggregation<'a>(&'a MatchingResult);
        impl Serialize for Aggregation<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut map = serializer.serialize_map(Some(2))?;
                map.serialize_entry("minhash", &Json(&self.0.minhash))?;
                map.serialize_entry("pichash", &Json(&self.0.pichash))?;
                map.end()
            }
        }
        let Whole { result, functions } = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("aggregation", &Aggregation(result))?;
        match functions {
            Functions::None => {}
            Functions::Listed(functions) => map.serialize_entry("functions", &Json(*functions))?,
            Functions::Made(source) => map.serialize_entry("functions", &Made(*source))?,
        }
        map.serialize_entry("samples", &Json(result.samples.as_slice()))?;
        map.end()
    }
}

impl<'a, T> Serialize for Json<&'a [T]>
where
    Json<&'a T>: Serialize,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(Some(self.0.len()))?;
        for item in self.0 {
            seq.serialize_element(&Json(item))?;
        }
        seq.end()
    }
}

impl Serialize for Json<&Amount> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Sums of whole bytes are integers in Python until a weight that is no integer is multiplied in, and JSON shows the
        // difference (`12` and `12.0`).
        match *self.0 {
            Amount::Int(value) => serializer.serialize_u32(value),
            Amount::Float(value) => serializer.serialize_f64(value),
        }
    }
}

impl Serialize for Json<&f64> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(*self.0)
    }
}

impl Serialize for Json<&MatchCounts> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let counts = self.0;
        let mut map = serializer.serialize_map(Some(5))?;
        map.serialize_entry("num_own_functions_matched", &counts.num_own_functions_matched)?;
        map.serialize_entry("num_foreign_functions_matched", &counts.num_foreign_functions_matched)?;
        map.serialize_entry(
            "num_own_functions_matched_as_library",
            &counts.num_own_functions_matched_as_library,
        )?;
        map.serialize_entry("num_self_matches", &counts.num_self_matches)?;
        map.serialize_entry("bytes_matched", &Json(&counts.bytes_matched))?;
        map.end()
    }
}

impl Serialize for Json<&MatchedFunction> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        function(self.0, &Json(self.0.matches.as_slice()), serializer)
    }
}

/// `{"num_bytes", "num_instructions", "offset", "matches", "fid"}`: an own function, however its matches are kept.
fn function<S: Serializer>(
    function: &MatchedFunction,
    matches: &impl Serialize,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(5))?;
    map.serialize_entry("num_bytes", &function.num_bytes)?;
    map.serialize_entry("num_instructions", &function.num_instructions)?;
    map.serialize_entry("offset", &function.offset.get())?;
    map.serialize_entry("matches", matches)?;
    map.serialize_entry("fid", &function.function_id.get())?;
    map.end()
}

// `[family, sample, function, score, flags]`, a list because it is the most frequent thing in a result.
impl Serialize for Json<&MatchTuple> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let matched = self.0;
        let mut tuple = serializer.serialize_tuple(5)?;
        tuple.serialize_element(&matched.family_id.get())?;
        tuple.serialize_element(&matched.sample_id.get())?;
        tuple.serialize_element(&matched.function_id.get())?;
        tuple.serialize_element(&Json(&matched.score))?;
        tuple.serialize_element(&matched.flags.bits())?;
        tuple.end()
    }
}

// What `samples` lists: the record of a foreign sample cut down, and what of it was matched.
impl Serialize for Json<&MatchedSample> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let sample = self.0;
        let mut map = serializer.serialize_map(Some(11))?;
        map.serialize_entry("family", &sample.family)?;
        map.serialize_entry("family_id", &sample.family_id.get())?;
        map.serialize_entry("version", &sample.version)?;
        map.serialize_entry("bitness", &sample.bitness)?;
        map.serialize_entry("sha256", &sample.sha256)?;
        map.serialize_entry("filename", &sample.filename)?;
        map.serialize_entry("sample_id", &sample.sample_id.get())?;
        map.serialize_entry("num_bytes", &sample.num_bytes)?;
        map.serialize_entry("is_library", &sample.is_library)?;
        map.serialize_entry("num_functions", &sample.num_functions)?;
        map.serialize_entry("matched", &Matched(sample))?;
        map.end()
    }
}

/// The part of a matched sample that is called `matched`.
struct Matched<'a>(&'a MatchedSample);

impl Serialize for Matched<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let counts = self.0.functions;
        let functions = serde_json::json!({
            "minhashes": counts.minhashes, "pichashes": counts.pichashes, "combined": counts.combined, "library": counts.library
        });
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("functions", &functions)?;
        map.serialize_entry("bytes", &Json(&self.0.bytes))?;
        map.serialize_entry("percent", &Json(&self.0.percent))?;
        map.end()
    }
}

impl<T> Serialize for Json<&Weighted<T>>
where
    T: Clone,
    for<'b> Json<&'b T>: Serialize,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(6))?;
        for (name, figure) in Weighted::<T>::NAMES.into_iter().zip(self.0.as_array()) {
            map.serialize_entry(name, &Json(figure))?;
        }
        map.end()
    }
}

impl Serialize for Json<&CrossResult> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Keys of objects are text in JSON: the matrices have the ids as text, and the sequence of the clustering too.
        let names: Vec<String> = self.0.samples.iter().map(SampleId::to_string).collect();
        let mut map = serializer.serialize_map(Some(6))?;
        for (name, matrix) in Weighted::<CrossMatrix>::NAMES.into_iter().zip(self.0.matrices.as_array()) {
            map.serialize_entry(name, &Matrix { names: &names, matrix })?;
        }
        map.end()
    }
}

/// One matrix of a cross comparison with the ids of its rows as text.
///
/// `{"matching_matches", "matching_percent", "clustered_sequence"}`, all by sample.
struct Matrix<'a> {
    names: &'a [String],
    matrix: &'a CrossMatrix,
}

impl Serialize for Matrix<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let sequence: Vec<String> = self.matrix.clustered_sequence.iter().map(SampleId::to_string).collect();
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry(
            "matching_matches",
            &Rows { names: self.names, cells: &self.matrix.matching_matches },
        )?;
        map.serialize_entry(
            "matching_percent",
            &Rows { names: self.names, cells: &self.matrix.matching_percent },
        )?;
        map.serialize_entry("clustered_sequence", &sequence)?;
        map.end()
    }
}

/// Cells row by row, each row and the whole keyed by id.
struct Rows<'a, T> {
    names: &'a [String],
    cells: &'a [T],
}

impl<T> Serialize for Rows<'_, T>
where
    for<'b> Json<&'b T>: Serialize,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Row<'a, T>(&'a [String], &'a [T]);
        impl<T> Serialize for Row<'_, T>
        where
            for<'b> Json<&'b T>: Serialize,
        {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_map(self.0.iter().zip(self.1.iter().map(Json)))
            }
        }
        let width = self.names.len().max(1);
        serializer
            .collect_map(self.names.iter().zip(self.cells.chunks(width).map(|row| Row(self.names, row))))
    }
}

impl Serialize for Json<&u64> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(*self.0)
    }
}

impl Serialize for Json<&FunctionMatch> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let entry = self.0;
        let matched = (
            entry.other_family_id.get(),
            entry.other_sample_id.get(),
            entry.other_function_id.get(),
            entry.score,
            entry.flags.bits(),
        );
        let mut map = serializer.serialize_map(Some(4))?;
        map.serialize_entry("fid", &entry.function_id.get())?;
        map.serialize_entry("num_bytes", &entry.num_bytes)?;
        map.serialize_entry("offset", &entry.offset.get())?;
        map.serialize_entry("matches", &matched)?;
        map.end()
    }
}

#[cfg(test)]
mod tests;
