//! Facts of a PE: headers, sections, imports with their hash, exports, resources, version, debug path, timestamps, TLS, overlay,
//! signature, .NET.

use std::collections::BTreeMap;

use object::LittleEndian as LE;
use object::pe;
use object::read::pe::{
    ImageNtHeaders, ImageOptionalHeader, ImageThunkData, PeFile, ResourceDirectoryEntryData,
};
use serde::{Deserialize, Serialize};

use malkin_report::Budget;

use crate::hashes::md5_hex;
use crate::names::Names;
use crate::parts::{Measured, Parts};
use crate::signature::{self, Places, Signature};
use crate::version_info;

/// Most sections that are kept of a file of any format. Windows loads 96 at most; object files have some thousand.
pub(crate) const MAX_SECTIONS: usize = 4096;
/// Limits of what is read from one file.
const MAX_LIBRARIES: usize = 4096;
const MAX_FUNCTIONS: usize = 65_536;
const MAX_RESOURCES: usize = 4096;
/// Rows of directories of resources that are looked at, over all levels: three levels that name one another would be endless.
const MAX_RESOURCE_ROWS: usize = 65_536;
const MAX_CALLBACKS: usize = 256;
const MAX_DEBUG: usize = 64;
/// Offsets of sections in a file count in these, in bytes.
const SECTOR: u32 = 512;
/// Longest name of an export, in bytes; mangled ones grow long.
const MAX_EXPORT_NAME: usize = 4096;
/// Longest path of a debug record, in bytes.
const MAX_PATH: usize = 1024;

/// A library with what is imported from it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Library {
    /// Name as stated.
    pub name: String,
    /// Names of functions; `#7` for one imported by number that has no well-known name.
    pub functions: Vec<String>,
    /// Loaded on first use only.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub delayed: bool,
}

/// A section.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Section {
    /// Name as stated.
    pub name: String,
    /// Address: of a PE relative to the image base.
    pub address: u64,
    /// Size in memory, in bytes.
    pub virtual_size: u64,
    /// Offset in the file.
    pub offset: u64,
    /// Size in the file, in bytes.
    pub size: u64,
    /// `r`, `w`, `x` as far as allowed.
    pub flags: String,
    /// Entropy of the bytes in the file, bits a byte.
    pub entropy: f64,
    /// MD5 and SHA-256 of the bytes in the file.
    pub md5: String,
    /// See [`Section::md5`].
    pub sha256: String,
}

/// A resource.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Resource {
    /// Type: its well-known name, its number or its own name.
    pub kind: String,
    /// Number or name.
    pub id: String,
    /// Language number.
    pub language: String,
    /// Size in bytes.
    pub size: u64,
    /// Entropy, bits a byte.
    pub entropy: f64,
}

/// Bytes behind everything the headers speak of.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Overlay {
    /// Offset in the file.
    pub offset: u64,
    /// Size in bytes.
    pub size: u64,
    /// Entropy, bits a byte.
    pub entropy: f64,
}

/// What a PE says about itself.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the header fields")]
pub struct Pe {
    pub machine: u16,
    pub bits: u8,
    pub is_dll: bool,
    pub subsystem: u16,
    pub timestamp: u32,
    pub checksum: u32,
    pub entry_point: u64,
    pub image_base: u64,
    pub dll_characteristics: u16,
    pub linker_version: String,
    pub sections: Vec<Section>,
    pub libraries: Vec<Library>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub imphash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub export_name: Option<String>,
    pub exports: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rich_hash: Option<String>,
    pub resources: Vec<Resource>,
    pub version_info: BTreeMap<String, String>,
    pub debug_paths: Vec<String>,
    pub tls_callbacks: Vec<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overlay: Option<Overlay>,
    /// Size in bytes of the certificate table; 0 for a file without signature.
    pub signature_size: u32,
    /// The first signature in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
    pub is_dotnet: bool,
}

