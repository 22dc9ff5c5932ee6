//! Packers and anomalies, each with the fact that shows it. What a finding is worth is the verdict's business.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::facts::Facts;
use crate::pe::{Pe, Section};
use crate::signature::FileDigest;

/// Marks of packers; the head of the table names format and source.
const MARKS: &str = include_str!("../../../data/packer_marks.txt");

/// Entropy above which bytes count as compressed or encrypted, bits a byte. Code of compilers lies below 6.8, compressed data above 7.9
/// (Lyda and Hamrock, IEEE Security & Privacy 5(2), 2007, give 7.2 as the border for a whole section).
const HIGH_ENTROPY: f64 = 7.2;
/// Smallest section whose entropy says something, in bytes.
const MIN_MEASURED: u64 = 1024;
/// Fewer imports than this are few for a program of a usual compiler.
const FEW_IMPORTS: usize = 10;
/// An overlay above this size is large.
const LARGE_OVERLAY: u64 = 64 * 1024;

/// What kind of fact.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// A packer or protector by its marks.
    Packer,
    /// Compressed or encrypted content.
    HighEntropy,
    /// A section that can be written and run.
    WritableCode,
    /// The program starts outside of its code.
    OddEntryPoint,
    /// Hardly any imports.
    FewImports,
    /// Code runs before the entry point.
    TlsCallbacks,
    /// A large part of the file is behind the image.
    Overlay,
    /// The time of building lies in the future or before Windows.
    OddTimestamp,
    /// A program within the program.
    EmbeddedProgram,
    /// Headers that no linker writes.
    OddHeader,
    /// The signature is that of another file.
    ForeignSignature,
}

/// A finding.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Finding {
    /// Its kind.
    pub kind: FindingKind,
    /// In words.
    pub what: String,
    /// Where the fact stands in the record, for example `facts.pe.sections[2].entropy`.
    pub fact: String,
}

struct Mark {
    place: &'static str,
    sought: &'static str,
    packer: &'static str,
}

static TABLE: LazyLock<Vec<Mark>> = LazyLock::new(|| {
    let lines = MARKS.lines().filter(|line| !line.starts_with('#'));
    let mut marks = Vec::new();
    for line in lines {
        let Some((place, rest)) = line.split_once(' ') else { continue };
        // Texts hold blanks: the packer is known by its name at the end.
        let split = if place == "text" {
            PACKERS_OF_TEXTS.iter().find_map(|name| Some((rest.strip_suffix(name)?.trim_end(), *name)))
        } else {
            rest.split_once(' ')
        };
        if let Some((sought, packer)) = split {
            marks.push(Mark { place, sought, packer });
        }
    }
    marks
});

const PACKERS_OF_TEXTS: [&str; 5] = ["UPX", "NSIS installer", "Inno Setup", "PyInstaller", "AutoIt"];

/// Looks for findings. `now` is the present in seconds since 1970, for timestamps; none if the caller does not tell.
pub(crate) fn findings(facts: &Facts, bytes: &[u8], now: Option<i64>) -> Vec<Finding> {
    let mut found = Vec::new();
    let sections: &[Section] = match (&facts.pe, &facts.native) {
        (Some(pe), _) => &pe.sections,
        (None, Some(native)) => &native.sections,
        (None, None) => &[],
    };
    let path = if facts.pe.is_some() { "facts.pe" } else { "facts.native" };
    packers(sections, facts.pe.as_ref(), path, bytes, &mut found);
    for (at, section) in sections.iter().enumerate() {
        let name = &section.name;
        if section.entropy >= HIGH_ENTROPY && section.size >= MIN_MEASURED && section.flags.contains('x') {
            let what = format!("code section {name} has an entropy of {:.2}", section.entropy);
            found.push(Finding {
                kind: FindingKind::HighEntropy,
                what,
                fact: format!("{path}.sections[{at}].entropy"),
            });
        }
        if section.flags.contains('w') && section.flags.contains('x') {
            let what = format!("section {name} can be written and run");
            found.push(Finding {
                kind: FindingKind::WritableCode,
                what,
                fact: format!("{path}.sections[{at}].flags"),
            });
        }
    }
    if let Some(pe) = &facts.pe {
        of_pe(pe, now, &mut found);
    }
    embedded(bytes, &mut found);
    found
}

fn packers(sections: &[Section], pe: Option<&Pe>, path: &str, bytes: &[u8], found: &mut Vec<Finding>) {
    let mut add = |packer: &str, what: String, fact: String| {
        if !found.iter().any(|finding| {
            finding.kind == FindingKind::Packer && finding.what.starts_with(&format!("{packer}:"))
        }) {
            found.push(Finding { kind: FindingKind::Packer, what, fact });
        }
    };
    for mark in TABLE.iter() {
        let Mark { place, sought, packer } = mark;
        match *place {
            "section" => {
                if let Some(at) = sections.iter().position(|section| section.name == *sought) {
                    add(
                        packer,
                        format!("{packer}: a section is called {sought}"),
                        format!("{path}.sections[{at}].name"),
                    );
                }
            }
            "entry" => {
                let entry = pe.and_then(|pe| code_at(pe, bytes, pe.entry_point));
                if entry.is_some_and(|code| begins_with(code, sought)) {
                    add(
                        packer,
                        format!("{packer}: its code stands at the entry point"),
                        format!("{path}.entry_point"),
                    );
                }
            }
            _ if memchr::memmem::find(bytes, sought.as_bytes()).is_some() => {
                add(packer, format!("{packer}: the file holds the text {sought:?}"), "facts.size".to_owned());
            }
            _ => {}
        }
    }
}

