//! Records as pages show them.

use malkin_pages::corpus::{FamilyRow, FunctionRow, SampleRow};
use malkin_pages::jobs::JobRow;
use malkin_report::{FamilyEntry, FunctionEntry, SampleEntry, SampleId};
use malkin_service::clock::second_time;
use malkin_service::display_text;
use malkin_service::jobs::kinds;
use malkin_store::{Job, JobState};

/// A sample.
pub(super) fn sample(entry: &SampleEntry) -> SampleRow {
    let bits = if entry.bitness > 0 { format!(" {}", entry.bitness) } else { String::new() };
    SampleRow {
        id: entry.sample_id.get(),
        family_id: entry.family_id.get(),
        family: entry.family.clone(),
        version: entry.version.clone(),
        component: entry.component.clone(),
        filename: entry.filename.clone(),
        sha256: entry.sha256.clone(),
        architecture: format!("{}{bits}", entry.architecture.as_str()),
        functions: entry.statistics.num_functions,
        is_library: entry.is_library,
        timestamp: entry.timestamp.clone(),
    }
}

/// A family.
pub(super) fn family(entry: &FamilyEntry) -> FamilyRow {
    FamilyRow {
        id: entry.family_id.get(),
        name: entry.family_name.clone(),
        samples: entry.num_samples,
        functions: entry.num_functions,
        library_samples: entry.num_library_samples,
    }
}

/// The name of a function that says most: what people called it, or its name in the report.
pub(super) fn name_of(entry: &FunctionEntry) -> String {
    let label = entry.function_labels.last().map(|label| label.function_label.clone());
    label.unwrap_or_else(|| entry.function_name.clone())
}

/// A function.
pub(super) fn function(entry: &FunctionEntry, family: &str, families: u64) -> FunctionRow {
    FunctionRow {
        id: entry.function_id.get(),
        sample_id: entry.sample_id.get(),
        family: family.to_owned(),
        offset: entry.offset.get(),
        name: name_of(entry),
        blocks: entry.num_blocks,
        instructions: entry.num_instructions,
        pichash: Some(entry.pichash.get()).filter(|hash| *hash != 0),
        families,
    }
}

/// What a job does, in words. Methods and their parameters are MCRIT's; what is not named here is shown as it is.
fn what(job: &Job) -> String {
    let text = display_text(&job.method, &job.params);
    let arguments = text.split_once('(').map_or("", |(_, rest)| rest.trim_end_matches(')'));
    let words: Vec<&str> = arguments.split(", ").collect();
    let word = |at: usize| words.get(at).copied().unwrap_or_default();
    match job.method.as_str() {
        "getMatchesForSample" => format!("Where sample {} was seen", word(0)),
        "getMatchesForSampleVs" => format!("Sample {} against sample {}", word(0), word(1)),
        "getMatchesForSampleVsGroup" => format!("Sample {} against a group", word(0)),
        "getMatchesForFunction" => format!("Where function {} was seen", word(0)),
        "getMatchesForUnmappedBinary" => "Query of an executable".to_owned(),
        "getMatchesForMappedBinary" => "Query of a memory dump".to_owned(),
        "getMatchesForSmdaReport" => "Query of a report".to_owned(),
        "combineMatchesToCross" => format!("Comparison of {} samples", job.all_dependencies.len()),
        "getUniqueBlocks" => "Unique blocks".to_owned(),
        "checkRules" => "Check of a rule".to_owned(),
        "addBinarySample" => format!("New sample: {}", word(0)),
        "updateMinHashesForSample" => format!("Count of the signatures of sample {}", word(0)),
        "modifySample" => format!("Change of sample {}", word(0)),
        "modifyFamily" => format!("Change of family {}", word(0)),
        "deleteSample" => format!("Deletion of sample {}", word(0)),
        "deleteFamily" => format!("Deletion of family {}", word(0)),
        _ => text,
    }
}

/// The page of a result.
fn result(job: &Job) -> Option<String> {
    let result = job.result?;
    Some(match job.method.as_str() {
        "combineMatchesToCross" => format!("/ui/matrix/{}", job.id),
        "getUniqueBlocks" => format!("/ui/blocks/{}", job.id),
        method if kinds::has_compact_form(method) => format!("/ui/results/{result}"),
        _ => format!("/ui/jobs/{}", job.id),
    })
}

/// A job.
pub(super) fn job(job: &Job) -> JobRow {
    let state = match job.state() {
        JobState::Queued => "queued",
        JobState::InProgress => "in_progress",
        JobState::Finished => "finished",
        JobState::Failed => "failed",
        JobState::Terminated => "terminated",
    };
    let percent = if state == "finished" { 1.0 } else { job.progress.unwrap_or(0.0) };
    let ended = job.finished_at.or(job.locked_at);
    let took = job.started_at.zip(ended).map(|(from, to)| duration(to.millis() - from.millis()));
    JobRow {
        id: job.id.to_string(),
        what: what(job),
        state,
        percent: (100.0 * percent.clamp(0.0, 1.0)) as u32,
        created: second_time(job.created_at),
        took: took.unwrap_or_default(),
        author: job.author.clone(),
        result: result(job),
    }
}

/// A time in words, from milliseconds.
fn duration(millis: i64) -> String {
    match millis.max(0) {
        millis @ 0..1000 => format!("{millis} ms"),
        millis @ 1000..60_000 => format!("{:.1} s", millis as f64 / 1e3),
        millis => format!("{} min {} s", millis / 60_000, millis % 60_000 / 1000),
    }
}

/// The samples that a job about samples names first in its parameters.
pub(super) fn samples_of(job: &Job) -> Vec<SampleId> {
    let count = match job.method.as_str() {
        "getMatchesForSample"
        | "getMatchesForSampleVsGroup"
        | "updateMinHashesForSample"
        | "modifySample" => 1,
        "getMatchesForSampleVs" => 2,
        _ => return Vec::new(),
    };
    let params: serde_json::Value = serde_json::from_str(&job.params).unwrap_or_default();
    (0..count).filter_map(|at| params[at.to_string()].as_i64().map(SampleId::new)).collect()
}
