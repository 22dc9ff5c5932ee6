//! `/export` and `/import`: `.mcrit` files.

use std::io::Cursor;
use std::sync::Arc;

use axum::http::StatusCode;
use malkin_report::SampleId;
use malkin_service::{Engine, ExportError, ExportPieces, ImportError, Imported};
use serde_json::{Value, json};

use super::numbers;
use super::shape::{sentence, store_failed};
use crate::answer::Answer;
use crate::app::App;
use crate::call::Call;
use crate::stream::Pieces;

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
    let export = app.engine.export(selection, call.query.is_true("compress")).map_err(store_failed)?;
    let pieces = ExportPieces::new(export).map_err(|error| export_failed(&error))?;
    Ok(Answer::pieces(b"", ExportAnswer { engine: Arc::clone(&app.engine), pieces }, b""))
}

/// An export that is sent.
struct ExportAnswer {
    engine: Arc<Engine>,
    pieces: ExportPieces,
}

impl Pieces for ExportAnswer {
    fn next(&mut self, out: &mut Vec<u8>) -> Result<bool, Answer> {
        self.pieces.next(&self.engine, out).map_err(|error| export_failed(&error))
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
    let imported = app.engine.import(Cursor::new(call.body.clone())).map_err(|error| match error {
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