/// Reads a PE of either width within a budget. Parts that cannot be read, or cost too much, are named in `unread`.
pub fn read(bytes: &[u8], budget: &Budget<'_>, unread: &mut Vec<String>) -> Option<Pe> {
    let mut parts = Parts::new(bytes, budget);
    if let Ok(file) = PeFile::<pe::ImageNtHeaders32>::parse(bytes) {
        return Some(facts(&file, 32, bytes, &mut parts, unread));
    }
    match PeFile::<pe::ImageNtHeaders64>::parse(bytes) {
        Ok(file) => Some(facts(&file, 64, bytes, &mut parts, unread)),
        Err(error) => {
            unread.push(format!("pe: {error}"));
            None
        }
    }
}

fn facts<H: ImageNtHeaders>(
    file: &PeFile<'_, H>,
    bits: u8,
    bytes: &[u8],
    parts: &mut Parts<'_, '_>,
    unread: &mut Vec<String>,
) -> Pe {
    let header = file.nt_headers().file_header();
    let optional = file.nt_headers().optional_header();
    let mut note = |part: &str, result: Result<(), String>| {
        if let Err(error) = result {
            unread.push(format!("pe.{part}: {error}"));
        }
    };
    fn told<T>(outcome: object::Result<T>) -> Result<T, String> {
        outcome.map_err(|error| error.to_string())
    }
    let mut pe = Pe {
        machine: header.machine.get(LE).0,
        bits,
        is_dll: header.characteristics.get(LE).0 & pe::IMAGE_FILE_DLL.0 != 0,
        subsystem: optional.subsystem().0,
        timestamp: header.time_date_stamp.get(LE),
        checksum: optional.check_sum(),
        entry_point: u64::from(optional.address_of_entry_point()),
        image_base: optional.image_base(),
        dll_characteristics: optional.dll_characteristics().0,
        linker_version: format!("{}.{}", optional.major_linker_version(), optional.minor_linker_version()),
        sections: sections(file, bytes, parts),
        rich_hash: rich_hash(file, bytes),
        is_dotnet: directory(file, pe::IMAGE_DIRECTORY_ENTRY_COM_DESCRIPTOR).is_some(),
        ..Pe::default()
    };
    note("imports", told(imports(file, &mut pe)));
    note("delay_imports", told(delay_imports(file, &mut pe)));
    pe.imphash = imphash(&pe.libraries);
    note("exports", exports(file, &mut pe, parts));
    note(
        "resources",
        told(resources(file, bytes, &mut pe, parts)).and_then(|whole| {
            whole.then_some(()).ok_or_else(|| "the directories have too many rows".to_owned())
        }),
    );
    debug_paths(file, bytes, &mut pe);
    tls_callbacks(file, bytes, &mut pe);
    overlay(file, bytes, &mut pe, parts);
    if parts.take(bytes.len()) {
        note("signature", signature(file, bytes, &mut pe));
    }
    if file.section_table().len() > MAX_SECTIONS {
        note(
            "sections",
            Err(format!("only the first {MAX_SECTIONS} of {} are read", file.section_table().len())),
        );
    }
    parts.report("pe", unread);
    pe
}

fn directory<H: ImageNtHeaders>(file: &PeFile<'_, H>, index: usize) -> Option<(u32, u32)> {
    let directory = file.data_directory(index)?;
    let (address, size) = directory.address_range();
    (address != 0 && size != 0).then_some((address, size))
}

