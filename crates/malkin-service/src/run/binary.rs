//! Jobs on executables: the upload is disassembled within its budget, then goes the way of a report.

use malkin_loader::LoadOptions;
use malkin_report::{Report, UploadId};
use malkin_store::Added;
use serde_json::json;

use super::JobError;
use crate::disassembly::{DEFAULT_TIME, DisassemblyOptions, disassemble_while};
use crate::engine::Engine;
use crate::ingest::ingest;
use crate::queue::{Cancelled, JobControl};
use crate::request::BinaryArguments;
use crate::stage::{Stage, timed};

/// Disassembles an upload. The lease is renewed meanwhile; a cancelled job ends within milliseconds.
pub(super) fn report(
    engine: &Engine,
    upload: UploadId,
    filename: &str,
    load: LoadOptions,
    control: &JobControl<'_>,
) -> Result<Report, JobError> {
    let body =
        engine.store().upload(upload)?.ok_or_else(|| JobError::failed("the uploaded binary is gone"))?;
    let options = DisassemblyOptions { filename: filename.to_owned(), load, time: DEFAULT_TIME };
    let wanted = || control.progress(0.0).is_ok();
    let report = timed(Stage::Disassemble, || disassemble_while(&body, &options, engine.clock(), &wanted))?;
    // What stopped the disassembly early may have been the job's cancellation: then the rest is not wanted either.
    if control.is_cancelled() { Err(Cancelled.into()) } else { Ok(report) }
}

/// Stores an upload as a sample.
pub(super) fn add(
    engine: &Engine,
    upload: UploadId,
    arguments: &BinaryArguments,
    control: &JobControl<'_>,
) -> Result<Vec<u8>, JobError> {
    let filename = arguments.filename.as_deref().unwrap_or_default();
    let mut report = report(engine, upload, filename, arguments.load_options(), control)?;
    report.metadata.family = arguments.family.clone().unwrap_or_default();
    report.metadata.version = arguments.version.clone().unwrap_or_default();
    let mut ingested = ingest(report, engine.hasher())?;
    // Labels are what somebody called a function; names in an executable are its own (MCRIT keeps them apart likewise).
    ingested.labels.clear();
    let (Added::New { sample, .. } | Added::Known(sample)) = engine.store_sample(&ingested, "")?;
    engine.store().keep_upload(upload)?;
    Ok(json!({"sample_info": malkin_wire::sample_entry_to_json(&sample)}).to_string().into_bytes())
}
