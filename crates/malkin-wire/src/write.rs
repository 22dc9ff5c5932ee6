//! Writers of reports and functions.

use super::text::{JsonText, RowGap};
use malkin_report::address::Va;
use malkin_report::function::{Function, FunctionMetadata};
use malkin_report::report::{DataRefs, Report, ReportMetadata, Statistics};

/// In which order the fields of a function are written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Sorted by name, as in report files.
    Sorted,
    /// As SMDA states them, which is what MCRIT stores and shows.
    Stated,
}

/// Writes a report with sorted keys. Optional fields that the report does not have are left out where reading them back
/// as `null` would be an error or something else. Behind every function `between` may take away what was written.
pub(super) fn report(report: &Report, json: &mut JsonText<'_>, between: &mut dyn FnMut(&mut Vec<u8>)) {
    json.object(|json| {
        json.key("abi").text(&report.abi);
        json.key("architecture").text(report.architecture.as_str());
        json.key("base_addr").optional(report.base_addr, JsonText::number);
        json.key("binary_size").optional(report.binary_size, JsonText::number);
        json.key("bitness").optional(report.bitness, JsonText::number);
        if let Some(buffer) = &report.buffer {
            json.key("buffer").text(buffer);
        }
        json.key("code_areas").optional(report.code_areas.as_ref(), |json, areas| {
            json.array(|json| areas.iter().for_each(|area| range(json, *area)));
        });
        if let Some(sections) = &report.code_sections {
            json.key("code_sections").array(|json| {
                for (start, end) in sections {
                    json.array(|json| {
                        // The name of the section, which is not kept (`docs/reference/similarity.md` 1.1).
                        json.text("");
                        json.number(*start);
                        json.wide_number(*end);
                    });
                }
            });
        }
        json.key("confidence_threshold").optional(report.confidence_threshold, JsonText::float);
        json.key("disassembly_errors").value(&report.disassembly_errors, true);
        json.key("execution_time").optional(report.execution_time, JsonText::float);
        json.key("identified_alignment").optional(report.identified_alignment, JsonText::number);
        json.key("md5").optional(report.md5.as_deref(), JsonText::text);
        json.key("message").text(&report.message);
        json.key("metadata").object(|json| metadata(&report.metadata, json));
        json.key("oep").optional(report.oep, JsonText::number);
        if let Some(hash) = &report.pe_header_hash {
            json.key("pe_header_hash").text(hash);
        }
        json.key("sha1").optional(report.sha1.as_deref(), JsonText::text);
        json.key("sha256").text(&report.sha256);
        json.key("smda_version").optional(report.smda_version.as_deref(), JsonText::text);
        json.key("statistics").object(|json| {
            if let Some(counts) = &report.statistics {
                statistics(counts, json);
            }
        });
        json.key("status").text(report.status.as_str());
        json.key("timestamp").text(&report.timestamp);
        json.key("xcfg").object(|json| {
            for one in &report.functions {
                function(one, json.address_key(one.offset.get()), Order::Sorted);
                between(json.written());
            }
        });
        for (name, lists) in
            [("xdata_refs_from", &report.xdata_refs_from), ("xdata_refs_to", &report.xdata_refs_to)]
        {
            if let Some(lists) = lists {
                data_references(lists, json.key(name));
            }
        }
        if let Some(header) = &report.xheader {
            json.key("xheader").text(header);
        }
        if let Some(tables) = &report.xmetadata {
            json.key("xmetadata").value(tables, true);
        }
    });
}

/// `[start, end]`, the end exclusive: of an area that reaches to the last address it is 2^64, one more than an address can be.
fn range(json: &mut JsonText<'_>, (start, end): (u64, u128)) {
    json.array(|json| {
        json.number(start);
        json.wide_number(end);
    });
}

fn metadata(metadata: &ReportMetadata, json: &mut JsonText<'_>) {
    json.key("binweight").float(metadata.binweight);
    json.key("component").text(&metadata.component);
    json.key("family").text(&metadata.family);
    json.key("filename").text(&metadata.filename);
    json.key("is_buffer").flag(metadata.is_buffer);
    json.key("is_library").flag(metadata.is_library);
    json.key("language").object(|json| {
        metadata.language.iter().for_each(|(name, score)| json.key(name).float(*score));
    });
    json.key("version").text(&metadata.version);
}

fn statistics(counts: &Statistics, json: &mut JsonText<'_>) {
    json.key("num_api_calls").number(counts.num_api_calls);
    json.key("num_basic_blocks").number(counts.num_basic_blocks);
    json.key("num_failed_functions").number(counts.num_failed_functions);
    json.key("num_failed_instructions").number(counts.num_failed_instructions);
    json.key("num_function_calls").number(counts.num_function_calls);
    json.key("num_functions").number(counts.num_functions);
    json.key("num_instructions").number(counts.num_instructions);
    json.key("num_leaf_functions").number(counts.num_leaf_functions);
    json.key("num_recursive_functions").number(counts.num_recursive_functions);
    if let Some(count) = counts.num_thunk_functions {
        json.key("num_thunk_functions").number(count);
    }
}

