//! Every Intel input of the golden set against the report of SMDA 5.0.1, field by field.
//!
//! Shares are counted as `tools/compare_reports.py` counts them: in percent of the reference's functions.

#![expect(clippy::unwrap_used, reason = "golden data is ours; a test panics when it is not as expected")]
#![expect(
    clippy::float_cmp,
    reason = "sums of byte counts are whole numbers, and scores have to be equal to the last bit"
)]

use std::collections::BTreeMap;
use std::time::Instant;

use malkin_disasm::{Limits, disassemble};
use malkin_loader::{LoadOptions, load};
use malkin_report::{Architecture, Function, Report, Status};

/// What is compared of every function; `extra` counts functions that only we have.
const FIELDS: [&str; 16] = [
    "found", "extra", "blocks", "bytes", "text", "pichash", "name", "api", "inrefs", "outrefs", "edges",
    "marks", "conf", "tfidf", "export", "cfg",
];

/// Least share of functions a field is equal in, in percent.
const THRESHOLDS: [(&str, f64); 15] = [
    ("found", 99.9),
    ("blocks", 99.8),
    ("bytes", 99.8),
    ("text", 99.8),
    ("pichash", 99.8),
    ("name", 97.0),
    ("api", 99.5),
    ("inrefs", 99.5),
    ("outrefs", 99.5),
    ("edges", 99.8),
    ("marks", 99.0),
    ("conf", 99.0),
    ("tfidf", 99.0),
    ("export", 99.0),
    ("cfg", 99.8),
];

/// Counts of one file or of all.
#[derive(Clone, Default)]
struct Counts {
    theirs: usize,
    ours: usize,
    fields: [usize; FIELDS.len()],
}

impl Counts {
    fn add(&mut self, other: &Self) {
        self.theirs += other.theirs;
        self.ours += other.ours;
        for (sum, count) in self.fields.iter_mut().zip(other.fields) {
            *sum += count;
        }
    }

    fn share(&self, field: &str) -> f64 {
        let at = FIELDS.iter().position(|known| *known == field).unwrap();
        100.0 * self.fields[at] as f64 / self.theirs.max(1) as f64
    }
}

fn starts(function: &Function) -> Vec<Vec<u64>> {
    let blocks = function.code.blocks().iter();
    blocks.map(|block| function.code.instructions(block).map(|i| i.offset.get()).collect()).collect()
}

fn stream(function: &Function) -> Vec<(u64, String)> {
    let mut stream: Vec<_> =
        function.code.all_instructions().map(|i| (i.offset.get(), i.bytes.to_owned())).collect();
    stream.sort();
    stream
}

fn text(function: &Function) -> Vec<(u64, String, String)> {
    let all = function.code.all_instructions();
    let mut text: Vec<_> =
        all.map(|i| (i.offset.get(), i.mnemonic.to_owned(), i.operands.to_owned())).collect();
    text.sort();
    text
}

fn compare(ours: &Report, theirs: &Report, differences: &mut Vec<String>) -> Counts {
    let ours_by: BTreeMap<u64, &Function> = ours.functions.iter().map(|f| (f.offset.get(), f)).collect();
    let theirs_by: BTreeMap<u64, &Function> = theirs.functions.iter().map(|f| (f.offset.get(), f)).collect();
    let mut counts = Counts { theirs: theirs_by.len(), ours: ours_by.len(), ..Counts::default() };
    counts.fields[1] = ours_by.keys().filter(|start| !theirs_by.contains_key(start)).count();
    for start in ours_by.keys().filter(|start| !theirs_by.contains_key(start)) {
        differences.push(format!("extra 0x{start:x}"));
    }
    for (start, b) in &theirs_by {
        let Some(a) = ours_by.get(start) else {
            differences.push(format!("missing 0x{start:x}"));
            continue;
        };
        let bytes = stream(a) == stream(b);
        let (x, y) = (&a.metadata, &b.metadata);
        let equal = [
            true,
            false,
            starts(a) == starts(b),
            bytes,
            bytes && text(a) == text(b),
            x.pic_hash == y.pic_hash,
            x.function_name == y.function_name,
            a.apirefs == b.apirefs,
            a.inrefs == b.inrefs,
            a.outrefs == b.outrefs,
            a.blockrefs == b.blockrefs,
            x.characteristics == y.characteristics,
            x.confidence == y.confidence,
            x.tfidf == y.tfidf,
            a.is_exported == b.is_exported && x.binweight == y.binweight,
            x.nesting_depth == y.nesting_depth
                && x.strongly_connected_components == y.strongly_connected_components,
        ];
        for (count, equal) in counts.fields.iter_mut().zip(equal) {
            *count += usize::from(equal);
        }
        let wrong: Vec<&str> = FIELDS
            .iter()
            .zip(equal)
            .filter(|(field, equal)| **field != "extra" && !equal)
            .map(|(field, _)| *field)
            .collect();
        if !wrong.is_empty() {
            differences.push(format!("0x{start:x} {}", wrong.join(" ")));
            if wrong.contains(&"name") {
                differences.push(format!("    {:?} {:?}", x.function_name, y.function_name));
            }
        }
    }
    counts
}