fn code_at<'b>(pe: &Pe, bytes: &'b [u8], address: u64) -> Option<&'b [u8]> {
    let section = section_of(pe, address)?;
    bytes.get(usize::try_from(address.checked_sub(section.address)?.checked_add(section.offset)?).ok()?..)
}

fn section_of(pe: &Pe, address: u64) -> Option<&Section> {
    pe.sections.iter().find(|section| {
        let size = section.virtual_size.max(section.size);
        (section.address..section.address.saturating_add(size)).contains(&address)
    })
}

/// Whether bytes begin with hexadecimal digits, `??` for any byte.
fn begins_with(bytes: &[u8], digits: &str) -> bool {
    let pairs: Vec<&str> = (0..digits.len() / 2).filter_map(|at| digits.get(at * 2..at * 2 + 2)).collect();
    bytes.len() >= pairs.len()
        && pairs
            .iter()
            .zip(bytes)
            .all(|(pair, byte)| *pair == "??" || u8::from_str_radix(pair, 16) == Ok(*byte))
}

fn of_pe(pe: &Pe, now: Option<i64>, found: &mut Vec<Finding>) {
    let mut add =
        |kind, what: String, fact: &str| found.push(Finding { kind, what, fact: format!("facts.pe.{fact}") });
    if pe.entry_point != 0 {
        match section_of(pe, pe.entry_point) {
            None => add(
                FindingKind::OddEntryPoint,
                "the entry point lies in no section".to_owned(),
                "entry_point",
            ),
            Some(section) if !section.flags.contains('x') => {
                add(
                    FindingKind::OddEntryPoint,
                    format!("the entry point lies in {}, which is no code", section.name),
                    "entry_point",
                );
            }
            Some(_) => {}
        }
    }
    let imports: usize = pe.libraries.iter().map(|library| library.functions.len()).sum();
    if imports < FEW_IMPORTS && !pe.is_dotnet && !pe.is_dll && pe.entry_point != 0 {
        add(FindingKind::FewImports, format!("only {imports} functions are imported"), "libraries");
    }
    if !pe.tls_callbacks.is_empty() {
        add(
            FindingKind::TlsCallbacks,
            match pe.tls_callbacks.len() {
                1 => "a function runs before the entry point".to_owned(),
                count => format!("{count} functions run before the entry point"),
            },
            "tls_callbacks",
        );
    }
    if let Some(overlay) = pe.overlay.as_ref().filter(|overlay| overlay.size >= LARGE_OVERLAY) {
        let what = format!("{} bytes behind the image, entropy {:.2}", overlay.size, overlay.entropy);
        add(FindingKind::Overlay, what, "overlay");
    }
    /// 1993-07-27, the first Windows NT. Builds that are to be reproducible write hashes instead of times, which look like any time.
    const FIRST_NT: u32 = 743_731_200;
    let in_future = now.is_some_and(|now| i64::from(pe.timestamp) > now + 86_400);
    if pe.timestamp != 0 && (pe.timestamp < FIRST_NT || in_future) {
        add(
            FindingKind::OddTimestamp,
            format!("the time of building is {} seconds after 1970", pe.timestamp),
            "timestamp",
        );
    }
    if let Some(signature) =
        pe.signature.as_ref().filter(|signature| signature.file_digest == FileDigest::Differs)
    {
        let by = signature.signer.as_ref().map_or("somebody", |signer| signer.name.as_str());
        let what = format!("the signature by {by} was made for other content than this");
        add(FindingKind::ForeignSignature, what, "signature.file_digest");
    }
    if pe
        .sections
        .iter()
        .any(|section| section.size > 0 && section.name.bytes().any(|byte| !(b' '..=b'~').contains(&byte)))
    {
        add(FindingKind::OddHeader, "a section's name is not printable".to_owned(), "sections");
    }
}

/// Programs inside of the file: an MZ header whose pointer leads to a PE header.
fn embedded(bytes: &[u8], found: &mut Vec<Finding>) {
    const MAX_FOUND: usize = 8;
    let mut programs = 0;
    for at in memchr::memmem::find_iter(bytes, b"MZ").filter(|at| *at > 0) {
        let pointer =
            bytes.get(at + 0x3c..at + 0x40).and_then(|four| four.try_into().ok()).map(u32::from_le_bytes);
        let header =
            pointer.filter(|pointer| *pointer < 0x1000).and_then(|pointer| at.checked_add(pointer as usize));
        if header.and_then(|header| bytes.get(header..header.checked_add(4)?)) == Some(b"PE\0\0".as_slice()) {
            programs += 1;
            let what = format!("a program begins at offset {at}");
            found.push(Finding { kind: FindingKind::EmbeddedProgram, what, fact: "facts.size".to_owned() });
            if programs == MAX_FOUND {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_marks_is_read_whole() {
        assert_eq!(TABLE.len(), MARKS.lines().filter(|line| !line.starts_with('#')).count());
        assert!(
            TABLE
                .iter()
                .all(|mark| ["section", "entry", "text"].contains(&mark.place) && !mark.packer.is_empty())
        );
    }

    #[test]
    fn code_at_the_entry_is_compared_with_gaps() {
        assert!(begins_with(&[0x60, 0xbe, 1, 2, 3], "60be????"));
        assert!(!begins_with(&[0x60, 0xbf, 1, 2, 3], "60be"));
        assert!(!begins_with(&[0x60], "60be"));
    }
}
