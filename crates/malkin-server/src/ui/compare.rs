//! Several samples compared with each other, and the blocks that only some samples have.

use std::collections::{BTreeSet, HashMap};

use malkin_pages::admin::{BlockRow, BlocksPage};
use malkin_pages::corpus::{Cell, ComparePage, MatrixPage, SampleRow};
use malkin_pages::frame::Here;
use malkin_report::{FamilyId, SampleId};
use malkin_service::clock::second_time;
use malkin_service::jobs::kinds;
use malkin_service::{BlockArguments, MatchArguments, RuleOptions, rules_to_body, yara_rule};
use malkin_store::{JobFilter, StoreError};
use serde_json::Value;

use super::corpus::refused;
use super::jobs::of_path;
use super::{forms, frame, missing, page as render, see_other, store_failed, view};
use crate::answer::Answer;
use crate::app::App;
use crate::call::Call;

/// Most samples of a comparison, as in the API.
const MOST: usize = 1000;
/// Most samples of a matrix page: each has a row of cells.
const MOST_SHOWN: usize = 120;
/// Blocks of a page.
const BLOCKS: usize = 100;

const WEIGHTINGS: [(&str, &str); 6] = [
    ("unweighted", "bytes"),
    ("score_weighted", "bytes by score"),
    ("frequency_weighted", "bytes by score and rarity"),
    ("nonlib_unweighted", "bytes without libraries"),
    ("nonlib_score_weighted", "bytes by score without libraries"),
    ("nonlib_frequency_weighted", "bytes by score and rarity without libraries"),
];

/// `GET /ui/compare?samples=`
pub(super) fn page(app: &App, call: &Call) -> Result<Answer, Answer> {
    let typed: String = call.query.last("samples").unwrap_or_default().chars().take(100_000).collect();
    show(app, call, typed, None)
}

fn show(app: &App, call: &Call, typed: String, error: Option<String>) -> Result<Answer, Answer> {
    let filter = JobFilter { method: Some("combineMatchesToCross".to_owned()), ..JobFilter::default() };
    let jobs = app.service.corpus.store().jobs(&filter, 0, 20, false);
    let jobs = jobs.map_err(|error| store_failed(app, call, &error))?;
    render(&ComparePage {
        frame: frame(app, &call.headers, Here::Compare, "Compare samples"),
        typed,
        error,
        jobs: jobs.iter().map(view::job).collect(),
    })
}

/// `POST /ui/compare`: numbers or hashes.
pub(super) fn start(app: &App, call: &Call) -> Result<Answer, Answer> {
    let form = forms::read(app, call)?;
    let typed = form.text("samples").to_owned();
    let samples = match read_samples(app, &typed).map_err(|error| store_failed(app, call, &error))? {
        Ok(samples) if samples.len() < 2 => {
            return show(app, call, typed, Some("Name two samples or more.".to_owned()));
        }
        Ok(samples) => samples,
        Err(error) => return show(app, call, typed, Some(error)),
    };
    let job = app.service.jobs.enqueue_cross(&samples, &MatchArguments::none(), false);
    let job = job.map_err(|error| store_failed(app, call, &error))?;
    Ok(see_other(&format!("/ui/jobs/{job}")))
}

/// Samples by number or SHA-256; the inner error says which is not there.
fn read_samples(app: &App, typed: &str) -> Result<Result<Vec<SampleId>, String>, StoreError> {
    let store = app.service.corpus.store();
    let mut samples = Vec::new();
    for word in typed.split([',', ' ', ';', '\n', '\r', '\t']).filter(|word| !word.is_empty()) {
        let sample = if word.len() == 64 {
            store.sample_by_sha256(&word.to_ascii_lowercase())?
        } else {
            match word.parse() {
                Ok(id) => store.sample(SampleId::new(id))?,
                Err(_) => None,
            }
        };
        match sample.filter(|sample| !sample.sample_id.is_query()) {
            Some(sample) if !samples.contains(&sample.sample_id) => samples.push(sample.sample_id),
            Some(_) => {}
            None => {
                let word = malkin_pages::shown::shown(word, 70);
                return Ok(Err(format!("There is no sample {word}.")));
            }
        }
        if samples.len() > MOST {
            return Ok(Err(format!("At most {MOST} samples can be compared.")));
        }
    }
    Ok(Ok(samples))
}

