//! How long a request is expected to run, judged by what it names: short requests have threads of their own, which long ones never
//! take. A request that was judged wrongly costs little (`lanes`).

use malkin_report::SampleId;
use malkin_store::{Lane, StoreError};

use crate::corpus::Corpus;
use crate::matching::MatchArguments;

/// Most functions of the samples of a short request. Matching 5,000 functions with ten million takes about a second
/// (`docs/benchmarks.md`).
const SHORT_FUNCTIONS: u64 = 5000;
/// Largest report of a short query in bytes: about as many functions.
pub(super) const SHORT_REPORT: usize = 4 << 20;
/// Largest executable of a short query in bytes: it is disassembled first, and 64 KiB can be made to take two seconds.
pub(super) const SHORT_BINARY: usize = 64 << 10;

/// Short if a condition holds.
pub(super) fn short_if(is_short: bool) -> Lane {
    if is_short { Lane::Short } else { Lane::Long }
}

/// Short if the samples have few functions together.
pub(super) fn by_functions(corpus: &Corpus, samples: &[SampleId]) -> Result<Lane, StoreError> {
    let is_few = samples.len() as u64 <= SHORT_FUNCTIONS;
    Ok(short_if(is_few && corpus.store().count_functions(samples)? <= SHORT_FUNCTIONS))
}

/// The lane of a comparison: exact ones read the whole index and are long.
pub(super) fn of_comparison(
    arguments: &MatchArguments,
    otherwise: impl FnOnce() -> Result<Lane, StoreError>,
) -> Result<Lane, StoreError> {
    if arguments.parameters().exact { Ok(Lane::Long) } else { otherwise() }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use malkin_report::{JobId, ObjectId};
    use malkin_store::SqliteStore;

    use super::*;
    use crate::app::App;
    use crate::clock::Clock;
    use crate::jobs::kind::Kind;
    use crate::jobs::kinds::{
        CheckRules, CombineToCross, MatchSample, MatchSampleVs, MatchSampleVsGroup, QueryBinary, QueryReport,
        RebuildIndex,
    };
    use crate::test_corpus::sample;

    #[test]
    fn requests_are_short_unless_they_name_much() {
        let app = App::open(Arc::new(SqliteStore::open_in_memory().unwrap()), Clock::System).unwrap();
        for (seed, functions) in [(0, 20), (1, 3000), (2, 3000)] {
            app.corpus.add(&sample(&format!("{seed}.exe"), "family", seed, functions)).unwrap();
        }
        fn lane<K: Kind>(app: &App, request: &K, bytes: usize) -> Lane {
            request.lane(&app.corpus, bytes).unwrap()
        }
        let id = SampleId::new;
        let plain = MatchArguments::none;
        let mut exact = MatchArguments::none();
        exact.exact();
        let job = JobId(ObjectId::from_bytes([1; 12]));
        let group =
            |others: &[i64]| MatchSampleVsGroup(id(0), others.iter().copied().map(id).collect(), plain());
        assert_eq!(lane(&app, &MatchSample(id(1), plain()), 0), Lane::Short);
        assert_eq!(lane(&app, &MatchSample(id(0), exact), 0), Lane::Long);
        assert_eq!(lane(&app, &MatchSampleVs(id(1), id(2), plain()), 0), Lane::Long);
        assert_eq!(lane(&app, &group(&[1]), 0), Lane::Short);
        assert_eq!(lane(&app, &group(&[1, 2]), 0), Lane::Long);
        assert_eq!(lane(&app, &QueryReport(plain()), 24_000), Lane::Short);
        assert_eq!(lane(&app, &QueryReport(plain()), 40 << 20), Lane::Long);
        assert_eq!(lane(&app, &QueryBinary(plain()), 60_000), Lane::Short);
        assert_eq!(lane(&app, &QueryBinary(plain()), 2 << 20), Lane::Long);
        assert_eq!(lane(&app, &CombineToCross(vec![(id(0), job); 20]), 0), Lane::Short);
        assert_eq!(lane(&app, &CombineToCross(vec![(id(0), job); 21]), 0), Lane::Long);
        assert_eq!(lane(&app, &CheckRules(Vec::new()), 100), Lane::Long);
        assert_eq!(lane(&app, &RebuildIndex, 0), Lane::Long);
    }
}
