//! What a program can do, read from the functions it uses: a table of combinations, each an instance of an ATT&CK technique. Being
//! able to is not doing; the table says what was looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

/// The table; its head names format and source.
const TABLE: &str = include_str!("../../../data/api_capabilities.txt");

/// Most places that are named for one capability.
const MAX_PLACES: usize = 20;

/// A capability.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Capability {
    /// Technique of ATT&CK.
    pub technique: String,
    /// What it can do.
    pub what: String,
    /// The functions that show it.
    pub apis: Vec<String>,
    /// Addresses of functions of the program that call them; empty when it was not disassembled.
    pub functions: Vec<u64>,
}

struct Rule {
    technique: &'static str,
    what: &'static str,
    needs: Vec<Vec<&'static str>>,
}

static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    TABLE
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let mut parts = line.split(" | ");
            let (technique, what, needs) = (parts.next()?, parts.next()?, parts.next()?);
            Some(Rule {
                technique,
                what,
                needs: needs.split(' ').map(|need| need.split('/').collect()).collect(),
            })
        })
        .collect()
});

/// Finds capabilities among functions by name, each with the addresses that call it.
pub fn capabilities(apis: &BTreeMap<String, BTreeSet<u64>>) -> Vec<Capability> {
    let mut by_stem: BTreeMap<&str, Vec<(&String, &BTreeSet<u64>)>> = BTreeMap::new();
    for (name, places) in apis {
        by_stem.entry(stem(name)).or_default().push((name, places));
    }
    let found = RULES.iter().filter_map(|rule| {
        let mut shown = BTreeSet::new();
        let mut places = BTreeSet::new();
        for need in &rule.needs {
            let used: Vec<_> = need.iter().filter_map(|name| by_stem.get(stem(name))).flatten().collect();
            if used.is_empty() {
                return None;
            }
            for (name, callers) in used {
                shown.insert((*name).clone());
                places.extend(callers.iter().copied());
            }
        }
        Some(Capability {
            technique: rule.technique.to_owned(),
            what: rule.what.to_owned(),
            apis: shown.into_iter().collect(),
            functions: places.into_iter().take(MAX_PLACES).collect(),
        })
    });
    found.collect()
}

/// The name without the suffixes for character sets and later versions.
fn stem(name: &str) -> &str {
    let is_suffix =
        |rest: &&str| rest.ends_with(|letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit());
    let name = name.strip_suffix(['A', 'W']).filter(is_suffix).unwrap_or(name);
    name.strip_suffix("Ex").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn combinations_are_found_whatever_the_character_set() {
        let names =
            ["OpenProcess", "VirtualAllocEx", "WriteProcessMemory", "CreateRemoteThreadEx", "GetUserNameW"];
        let apis = names.iter().map(|name| ((*name).to_owned(), BTreeSet::from([4096]))).collect();
        let found = capabilities(&apis);
        let techniques: Vec<_> = found.iter().map(|capability| capability.technique.as_str()).collect();
        assert_eq!(techniques, ["T1055.002", "T1033"]);
        assert_eq!(found[0].functions, [4096]);
        assert_eq!(found[1].apis, ["GetUserNameW"]);
    }

    #[test]
    fn the_table_is_well_formed() {
        assert!(RULES.len() > 30);
        assert_eq!(RULES.len(), TABLE.lines().filter(|line| !line.starts_with('#')).count());
        for rule in RULES.iter() {
            assert!(rule.technique.starts_with('T') && !rule.needs.is_empty(), "{}", rule.what);
        }
    }
}
