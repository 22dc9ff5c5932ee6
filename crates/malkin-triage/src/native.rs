//! Facts of ELF and Mach-O files.

use object::read::{NameOrOrdinal, Object, ObjectSection, ObjectSymbol};
use object::{SectionFlags, SymbolKind};
use serde::{Deserialize, Serialize};

use crate::entropy::{entropy, round};
use crate::hashes::{hex, md5_hex, sha256_hex};
use crate::pe::{Library, Section};

/// Most sections, and names of each kind, that are kept.
const MAX_SECTIONS: usize = 4096;
const MAX_NAMES: usize = 65_536;
/// Most libraries.
const MAX_LIBRARIES: usize = 1024;

/// What an ELF or Mach-O says about itself.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Native {
    /// Instruction set.
    pub architecture: String,
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
    /// Libraries with the functions that are taken from them, as far as the format says; functions of no stated library stand
    /// under an empty name.
    pub libraries: Vec<Library>,
    /// Names it offers.
    pub exports: Vec<String>,
    /// Whether it has symbols for debugging or linking.
    pub has_symbols: bool,
    /// Build id or UUID, hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build_id: Option<String>,
}

/// Reads a file. Parts that cannot be read are named in `unread`.
pub fn read(bytes: &[u8], unread: &mut Vec<String>) -> Option<Native> {
    let file = match object::File::parse(bytes) {
        Ok(file) => file,
        Err(error) => {
            unread.push(format!("native: {error}"));
            return None;
        }
    };
    let mut native = Native {
        architecture: format!("{:?}", file.architecture()).to_lowercase(),
        bits: if file.is_64() { 64 } else { 32 },
        little_endian: file.is_little_endian(),
        kind: format!("{:?}", file.kind()).to_lowercase(),
        entry_point: file.entry(),
        sections: file.sections().take(MAX_SECTIONS).map(|section| section_facts(&section)).collect(),
        has_symbols: file.symbols().take(MAX_NAMES).any(|symbol| symbol.kind() == SymbolKind::Text),
        build_id: file
            .build_id()
            .ok()
            .flatten()
            .or(file.mach_uuid().ok().flatten().as_ref().map(|id| &id[..]))
            .map(hex),
        ..Native::default()
    };
    match file.imports() {
        Ok(imports) => {
            // A damaged row ends the list; what came before it stands.
            for import in imports.take(MAX_NAMES).map_while(Result::ok) {
                let library = String::from_utf8_lossy(import.library()).into_owned();
                let name = match import.name() {
                    NameOrOrdinal::Name(name) => String::from_utf8_lossy(name).into_owned(),
                    NameOrOrdinal::Ordinal(number) => format!("#{number}"),
                };
                let known = native.libraries.iter().position(|known| known.name == library);
                if known.is_none() && native.libraries.len() < MAX_LIBRARIES {
                    native.libraries.push(Library { name: library, ..Library::default() });
                }
                let at = known.unwrap_or(native.libraries.len().saturating_sub(1));
                if let Some(library) = native.libraries.get_mut(at) {
                    library.functions.push(name);
                }
            }
        }
        Err(error) => unread.push(format!("native.imports: {error}")),
    }
    match file.exports() {
        Ok(exports) => {
            let names =
                exports.take(MAX_NAMES).map_while(Result::ok).filter_map(|export| match export.name() {
                    NameOrOrdinal::Name(name) => Some(String::from_utf8_lossy(name).into_owned()),
                    NameOrOrdinal::Ordinal(_) => None,
                });
            native.exports = names.collect();
        }
        Err(error) => unread.push(format!("native.exports: {error}")),
    }
    Some(native)
}

fn section_facts<'a>(section: &impl ObjectSection<'a>) -> Section {
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
        _ => match section.kind() {
            object::SectionKind::Text => "rx".to_owned(),
            object::SectionKind::Data | object::SectionKind::UninitializedData => "rw".to_owned(),
            _ => "r".to_owned(),
        },
    };
    Section {
        name: section.name_bytes().map(|name| String::from_utf8_lossy(name).into_owned()).unwrap_or_default(),
        address: section.address(),
        virtual_size: section.size(),
        offset,
        size,
        flags,
        entropy: round(entropy(content)),
        md5: md5_hex(content),
        sha256: sha256_hex(content),
    }
}
