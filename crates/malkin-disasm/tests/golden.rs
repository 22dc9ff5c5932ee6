//! Every Intel input of the golden set against the report of SMDA 5.0.1, field by field.
//!
//! Shares are counted as `tools/compare_reports.py` counts them: in percent of the reference's functions.

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
            if wrong.contains(&"outrefs") {
                differences.push(format!("    {:x?}\n    {:x?}", a.outrefs, b.outrefs));
            }
            if wrong.contains(&"marks") {
                differences.push(format!("    {:?} {:?}", x.characteristics, y.characteristics));
            }
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

#[test]
fn all_public_inputs_are_recovered_as_the_reference_does() {
    let Some(folder) = malkin_testkit::shared("disasm/golden/public") else { return };
    let folder = std::env::var("DEV_FOLDER").map_or(folder, std::path::PathBuf::from);
    let specs = malkin_testkit::json(folder.join("inputs.json"));
    let wanted = std::env::var("DEV_ONLY").ok();
    let mut total = Counts::default();
    let mut files = 0;
    let mut equal_frames: BTreeMap<&str, usize> = BTreeMap::new();
    let mut seconds = 0.0;
    println!(
        "{:<28} {:>6} {:>6} {}",
        "file",
        "theirs",
        "ours",
        FIELDS.map(|field| format!("{field:>8}")).concat()
    );
    for (name, spec) in specs.as_object().unwrap() {
        if wanted.as_ref().is_some_and(|wanted| wanted != name) {
            continue;
        }
        let theirs = malkin_testkit::read_gz(folder.join(format!("{name}.smda.gz")));
        let Ok(theirs) = malkin_report::wire::read_report(&theirs) else {
            println!("{name} unreadable");
            continue;
        };
        if theirs.architecture != Architecture::Intel || theirs.status != Status::Ok {
            continue;
        }
        let input = malkin_testkit::read_gz(folder.join(format!("{name}.bin.gz")));
        let options = match spec["base"].as_u64() {
            Some(base) => LoadOptions::buffer(base, spec["bitness"].as_u64().map(|bits| bits as u32)),
            None => LoadOptions::file(),
        };
        let image = match load(&input, &options) {
            Ok(image) => image,
            Err(error) => {
                println!("{name:<28} not loaded: {error}");
                total.add(&Counts { theirs: theirs.functions.len(), ..Counts::default() });
                continue;
            }
        };
        if !image.data.is_empty() && std::env::var("DEV_VERBOSE").is_ok() {
            println!("{name}");
        }
        let clock = Instant::now();
        let ours = disassemble(&image, Limits::default(), &|| true);
        seconds += clock.elapsed().as_secs_f64();
        let mut differences = Vec::new();
        let counts = compare(&ours, &theirs, &mut differences);
        let shares = FIELDS.map(|field| format!("{:8.2}", counts.share(field))).concat();
        println!("{:<28} {:>6} {:>6} {shares}", &name[..name.len().min(28)], counts.theirs, counts.ours);
        let frames = compare_frames(&ours, &theirs);
        if !frames.is_empty() {
            println!("    report: {}", frames.join(" "));
            if frames.contains(&"xdata_refs_from") {
                let flat = |refs: &Option<malkin_report::DataRefs>| -> Vec<(i128, i128)> {
                    refs.iter().flatten().flat_map(|(f, ts)| ts.iter().map(|t| (*f, *t))).collect()
                };
                let (a, b) = (flat(&ours.xdata_refs_from), flat(&theirs.xdata_refs_from));
                println!(
                    "    only ours {:x?}",
                    a.iter().filter(|x| !b.contains(x)).take(8).collect::<Vec<_>>()
                );
                println!(
                    "    only theirs {:x?}",
                    b.iter().filter(|x| !a.contains(x)).take(8).collect::<Vec<_>>()
                );
            }
            if frames.contains(&"statistics") {
                println!("    {:?}\n    {:?}", ours.statistics, theirs.statistics);
            }
        }
        for line in differences.iter().take(6) {
            println!("    {line}");
        }
        for field in frames {
            *equal_frames.entry(field).or_default() += 1;
        }
        files += 1;
        total.add(&counts);
    }
    let shares = FIELDS.map(|field| format!("{:8.3}", total.share(field))).concat();
    println!("{:<28} {:>6} {:>6} {shares}", "TOTAL", total.theirs, total.ours);
    println!("{files} files, {seconds:.2} s of disassembly, differing report fields: {equal_frames:?}");
}