/// `GET /ui/matrix/{job}?weighting=`
pub(super) fn matrix(app: &App, call: &Call) -> Result<Answer, Answer> {
    let error = |error| store_failed(app, call, &error);
    let job = of_path(app, call, 1)?;
    let store = app.service.corpus.store();
    let bytes = job.result.map(|id| store.result(id)).transpose().map_err(error)?.flatten();
    let document: Value = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    let wanted = call.query.last("weighting").unwrap_or("score_weighted");
    let chosen = WEIGHTINGS.iter().find(|(name, _)| *name == wanted).unwrap_or(&WEIGHTINGS[1]).0;
    let matrix = &document[chosen];
    let ids: Vec<i64> = matrix["clustered_sequence"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|id| id.as_str()?.parse().ok())
        .take(MOST_SHOWN)
        .collect();
    if ids.is_empty() {
        return Err(missing(app, call, "matrix"));
    }
    let wanted: Vec<SampleId> = ids.iter().map(|id| SampleId::new(*id)).collect();
    let found = store.samples_by_ids(&wanted).map_err(error)?;
    let mut rows: HashMap<i64, SampleRow> =
        found.iter().map(|sample| (sample.sample_id.get(), view::sample(sample))).collect();
    let samples: Vec<SampleRow> = ids
        .iter()
        .map(|id| rows.remove(id).unwrap_or_else(|| SampleRow { id: *id, ..SampleRow::default() }))
        .collect();
    let cell = |row: i64, column: i64| Cell {
        row,
        column,
        percent: matrix["matching_percent"][row.to_string()][column.to_string()].as_f64().unwrap_or(0.0),
        matches: matrix["matching_matches"][row.to_string()][column.to_string()].as_u64().unwrap_or(0),
    };
    let rows: Vec<(SampleRow, Vec<Cell>)> = samples
        .iter()
        .map(|sample| (sample.clone(), ids.iter().map(|column| cell(sample.id, *column)).collect()))
        .collect();
    let shares: Vec<Vec<f64>> =
        rows.iter().map(|(_, cells)| cells.iter().map(|cell| cell.percent).collect()).collect();
    render(&MatrixPage {
        frame: frame(app, &call.headers, Here::Compare, "Comparison"),
        job: job.id.to_string(),
        weightings: WEIGHTINGS.iter().map(|(name, text)| (*name, *text, *name == chosen)).collect(),
        tree: malkin_pages::tree::dendrogram(&shares),
        samples,
        rows,
    })
}

/// `GET /ui/pair/{a}/{b}`: two samples of a matrix. A comparison that was made is shown, or the question whether to make it.
pub(super) fn pair(app: &App, call: &Call) -> Result<Answer, Answer> {
    let error = |error| store_failed(app, call, &error);
    let (a, b) = pair_of(app, call)?;
    let filter = JobFilter { method: Some("getMatchesForSampleVs".to_owned()), ..JobFilter::default() };
    let jobs = app.service.corpus.store().jobs(&filter, 0, 500, false).map_err(error)?;
    let known = jobs.iter().find(|job| view::samples_of(job) == [a, b] && job.result.is_some());
    if let Some(result) = known.and_then(|job| job.result) {
        return Ok(see_other(&format!("/ui/results/{result}")));
    }
    render(&malkin_pages::corpus::PairPage {
        frame: frame(app, &call.headers, Here::Compare, "Two samples"),
        a: a.get(),
        b: b.get(),
    })
}

fn pair_of(app: &App, call: &Call) -> Result<(SampleId, SampleId), Answer> {
    let sample = |position: usize| -> Result<SampleId, Answer> {
        let id = SampleId::new(call.text(position).parse().unwrap_or(i64::MIN));
        let known = app.service.corpus.store().sample(id).map_err(|error| store_failed(app, call, &error))?;
        known.map(|_| id).ok_or_else(|| missing(app, call, "sample"))
    };
    Ok((sample(1)?, sample(2)?))
}

/// `POST /ui/pair/{a}/{b}`
pub(super) fn start_pair(app: &App, call: &Call) -> Result<Answer, Answer> {
    forms::read(app, call)?;
    let (a, b) = pair_of(app, call)?;
    let job = app.service.jobs.enqueue(&kinds::MatchSampleVs(a, b, MatchArguments::none()), false);
    Ok(see_other(&format!("/ui/jobs/{}", job.map_err(|error| store_failed(app, call, &error))?)))
}

