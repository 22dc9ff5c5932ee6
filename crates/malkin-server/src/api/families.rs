//! `/families`: listing, single records, changes, deletion.

use malkin_report::FamilyId;
use malkin_service::Role;
use malkin_service::jobs::kinds;
use malkin_store::Page;
use serde_json::json;

use super::shape::{store_failed, unknown};
use super::{changes, listing, numbers};
use crate::answer::Answer;
use crate::app::{App, Operation};
use crate::call::Call;
use crate::operation::{LIMIT, Parameter, RequestBody, START};

/// The operations of this file.
pub(crate) const OPERATIONS: &[Operation] = &[
    Operation::get("/families", Role::Reader, list, "Families with their counters").query(&[START, LIMIT]),
    Operation::get("/families/{family_id:int}", Role::Reader, one, "One family")
        .query(&[Parameter::flag("with_samples")]),
    Operation::put(
        "/families/{family_id:int}",
        Role::Contributor,
        modify,
        "Renames a family or marks it as library",
    )
    .body(RequestBody::Json)
    .accepted(),
    Operation::delete("/families/{family_id:int}", Role::Admin, delete, "Deletes a family")
        .query(&[Parameter::flag("keep_samples")])
        .accepted(),
    Operation::post("/families/ids", Role::Reader, by_ids, "Several families at once, by a list of numbers")
        .body(RequestBody::Text)
        .ours(),
];

/// `GET /families?start=&limit=`: negative values count as 0 here.
#[expect(clippy::unnecessary_wraps, reason = "a handler")]
pub(super) fn list(app: &App, call: &Call) -> Result<Answer, Answer> {
    let at_least_0 = |name| u64::try_from(call.query.int(name).unwrap_or(0)).unwrap_or(0);
    let page = Page { start: at_least_0("start"), limit: at_least_0("limit") };
    Ok(Answer::pieces_from(b"{", listing::families(&app.service.corpus, page), b"}"))
}

/// `POST /families/ids` (ours): several at once; unknown numbers are passed over. The body is text, numbers separated by commas.
pub(super) fn by_ids(app: &App, call: &Call) -> Result<Answer, Answer> {
    let ids = numbers::body_list(call)?.into_iter().map(FamilyId::new).collect();
    Ok(Answer::pieces_from(b"{", listing::families_by_number(&app.service.corpus, ids), b"}"))
}

/// `GET /families/{id}?with_samples=`: with its samples unless the parameter is given and not `true`.
pub(super) fn one(app: &App, call: &Call) -> Result<Answer, Answer> {
    let id = call.family(0);
    let family =
        app.service.corpus.store().family(id).map_err(store_failed)?.ok_or_else(|| unknown("family"))?;
    let mut entry = malkin_wire::family_entry_to_json(&family).to_string();
    if call.query.has("with_samples") && !call.query.is_true("with_samples") {
        return Ok(Answer::raw_data(entry.as_bytes()));
    }
    // The samples are the last member.
    entry.pop();
    entry.push_str(",\"samples\":{");
    let samples = listing::samples(&app.service.corpus, Some(id), Page::default());
    Ok(Answer::pieces_from(entry.as_bytes(), samples, b"}}"))
}

/// `PUT /families/{id}`: a job whose id is not returned; an unknown number is accepted too.
pub(super) fn modify(app: &App, call: &Call) -> Result<Answer, Answer> {
    let request = kinds::ModifyFamily(call.family(0), changes::of_family(call)?);
    app.service.jobs.enqueue_change(&request).map_err(store_failed)?;
    Ok(Answer::accepted(&json!({"message": "Family modified."})))
}

/// `DELETE /families/{id}?keep_samples=`
pub(super) fn delete(app: &App, call: &Call) -> Result<Answer, Answer> {
    let id = call.family(0);
    if app.service.corpus.store().family(id).map_err(store_failed)?.is_none() {
        return Err(unknown("family"));
    }
    let request = kinds::DeleteFamily { id, keep_samples: call.query.is_true("keep_samples") };
    let job = app.service.jobs.enqueue(&request, true).map_err(store_failed)?;
    Ok(Answer::accepted(&json!(job.to_string())))
}
