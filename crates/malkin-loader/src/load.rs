//! From bytes to an [`Image`]: chooses the container, lets it map, and gathers what it and the label readers know.

use std::collections::BTreeMap;

use malkin_report::{Architecture, Budget, ImageRange};

use crate::bytes::Bytes;
use crate::detect;
use crate::elf::{self, Elf, FrameSection};
use crate::header;
use crate::image::{Format, Image, Language, Tables, in_areas};
use crate::label::{delphi, delphi_kb, go, language, rust};
use crate::machine;
use crate::macho::{self, MachO, Wanted};
use crate::mapping::merge_areas;
use crate::options::{Buffer, Input, LoadError, LoadOptions};
use crate::pe::{self, Pe};
use crate::sparse::Sparse;

/// Maps an executable or a buffer.
///
/// A file is mapped as its container says; an instruction set without a disassembler in SMDA is an error. A buffer stays
/// as it is. In both cases an [`Image`] for anything but Intel code is mapped and named, not analysed.
pub fn load(data: &[u8], options: &LoadOptions) -> Result<Image, LoadError> {
    load_within(data, options, &Budget::for_size(data.len()))
}

/// As [`load`], on the account of a budget. When that ends, tables are read as far as it went, which the caller sees from the
/// budget; the mapping is complete all the same.
pub fn load_within(data: &[u8], options: &LoadOptions, budget: &Budget<'_>) -> Result<Image, LoadError> {
    match &options.input {
        Input::File => file(data, options.max_image_size, budget),
        Input::Buffer(buffer) => memory(data, buffer, budget),
    }
}

fn file(data: &[u8], limit: u64, budget: &Budget<'_>) -> Result<Image, LoadError> {
    match detect::format_of(data) {
        Format::Pe => pe_file(data, limit, budget),
        Format::Elf => elf_file(data, limit, budget),
        Format::MachO => macho_file(data, limit, budget),
        Format::DelphiKb => Ok(knowledge_base(data)),
        Format::Dex => Ok(dex_file(data)),
        Format::Other => {
            Err(detect::known(data).map_or(LoadError::NotRecognized, LoadError::NotAnExecutable))
        }
    }
}

/// An image of which only the mapping is known.
fn bare(data: Vec<u8>, base_addr: u64, bitness: u32, architecture: Architecture) -> Image {
    Image {
        data,
        base_addr,
        bitness,
        architecture,
        format: Format::Other,
        abi: String::new(),
        code_areas: Vec::new(),
        sections: Vec::new(),
        oep: None,
        is_buffer: false,
        xheader: None,
        pe_header_hash: None,
        symbols: BTreeMap::new(),
        exports: std::collections::BTreeSet::new(),
        apis: BTreeMap::new(),
        tables: Tables::default(),
        import_stubs: Vec::new(),
        plt_ranges: Vec::new(),
        got_bases: Vec::new(),
        position_independent_elf: false,
        exception_records: Vec::new(),
        eh_frame_ranges: Vec::new(),
        landing_pads: Vec::new(),
        language: Language::default(),
    }
}

/// A machine with a disassembler in SMDA.
fn supported(
    machine: Option<(Architecture, u32)>,
    unknown: LoadError,
) -> Result<(Architecture, u32), LoadError> {
    match machine {
        None => Err(unknown),
        Some((Architecture::Other(name), _)) => Err(LoadError::UnsupportedArchitecture(name)),
        Some(known) => Ok(known),
    }
}

fn pe_file(data: &[u8], limit: u64, budget: &Budget<'_>) -> Result<Image, LoadError> {
    let mapped = pe::map(data, limit)?;
    let parsed = Pe::parse(data, budget);
    let architecture = pe::file_architecture(data, parsed.as_ref()).ok_or_else(|| pe_refusal(data))?;
    let mut image = bare(mapped, pe::base_address(data), pe::bitness(data), architecture);
    if let Some(pe) = &parsed {
        image.code_areas = pe::code_areas(pe, image.base_addr);
    }
    Ok(finish(image, data, parsed.map(Container::Pe)))
}

