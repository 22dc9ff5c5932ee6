//! Facts of ELF and Mach-O files.

use object::read::macho::{FatArch, MachOFatFile32, MachOFatFile64};
use object::read::{NameOrOrdinal, Object, ObjectSection, ObjectSegment, ObjectSymbol};
use object::{Architecture, FileKind, SectionFlags, SegmentFlags, SymbolKind};
use serde::{Deserialize, Serialize};

use malkin_report::Budget;

use crate::dynamic::{self, Dynamic};
use crate::hashes::hex;
use crate::names::Names;
use crate::parts::{Measured, Parts};
use crate::pe::{Library, MAX_SECTIONS, Section};
use crate::sound;

/// Most names of each kind that are kept.
const MAX_NAMES: usize = 65_536;
/// Most libraries.
const MAX_LIBRARIES: usize = 1024;

/// What an ELF or Mach-O says about itself.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Native {
    /// Instruction set.
    pub architecture: String,
    /// Those of all parts of a Mach-O file for several; this record is about the first for Intel, or else the first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub architectures: Vec<String>,
    /// Width of an address.
    pub bits: u8,
    /// Whether numbers are stored with their lowest byte first.
    pub little_endian: bool,
    /// Executable, library, object file or core.
    pub kind: String,
    /// Address where it starts.
    pub entry_point: u64,
    /// Sections.
    pub sections: Vec<Section>,
    /// Libraries with the functions that are taken from them, as far as the format says, then those of which nothing is known to be
    /// taken; functions of no stated library stand under an empty name.
    pub libraries: Vec<Library>,
    /// Names it offers.
    pub exports: Vec<String>,
    /// Whether it has symbols for debugging or linking.
    pub has_symbols: bool,
    /// Build id or UUID, hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build_id: Option<String>,
}

impl Native {
    fn take(&mut self, found: Dynamic) {
        if !found.imports.is_empty() {
            self.libraries.push(Library { functions: found.imports, ..Library::default() });
        }
        let libraries = found.libraries.into_iter();
        self.libraries.extend(libraries.map(|name| Library { name, ..Library::default() }));
        self.exports = found.exports;
    }
}

/// Reads a file within a budget. Parts that cannot be read, or cost too much, are named in `unread`.
pub fn read(bytes: &[u8], budget: &Budget<'_>, unread: &mut Vec<String>) -> Option<Native> {
    let (architectures, part) = match parts(bytes) {
        Ok(parts) => parts,
        Err(error) => {
            unread.push(format!("native: {error}"));
            return None;
        }
    };
    let bare;
    let (part, file) = match object::File::parse(part) {
        Ok(file) => (part, file),
        Err(error) => {
            unread.push(format!("native: {error}"));
            // Section headers are nothing a program needs to run; some lead astray on purpose.
            bare = part.starts_with(b"\x7fELF").then(|| dynamic::without_sections(part)).flatten()?;
            (bare.as_slice(), object::File::parse(bare.as_slice()).ok()?)
        }
    };
    let mut measure = Parts::new(part, budget);
    let mut native = Native {
        architecture: told(file.architecture()),
        architectures,
        bits: if file.is_64() { 64 } else { 32 },
        little_endian: file.is_little_endian(),
        kind: format!("{:?}", file.kind()).to_lowercase(),
        entry_point: file.entry(),
        sections: {
            let protections = protections(&file);
            let sections = file.sections().take(MAX_SECTIONS);
            sections.map(|section| section_facts(&section, &protections, &mut measure)).collect()
        },
        has_symbols: file.symbols().take(MAX_NAMES).any(|symbol| symbol.kind() == SymbolKind::Text),
        ..Native::default()
    };
    measure.report("native", unread);
    if file.sections().nth(MAX_SECTIONS).is_some() {
        unread.push(format!("native.sections: only the first {MAX_SECTIONS} are read"));
    }
    native.build_id = build_id(&file, part.len(), budget, unread);
    if file.format() == object::BinaryFormat::Elf && file.sections().next().is_none() {
        match dynamic::read(part) {
            Ok(found) => native.take(found),
            Err(error) => unread.push(format!("native.dynamic: {error}")),
        }
        return Some(native);
    }
    if !sound::versions(&file, budget) {
        unread.push("native.imports: the versions of symbols are stated too often".to_owned());
        native.take(dynamic::read(part).unwrap_or_default());
        return Some(native);
    }
    match file.imports() {
        Ok(imports) => {
            let mut names = Names::new();
            // A damaged row ends the list; what came before it stands.
            for import in imports.take(MAX_NAMES).map_while(Result::ok) {
                let name = match import.name() {
                    NameOrOrdinal::Name(name) => names.take(name),
                    NameOrOrdinal::Ordinal(number) => Some(format!("#{number}")),
                };
                let (Some(library), Some(name)) = (names.take(import.library()), name) else { break };
                let known = native.libraries.iter().position(|known| known.name == library);
                if known.is_none() && native.libraries.len() < MAX_LIBRARIES {
                    native.libraries.push(Library { name: library.clone(), ..Library::default() });
                }
                // Functions of libraries beyond the limit are left out.
                let known = known.or_else(|| native.libraries.iter().position(|known| known.name == library));
                if let Some(library) = known.and_then(|at| native.libraries.get_mut(at)) {
                    library.functions.push(name);
                }
            }
        }
        Err(error) => unread.push(format!("native.imports: {error}")),
    }
    match file.import_libraries() {
        Ok(libraries) => {
            let mut names = Names::new();
            let libraries = libraries.take(MAX_LIBRARIES).map_while(Result::ok);
            for name in libraries.map_while(|library| names.take(library.name())) {
                let is_new = native.libraries.iter().all(|known| known.name != name);
                if is_new && native.libraries.len() < MAX_LIBRARIES {
                    native.libraries.push(Library { name, ..Library::default() });
                }
            }
        }
        Err(error) => unread.push(format!("native.libraries: {error}")),
    }
    if !sound::exports(&file, part, budget) {
        unread.push("native.exports: the export trie is no tree".to_owned());
        return Some(native);
    }
    match file.exports() {
        Ok(exports) => {
            let mut names = Names::new();
            for export in exports.take(MAX_NAMES).map_while(Result::ok) {
                if let NameOrOrdinal::Name(name) = export.name() {
                    let Some(name) = names.take(name) else { break };
                    native.exports.push(name);
                }
            }
        }
        Err(error) => unread.push(format!("native.exports: {error}")),
    }
    Some(native)
}

