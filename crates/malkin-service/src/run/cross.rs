//! The job that puts the results of several samples side by side.

use malkin_matching::{NeverCancelled, cross};
use malkin_report::{Amount, FamilyId, JobId, MatchedFunctionCounts, MatchedSample, SampleId, Weighted};
use serde::Deserialize;

use super::{JobError, matching};
use crate::engine::{Engine, ServiceError};
use crate::queue::JobControl;
use crate::request::MatchArguments;

impl Engine {
    /// Several samples side by side, here and now. A sample that is named twice counts once.
    pub fn cross_now(
        &self,
        samples: &[SampleId],
        arguments: &MatchArguments,
    ) -> Result<Vec<u8>, ServiceError> {
        let mut wanted: Vec<SampleId> = Vec::with_capacity(samples.len());
        for sample in samples {
            if !wanted.contains(sample) {
                wanted.push(*sample);
            }
        }
        let group_only = arguments.has_group_restriction();
        let arguments = arguments.clone().without_group_restriction();
        let results = wanted.iter().map(|sample| {
            let result = if group_only {
                let others: Vec<SampleId> = wanted.iter().copied().filter(|other| other != sample).collect();
                matching::sample_vs_group(self, *sample, &others, &arguments, &mut NeverCancelled)?
            } else {
                matching::sample(self, *sample, &arguments, &mut NeverCancelled)?
            };
            Ok((*sample, compared(*sample, &result, &wanted)?))
        });
        let results = results.collect::<Result<Vec<_>, JobError>>();
        results.and_then(|results| side_by_side(&results)).map_err(|error| match error {
            JobError::Store(error) => ServiceError::Store(error),
            other => ServiceError::Unanswerable(other.to_string()),
        })
    }
}

/// Combines the results of one job for each sample. Fails if one of these jobs failed or is gone.
pub(super) fn combine(
    engine: &Engine,
    jobs: &[(SampleId, JobId)],
    control: &JobControl<'_>,
) -> Result<Vec<u8>, JobError> {
    let wanted: Vec<SampleId> = jobs.iter().map(|(sample, _)| *sample).collect();
    let mut results: Vec<(SampleId, Vec<MatchedSample>)> = Vec::with_capacity(jobs.len());
    for (sample, job) in jobs {
        if control.is_cancelled() {
            return Err(crate::queue::Cancelled.into());
        }
        let result = result_of(engine, *job)?.ok_or_else(|| {
            JobError::failed(format!("the comparison of sample {sample} failed or is gone"))
        })?;
        results.push((*sample, compared(*sample, &result, &wanted)?));
    }
    side_by_side(&results)
}

/// The samples of a result that are compared with each other; everything else the corpus holds may be in it, too.
fn compared(sample: SampleId, result: &[u8], wanted: &[SampleId]) -> Result<Vec<MatchedSample>, JobError> {
    let mut found = matched_samples(result)
        .map_err(|error| JobError::failed(format!("the result for sample {sample} is unusable: {error}")))?;
    found.retain(|other| wanted.contains(&other.sample_id));
    Ok(found)
}

fn side_by_side(results: &[(SampleId, Vec<MatchedSample>)]) -> Result<Vec<u8>, JobError> {
    let results: Vec<(SampleId, &[MatchedSample])> =
        results.iter().map(|(sample, found)| (*sample, found.as_slice())).collect();
    let result = cross(&results).map_err(|error| JobError::failed(error.to_string()))?;
    Ok(malkin_wire::cross_result_to_json(&result))
}

fn result_of(engine: &Engine, job: JobId) -> Result<Option<Vec<u8>>, JobError> {
    match engine.store().job(job)?.and_then(|job| job.result) {
        Some(result) => Ok(engine.store().result(result)?),
        None => Ok(None),
    }
}

/// The samples of a stored result; its functions are passed over.
fn matched_samples(result: &[u8]) -> Result<Vec<MatchedSample>, serde_json::Error> {
    let result: Stored = serde_json::from_slice(result)?;
    Ok(result.matches.samples.into_iter().map(MatchedSample::from).collect())
}

#[derive(Deserialize)]
struct Stored {
    matches: StoredMatches,
}

#[derive(Deserialize)]
struct StoredMatches {
    samples: Vec<StoredSample>,
}

#[derive(Deserialize)]
struct StoredSample {
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
    matched: StoredCounts,
}

#[derive(Deserialize)]
struct StoredCounts {
    functions: StoredFunctions,
    bytes: StoredFigures,
    percent: StoredFigures,
}

#[derive(Deserialize)]
struct StoredFunctions {
    minhashes: u64,
    pichashes: u64,
    combined: u64,
    library: u64,
}

#[derive(Deserialize)]
struct StoredFigures {
    unweighted: f64,
    score_weighted: f64,
    frequency_weighted: f64,
    nonlib_unweighted: f64,
    nonlib_score_weighted: f64,
    nonlib_frequency_weighted: f64,
}

impl StoredFigures {
    fn as_array(&self) -> [f64; 6] {
        [
            self.unweighted,
            self.score_weighted,
            self.frequency_weighted,
            self.nonlib_unweighted,
            self.nonlib_score_weighted,
            self.nonlib_frequency_weighted,
        ]
    }
}

impl From<StoredSample> for MatchedSample {
    fn from(stored: StoredSample) -> Self {
        let StoredFunctions { minhashes, pichashes, combined, library } = stored.matched.functions;
        Self {
            family: stored.family,
            family_id: FamilyId::new(stored.family_id),
            version: stored.version,
            bitness: stored.bitness,
            sha256: stored.sha256,
            filename: stored.filename,
            sample_id: SampleId::new(stored.sample_id),
            num_bytes: stored.num_bytes,
            is_library: stored.is_library,
            num_functions: stored.num_functions,
            functions: MatchedFunctionCounts { minhashes, pichashes, combined, library },
            bytes: Weighted::from_array(stored.matched.bytes.as_array().map(Amount::Float)),
            percent: Weighted::from_array(stored.matched.percent.as_array()),
        }
    }
}
