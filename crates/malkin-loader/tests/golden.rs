//! Every public golden input is loaded and compared with SMDA's report of it: base, size, bitness, areas, sections, entry,
//! header, tables, names, language.

use std::collections::BTreeMap;
use std::path::Path;

use malkin_loader::{ApiName, Image, LoadOptions, load};
use malkin_testkit::{gunzip_file, json, json_gz, shared};
use serde_json::{Value, json};

/// Golden inputs with the options they were recorded with.
fn cases(folder: &Path) -> Vec<(String, Vec<u8>, LoadOptions)> {
    let inputs = json(folder.join("inputs.json"));
    let inputs = inputs.as_object().expect("inputs.json is an object");
    let case = |(name, origin): (&String, &Value)| {
        let bytes = gunzip_file(folder.join(format!("{name}.bin.gz")));
        let bitness = origin["bitness"].as_u64().map(|bits| bits as u32);
        let options =
            origin["base"].as_u64().map_or_else(LoadOptions::file, |base| LoadOptions::buffer(base, bitness));
        (name.clone(), bytes, options)
    };
    inputs.iter().map(case).collect()
}

fn names(table: Option<&BTreeMap<u64, String>>) -> Value {
    table.map_or(Value::Null, |table| {
        Value::Object(table.iter().map(|(address, name)| (address.to_string(), json!(name))).collect())
    })
}

fn apis(table: Option<&BTreeMap<u64, ApiName>>) -> Value {
    table.map_or(Value::Null, |table| {
        let row = |(slot, api): (&u64, &ApiName)| (slot.to_string(), json!([api.library, api.name]));
        Value::Object(table.iter().map(row).collect())
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|half| char::from_digit(half.into(), 16))
        .collect()
}

/// The fields of a report that loading decides.
fn facts(image: &Image) -> Value {
    let tables = &image.tables;
    let sections = image.sections.iter().map(|section| json!(["", section.start, section.end]));
    let language = image.language.scores.iter().map(|(name, score)| ((*name).to_owned(), json!(score)));
    json!({
        "architecture": image.architecture.as_str(),
        "base_addr": image.base_addr,
        "binary_size": image.data.len(),
        "bitness": image.bitness,
        "code_areas": image.code_areas,
        "code_sections": sections.collect::<Vec<_>>(),
        "oep": image.oep,
        "abi": image.abi,
        "xheader": image.xheader.as_deref().map_or_else(String::new, hex),
        "pe_header_hash": image.pe_header_hash.as_deref().unwrap_or_default(),
        "language": language.collect::<serde_json::Map<_, _>>(),
        "is_buffer": image.is_buffer,
        "exported_functions": names(tables.exported_functions.as_ref()),
        "exported_symbols": names(Some(&tables.exported_symbols)),
        "symbols": names(tables.symbols.as_ref()),
    })
}

fn expected(report: &Value) -> Value {
    let mut fields = serde_json::Map::new();
    for key in
        ["architecture", "base_addr", "binary_size", "bitness", "code_areas", "code_sections", "oep", "abi"]
    {
        fields.insert(key.to_owned(), report[key].clone());
    }
    // Buffers without stated areas: null in the report.
    if report["code_areas"].is_null() {
        fields.insert("code_areas".to_owned(), json!([]));
    }
    for key in ["xheader", "pe_header_hash"] {
        fields.insert(key.to_owned(), report[key].clone());
    }
    for key in ["exported_functions", "exported_symbols", "symbols"] {
        fields.insert(key.to_owned(), report["xmetadata"][key].clone());
    }
    fields.insert("language".to_owned(), report["metadata"]["language"].clone());
    fields.insert("is_buffer".to_owned(), report["metadata"]["is_buffer"].clone());
    Value::Object(fields)
}

/// Names of functions that tables gave must be those of the report; imports the analysis found come on top.
fn check_names(name: &str, image: &Image, report: &Value) {
    let functions = report["xcfg"].as_object().expect("a finished report has functions");
    for (address, function) in functions {
        let address: u64 = address.parse().expect("addresses are decimal");
        let stated = function["metadata"]["function_name"].as_str().unwrap_or_default();
        let known = image.symbols.get(&address).map(String::as_str).unwrap_or_default();
        assert_eq!(known, stated, "{name}: name of {address:#x}");
    }
    let imported = report["xmetadata"]["imported_functions"].as_object();
    let ours = apis(image.tables.imported_functions.as_ref());
    for (slot, api) in ours.as_object().into_iter().flatten() {
        assert_eq!(imported.and_then(|table| table.get(slot)), Some(api), "{name}: import slot {slot}");
    }
    assert_eq!(imported.is_some(), ours.is_object(), "{name}: presence of imports");
}

#[test]
fn golden_inputs_load_as_their_reports_say() {
    let Some(folder) = shared("disasm/golden/public") else { return };
    let mut loaded = 0;
    for (name, bytes, options) in cases(&folder) {
        let report = json_gz(folder.join(format!("{name}.smda.gz")));
        if report["status"] == "error" {
            assert!(load(&bytes, &options).is_err(), "{name}: SMDA reports an error");
            continue;
        }
        let image = load(&bytes, &options).unwrap_or_else(|error| panic!("{name}: {error}"));
        let (ours, theirs) = (facts(&image), expected(&report));
        for (key, value) in theirs.as_object().expect("an object") {
            assert_eq!(&ours[key], value, "{name}: {key}");
        }
        let native = matches!(image.architecture.as_str(), "intel" | "aarch64" | "arm");
        if native && image.format != malkin_loader::Format::Other {
            check_names(&name, &image, &report);
        }
        loaded += 1;
    }
    let least = if malkin_testkit::has_shared() { 50 } else { 20 };
    assert!(loaded >= least, "only {loaded} golden inputs");
}

#[test]
fn the_object_and_gimli_crates_see_the_same_containers() {
    use gimli::UnwindSection;
    use object::{Object, ObjectSection};
    let Some(folder) = shared("disasm/golden/public") else { return };
    let mut with_frames = 0;
    for (name, bytes, options) in cases(&folder) {
        let Ok(file) = object::File::parse(&*bytes) else { continue };
        if options != LoadOptions::file() || name.starts_with("hdr_") {
            continue;
        }
        let image = load(&bytes, &options).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(file.is_64(), image.bitness == 64, "{name}");
        let Some(section) = file.section_by_name(".eh_frame") else { continue };
        let Ok(data) = section.data() else { continue };
        if image.eh_frame_ranges.is_empty() {
            continue;
        }
        let mut frames = gimli::EhFrame::new(data, gimli::LittleEndian);
        frames.set_address_size(if file.is_64() { 8 } else { 4 });
        let bases = gimli::BaseAddresses::default().set_eh_frame(section.address());
        let mut entries = frames.entries(&bases);
        let mut ranges = Vec::new();
        while let Ok(Some(entry)) = entries.next() {
            if let gimli::CieOrFde::Fde(partial) = entry {
                let fde = partial.parse(gimli::EhFrame::cie_from_offset).expect("golden records are valid");
                ranges.push((fde.initial_address(), fde.initial_address() + fde.len()));
            }
        }
        ranges.retain(|(start, end)| end > start);
        ranges.sort_unstable();
        let mask = image.address_mask();
        let masked =
            |ranges: &[(u64, u64)]| ranges.iter().map(|&(a, b)| (a & mask, b & mask)).collect::<Vec<_>>();
        assert_eq!(masked(&image.eh_frame_ranges), masked(&ranges), "{name}: .eh_frame");
        with_frames += 1;
    }
    assert!(with_frames >= 10, "only {with_frames} inputs with .eh_frame");
}
