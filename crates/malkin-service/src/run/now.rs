//! Matching here and now, without the queue: for the command line and for the questions about single functions.

use std::ops::ControlFlow;

use malkin_codehash::HashPath;
use malkin_matching::{
    Control, NeverCancelled, OwnFunction, Progress, match_functions, match_query_function,
};
use malkin_report::matching::MatcherKind;
use malkin_report::{FunctionEntry, FunctionId, FunctionMatch, Report, SampleEntry, SampleId};
use malkin_store::{FunctionQuery, StoreError};

use super::JobError;
use super::matching::{self, Asked, Own, Started};
use crate::engine::{Engine, ServiceError};
use crate::ingest::{Ingested, ingest, ingest_on, read_report};
use crate::request::MatchArguments;

/// Two stored functions with their samples, compared.
#[derive(Clone, PartialEq, Debug)]
pub struct FunctionPair {
    /// The functions.
    pub functions: [FunctionEntry; 2],
    /// Their disassembly as compact JSON; none where it was dropped.
    pub disassembly: [Option<Vec<u8>>; 2],
    /// Their samples.
    pub samples: [SampleEntry; 2],
    /// How alike they are.
    pub matched: FunctionMatch,
}

impl Engine {
    /// A report against everything, here and now; nothing is stored.
    pub fn query_now(&self, report: Report, arguments: &MatchArguments) -> Result<Vec<u8>, ServiceError> {
        let started = Started::now(self);
        let Ingested { sample, summary, .. } = ingest(report, self.hasher())?;
        let (entry, functions) = transient(sample);
        let own = Own { entry, functions, started };
        matching::own_query(self, &own, &summary, arguments, &mut NeverCancelled).map_err(unanswerable)
    }

    /// A stored sample against everything or one other, here and now.
    pub fn match_now(
        &self,
        id: SampleId,
        other: Option<SampleId>,
        arguments: &MatchArguments,
    ) -> Result<Vec<u8>, ServiceError> {
        let control: &mut dyn Control = &mut NeverCancelled;
        let result = match other {
            None => matching::sample(self, id, arguments, control),
            Some(other) => matching::sample_vs(self, id, other, arguments, control),
        };
        result.map_err(unanswerable)
    }

    /// A stored sample against everything, here and now, for as long as `go_on` wants: it is shown the share that is done every few
    /// milliseconds. `None` if it ended the comparison.
    pub fn match_while(
        &self,
        id: SampleId,
        arguments: &MatchArguments,
        go_on: &mut dyn FnMut(f64) -> bool,
    ) -> Result<Option<Vec<u8>>, ServiceError> {
        let mut control = |progress: Progress| {
            let share = progress.done as f64 / progress.total.max(1) as f64;
            if go_on(share) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        match matching::sample(self, id, arguments, &mut control) {
            Err(JobError::Cancelled(_)) => Ok(None),
            result => result.map(Some).map_err(unanswerable),
        }
    }

    /// A stored function against everything, here and now.
    pub fn match_function_now(
        &self,
        id: FunctionId,
        arguments: &MatchArguments,
    ) -> Result<Vec<u8>, ServiceError> {
        matching::function(self, id, arguments, &mut NeverCancelled).map_err(unanswerable)
    }

    /// The only function of a report against everything; nothing is stored. It is hashed with its report at hand, which
    /// differs from what is stored for a few architectures, as in the reference. With `exclude_self` the stored sample that
    /// the report was made of counts as the own one: its functions are self matches.
    pub fn query_function(
        &self,
        body: &[u8],
        arguments: &MatchArguments,
        exclude_self: bool,
    ) -> Result<Vec<u8>, ServiceError> {
        let started = Started::now(self);
        let mut report = read_report(body)?;
        if report.functions.len() != 1 {
            let text = format!("expected a report with one function, got {}", report.functions.len());
            return Err(ServiceError::Unanswerable(text));
        }
        // Reports made for one function may lack the counts; nothing here depends on them.
        report.statistics.get_or_insert_default();
        let Ingested { sample, .. } = ingest_on(HashPath::Report, report, self.hasher())?;
        let (mut entry, functions) = transient(sample);
        let stored = if exclude_self { self.store().sample_by_sha256(&entry.sha256)? } else { None };
        if let Some(stored) = stored {
            entry.sample_id = stored.sample_id;
        }
        let own = Own { entry, functions, started };
        self.own_function(&own, arguments, &mut NeverCancelled).map_err(unanswerable)
    }

    fn own_function(
        &self,
        own: &Own,
        arguments: &MatchArguments,
        control: &mut dyn Control,
    ) -> Result<Vec<u8>, JobError> {
        let reader = self.memory().reader();
        let scored = match_query_function(&reader, own.sample(), arguments.parameters(), control)?;
        let name: String = own.entry.sha256.chars().take(8).collect();
        let offset = own.functions.first().map(|function| function.offset).unwrap_or_default();
        let parameters = format!("getMatchesForSmdaFunction({name}@{offset})");
        let asked = Asked::everything(MatcherKind::QueryFunction, parameters);
        matching::finish(self, own, scored, asked, control)
    }

    /// Two stored functions side by side; `None` if either is unknown.
    pub fn compare_functions(
        &self,
        a: FunctionId,
        b: FunctionId,
    ) -> Result<Option<FunctionPair>, StoreError> {
        let store = self.store();
        let found = [
            store.functions(&FunctionQuery::ByIds(vec![a]))?.pop(),
            store.functions(&FunctionQuery::ByIds(vec![b]))?.pop(),
        ];
        let [Some(a), Some(b)] = found else {
            return Ok(None);
        };
        let [Some(sample_a), Some(sample_b)] = [store.sample(a.sample_id)?, store.sample(b.sample_id)?]
        else {
            return Ok(None);
        };
        let disassembly = [self.disassembly(a.function_id)?, self.disassembly(b.function_id)?];
        let other = (b.family_id, b.sample_id, sample_b.is_library);
        let positions = self.hasher().config().signature_length;
        let matched = match_functions(&OwnFunction::from(&a), &OwnFunction::from(&b), other, positions);
        Ok(Some(FunctionPair { functions: [a, b], disassembly, samples: [sample_a, sample_b], matched }))
    }
}

fn unanswerable(error: JobError) -> ServiceError {
    match error {
        JobError::Store(error) => ServiceError::Store(error),
        other => ServiceError::Unanswerable(other.to_string()),
    }
}

/// The record a query's sample would get, and its functions, without a store: sample -1, functions -1, -2, ...
fn transient(sample: malkin_store::NewSample) -> (SampleEntry, Vec<OwnFunction>) {
    let functions = sample.functions.into_iter().zip(1..).map(|(function, number)| OwnFunction {
        id: malkin_report::FunctionId::new(-number),
        offset: function.offset,
        num_instructions: function.num_instructions,
        num_blocks: function.num_blocks,
        binweight: function.binweight,
        pichash: function.pichash,
        minhash: function.minhash,
    });
    let functions = functions.collect();
    let entry = SampleEntry {
        sample_id: SampleId::new(-1),
        family_id: malkin_report::FamilyId::NAMELESS,
        family: sample.family,
        version: sample.version,
        component: sample.component,
        filename: sample.filename,
        is_library: sample.is_library,
        sha256: sample.sha256,
        architecture: sample.architecture,
        bitness: sample.bitness,
        base_addr: sample.base_addr,
        binary_size: sample.binary_size,
        binweight: sample.binweight,
        smda_version: sample.smda_version,
        statistics: sample.statistics,
        timestamp: sample.timestamp,
    };
    (entry, functions)
}
