//! How long a request is expected to run, judged by what it names: short requests have threads of their own, which long ones never
//! take. A request that was judged wrongly costs little (`queue::lanes`).

use malkin_report::SampleId;
use malkin_store::{Lane, Store, StoreError};

use super::Request;

/// Most functions of the samples of a short request. Matching 5,000 functions with ten million takes about a second
/// (`docs/benchmarks.md`).
const SHORT_FUNCTIONS: u64 = 5000;
/// Largest report of a short query in bytes: about as many functions.
const SHORT_REPORT: usize = 4 << 20;
/// Largest executable of a short query in bytes: it is disassembled first.
const SHORT_BINARY: usize = 1 << 20;
/// Most results that a short cross comparison puts side by side.
const SHORT_CROSS: usize = 20;

impl Request {
    /// The lane of a request whose file has `file_bytes`.
    pub(crate) fn lane(&self, store: &dyn Store, file_bytes: usize) -> Result<Lane, StoreError> {
        let by_functions = |samples: &[SampleId]| -> Result<Lane, StoreError> {
            let is_few = samples.len() as u64 <= SHORT_FUNCTIONS;
            Ok(lane_if(is_few && store.count_functions(samples)? <= SHORT_FUNCTIONS))
        };
        match self {
            Self::MatchSample(_, arguments)
            | Self::MatchSampleVs(_, _, arguments)
            | Self::MatchSampleVsGroup(_, _, arguments)
            | Self::MatchFunction(_, arguments)
            | Self::QueryReport(_, arguments)
            | Self::QueryBinary(_, arguments)
            | Self::QueryMapped(_, _, arguments)
                if arguments.parameters().exact =>
            {
                Ok(Lane::Long)
            }
            Self::MatchSample(sample, _) => by_functions(&[*sample]),
            Self::MatchSampleVs(sample, other, _) => by_functions(&[*sample, *other]),
            Self::MatchSampleVsGroup(sample, others, _) => by_functions(&[&[*sample][..], others].concat()),
            Self::UpdateMinHashesForSample(_)
            | Self::ModifySample(..)
            | Self::ModifyFamily(..)
            | Self::DeleteSample(_)
            | Self::MatchFunction(..) => Ok(Lane::Short),
            Self::UniqueBlocks(samples, _) => by_functions(samples),
            Self::CombineToCross(jobs) => Ok(lane_if(jobs.len() <= SHORT_CROSS)),
            Self::QueryReport(..) => Ok(lane_if(file_bytes <= SHORT_REPORT)),
            Self::QueryBinary(..) | Self::QueryMapped(..) | Self::AddBinary(..) => {
                Ok(lane_if(file_bytes <= SHORT_BINARY))
            }
            Self::CheckRules(..) | Self::DeleteFamily { .. } | Self::Maintain(_) => Ok(Lane::Long),
        }
    }
}

fn lane_if(is_short: bool) -> Lane {
    if is_short { Lane::Short } else { Lane::Long }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use malkin_report::{JobId, ObjectId, UploadId};
    use malkin_store::{Catalogue, SqliteStore, Timestamp};

    use super::*;
    use crate::request::{Maintenance, MatchArguments};
    use crate::test_corpus::sample;

    #[test]
    fn requests_are_short_unless_they_name_much() {
        let store = Arc::new(SqliteStore::open_in_memory().unwrap());
        for (seed, functions) in [(0, 20), (1, 3000), (2, 3000)] {
            let new = sample(&format!("{seed}.exe"), "family", seed, functions);
            store.add_sample(&new, &[], "", Timestamp::from_millis(0)).unwrap();
        }
        let lane = |request: &Request, bytes| request.lane(store.as_ref(), bytes).unwrap();
        let id = SampleId::new;
        let (plain, mut exact) = (MatchArguments::none(), MatchArguments::none());
        exact.exact();
        let (upload, job) = (UploadId(ObjectId::from_bytes([0; 12])), JobId(ObjectId::from_bytes([1; 12])));
        for (request, bytes, expected) in [
            (Request::MatchSample(id(1), plain.clone()), 0, Lane::Short),
            (Request::MatchSample(id(0), exact), 0, Lane::Long),
            (Request::MatchSampleVs(id(1), id(2), plain.clone()), 0, Lane::Long),
            (Request::MatchSampleVsGroup(id(0), vec![id(1)], plain.clone()), 0, Lane::Short),
            (Request::MatchSampleVsGroup(id(0), vec![id(1), id(2)], plain.clone()), 0, Lane::Long),
            (Request::QueryReport(upload, plain.clone()), 24_000, Lane::Short),
            (Request::QueryReport(upload, plain.clone()), 40 << 20, Lane::Long),
            (Request::QueryBinary(upload, plain.clone()), 100_000, Lane::Short),
            (Request::QueryBinary(upload, plain), 2 << 20, Lane::Long),
            (Request::CombineToCross(vec![(id(0), job); 20]), 0, Lane::Short),
            (Request::CombineToCross(vec![(id(0), job); 21]), 0, Lane::Long),
            (Request::CheckRules(upload, Vec::new()), 100, Lane::Long),
            (Request::Maintain(Maintenance::RebuildIndex), 0, Lane::Long),
        ] {
            assert_eq!(lane(&request, bytes), expected, "{request:?}");
        }
    }
}