/// Fields of the whole report that differ.
fn compare_frames(ours: &Report, theirs: &Report) -> Vec<&'static str> {
    let equal = [
        ("architecture", ours.architecture == theirs.architecture),
        ("abi", ours.abi == theirs.abi),
        ("base_addr", ours.base_addr == theirs.base_addr),
        ("binary_size", ours.binary_size == theirs.binary_size),
        ("bitness", ours.bitness == theirs.bitness),
        ("code_areas", ours.code_areas == theirs.code_areas),
        ("code_sections", ours.code_sections == theirs.code_sections),
        ("confidence_threshold", ours.confidence_threshold == theirs.confidence_threshold),
        ("alignment", ours.identified_alignment == theirs.identified_alignment),
        ("message", ours.message == theirs.message),
        ("status", ours.status == theirs.status),
        ("smda_version", ours.smda_version == theirs.smda_version),
        ("statistics", ours.statistics == theirs.statistics),
        ("oep", ours.oep == theirs.oep),
        ("xheader", ours.xheader == theirs.xheader),
        ("pe_header_hash", ours.pe_header_hash == theirs.pe_header_hash),
        ("xdata_refs_from", ours.xdata_refs_from == theirs.xdata_refs_from),
        ("xdata_refs_to", ours.xdata_refs_to == theirs.xdata_refs_to),
        ("xmetadata", ours.xmetadata == theirs.xmetadata),
        ("is_buffer", ours.metadata.is_buffer == theirs.metadata.is_buffer),
        ("language", ours.metadata.language == theirs.metadata.language),
        ("binweight", ours.metadata.binweight == theirs.metadata.binweight),
    ];
    equal.iter().filter(|(_, equal)| !equal).map(|(field, _)| *field).collect()
}

/// One line of the table.
fn line(name: &str, counts: &Counts) -> String {
    let shares = FIELDS.map(|field| format!("{:8.3}", counts.share(field))).concat();
    format!("{:<28} {:>6} {:>6} {shares}", name.get(..28).unwrap_or(name), counts.theirs, counts.ours)
}

#[test]
fn all_public_inputs_are_recovered_as_the_reference_does() {
    let Some(folder) = malkin_testkit::shared("disasm/golden/public") else { return };
    let specs = malkin_testkit::json(folder.join("inputs.json"));
    let mut total = Counts::default();
    let mut files = 0;
    let mut frames_differ = 0;
    let mut seconds = 0.0;
    println!(
        "{:<28} {:>6} {:>6} {}",
        "file",
        "theirs",
        "ours",
        FIELDS.map(|field| format!("{field:>8}")).concat()
    );
    for (name, spec) in specs.as_object().unwrap() {
        let theirs = malkin_testkit::read_gz(folder.join(format!("{name}.smda.gz")));
        let theirs = malkin_wire::read_report(&theirs).unwrap();
        if theirs.architecture != Architecture::Intel || theirs.status != Status::Ok {
            continue;
        }
        let input = malkin_testkit::read_gz(folder.join(format!("{name}.bin.gz")));
        let options = match spec["base"].as_u64() {
            Some(base) => LoadOptions::buffer(base, spec["bitness"].as_u64().map(|bits| bits as u32)),
            None => LoadOptions::file(),
        };
        let image = load(&input, &options).unwrap_or_else(|error| panic!("{name}: {error}"));
        let clock = Instant::now();
        let ours = disassemble(&image, Limits::default(), &|| true);
        seconds += clock.elapsed().as_secs_f64();
        let mut differences = Vec::new();
        let counts = compare(&ours, &theirs, &mut differences);
        println!("{}", line(name, &counts));
        let frames = compare_frames(&ours, &theirs);
        if !frames.is_empty() {
            println!("    report: {}", frames.join(" "));
        }
        for difference in differences.iter().take(6) {
            println!("    {difference}");
        }
        frames_differ += usize::from(!frames.is_empty());
        files += 1;
        total.add(&counts);
    }
    println!("{}", line("TOTAL", &total));
    println!("{files} files, {frames_differ} with differing report fields, {seconds:.2} s of disassembly");
    assert_eq!(files, if malkin_testkit::has_shared() { 49 } else { 23 });
    assert!(total.share("extra") <= 0.1);
    for (field, least) in THRESHOLDS {
        assert!(total.share(field) >= least, "{field}: {:.3} % of at least {least} %", total.share(field));
    }
    assert!(frames_differ * 100 <= files, "whole-report fields are equal in 99 % of the files");
}
