//! Ceilings of time and memory, and wishes to stop, over a small corpus.

use std::sync::Arc;

use malkin_matching::{MatchParameters, OwnFunction, OwnSample};
use malkin_report::SampleId;
use malkin_store::{FunctionQuery, SqliteStore};

use super::*;
use crate::clock::Clock;
use crate::corpus::{Corpus, DEFAULT_MATCH_TIME};
use crate::ended::ended_counts;
use crate::test_corpus::sample;

/// Distinct signatures of the own sample: more than one thread's worth.
const FUNCTIONS: u64 = 200;

fn corpus() -> Corpus {
    let store = Arc::new(SqliteStore::open_in_memory().unwrap());
    let corpus = Corpus::open(None, store, Arc::new(Clock::System), DEFAULT_MATCH_TIME).unwrap();
    for (name, seed) in [("a", 0), ("b", 10), ("c", 20)] {
        corpus.add(&sample(name, name, seed, FUNCTIONS)).unwrap();
    }
    corpus
}

fn own(corpus: &Corpus) -> Vec<OwnFunction> {
    let functions = corpus.store().functions(&FunctionQuery::OfSample(SampleId::new(0))).unwrap();
    functions.iter().map(OwnFunction::from).collect()
}

const ENOUGH: Limits = Limits { time: Duration::from_mins(10), may_be_partial: false };

/// Pieces of work that a budget has ended in this process.
fn ended(wanted: Budget) -> u64 {
    ended_counts().into_iter().find_map(|(budget, count)| (budget == wanted).then_some(count)).unwrap_or(0)
}

fn go_on(_: Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

#[test]
fn time_ends_a_question_with_an_error_or_a_marked_part() {
    let corpus = corpus();
    let functions = own(&corpus);
    let sample = OwnSample { id: SampleId::new(0), functions: &functions };
    for exact in [false, true] {
        let parameters = MatchParameters { exact, ..MatchParameters::default() };
        let ask =
            |limits| scan(QueryPlan::new(corpus.index().reader(), sample, parameters), limits, &mut go_on);
        let whole = ask(ENOUGH).unwrap();
        assert!(whole.num_matches() > 100);
        let no_time = Limits { time: Duration::ZERO, ..ENOUGH };
        let before = ended(Budget::Time);
        assert_eq!(ask(no_time).unwrap_err(), MatchError::TimeExceeded { seconds: 0 });
        assert!(ended(Budget::Time) > before, "what a budget ends is counted");
        let part = ask(Limits { may_be_partial: true, ..no_time }).unwrap();
        assert_eq!(part.num_matches(), 0, "nothing was compared, which is told and not an error");
    }
}

#[test]
fn memory_is_that_of_all_parts_together() {
    let corpus = corpus();
    let functions = own(&corpus);
    let sample = OwnSample { id: SampleId::new(0), functions: &functions };
    let whole =
        scan(QueryPlan::new(corpus.index().reader(), sample, MatchParameters::default()), ENOUGH, &mut go_on)
            .unwrap();
    // Half of what all matches take is more than any piece takes by itself.
    let parameters = MatchParameters { max_memory: whole.num_matches() * 20, ..MatchParameters::default() };
    let ask = |limits| scan(QueryPlan::new(corpus.index().reader(), sample, parameters), limits, &mut go_on);
    let before = ended(Budget::Memory);
    assert_eq!(ask(ENOUGH).unwrap_err(), MatchError::BudgetExceeded { limit: parameters.max_memory });
    assert!(ended(Budget::Memory) > before, "what a budget ends is counted");
    let part = ask(Limits { may_be_partial: true, ..ENOUGH }).unwrap();
    assert!(part.num_matches() > 0 && part.num_matches() < whole.num_matches());
}

#[test]
fn a_wish_to_stop_is_not_a_part() {
    let corpus = corpus();
    let functions = own(&corpus);
    let sample = OwnSample { id: SampleId::new(0), functions: &functions[..20] };
    let mut stop = |_: Progress| ControlFlow::Break(());
    let limits = Limits { may_be_partial: true, ..ENOUGH };
    let outcome =
        scan(QueryPlan::new(corpus.index().reader(), sample, MatchParameters::default()), limits, &mut stop);
    assert_eq!(outcome.unwrap_err(), MatchError::Cancelled);
}