fn sections<H: ImageNtHeaders>(
    file: &PeFile<'_, H>,
    bytes: &[u8],
    parts: &mut Parts<'_, '_>,
) -> Vec<Section> {
    let rows = file.section_table().iter().take(MAX_SECTIONS);
    rows.map(|row| {
        // All that the file holds of the section, padding included, as other tools hash it. Loaders round the offset down.
        let start = (row.pointer_to_raw_data.get(LE) & !(SECTOR - 1)) as usize;
        let end = start.saturating_add(row.size_of_raw_data.get(LE) as usize).min(bytes.len());
        let content = bytes.get(start..end).unwrap_or_default();
        let characteristics = row.characteristics.get(LE).0;
        let flags =
            [(pe::IMAGE_SCN_MEM_READ, 'r'), (pe::IMAGE_SCN_MEM_WRITE, 'w'), (pe::IMAGE_SCN_MEM_EXECUTE, 'x')];
        let Measured { entropy, md5, sha256 } = parts.measure(content);
        Section {
            name: String::from_utf8_lossy(row.raw_name()).into_owned(),
            address: u64::from(row.virtual_address.get(LE)),
            virtual_size: u64::from(row.virtual_size.get(LE)),
            offset: u64::from(row.pointer_to_raw_data.get(LE)),
            size: u64::from(row.size_of_raw_data.get(LE)),
            flags: flags
                .iter()
                .filter(|(flag, _)| characteristics & flag.0 != 0)
                .map(|(_, letter)| letter)
                .collect(),
            entropy,
            md5,
            sha256,
        }
    })
    .collect()
}

fn imports<H: ImageNtHeaders>(file: &PeFile<'_, H>, pe: &mut Pe) -> object::Result<()> {
    let Some(table) = file.import_table()? else { return Ok(()) };
    let mut descriptors = table.descriptors()?;
    let (mut left, mut texts) = (MAX_FUNCTIONS, Names::new());
    while let Some(descriptor) = descriptors.next()? {
        if pe.libraries.len() >= MAX_LIBRARIES || left == 0 {
            break;
        }
        let Some(name) = texts.take(table.name(descriptor.name.get(LE))?) else { break };
        let original = descriptor.original_first_thunk.get(LE);
        let thunks = if original == 0 { descriptor.first_thunk.get(LE) } else { original };
        let mut library = Library { name, ..Library::default() };
        let mut read = || -> object::Result<()> {
            let mut thunks = table.thunks(thunks)?;
            while let Some(thunk) = thunks.next::<H>()?.filter(|_| left > 0) {
                left -= 1;
                let name = if thunk.is_ordinal() {
                    Some(by_ordinal(&library.name, thunk.ordinal()))
                } else {
                    texts.take(table.hint_name(thunk.address())?.1)
                };
                let Some(name) = name else { break };
                library.functions.push(name);
            }
            Ok(())
        };
        let outcome = read();
        pe.libraries.push(library);
        outcome?;
    }
    Ok(())
}

fn delay_imports<H: ImageNtHeaders>(file: &PeFile<'_, H>, pe: &mut Pe) -> object::Result<()> {
    let Some(table) = file.delay_load_import_table()? else { return Ok(()) };
    let mut descriptors = table.descriptors()?;
    let (mut left, mut texts) = (MAX_FUNCTIONS, Names::new());
    while let Some(descriptor) = descriptors.next()? {
        if pe.libraries.len() >= MAX_LIBRARIES || left == 0 {
            break;
        }
        let Some(name) = texts.take(table.name(descriptor.dll_name_rva.get(LE))?) else { break };
        let mut library = Library { name, functions: Vec::new(), delayed: true };
        let mut thunks = table.thunks(descriptor.import_name_table_rva.get(LE))?;
        while let Some(thunk) = thunks.next::<H>()?.filter(|_| left > 0) {
            left -= 1;
            let name = if thunk.is_ordinal() {
                Some(by_ordinal(&library.name, thunk.ordinal()))
            } else {
                texts.take(table.hint_name(thunk.address())?.1)
            };
            let Some(name) = name else { break };
            library.functions.push(name);
        }
        pe.libraries.push(library);
    }
    Ok(())
}

fn by_ordinal(library: &str, ordinal: u16) -> String {
    malkin_loader::ordinal_name(&library.to_ascii_lowercase(), ordinal)
        .map_or_else(|| format!("#{ordinal}"), str::to_owned)
}

