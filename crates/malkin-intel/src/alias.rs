//! One name for each malware family, whatever a provider calls it.

use std::collections::HashMap;
use std::sync::LazyLock;

/// The table; its head names the source.
const TABLE: &str = include_str!("../../../data/family_aliases.txt");

/// Longest name that is looked at, in bytes.
const MAX_NAME: usize = 200;

static CANONICAL: LazyLock<HashMap<&'static str, &'static str>> = LazyLock::new(|| {
    let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
    lines
        .flat_map(|line| {
            let name = line.split(' ').next().unwrap_or_default();
            line.split(' ').filter(|word| !word.is_empty()).map(move |word| (word, name))
        })
        .collect()
});

/// Words that vendors put around the name of a family and that name none.
const NO_FAMILY: &[&str] = &[
    "adware",
    "agent",
    "backdoor",
    "banker",
    "bot",
    "clean",
    "coinminer",
    "downloader",
    "dropper",
    "exploit",
    "gen",
    "generic",
    "genkryptik",
    "harmless",
    "infostealer",
    "injector",
    "keylogger",
    "kryptik",
    "loader",
    "malicious",
    "malware",
    "miner",
    "msil",
    "obfuscated",
    "packed",
    "pua",
    "pup",
    "ransom",
    "ransomware",
    "rat",
    "riskware",
    "spyware",
    "stealer",
    "suspicious",
    "trojan",
    "unknown",
    "virus",
    "win32",
    "win64",
    "worm",
    "nospecificthreat",
];

/// The family a label speaks of: the last of its parts that is a name, under its common name, in lower-case letters and digits.
/// `None` when it names no family.
pub fn family(label: &str) -> Option<String> {
    let label = label.get(..MAX_NAME).unwrap_or(label);
    let whole = fold(label);
    if let Some(known) = CANONICAL.get(whole.as_str()) {
        return Some((*known).to_owned());
    }
    let parts = label.split(['.', ':', '/', '!', '\\', ' ', ',', ';', '|']).map(fold);
    let names: Vec<String> =
        parts.filter(|part| part.len() > 2 && !NO_FAMILY.contains(&part.as_str())).collect();
    let known = names.iter().find_map(|name| CANONICAL.get(name.as_str()));
    // `Trojan.Heodo.A` names the family in the middle; of unknown words the first that is no category is it.
    known.map(|name| (*name).to_owned()).or_else(|| {
        let name = names.into_iter().next()?;
        (!NO_FAMILY.contains(&whole.as_str())).then_some(name)
    })
}

fn fold(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_have_one_name() {
        let cases = [
            ("Heodo", Some("emotet")),
            ("trojan.heodo/emotet", Some("emotet")),
            ("Trojan.QuietHeron.A", Some("quietheron")),
            ("Agent Tesla", Some("agenttesla")),
            ("win.qakbot", Some("qakbot")),
            ("malicious", None),
            ("no specific threat", None),
            ("Trojan.Generic", None),
            ("", None),
        ];
        for (label, name) in cases {
            assert_eq!(family(label).as_deref(), name, "{label}");
        }
    }

    #[test]
    fn no_name_stands_for_two_families() {
        let mut seen = std::collections::HashSet::new();
        for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
            for word in line.split(' ') {
                assert_eq!(word, fold(word));
                assert!(seen.insert(word), "{word} stands twice");
            }
        }
    }
}