/// Why a file with the magic of a PE names no instruction set.
fn pe_refusal(data: &[u8]) -> LoadError {
    match pe::machine(data) {
        Some(machine) => LoadError::UnknownMachine {
            field: "PE machine",
            value: u32::from(machine),
            name: machine::coff(machine),
        },
        None => match pe::header_offset(data) {
            at if at != 0 && at + 6 > data.len() as u64 => LoadError::Truncated {
                container: "PE",
                part: "COFF header",
                offset: at,
                size: data.len() as u64,
            },
            at => LoadError::NoPeHeader { offset: at },
        },
    }
}

/// Why an ELF has no layout.
fn elf_refusal(data: &[u8]) -> LoadError {
    let bytes = Bytes::little(data);
    match (bytes.u8(4), bytes.u16(18)) {
        (Some(class), Some(machine)) => LoadError::UnknownElfClass { class, machine },
        _ => LoadError::Truncated { container: "ELF", part: "header", offset: 0, size: data.len() as u64 },
    }
}

fn elf_file(data: &[u8], limit: u64, budget: &Budget<'_>) -> Result<Image, LoadError> {
    let elf = Elf::parse(data, budget).ok_or_else(|| elf_refusal(data))?;
    let mapped = elf::map(&elf, limit)?;
    let truncated = || LoadError::Truncated {
        container: "ELF",
        part: if (data.len() as u64) < elf.header_size() {
            "header"
        } else {
            "table of sections or segments"
        },
        offset: if (data.len() as u64) < elf.header_size() { 0 } else { elf.first_table() },
        size: data.len() as u64,
    };
    if mapped.is_empty() && elf.is_truncated() {
        return Err(truncated());
    }
    let value = u32::from(elf.machine);
    let unknown = LoadError::UnknownMachine { field: "ELF machine", value, name: machine::elf(elf.machine) };
    let (architecture, bitness) = supported(elf::machine(&elf), unknown)?;
    let mut image = bare(mapped, elf::base_address(&elf), bitness, architecture);
    image.code_areas = elf::code_areas(&elf);
    elf::abi(&elf).clone_into(&mut image.abi);
    Ok(finish(image, data, Some(Container::Elf(elf))))
}

fn macho_file(data: &[u8], limit: u64, budget: &Budget<'_>) -> Result<Image, LoadError> {
    let truncated =
        LoadError::Truncated { container: "Mach-O", part: "header", offset: 0, size: data.len() as u64 };
    let file = macho::parse(data, Wanted::default(), budget).ok_or(truncated)?;
    let mapped = macho::map(&file, data, limit)?;
    let unknown = LoadError::UnknownMachine {
        field: "Mach-O CPU type",
        value: file.cpu,
        name: machine::macho(file.cpu),
    };
    let (architecture, bitness) = supported(macho::machine(&file), unknown)?;
    let mut image = bare(mapped, macho::base_address(&file), bitness, architecture);
    image.code_areas = macho::code_areas(&file);
    Ok(finish(image, data, Some(Container::MachO(file))))
}

fn knowledge_base(data: &[u8]) -> Image {
    let found = delphi_kb::read(data);
    let mut mapped = data.to_vec();
    delphi_kb::relocate(&mut mapped, &found.relocations);
    let mut image = finish(bare(mapped, delphi_kb::BASE, 32, Architecture::Intel), data, None);
    image.format = Format::DelphiKb;
    for (language, score) in &mut image.language.scores {
        if *language == "delphi" {
            *score = 1.0;
        }
    }
    image.language.guess = language::guess(&image.language.scores);
    image.language.functions.extend(found.functions.keys());
    image.language.functions_only = true;
    image.language.delphi = false;
    name_under(&mut image.symbols, found.functions);
    image
}

fn dex_file(data: &[u8]) -> Image {
    let mut image = bare(data.to_vec(), 0, 32, Architecture::Dalvik);
    image.code_areas.extend(detect::dex_code_area(data));
    let mut image = finish(image, data, None);
    image.format = Format::Dex;
    image
}