/// The hash of imports as pefile makes it: library without a common extension, function or number, all in small letters.
fn imphash(libraries: &[Library]) -> Option<String> {
    let mut all = Vec::new();
    for library in libraries.iter().filter(|library| !library.delayed) {
        let name = library.name.to_lowercase();
        let stem = ["dll", "sys", "ocx"].iter().find_map(|end| name.strip_suffix(end)?.strip_suffix('.'));
        let stem = stem.unwrap_or(&name);
        all.extend(library.functions.iter().filter(|function| !function.is_empty()).map(|function| {
            let function = function.to_lowercase();
            let is_number = |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            function
                .strip_prefix('#')
                .filter(is_number)
                .map_or_else(|| format!("{stem}.{function}"), |number| format!("{stem}.ord{number}"))
        }));
    }
    (!all.is_empty()).then(|| md5_hex(all.join(",").as_bytes()))
}

/// Names of exports, wherever their tables lie: small linkers put them outside of the directory, and loaders do not mind.
fn exports<H: ImageNtHeaders>(
    file: &PeFile<'_, H>,
    pe: &mut Pe,
    parts: &Parts<'_, '_>,
) -> Result<(), String> {
    let Some((address, _)) = directory(file, pe::IMAGE_DIRECTORY_ENTRY_EXPORT) else { return Ok(()) };
    // Every address is looked for among all sections.
    let rows = file.section_table().len() as u64;
    let at = |address: u32| {
        parts.budget().work(rows).then(|| file.section_table().pe_data_at(file.data(), address))?
    };
    let number = |bytes: &[u8], place: usize| {
        Some(u32::from_le_bytes(bytes.get(place..place.checked_add(4)?)?.try_into().ok()?))
    };
    let name_at = |address: u32| {
        let rest = at(address)?;
        let rest = rest.get(..MAX_EXPORT_NAME).unwrap_or(rest);
        rest.get(..memchr::memchr(0, rest)?)
    };
    let table = at(address).ok_or("the table is outside of the file")?;
    let field = |place| number(table, place).ok_or("the table is cut off");
    // IMAGE_EXPORT_DIRECTORY: the module's name, the number of names, the table of their addresses.
    let (module, count, names) = (field(12)?, field(24)?, field(32)?);
    let mut texts = Names::new();
    pe.export_name = name_at(module).filter(|name| !name.is_empty()).and_then(|name| texts.take(name));
    if count > 0 {
        let names = at(names).ok_or("the table of names is outside of the file")?;
        let addresses = (0..MAX_FUNCTIONS.min(count as usize)).map_while(|place| number(names, 4 * place));
        pe.exports.extend(addresses.filter_map(name_at).map_while(|name| texts.take(name)));
    }
    if let Some(ended) = parts.budget().ended() {
        return Err(ended.to_string());
    }
    Ok(())
}

/// MD5 of the Rich header without its mask, as pefile makes it.
fn rich_hash<H: ImageNtHeaders>(file: &PeFile<'_, H>, bytes: &[u8]) -> Option<String> {
    let rich = file.rich_header_info()?;
    let masked = bytes.get(rich.offset..rich.offset.checked_add(rich.length)?)?;
    // The last eight bytes are the mark and the mask.
    let masked = masked.get(..masked.len().checked_sub(8)?)?;
    let mask = rich.xor_key.to_le_bytes();
    let clear: Vec<u8> = masked.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
    Some(md5_hex(&clear))
}

/// Well-known types of resources by number (winuser.h).
const RESOURCE_TYPES: &[(u16, &str)] = &[
    (1, "CURSOR"),
    (2, "BITMAP"),
    (3, "ICON"),
    (4, "MENU"),
    (5, "DIALOG"),
    (6, "STRING"),
    (7, "FONTDIR"),
    (8, "FONT"),
    (9, "ACCELERATOR"),
    (10, "RCDATA"),
    (11, "MESSAGETABLE"),
    (12, "GROUP_CURSOR"),
    (14, "GROUP_ICON"),
    (16, "VERSION"),
    (17, "DLGINCLUDE"),
    (19, "PLUGPLAY"),
    (20, "VXD"),
    (21, "ANICURSOR"),
    (22, "ANIICON"),
    (23, "HTML"),
    (24, "MANIFEST"),
];