/// `POST /ui/blocks`: of a family or of samples.
pub(super) fn start_blocks(app: &App, call: &Call) -> Result<Answer, Answer> {
    let error = |error| store_failed(app, call, &error);
    let form = forms::read(app, call)?;
    let mut arguments = BlockArguments::none();
    let samples: Vec<SampleId> = if form.text("family").is_empty() {
        match read_samples(app, form.text("samples")).map_err(error)? {
            Ok(samples) => samples,
            Err(message) => return Err(refused(app, call, &message)),
        }
    } else {
        let id = FamilyId::new(form.text("family").parse().unwrap_or(i64::MIN));
        arguments.family(id);
        let samples = app.service.corpus.store().samples_of_family(id).map_err(error)?;
        samples.into_iter().map(|sample| sample.sample_id).collect()
    };
    if samples.is_empty() {
        return Err(refused(app, call, "There are no such samples."));
    }
    let job = app.service.jobs.enqueue(&kinds::UniqueBlocks(samples, arguments), false).map_err(error)?;
    Ok(see_other(&format!("/ui/jobs/{job}")))
}

/// The unique blocks of a job, and the rule made of them.
fn blocks_of(
    app: &App,
    call: &Call,
) -> Result<(malkin_store::Job, malkin_report::UniqueBlocks, Option<String>), Answer> {
    let job = of_path(app, call, 1)?;
    let store = app.service.corpus.store();
    let bytes = job.result.map(|id| store.result(id)).transpose();
    let bytes = bytes.map_err(|error| store_failed(app, call, &error))?.flatten();
    let read = bytes.and_then(|bytes| malkin_wire::unique_blocks_from_json(&bytes).ok());
    let (blocks, notation) = read.ok_or_else(|| missing(app, call, "result"))?;
    let day = second_time(job.finished_at.unwrap_or(job.created_at));
    let day = day.split('T').next().unwrap_or_default();
    let rule = yara_rule(&blocks, notation, &RuleOptions::default(), day);
    Ok((job, blocks, Some(rule.text).filter(|_| !rule.blocks.is_empty())))
}

/// `GET /ui/blocks/{job}`
pub(super) fn blocks(app: &App, call: &Call) -> Result<Answer, Answer> {
    let (job, found, rule) = blocks_of(app, call)?;
    let mut rows: Vec<&malkin_report::UniqueBlock> = found.blocks.iter().collect();
    rows.sort_by(|a, b| b.score.total_cmp(&a.score));
    let statistics = &found.statistics;
    let samples: BTreeSet<i64> = statistics.by_sample.iter().map(|sample| sample.sample_id.get()).collect();
    render(&BlocksPage {
        frame: frame(app, &call.headers, Here::Jobs, "Unique blocks"),
        job: view::job(&job),
        samples: samples.into_iter().take(12).collect(),
        numbers: vec![
            ("unique blocks", statistics.unique_blocks_overall),
            ("blocks in the rule", found.yara_rule.len() as u64),
            ("samples covered", statistics.num_samples_covered),
            ("samples", statistics.num_samples),
        ],
        rule,
        more: rows.len().saturating_sub(BLOCKS),
        blocks: rows
            .into_iter()
            .take(BLOCKS)
            .map(|block| BlockRow {
                hash: format!("{:#x}", block.hash.get()),
                samples: block.samples.len(),
                length: u64::from(block.length),
                score: block.score,
                code: block
                    .instructions
                    .iter()
                    .map(|one| format!("{} {}", one.mnemonic, one.operands))
                    .collect::<Vec<_>>()
                    .join("; "),
                function: Some(block.function_id.get()).filter(|id| *id >= 0),
            })
            .collect(),
    })
}

/// `POST /ui/blocks/{job}/check`
pub(super) fn check_rule(app: &App, call: &Call) -> Result<Answer, Answer> {
    forms::read(app, call)?;
    let (_, found, rule) = blocks_of(app, call)?;
    let rule = rule.ok_or_else(|| missing(app, call, "rule"))?;
    let first = found.statistics.by_sample.iter().map(|sample| sample.sample_id).collect();
    let job = app.service.jobs.enqueue_file(&rules_to_body(&rule), &kinds::CheckRules(first), true);
    Ok(see_other(&format!("/ui/jobs/{}", job.map_err(|error| store_failed(app, call, &error))?)))
}