fn memory(data: &[u8], buffer: &Buffer, budget: &Budget<'_>) -> Result<Image, LoadError> {
    let declared = detect::declared_architecture(data);
    let architecture = match &buffer.architecture {
        Some(stated) => stated.clone(),
        None if detect::is_dex(data) => Architecture::Dalvik,
        None => match declared {
            Some(declared) => declared,
            None => detect::code_architecture(data).map_err(LoadError::ForeignCode)?,
        },
    };
    if let Architecture::Other(name) = architecture {
        return Err(LoadError::UnsupportedArchitecture(name));
    }
    let stated = buffer.bitness.filter(|bitness| matches!(bitness, 32 | 64));
    let bitness = stated.unwrap_or(match architecture {
        Architecture::Aarch64 => 64,
        Architecture::Arm | Architecture::Dalvik => 32,
        _ => 0,
    });
    let base = buffer.base_address.unwrap_or_else(|| header_base(data, budget));
    let mut image = bare(data.to_vec(), base, bitness, architecture);
    image.is_buffer = true;
    image.code_areas =
        merge_areas(buffer.code_areas.iter().map(|&(start, end)| (start, u128::from(end))).collect());
    image.oep = buffer.entry_point;
    let view = Elf::parse(data, budget).as_ref().and_then(elf::unmap);
    let container = match detect::format_of(data) {
        Format::MachO => {
            let wanted = Wanted { bitness, architecture: Some(&image.architecture) };
            macho::parse(data, wanted, budget).map(Container::MachO)
        }
        Format::Elf => Elf::parse(view.as_deref().unwrap_or(data), budget).map(Container::Elf),
        Format::Pe => Pe::parse(data, budget).map(Container::Pe),
        _ => None,
    };
    Ok(finish(image, data, container))
}

/// Base address the header at the start of a buffer names, 0 without one.
fn header_base(data: &[u8], budget: &Budget<'_>) -> u64 {
    match detect::format_of(data) {
        Format::Pe => pe::base_address(data),
        Format::Elf => Elf::parse(data, budget).map_or(0, |elf| elf::base_address(&elf)),
        Format::MachO => {
            macho::parse(data, Wanted::default(), budget).map_or(0, |file| macho::base_address(&file))
        }
        _ => 0,
    }
}