/// Writes the object of a function.
pub(super) fn function(function: &Function, json: &mut JsonText<'_>, order: Order) {
    let sorted = order == Order::Sorted;
    json.object(|json| {
        // MCRIT shows a function with its members in the order in which SMDA states them; in report files they are sorted.
        let names: [&str; 10] = match order {
            Order::Stated => [
                "offset",
                "blocks",
                "apirefs",
                "stringrefs",
                "blockrefs",
                "inrefs",
                "outrefs",
                "is_exported",
                "architecture_metadata",
                "metadata",
            ],
            Order::Sorted => [
                "apirefs",
                "architecture_metadata",
                "blockrefs",
                "blocks",
                "inrefs",
                "is_exported",
                "metadata",
                "offset",
                "outrefs",
                "stringrefs",
            ],
        };
        for name in names {
            let json = json.key(name);
            match name {
                "offset" => json.number(function.offset.get()),
                "blocks" => blocks(function, json),
                "apirefs" => json.object(|json| {
                    function.apirefs.iter().for_each(|(at, name)| json.address_key(at.get()).text(name));
                }),
                "stringrefs" => as_stated(&function.stringrefs, json, sorted),
                "blockrefs" => references(&function.blockrefs, json),
                "inrefs" => addresses(&function.inrefs, json),
                "outrefs" => references(&function.outrefs, json),
                "is_exported" => json.flag(function.is_exported),
                "architecture_metadata" => as_stated(&function.architecture_metadata, json, sorted),
                _ => function_metadata(&function.metadata, json, order),
            }
        }
    });
}

/// A value that a function made by a disassembler may not have set.
fn as_stated(value: &serde_json::Value, json: &mut JsonText<'_>, sorted: bool) {
    if value.is_null() { json.object(|_| {}) } else { json.value(value, sorted) }
}

/// Instructions are nine tenths of a report. The gap between their items depends on the depth only and is made once for all of them.
fn blocks(function: &Function, json: &mut JsonText<'_>) {
    let mut gap = RowGap::default();
    json.object(|json| {
        for block in function.code.blocks() {
            json.address_key(block.start.get()).array(|json| {
                for instruction in function.code.instructions(block) {
                    let texts = [instruction.bytes, instruction.mnemonic, instruction.operands];
                    json.row(instruction.offset.get(), texts, &mut gap);
                }
            });
        }
    });
}

fn addresses(list: &[Va], json: &mut JsonText<'_>) {
    json.array(|json| list.iter().for_each(|address| json.number(address.get())));
}

fn references(lists: &[(Va, Vec<Va>)], json: &mut JsonText<'_>) {
    json.object(|json| lists.iter().for_each(|(from, to)| addresses(to, json.address_key(from.get()))));
}

/// Keys may be negative, so they are no addresses.
fn data_references(lists: &DataRefs, json: &mut JsonText<'_>) {
    json.object(|json| {
        for (from, to) in lists {
            json.key(&from.to_string())
                .array(|json| to.iter().for_each(|value| json.word(&value.to_string())));
        }
    });
}

/// Both orders again; `nesting_depth` is left out where it was never computed, as in reports of older versions.
fn function_metadata(metadata: &FunctionMetadata, json: &mut JsonText<'_>, order: Order) {
    let names: [&str; 8] = match order {
        Order::Stated => [
            "binweight",
            "characteristics",
            "confidence",
            "function_name",
            "pic_hash",
            "nesting_depth",
            "strongly_connected_components",
            "tfidf",
        ],
        Order::Sorted => [
            "binweight",
            "characteristics",
            "confidence",
            "function_name",
            "nesting_depth",
            "pic_hash",
            "strongly_connected_components",
            "tfidf",
        ],
    };
    json.object(|json| {
        for name in names {
            if name == "nesting_depth" && metadata.nesting_depth.is_none() {
                continue;
            }
            let json = json.key(name);
            match name {
                "binweight" => json.float(metadata.binweight),
                "characteristics" => json.optional(metadata.characteristics.as_deref(), JsonText::text),
                "confidence" => json.optional(metadata.confidence, JsonText::float),
                "function_name" => json.text(&metadata.function_name),
                "pic_hash" => {
                    json.optional(metadata.pic_hash.map(malkin_report::hash::PicHash::get), JsonText::number);
                }
                "nesting_depth" => json.optional(metadata.nesting_depth, JsonText::number),
                "tfidf" => json.optional(metadata.tfidf, JsonText::float),
                _ => json.array(|json| {
                    metadata
                        .strongly_connected_components
                        .iter()
                        .for_each(|component| addresses(component, json));
                }),
            }
        }
    });
}