/// Reads the resources. False: some are left out.
fn resources<H: ImageNtHeaders>(
    file: &PeFile<'_, H>,
    bytes: &[u8],
    pe: &mut Pe,
    parts: &mut Parts<'_, '_>,
) -> object::Result<bool> {
    let sections = file.section_table();
    let Some(directory) = file.data_directories().resource_directory(file.data(), &sections)? else {
        return Ok(true);
    };
    let mut texts = Names::new();
    let mut label = |entry: &pe::ImageResourceDirectoryEntry| match entry.name_or_id() {
        object::read::pe::ResourceNameOrId::Id(id) => Some(id.to_string()),
        object::read::pe::ResourceNameOrId::Name(name) => {
            let text = name.to_string_lossy(directory).unwrap_or_default();
            texts.take(text.as_bytes())
        }
    };
    let mut left = MAX_RESOURCE_ROWS;
    for kind in directory.root()?.entries {
        let Some(rest) = left.checked_sub(1) else { return Ok(false) };
        left = rest;
        let ResourceDirectoryEntryData::Table(names) = kind.data(directory)? else { continue };
        let Some(own_label) = label(kind) else { return Ok(false) };
        let number: Option<u16> = own_label.parse().ok();
        let known = number.and_then(|number| RESOURCE_TYPES.iter().find(|row| row.0 == number));
        let kind_label = known.map_or(own_label, |row| row.1.to_owned());
        for name in names.entries {
            let Some(rest) = left.checked_sub(1) else { return Ok(false) };
            left = rest;
            let ResourceDirectoryEntryData::Table(languages) = name.data(directory)? else { continue };
            let Some(id) = label(name) else { return Ok(false) };
            for language in languages.entries {
                let Some(rest) = left.checked_sub(1) else { return Ok(false) };
                left = rest;
                let ResourceDirectoryEntryData::Data(data) = language.data(directory)? else { continue };
                if pe.resources.len() >= MAX_RESOURCES || !parts.budget().work(sections.len() as u64) {
                    return Ok(false);
                }
                let size = data.size.get(LE);
                let content = sections.pe_data_at(bytes, data.offset_to_data.get(LE)).unwrap_or_default();
                let content = content.get(..size as usize).unwrap_or(content);
                // A version resource states its length in 16 bits.
                let content_of_version = content.get(..usize::from(u16::MAX)).unwrap_or(content);
                if kind_label == "VERSION"
                    && pe.version_info.is_empty()
                    && parts.take(content_of_version.len())
                {
                    pe.version_info = version_info::pairs(content_of_version);
                }
                let Some(language) = label(language) else { return Ok(false) };
                pe.resources.push(Resource {
                    kind: kind_label.clone(),
                    id: id.clone(),
                    language,
                    size: u64::from(size),
                    entropy: parts.entropy(content),
                });
            }
        }
    }
    Ok(true)
}

fn debug_paths<H: ImageNtHeaders>(file: &PeFile<'_, H>, bytes: &[u8], pe: &mut Pe) {
    /// Type of a record that names the file with debugging symbols, and the size of a record.
    const CODEVIEW: u32 = 2;
    const RECORD: usize = 28;
    let Some((address, size)) = directory(file, pe::IMAGE_DIRECTORY_ENTRY_DEBUG) else { return };
    let table = file.section_table().pe_data_at(bytes, address).unwrap_or_default();
    let table = table.get(..size as usize).unwrap_or(table);
    for record in table.chunks_exact(RECORD).take(MAX_DEBUG) {
        let number = |at: usize| {
            record.get(at..at + 4).and_then(|four| four.try_into().ok()).map_or(0, u32::from_le_bytes)
        };
        if number(12) != CODEVIEW {
            continue;
        }
        let start = number(24) as usize;
        let data = bytes
            .get(start..)
            .and_then(|rest| rest.get(..(number(16) as usize).min(rest.len())))
            .unwrap_or_default();
        let path_at = if data.starts_with(b"RSDS") {
            24
        } else if data.starts_with(b"NB10") {
            16
        } else {
            continue;
        };
        let path = data.get(path_at..).unwrap_or_default();
        let path = path.get(..MAX_PATH).unwrap_or(path);
        let end = memchr::memchr(0, path).unwrap_or(path.len());
        pe.debug_paths.push(String::from_utf8_lossy(&path[..end]).into_owned());
    }
}

