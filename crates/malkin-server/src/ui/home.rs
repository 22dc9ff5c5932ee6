//! The start page, and what becomes of a file that is dropped there.

use http::StatusCode;
use malkin_pages::corpus::{AnalysisLine, HomePage};
use malkin_pages::frame::Here;
use malkin_service::jobs::kinds;
use malkin_service::{BinaryArguments, MatchArguments, Role, Uploaded};
use malkin_store::{AnalysisFilter, JobFilter, JobState, Page};

use super::{failed, forms, frame, missing, page as render, store_failed, view};
use crate::answer::Answer;
use crate::app::App;
use crate::call::Call;

/// Rows of each list.
const ROWS: usize = 8;
/// Jobs that are looked through for the last results.
const LOOKED_THROUGH: u64 = 200;

/// `GET /ui/`
pub(super) fn page(app: &App, call: &Call) -> Result<Answer, Answer> {
    let store = app.service.corpus.store();
    let error = |error| store_failed(app, call, &error);
    let counts = app.service.corpus.counts().map_err(error)?;
    let in_state = |state| {
        let filter = JobFilter { state: Some(state), ..JobFilter::default() };
        store.jobs(&filter, 0, ROWS as u64, false).map_err(error)
    };
    let mut running = in_state(JobState::InProgress)?;
    running.extend(in_state(JobState::Queued)?);
    running.truncate(ROWS);
    let finished = JobFilter { state: Some(JobState::Finished), ..JobFilter::default() };
    let recent = store.jobs(&finished, 0, LOOKED_THROUGH, false).map_err(error)?;
    let recent = recent.iter().filter(|job| kinds::has_compact_form(&job.method)).take(ROWS).map(view::job);
    let few = Page { start: 0, limit: ROWS as u64 };
    let (_, analyses) = store.analyses(&AnalysisFilter::default(), few).map_err(error)?;
    let analyses = analyses.into_iter().map(|entry| AnalysisLine {
        id: entry.id,
        name: entry.file_name.unwrap_or_default(),
        when: entry.created_at.unwrap_or_default(),
    });
    render(&HomePage {
        frame: frame(app, &call.headers, Here::Home, "Start"),
        samples: counts.samples,
        families: counts.families.saturating_sub(1),
        functions: counts.functions,
        running: running.iter().map(view::job).collect(),
        recent: recent.collect(),
        analyses: analyses.collect(),
    })
}

/// `POST /ui/query`: a file with what to do with it: compare it, store it, or examine it.
pub(super) fn upload(app: &App, call: &Call) -> Result<Answer, Answer> {
    let form = forms::read(app, call)?;
    let refuse = |status, message: &str| failed(app, &call.headers, status, message);
    let Some((name, bytes)) = form.file("file").filter(|(_, bytes)| !bytes.is_empty()) else {
        return Err(refuse(StatusCode::BAD_REQUEST, "Choose a file that is not empty."));
    };
    let mode = form.text("mode");
    if matches!(mode, "submit" | "triage") && call.caller.role < Role::Contributor {
        return Err(refuse(StatusCode::FORBIDDEN, "This needs a token of the role contributor."));
    }
    let error = |error| store_failed(app, call, &error);
    let service_error = |error: malkin_service::ServiceError| match error {
        malkin_service::ServiceError::Store(error) => store_failed(app, call, &error),
        other => refuse(StatusCode::BAD_REQUEST, &format!("The file was not taken: {other}.")),
    };
    let is_report = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    let job = match mode {
        "triage" => {
            let file = Uploaded {
                bytes,
                name: if name.is_empty() { "file" } else { name },
                hint: "",
                model: malkin_service::triage::DEFAULT_MODEL,
                similarity: true,
            };
            let analysed = app.service.triage.analyse(&file, false).map_err(service_error)?;
            return Ok(forms::then(call, &format!("/ui/triage/{}", analysed.id)));
        }
        "submit" if is_report => {
            let submitted = app.service.submit_report(bytes, call.username()).map_err(service_error)?;
            return Ok(forms::then(call, &format!("/ui/samples/{}", submitted.sample.sample_id)));
        }
        "submit" => {
            if let Some(known) = app.service.corpus.sample_of_binary(bytes).map_err(error)? {
                return Ok(forms::then(call, &format!("/ui/samples/{}", known.sample_id)));
            }
            let arguments = BinaryArguments {
                filename: Some(name.to_owned()).filter(|name| !name.is_empty()),
                family: Some(form.text("family").to_owned()).filter(|family| !family.is_empty()),
                version: None,
                is_dump: false,
                base_addr: 0,
                bitness: 32,
            };
            app.service.jobs.enqueue_file(bytes, &kinds::AddBinary(arguments), true).map_err(error)?
        }
        "query" | "" if is_report => {
            app.service.jobs.enqueue_query(bytes, MatchArguments::none(), false).map_err(service_error)?
        }
        "query" | "" => {
            let request = kinds::QueryBinary(MatchArguments::none());
            app.service.jobs.enqueue_file(bytes, &request, false).map_err(error)?
        }
        _ => return Err(missing(app, call, "way to treat a file")),
    };
    Ok(forms::then(call, &format!("/ui/jobs/{job}")))
}
