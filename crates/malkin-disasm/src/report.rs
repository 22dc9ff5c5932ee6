//! Turns what was recovered into a report.

mod function;
mod hex;
mod listing;
mod score;

use malkin_codehash::{SMDA_VERSION, SampleContext};
use malkin_loader::Image;
use malkin_report::{Report, Statistics, Status};
use serde_json::{Map, Value};

use self::function::{Assembler, References};
use self::hex::hex;
pub(crate) use self::listing::{Listing, Spelling, Weights};
use crate::flow::Findings;
use crate::flow::api::ApiReferences;

/// Message of a complete report.
const FINISHED: &str = "Analysis finished regularly.";

/// Message of a report that a budget cut short.
const STOPPED: &str = "Analysis was stopped by its budget; functions found so far are listed.";

/// A report about the image, without functions. Hashes, file name and times of the input are the caller's to add.
pub(crate) fn frame(image: &Image) -> Report {
    let mut report = Report::empty(image.architecture.clone());
    report.abi.clone_from(&image.abi);
    report.base_addr = Some(image.base_addr);
    report.binary_size = Some(image.data.len() as u64);
    report.bitness = Some(u64::from(image.bitness));
    // SMDA omits the code areas of a buffer when there are none.
    let is_listed = !image.is_buffer || !image.code_areas.is_empty();
    report.code_areas = is_listed.then(|| image.code_areas.clone());
    report.code_sections = Some(image.sections.iter().map(|section| (section.start, section.end)).collect());
    report.confidence_threshold = Some(0.0);
    report.execution_time = Some(0.0);
    report.oep = image.oep;
    report.smda_version = Some(SMDA_VERSION.to_owned());
    report.xheader = Some(image.xheader.as_deref().map(hex).unwrap_or_default());
    report.pe_header_hash = Some(image.pe_header_hash.clone().unwrap_or_default());
    report.metadata.is_buffer = image.is_buffer;
    let scores = image.language.scores.iter();
    report.metadata.language = scores.map(|&(name, score)| (name.to_owned(), score)).collect();
    report.metadata.language.sort_by(|a, b| a.0.cmp(&b.0));
    report
}

/// Fills a report with everything the analysis found; `listing` writes the instructions.
pub(crate) fn fill<L: Listing>(report: &mut Report, findings: &Findings<'_, L::Kind>, listing: &mut L) {
    let image = findings.view.image;
    let references = References::new(findings);
    let context = SampleContext::of(report);
    let mut assembler = Assembler::new(findings, listing, &references, context);
    let mut counts = Statistics { num_thunk_functions: Some(0), ..Statistics::default() };
    let mut thunks = 0;
    for stored in findings.functions.all().iter().filter(|stored| stored.alive) {
        let Some(function) = assembler.assemble(stored) else { continue };
        counts.num_functions += 1;
        counts.num_recursive_functions += u64::from(stored.recursive);
        counts.num_leaf_functions += u64::from(stored.leaf);
        thunks += u64::from(stored.thunk);
        counts.num_basic_blocks += function.num_blocks() as u64;
        counts.num_instructions += function.num_instructions() as u64;
        counts.num_api_calls += function.apirefs.len() as u64;
        counts.num_function_calls += function.inrefs.len() as u64;
        report.metadata.binweight += function.metadata.binweight;
        report.functions.push(function);
    }
    counts.num_thunk_functions = Some(thunks);
    let failed = findings.candidates.all().iter().filter(|candidate| candidate.aborted).count();
    counts.num_failed_functions = failed as u64;
    report.functions.sort_by_key(|function| function.offset);
    report.statistics = Some(counts);
    report.identified_alignment = Some(u64::from(findings.alignment));
    let (from, to) = References::data(findings);
    report.xdata_refs_from = Some(from);
    report.xdata_refs_to = Some(to);
    report.xmetadata = Some(tables(image, &findings.apis));
    (report.status, report.message) = if findings.stopped {
        (Status::Timeout, STOPPED.to_owned())
    } else {
        (Status::Ok, FINISHED.to_owned())
    };
}

/// The static tables of the container; imports that code uses are listed even if the container's table does not.
fn tables(image: &Image, apis: &ApiReferences) -> Value {
    let names = |table: &std::collections::BTreeMap<u64, String>| -> Value {
        let entries = table.iter().map(|(address, name)| (address.to_string(), Value::from(name.as_str())));
        Value::Object(entries.collect())
    };
    let mut imports: std::collections::BTreeMap<u64, &malkin_loader::ApiName> =
        apis.slots().iter().map(|(&slot, name)| (slot, name)).collect();
    imports.extend(image.tables.imported_functions.iter().flatten().map(|(&slot, name)| (slot, name)));
    let imported = imports.iter().map(|(slot, api)| {
        let library = api.library.as_deref().map_or(Value::Null, Value::from);
        (slot.to_string(), Value::Array(vec![library, Value::from(api.name.as_str())]))
    });
    let imported: Map<String, Value> = imported.collect();
    let mut table = Map::new();
    let optional =
        |table: &Option<std::collections::BTreeMap<u64, String>>| table.as_ref().map_or(Value::Null, names);
    table.insert("exported_functions".to_owned(), optional(&image.tables.exported_functions));
    table.insert("exported_symbols".to_owned(), names(&image.tables.exported_symbols));
    let no_imports = image.tables.imported_functions.is_none() && imported.is_empty();
    table.insert(
        "imported_functions".to_owned(),
        if no_imports { Value::Null } else { Value::Object(imported) },
    );
    table.insert("symbols".to_owned(), optional(&image.tables.symbols));
    Value::Object(table)
}