fn tls_callbacks<H: ImageNtHeaders>(file: &PeFile<'_, H>, bytes: &[u8], pe: &mut Pe) {
    let Some((address, _)) = directory(file, pe::IMAGE_DIRECTORY_ENTRY_TLS) else { return };
    let width = if pe.bits == 64 { 8 } else { 4 };
    let word = |data: &[u8], index: usize| -> Option<u64> {
        let word = data.get(index * width..(index + 1) * width)?;
        let mut wide = [0; 8];
        wide.get_mut(..width)?.copy_from_slice(word);
        Some(u64::from_le_bytes(wide))
    };
    let at = |rva: u64| u32::try_from(rva).ok().and_then(|rva| file.section_table().pe_data_at(bytes, rva));
    let Some(list) = at(u64::from(address)).and_then(|tls| word(tls, 3)) else { return };
    let Some(list) = list.checked_sub(pe.image_base).and_then(at) else { return };
    let callbacks = (0..MAX_CALLBACKS).map_while(|index| word(list, index).filter(|callback| *callback != 0));
    pe.tls_callbacks = callbacks.collect();
}

fn signature<H: ImageNtHeaders>(file: &PeFile<'_, H>, bytes: &[u8], pe: &mut Pe) -> Result<(), String> {
    let Some((offset, size)) = directory(file, pe::IMAGE_DIRECTORY_ENTRY_SECURITY) else { return Ok(()) };
    let header = file.dos_header().nt_headers_offset() as usize;
    // Signature and file header, then the optional header: its checksum stands at 64, its directories behind fields whose width
    // is that of addresses. The fifth directory is that of certificates.
    let optional = header + 24;
    let directories = if pe.bits == 64 { 112 } else { 96 };
    let places = Places {
        checksum: optional + 64,
        directory: optional + directories + 8 * pe::IMAGE_DIRECTORY_ENTRY_SECURITY,
        table: (offset as usize, size as usize),
    };
    pe.signature = Some(signature::read(bytes, places)?);
    Ok(())
}

