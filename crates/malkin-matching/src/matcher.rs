//! The matchers of the reference on one thread, and what the one of groups needs beforehand.
//!
//! The server runs the parts of a [`QueryPlan`] on several threads instead; of the functions here it calls [`plan_vs`] and
//! [`match_query_function`]. [`match_all`] and [`match_vs`] are for tests, examples and callers with a single core.

use malkin_codehash::Projection;
use malkin_index::{FunctionRef, IndexReader, IndexWriter, IndexedFunction, NewSample, SampleFacts};

use crate::hits::Hits;
use crate::parameters::MatchParameters;
use crate::plan::{QueryPlan, Workspace};
use crate::progress::{Control, MatchError};
use crate::query_side::{OwnFunction, OwnSample};

/// A sample against everything indexed: a stored one (`matcher_sample`), or that of a report (`matcher_query`), whose number
/// and those of its functions are the caller's, negative by custom.
pub fn match_all<'a>(
    reader: &IndexReader,
    own: OwnSample<'a>,
    parameters: MatchParameters,
    control: &mut dyn Control,
) -> Result<Hits<'a>, MatchError> {
    run(QueryPlan::new(reader.clone(), own, parameters), control)
}

/// One function that is not stored against everything indexed (`matcher_query_function`). To leave the sample it was taken
/// from out, give its number as that of the own sample: its functions then count as self matches.
pub fn match_query_function<'a>(
    reader: &IndexReader,
    own: OwnSample<'a>,
    parameters: MatchParameters,
    control: &mut dyn Control,
) -> Result<Hits<'a>, MatchError> {
    let too_small = own.functions.iter().find(|function| function.minhash.is_empty());
    match too_small {
        Some(function) => Err(MatchError::NotHashable(function.id)),
        None => run(QueryPlan::new(reader.clone(), own, parameters), control),
    }
}

/// A stored sample against one other (`matcher_vs`) or a group of others (`matcher_vs_group`). Needs no index: the few
/// samples are indexed for this question alone. Others with the number of the own sample, and repeated ones, are passed over.
///
/// Unlike in the other matchers, functions without a PicHash count as having the same one.
pub fn match_vs<'a>(
    projection: &Projection,
    own: OwnSample<'a>,
    others: &[OwnSample<'_>],
    parameters: MatchParameters,
    control: &mut dyn Control,
) -> Result<Hits<'a>, MatchError> {
    run(plan_vs(projection, own, others, parameters), control)
}

/// The plan of [`match_vs`], for callers that run it in parts.
pub fn plan_vs<'a>(
    projection: &Projection,
    own: OwnSample<'a>,
    others: &[OwnSample<'_>],
    parameters: MatchParameters,
) -> QueryPlan<'a> {
    let mut samples: Vec<OwnSample<'_>> = vec![own];
    for other in others {
        if samples.iter().all(|known| known.id != other.id) {
            samples.push(*other);
        }
    }
    let reader = index_alone(projection, &samples);
    let without = functions_without_pichash(&reader, &samples);
    QueryPlan::restricted(reader, own, parameters, Some(without))
}

fn run<'a>(scan: QueryPlan<'a>, control: &mut dyn Control) -> Result<Hits<'a>, MatchError> {
    let part = scan.run(0..scan.num_units(), &mut Workspace::new(), control)?;
    Ok(scan.finish(vec![part]))
}

/// A reader that holds only these samples. What the index refuses (functions named twice, signatures of another length)
/// cannot come out of a store; if it does all the same, it has no part in the comparison.
fn index_alone(projection: &Projection, samples: &[OwnSample<'_>]) -> IndexReader {
    let signatures =
        samples.iter().flat_map(|sample| sample.functions).map(|function| function.minhash.as_bytes());
    let signature_len =
        signatures.map(<[u8]>::len).find(|len| *len > 0).unwrap_or(projection.signature_length());
    let mut index = IndexWriter::new(projection.clone(), signature_len);
    let usable = |function: &OwnFunction| {
        if function.minhash.as_bytes().len() == signature_len { signature_len } else { 0 }
    };
    let functions: Vec<Vec<IndexedFunction<'_>>> = samples
        .iter()
        .map(|sample| {
            let indexed = sample.functions.iter().map(|function| IndexedFunction {
                id: function.id,
                pichash: function.pichash,
                minhash: &function.minhash.as_bytes()[..usable(function)],
                blocks: &[],
            });
            let mut indexed: Vec<IndexedFunction<'_>> = indexed.collect();
            indexed.sort_by_key(|function| function.id);
            indexed.dedup_by_key(|function| function.id);
            indexed
        })
        .collect();
    let new: Vec<NewSample<'_>> = samples
        .iter()
        .zip(&functions)
        .map(|(sample, functions)| NewSample {
            id: sample.id,
            facts: SampleFacts::default(),
            token: 0,
            functions,
        })
        .collect();
    // Ids are distinct, signatures of one length, and the functions fit in memory: nothing is left to refuse but the count.
    let _ = index.insert_samples(&new);
    index.reader()
}

fn functions_without_pichash(reader: &IndexReader, samples: &[OwnSample<'_>]) -> Vec<FunctionRef> {
    let mut without = Vec::new();
    for sample in samples {
        let mut ids: Vec<_> = sample
            .functions
            .iter()
            .filter(|function| function.pichash.get() == 0)
            .map(|function| function.id)
            .collect();
        ids.sort_unstable();
        let functions =
            reader.sample_no(sample.id).into_iter().flat_map(|number| reader.functions_in(number));
        without
            .extend(functions.filter(|function| ids.binary_search(&reader.function_id(*function)).is_ok()));
    }
    without
}