/// A container as far as it can be read.
enum Container<'a> {
    Pe(Pe<'a>),
    Elf(Elf<'a>),
    MachO(MachO<'a>),
}

/// What the containers know alike about names, for the language evidence.
#[derive(Default)]
struct Evidence {
    rust_names: BTreeMap<u64, String>,
    is_rust: bool,
    cpp: f64,
    imports_basic: bool,
    go_hint: Option<u64>,
    go_text: Option<u64>,
    code_sections: Vec<(u64, u64)>,
}

/// Completes a mapped image. `raw` is the input as given.
fn finish(mut image: Image, raw: &[u8], container: Option<Container<'_>>) -> Image {
    guess_bitness(&mut image);
    let mut evidence = match container {
        Some(Container::Pe(pe)) => finish_pe(&mut image, raw, &pe),
        Some(Container::Elf(elf)) => finish_elf(&mut image, raw, &elf),
        Some(Container::MachO(file)) => finish_macho(&mut image, raw, &file),
        None => {
            if image.architecture == Architecture::Dalvik || raw.starts_with(b"dex\n") {
                image.xheader = Some(header::dex_bytes(raw));
            }
            Evidence::default()
        }
    };
    if image.format != Format::Pe && image.bitness == 64 && image.sections.is_empty() {
        image.exception_records = pe::carve_exception_records(&image.data, image.base_addr);
    }
    evidence.is_rust = evidence.is_rust || rust::has_runtime_mark(raw);
    name_languages(&mut image, evidence);
    image.exports = exported_addresses(&image);
    if let Some(entry) = image.entry_point() {
        image.symbols.entry(entry).or_default();
    }
    image
}

fn guess_bitness(image: &mut Image) {
    if matches!(image.bitness, 32 | 64) || image.architecture != Architecture::Intel {
        return;
    }
    let base = u128::from(image.base_addr);
    let offset = |address: u128| usize::try_from(address.saturating_sub(base)).unwrap_or(usize::MAX);
    let size = image.data.len();
    let regions =
        image.code_areas.iter().map(|&(start, end)| (offset(u128::from(start)), offset(end).min(size)));
    let regions: Vec<_> = regions.filter(|(start, end)| start < end).collect();
    image.bitness = detect::guess_bitness(&image.data, &regions);
}

fn finish_pe(image: &mut Image, raw: &[u8], pe: &Pe<'_>) -> Evidence {
    let base = image.base_addr;
    image.format = Format::Pe;
    image.oep = image.oep.or(Some(u64::from(pe.entry_point)));
    image.sections = pe::sections(pe, base);
    image.xheader = Some(header::pe_bytes(raw, pe));
    image.pe_header_hash = Some(header::pe_hash(raw, pe));
    if image.bitness == 64 {
        image.exception_records = pe::exception_records(pe, &image.data, base);
    }
    let names = pe::names(pe, base);
    let mut rust_names = rust::names(names.raw_functions.iter().rev().copied());
    rust_names.extend(rust::names(names.raw_exports.iter().copied()));
    let spelled = || names.raw_exports.iter().map(|row| row.1).chain(names.raw_symbols.iter().copied());
    let symbol = pe::symbol_value(pe, &[b"runtime.pclntab"]);
    let evidence = Evidence {
        rust_names,
        is_rust: spelled().any(rust::is_evidence),
        cpp: language::cpp(spelled()),
        imports_basic: pe::libraries(pe).contains("msvbvm60.dll"),
        go_hint: symbol.and_then(|value| Some(u64::from(pe::section(pe, b".rdata")?.raw_offset) + value)),
        go_text: pe::symbol_value(pe, &[b"runtime.text", b"_runtime.text"])
            .filter(|&value| value != 0)
            .or_else(|| {
                let text = pe::section(pe, b".text").filter(|row| row.virtual_address != 0)?;
                pe.image_base.checked_add(u64::from(text.virtual_address))
            }),
        code_sections: pe::code_sections(pe),
    };
    image.apis = pe::apis(&names.tables, image.is_buffer);
    image.symbols = names.symbols;
    image.tables = names.tables;
    evidence
}

fn finish_elf(image: &mut Image, raw: &[u8], elf: &Elf<'_>) -> Evidence {
    image.format = Format::Elf;
    image.oep = image.oep.or(Some(elf::entry(elf, image.base_addr)));
    image.sections = elf::sections(elf);
    image.xheader = Some(header::elf_bytes(raw));
    image.plt_ranges = elf::plt_ranges(elf);
    image.import_stubs.clone_from(&image.plt_ranges);
    image.got_bases = elf::got_bases(elf);
    image.position_independent_elf = elf::is_position_independent(elf);
    let frames = elf.section_named(".eh_frame").filter(|row| row.address != 0 && row.size != 0);
    if let Some(row) = frames {
        let size = usize::try_from(row.size).unwrap_or(usize::MAX);
        let section = FrameSection {
            data: image.bytes(row.address, size),
            address: row.address,
            pointer: if image.bitness == 64 { 8 } else { 4 },
        };
        let (ranges, pads) = (elf::frame_ranges(section), elf::landing_pads(section, image));
        image.eh_frame_ranges = ranges;
        image.landing_pads = pads;
    }
    let names = elf::names(elf);
    let text = elf.section_named(".text").map(|row| row.address).filter(|&address| address != 0);
    let evidence = Evidence {
        rust_names: rust::names(names.raw_functions.iter().copied()),
        is_rust: names.raw_symbols.iter().copied().any(rust::is_evidence),
        cpp: language::cpp(names.raw_symbols.iter().copied()),
        go_hint: elf.section_named(".gopclntab").map(|row| row.offset),
        go_text: names.go_text.or(text),
        ..Evidence::default()
    };
    image.apis = names.tables.imported_functions.clone().unwrap_or_default();
    image.symbols = names.symbols;
    image.tables = names.tables;
    evidence
}

fn finish_macho(image: &mut Image, raw: &[u8], file: &MachO<'_>) -> Evidence {
    let adjustment = macho::adjustment(file, image.base_addr);
    image.format = Format::MachO;
    let entry = macho::entry(file).wrapping_add(adjustment).wrapping_sub(image.base_addr);
    image.oep = image.oep.or(Some(entry));
    image.sections = macho::sections(file, adjustment);
    image.xheader = Some(header::macho_bytes(raw, file));
    image.import_stubs = macho::stub_ranges(file, adjustment);
    let range = ImageRange::new(image.base_addr, image.data.len() as u64);
    let areas = image.code_areas.clone();
    let in_code = |address: u64| in_areas(&areas, range, address);
    let names = macho::names(file, adjustment, in_code);
    let functions = || names.raw_functions.iter().map(|(address, name)| (*address, name.as_str()));
    let text = macho::section_address(file, b"__text");
    let evidence = Evidence {
        rust_names: rust::names(functions().filter(|&(address, _)| in_code(address))),
        is_rust: functions().any(|(_, name)| rust::is_evidence(name)),
        cpp: language::cpp(names.raw_symbols.iter().map(String::as_str)),
        go_hint: macho::section_offset(file, b"__gopclntab"),
        go_text: names.go_text.or(text),
        ..Evidence::default()
    };
    image.apis = names.tables.imported_functions.clone().unwrap_or_default();
    image.symbols = names.symbols;
    image.tables = names.tables;
    evidence
}

/// Scores the languages and adds the names their own tables hold. These win over the container's.
fn name_languages(image: &mut Image, evidence: Evidence) {
    match image.architecture {
        Architecture::Cil => image.language = only(".net"),
        Architecture::Dalvik => image.language = only("dalvik"),
        _ => {
            let names = native_languages(image, &evidence);
            for table in names {
                name_under(&mut image.symbols, table);
            }
            name_under(&mut image.symbols, evidence.rust_names);
        }
    }
}

fn only(language: &'static str) -> Language {
    Language { scores: vec![(language, 1.0)], guess: language, ..Language::default() }
}

/// Fills the language evidence; answers names by rising rank.
fn native_languages(image: &mut Image, evidence: &Evidence) -> [BTreeMap<u64, String>; 2] {
    let data = &image.data;
    let sparse = Sparse::new(data);
    let table = go::find(&sparse, evidence.go_hint);
    let go_names = table.map(|table| go::functions(data, table, evidence.go_text)).unwrap_or_default();
    let view = delphi::View {
        image: data,
        sparse: &sparse,
        base: image.base_addr,
        wide: image.bitness == 64,
        code_sections: evidence.code_sections.clone(),
        code_areas: &image.code_areas,
    };
    let methods = delphi::methods(&view);
    let classes = match methods.len() {
        0 => 0.0,
        1..5 => 0.6,
        _ => 0.9,
    };
    let delphi_score = language::delphi_hints(&sparse).max(classes);
    let scores = vec![
        ("c/asm", 0.1),
        ("delphi", delphi_score),
        (".net", language::dot_net(&sparse)),
        ("visualbasic", language::visual_basic(&sparse, evidence.imports_basic)),
        ("go", language::go(&sparse, table.is_some())),
        ("rust", if evidence.is_rust { 0.6 } else { 0.0 }),
        ("c++", evidence.cpp),
    ];
    let likely = |wanted: &str| scores.iter().any(|&(name, score)| name == wanted && score > 0.5);
    let mut functions = Vec::new();
    if likely("go") {
        functions.extend(go_names.keys().copied());
    }
    if likely("delphi") {
        functions.extend(methods.keys().copied());
    }
    image.language = Language {
        guess: language::guess(&scores),
        delphi: likely("delphi"),
        functions,
        functions_only: false,
        scores,
    };
    [methods, go_names]
}

/// Adds names of a higher rank: they replace, unless they are empty.
fn name_under(symbols: &mut BTreeMap<u64, String>, names: BTreeMap<u64, String>) {
    for (address, name) in names {
        let known = symbols.entry(address).or_default();
        if !name.is_empty() {
            *known = name;
        }
    }
}

/// Exported addresses; tables that seem to be relative to the base address are moved by it.
fn exported_addresses(image: &Image) -> std::collections::BTreeSet<u64> {
    let exported = image.tables.exported_functions.iter().flat_map(|table| table.keys().copied());
    let exported: std::collections::BTreeSet<u64> = exported.collect();
    match exported.last() {
        Some(&highest) if highest < image.base_addr => {
            exported.into_iter().map(|address| address.wrapping_add(image.base_addr)).collect()
        }
        _ => exported,
    }
}
