//! `/export` and `/import`: `.mcrit` files.

use std::io::Cursor;
use std::sync::Arc;

use http::StatusCode;
use malkin_report::SampleId;
use malkin_service::Role;
use malkin_service::{Corpus, ExportError, ExportPieces, ImportError, Imported};
use serde_json::{Value, json};

use super::numbers;
use super::shape::{sentence, store_failed};
use crate::answer::Answer;
use crate::answer::Pieces;
use crate::app::{App, Operation};
use crate::call::Call;
use crate::operation::{Parameter, RequestBody};

const QUERY: &[Parameter] = &[Parameter::flag("compress")];

/// The operations of this file.
pub(crate) const OPERATIONS: &[Operation] = &[
    Operation::get("/export", Role::Reader, export_all, "All samples in MCRIT's portable format")
        .query(QUERY),
    Operation::get("/export/{ids}", Role::Reader, export_some, "Some samples in MCRIT's portable format")
        .query(QUERY),
    Operation::post("/import", Role::Contributor, import, "Imports a .mcrit file").body(RequestBody::Json),
];

/// `GET /export?compress=`
pub(super) fn export_all(app: &App, call: &Call) -> Result<Answer, Answer> {
    export(app, call, None)
}

/// `GET /export/{ids}?compress=`: unknown numbers are passed over, and what is no list of numbers selects nothing at all.
pub(super) fn export_some(app: &App, call: &Call) -> Result<Answer, Answer> {
    let Some(ids) = numbers::decimal_list(call.text(0)) else {
        return Ok(Answer::data(&json!({})));
    };
    let ids: Vec<SampleId> = ids.into_iter().map(SampleId::new).collect();
    export(app, call, Some(&ids))
}

fn export(app: &App, call: &Call, selection: Option<&[SampleId]>) -> Result<Answer, Answer> {
    let corpus = Arc::clone(&app.service.corpus);
    let selection = selection.map(<[SampleId]>::to_vec);
    let is_compressed = call.query.is_true("compress");
    let pieces = begin(&corpus, selection.as_deref(), is_compressed)?;
    let answer = ExportAnswer { corpus, selection, is_compressed, pieces, unsent: None, restarts: RESTARTS };
    Ok(Answer::pieces(b"", answer, b""))
}

/// An export as a file of its own, without the envelope of the API.
pub(crate) fn export_file(app: &App, selection: Option<&[SampleId]>) -> Result<Answer, Answer> {
    let corpus = Arc::clone(&app.service.corpus);
    let selection = selection.map(<[SampleId]>::to_vec);
    let pieces = begin(&corpus, selection.as_deref(), true)?;
    Ok(Answer::file(ExportAnswer {
        corpus,
        selection,
        is_compressed: true,
        pieces,
        unsent: None,
        restarts: RESTARTS,
    }))
}

fn begin(
    corpus: &Corpus,
    selection: Option<&[SampleId]>,
    is_compressed: bool,
) -> Result<ExportPieces, Answer> {
    let export = corpus.export(selection, is_compressed).map_err(store_failed)?;
    ExportPieces::new(export).map_err(|error| export_failed(&error))
}

/// How often an export begins again because a sample was deleted before any of it was sent.
const RESTARTS: u32 = 5;

/// An export that is sent.
struct ExportAnswer {
    corpus: Arc<Corpus>,
    selection: Option<Vec<SampleId>>,
    is_compressed: bool,
    pieces: ExportPieces,
    /// Where the export begins and ends in what was made so far; the buffer is shorter once some of it was sent.
    unsent: Option<(usize, usize)>,
    restarts: u32,
}

impl Pieces for ExportAnswer {
    fn next(&mut self, out: &mut Vec<u8>) -> Result<bool, Answer> {
        let start = match self.unsent {
            None => Some(out.len()),
            Some((start, end)) => (out.len() == end).then_some(start),
        };
        loop {
            match (self.pieces.next(&self.corpus, out), start) {
                (Ok(more), _) => {
                    // Nothing is as long as this: an export of which some was sent never begins again.
                    self.unsent = Some(start.map_or((0, usize::MAX), |start| (start, out.len())));
                    return Ok(more);
                }
                // The head states counts that are no longer true. Nobody has seen it yet.
                (Err(ExportError::Deleted(_)), Some(start)) if self.restarts > 0 => {
                    self.restarts -= 1;
                    out.truncate(start);
                    self.pieces = begin(&self.corpus, self.selection.as_deref(), self.is_compressed)?;
                }
                (Err(error), _) => return Err(export_failed(&error)),
            }
        }
    }

    fn held(&self) -> usize {
        self.pieces.held()
    }
}

/// An export that cannot be completed; mostly it has begun by then and is broken off.
fn export_failed(error: &ExportError) -> Answer {
    tracing::error!(%error, "an export failed");
    Answer::failed(StatusCode::SERVICE_UNAVAILABLE, &sentence(&error.to_string()))
}

/// `POST /import`: any content type. `null` if the hashes of the file cannot be compared with those of this corpus.
pub(super) fn import(app: &App, call: &Call) -> Result<Answer, Answer> {
    call.require_body("POST")?;
    let imported =
        app.service.corpus.import(Cursor::new(call.body.clone())).map_err(|error| match error {
            ImportError::Store(error) => store_failed(error),
            other => Answer::bad_request(&sentence(&other.to_string())),
        })?;
    Ok(Answer::data(&imported.map_or(Value::Null, |imported| report(&imported))))
}

fn report(imported: &Imported) -> Value {
    json!({
        "num_samples_imported": imported.samples,
        "num_samples_skipped": imported.samples_skipped,
        "num_functions_imported": imported.functions,
        "num_functions_skipped": imported.functions_skipped,
        "num_families_imported": imported.families,
        "num_families_skipped": imported.families_skipped,
        "escaper_mismatch": imported.escaper_mismatch,
    })
}