/// Build id of an ELF, UUID of a Mach-O.
fn build_id(
    file: &object::File<'_>,
    size: usize,
    budget: &Budget<'_>,
    unread: &mut Vec<String>,
) -> Option<String> {
    let stated = if sound::notes(file, size, budget) {
        file.build_id().ok().flatten().map(hex)
    } else {
        unread.push("native.build_id: the notes lie over one another".to_owned());
        None
    };
    stated.or_else(|| file.mach_uuid().ok().flatten().as_ref().map(|id| hex(&id[..])))
}

/// Most parts of a file for several instruction sets.
const MAX_PARTS: usize = 64;

/// The instruction sets of a file that is for several, none for all others, and the part to look at.
fn parts(bytes: &[u8]) -> object::Result<(Vec<String>, &[u8])> {
    match FileKind::parse(bytes)? {
        FileKind::MachOFat32 => of_parts(bytes, MachOFatFile32::parse(bytes)?.arches()),
        FileKind::MachOFat64 => of_parts(bytes, MachOFatFile64::parse(bytes)?.arches()),
        _ => Ok((Vec::new(), bytes)),
    }
}

fn of_parts<'a>(bytes: &'a [u8], parts: &[impl FatArch]) -> object::Result<(Vec<String>, &'a [u8])> {
    let parts = &parts[..parts.len().min(MAX_PARTS)];
    let is_intel = |part: &&_| {
        let architecture = FatArch::architecture(*part);
        matches!(architecture, Architecture::I386 | Architecture::X86_64)
    };
    let chosen = parts.iter().find(is_intel).or(parts.first());
    let part = chosen.map_or(Ok(bytes), |part| part.data(bytes))?;
    Ok((parts.iter().map(|part| told(part.architecture())).collect(), part))
}

fn told(architecture: Architecture) -> String {
    format!("{architecture:?}").to_lowercase()
}

/// Most segments of a Mach-O.
const MAX_SEGMENTS: usize = 256;

/// What is allowed in each segment of a Mach-O: sections of it have no rights of their own. An object file has one segment without
/// a name, whose rights say nothing.
fn protections(file: &object::File<'_>) -> Vec<(Vec<u8>, String)> {
    let letters = [
        (object::macho::VM_PROT_READ, 'r'),
        (object::macho::VM_PROT_WRITE, 'w'),
        (object::macho::VM_PROT_EXECUTE, 'x'),
    ];
    let told = |segment: object::Segment<'_, '_>| {
        let name = segment.name_bytes().ok().flatten().filter(|name| !name.is_empty())?.to_vec();
        let SegmentFlags::MachO { initprot, .. } = segment.flags() else { return None };
        let flags = letters.iter().filter(|(flag, _)| initprot.0 & flag.0 != 0).map(|(_, letter)| *letter);
        Some((name, flags.collect()))
    };
    file.segments().take(MAX_SEGMENTS).filter_map(told).collect()
}

fn section_facts<'a>(
    section: &impl ObjectSection<'a>,
    protections: &[(Vec<u8>, String)],
    parts: &mut Parts<'_, '_>,
) -> Section {
    let content = section.data().unwrap_or_default();
    let (offset, size) = section.file_range().unwrap_or_default();
    let flags = match section.flags() {
        SectionFlags::Elf { sh_flags, .. } => {
            let letters = [
                (object::elf::SHF_ALLOC, 'r'),
                (object::elf::SHF_WRITE, 'w'),
                (object::elf::SHF_EXECINSTR, 'x'),
            ];
            letters.iter().filter(|(flag, _)| sh_flags.0 & flag.0 != 0).map(|(_, letter)| *letter).collect()
        }
        SectionFlags::MachO { .. }
            if let Some(flags) = section.segment_name_bytes().ok().flatten().and_then(|name| {
                protections.iter().find(|(segment, _)| segment == name).map(|(_, flags)| flags.clone())
            }) =>
        {
            flags
        }
        _ => match section.kind() {
            object::SectionKind::Text => "rx".to_owned(),
            object::SectionKind::Data | object::SectionKind::UninitializedData => "rw".to_owned(),
            _ => "r".to_owned(),
        },
    };
    let Measured { entropy, md5, sha256 } = parts.measure(content);
    Section {
        name: section.name_bytes().map(|name| String::from_utf8_lossy(name).into_owned()).unwrap_or_default(),
        address: section.address(),
        virtual_size: section.size(),
        offset,
        size,
        flags,
        entropy,
        md5,
        sha256,
    }
}