fn overlay<H: ImageNtHeaders>(file: &PeFile<'_, H>, bytes: &[u8], pe: &mut Pe, parts: &mut Parts<'_, '_>) {
    let ends = file.section_table().iter().map(|row| {
        u64::from(row.pointer_to_raw_data.get(LE)).saturating_add(u64::from(row.size_of_raw_data.get(LE)))
    });
    let mut end = ends.max().unwrap_or(0).min(bytes.len() as u64);
    // This directory alone holds an offset in the file; it is no part of the image and no overlay either.
    let certificates = directory(file, pe::IMAGE_DIRECTORY_ENTRY_SECURITY);
    let mut stop = bytes.len() as u64;
    if let Some((offset, size)) = certificates.filter(|(offset, _)| u64::from(*offset) < stop) {
        pe.signature_size = size;
        if u64::from(offset) <= end.saturating_add(7) {
            end = u64::from(offset).saturating_add(u64::from(size)).max(end);
        } else {
            stop = u64::from(offset);
        }
    }
    if let Some(content) = bytes.get(end as usize..stop as usize).filter(|content| !content.is_empty()) {
        let size = content.len() as u64;
        pe.overlay = Some(Overlay { offset: end, size, entropy: parts.entropy(content) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A PE with one section, which is mapped at 0x1000 and begins with the directory of this number.
    fn with_directory(number: usize, section: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; 0x200];
        let mut put = |at: usize, field: &[u8]| bytes[at..at + field.len()].copy_from_slice(field);
        let size = section.len() as u32;
        put(0, b"MZ");
        put(0x3c, &0x40_u32.to_le_bytes());
        put(0x40, b"PE\0\0");
        put(0x44, &0x14c_u16.to_le_bytes());
        put(0x46, &1_u16.to_le_bytes());
        put(0x54, &0xe0_u16.to_le_bytes());
        put(0x58, &0x10b_u16.to_le_bytes());
        put(0x58 + 92, &16_u32.to_le_bytes());
        put(0x58 + 96 + 8 * number, &0x1000_u32.to_le_bytes());
        put(0x58 + 100 + 8 * number, &40_u32.to_le_bytes());
        put(0x138, b".data\0\0\0");
        for (at, field) in [(0x140, size), (0x144, 0x1000), (0x148, size), (0x14c, 0x200)] {
            put(at, &field.to_le_bytes());
        }
        bytes.extend(section);
        bytes
    }

    fn exports_of(section: &[u8]) -> Pe {
        let mut unread = Vec::new();
        let pe = read(&with_directory(0, section), &Budget::unlimited(), &mut unread)
            .unwrap_or_else(|| panic!("no PE: {unread:?}"));
        assert!(!unread.iter().any(|part| part.contains("exports")), "{unread:?}");
        pe
    }

    /// A directory with names; behind it the module's name, the addresses of names, and the text they all lead to.
    fn directory_of(count: u32, name: &[u8]) -> Vec<u8> {
        let mut section = vec![0; 48];
        section[12..16].copy_from_slice(&(0x1000_u32 + 40).to_le_bytes());
        section[24..28].copy_from_slice(&count.to_le_bytes());
        section[32..36].copy_from_slice(&(0x1000_u32 + 48).to_le_bytes());
        section[40..46].copy_from_slice(b"x.dll\0");
        let text = 0x1000 + 48 + 4 * count;
        section.extend((0..count).flat_map(|_| text.to_le_bytes()));
        section.extend(name);
        section.push(0);
        section
    }

    #[test]
    fn exports_may_lie_outside_of_their_directory() {
        let pe = exports_of(&directory_of(2, b"start"));
        assert_eq!((pe.export_name.as_deref(), pe.exports), (Some("x.dll"), vec!["start".to_owned(); 2]));
        assert!(
            exports_of(&directory_of(1, &[b'a'; MAX_EXPORT_NAME])).exports.is_empty(),
            "a name without end"
        );
    }

    #[test]
    fn many_addresses_of_one_long_name_take_bounded_memory() {
        let pe = exports_of(&directory_of(65_536, &[b'a'; 4000]));
        let kept: usize = pe.exports.iter().map(String::len).sum();
        assert!(kept > 1 << 20 && kept <= 16 << 20, "{kept}");
    }
    #[test]
    fn many_imports_of_one_long_name_take_bounded_memory_and_time() {
        const THUNKS: u32 = 60_000;
        let (library, thunks) = (0x1000 + 40_u32, 0x1000 + 48_u32);
        let text = thunks + 4 * (THUNKS + 1);
        let mut section = Vec::new();
        // One descriptor and the one that ends the table; the library's name; the thunks and their end; hint and name.
        section.extend(
            [thunks, 0, 0, library, thunks, 0, 0, 0, 0, 0].iter().flat_map(|field| field.to_le_bytes()),
        );
        section.extend(b"x.dll\0\0\0");
        section.extend((0..THUNKS).flat_map(|_| text.to_le_bytes()).chain([0; 4]));
        section.extend([0, 0]);
        section.extend(vec![b'a'; 4 << 20]);
        section.push(0);
        let pe =
            read(&with_directory(1, &section), &Budget::unlimited(), &mut Vec::new()).unwrap_or_default();
        assert_eq!((pe.libraries.len(), pe.libraries[0].name.as_str()), (1, "x.dll"));
        let lengths: Vec<usize> = pe.libraries[0].functions.iter().map(String::len).collect();
        assert_eq!(lengths, [4096; 3], "60,000 names of 4 MiB would be 240 GB");
    }
}
