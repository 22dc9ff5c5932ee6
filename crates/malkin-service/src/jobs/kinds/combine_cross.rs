//! Several samples side by side: combines the results of a job for each of them.

use malkin_matching::cross;
use malkin_report::{Amount, FamilyId, JobId, MatchedFunctionCounts, MatchedSample, SampleId, Weighted};
use malkin_store::{Lane, StoreError};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::corpus::Corpus;
use crate::error::{Cancelled, JobError};
use crate::jobs::kind::{Kind, Parameters};
use crate::jobs::lane;
use crate::jobs::running::JobControl;

/// Most results that a short cross comparison puts side by side.
const SHORT_CROSS: usize = 20;

/// Combines the results of one job for each sample. Fails if one of these jobs failed or is gone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CombineToCross(pub Vec<(SampleId, JobId)>);

impl Kind for CombineToCross {
    const METHOD: &'static str = "combineMatchesToCross";
    // As in the reference, it reports nothing before it is done.
    const REPORTS_START: bool = false;

    fn parameters(&self) -> Parameters {
        Parameters::positional([jobs_by_sample(&self.0)])
    }

    fn read(parameters: &Parameters) -> Option<Self> {
        let jobs =
            parameters.get("0")?.as_object()?.iter().map(|(sample, job)| {
                Some((SampleId::new(sample.parse().ok()?), JobId::parse(job.as_str()?)?))
            });
        jobs.collect::<Option<_>>().map(Self)
    }

    fn identity(&self) -> Value {
        // These keys are numbers in the reference and sorted as such.
        let mut jobs = self.0.clone();
        jobs.sort_by_key(|(sample, _)| *sample);
        json!({ "0": jobs_by_sample(&jobs) })
    }

    fn lane(&self, _corpus: &Corpus, _file_bytes: usize) -> Result<Lane, StoreError> {
        Ok(lane::short_if(self.0.len() <= SHORT_CROSS))
    }

    fn run(&self, corpus: &Corpus, job: &JobControl<'_>) -> Result<Vec<u8>, JobError> {
        let wanted: Vec<SampleId> = self.0.iter().map(|(sample, _)| *sample).collect();
        let mut results: Vec<(SampleId, Vec<MatchedSample>)> = Vec::with_capacity(self.0.len());
        for (sample, part) in &self.0 {
            if job.is_cancelled() {
                return Err(Cancelled.into());
            }
            let result = result_of(corpus, *part)?.ok_or_else(|| {
                JobError::failed(format!("the comparison of sample {sample} failed or is gone"))
            })?;
            results.push((*sample, compared(*sample, &result, &wanted)?));
        }
        side_by_side(&results)
    }
}

fn jobs_by_sample(jobs: &[(SampleId, JobId)]) -> Value {
    Value::Object(jobs.iter().map(|(sample, job)| (sample.to_string(), json!(job.to_string()))).collect())
}

/// The samples of a result that are compared with each other; everything else the corpus holds may be in it, too.
pub(crate) fn compared(
    sample: SampleId,
    result: &[u8],
    wanted: &[SampleId],
) -> Result<Vec<MatchedSample>, JobError> {
    let mut found = matched_samples(result)
        .map_err(|error| JobError::failed(format!("the result for sample {sample} is unusable: {error}")))?;
    found.retain(|other| wanted.contains(&other.sample_id));
    Ok(found)
}

/// One matrix of the results of several samples.
pub(crate) fn side_by_side(results: &[(SampleId, Vec<MatchedSample>)]) -> Result<Vec<u8>, JobError> {
    let results: Vec<(SampleId, &[MatchedSample])> =
        results.iter().map(|(sample, found)| (*sample, found.as_slice())).collect();
    let result = cross(&results).map_err(|error| JobError::failed(error.to_string()))?;
    Ok(malkin_wire::cross_result_to_json(&result))
}

fn result_of(corpus: &Corpus, job: JobId) -> Result<Option<Vec<u8>>, JobError> {
    match corpus.store().job(job)?.and_then(|job| job.result) {
        Some(result) => Ok(corpus.store().result(result)?),
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
