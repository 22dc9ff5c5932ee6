//! Indicators in text: what a file may talk to, leave behind or ask for. Each with its offset, its context, and in a form that no
//! program turns into a link.
//!
//! Precision goes before recall: names of files, versions and identifiers of programs look like domains and addresses, and an
//! analyst who is shown a hundred of those stops reading.

mod address;
mod domain;
mod wallet;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::strings::Text;

/// Most indicators of one kind.
const MAX_OF_KIND: usize = 500;
/// Characters of context on each side.
const CONTEXT: usize = 24;

/// Kind of an indicator.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Kind {
    Url,
    Domain,
    Ipv4,
    Ipv6,
    Email,
    RegistryKey,
    Mutex,
    Path,
    BitcoinAddress,
    EthereumAddress,
}

/// An indicator.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Indicator {
    /// Its kind.
    pub kind: Kind,
    /// As it is used.
    pub value: String,
    /// As it is safe to pass on: `hxxp://example[.]org`.
    pub defanged: String,
    /// Offset of the text in the file, in bytes.
    pub offset: usize,
    /// The text around it.
    pub context: String,
}

/// Finds indicators in texts; each value once, where it stands first.
pub fn indicators(texts: &[Text]) -> Vec<Indicator> {
    let mut found = Found::default();
    for text in texts {
        found.search(text);
    }
    found.all.sort_by_key(|indicator| (indicator.kind, indicator.offset));
    found.all
}

#[derive(Default)]
struct Found {
    all: Vec<Indicator>,
    seen: BTreeSet<(Kind, String)>,
}

impl Found {
    fn search(&mut self, text: &Text) {
        // What others passed on in a safe form is an indicator all the same.
        let line = refang(&text.text);
        let mut taken: Vec<(usize, usize)> = Vec::new();
        for (start, end) in urls(&line) {
            self.add(Kind::Url, text, &line, start, end);
            taken.push((start, end));
            // The host of a URL is an indicator of its own.
            let url = &line[start..end];
            let host_at = url.find("://").map_or(0, |at| at + 3);
            let host = url[host_at..].split(['/', '?', '#']).next().unwrap_or_default();
            let host = host.rsplit('@').next().unwrap_or(host);
            let host = host.split(':').next().unwrap_or(host);
            let at = start + url.rfind(host).unwrap_or(host_at);
            if address::is_ipv4(host) {
                self.add(Kind::Ipv4, text, &line, at, at + host.len());
            } else if domain::is_domain(host) {
                self.add(Kind::Domain, text, &line, at, at + host.len());
            }
        }
        for (start, end) in emails(&line) {
            if taken.iter().any(|(from, to)| start < *to && end > *from) {
                continue;
            }
            self.add(Kind::Email, text, &line, start, end);
            taken.push((start, end));
        }
        for (kind, start, end) in places(&line) {
            self.add(kind, text, &line, start, end);
            taken.push((start, end));
        }
        for (start, end) in words(&line) {
            if taken.iter().any(|(from, to)| start < *to && end > *from) {
                continue;
            }
            let word = &line[start..end];
            let port = word
                .rsplit_once(':')
                .filter(|(_, port)| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()));
            let host = port.map_or(word, |(host, _)| host);
            if address::is_ipv4(host) && !address::is_version(&line, start) {
                self.add(Kind::Ipv4, text, &line, start, start + host.len());
            } else if address::is_ipv6(word) {
                self.add(Kind::Ipv6, text, &line, start, end);
            } else if domain::is_domain(host) {
                self.add(Kind::Domain, text, &line, start, start + host.len());
            } else if wallet::is_bitcoin(word) {
                self.add(Kind::BitcoinAddress, text, &line, start, end);
            } else if wallet::is_ethereum(word) {
                self.add(Kind::EthereumAddress, text, &line, start, end);
            }
        }
    }

    fn add(&mut self, kind: Kind, text: &Text, line: &str, start: usize, end: usize) {
        let value = line[start..end].to_owned();
        if self.seen.iter().filter(|(seen, _)| *seen == kind).count() >= MAX_OF_KIND
            || !self.seen.insert((kind, value.to_ascii_lowercase()))
        {
            return;
        }
        let before = line[..start].char_indices().rev().nth(CONTEXT - 1).map_or(0, |(at, _)| at);
        let after = line[end..].char_indices().nth(CONTEXT).map_or(line.len(), |(at, _)| end + at);
        let context = line[before..after].to_owned();
        let defanged = defang(kind, &value);
        self.all.push(Indicator { kind, value, defanged, offset: text.offset, context });
    }
}

/// Writes an indicator so that no program makes a link of it.
pub fn defang(kind: Kind, value: &str) -> String {
    let dots = |text: &str| text.replace('.', "[.]");
    match kind {
        Kind::Url => {
            let (scheme, rest) = value.split_once("://").unwrap_or(("", value));
            let host_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
            let scheme = exchanged(scheme, "tt", ['t', 'x'], ['T', 'X']);
            format!("{scheme}://{}{}", dots(&rest[..host_end]), &rest[host_end..])
        }
        Kind::Domain | Kind::Ipv4 => dots(value),
        Kind::Email => dots(value).replace('@', "[@]"),
        Kind::Ipv6 => value.replace(':', "[:]"),
        _ => value.to_owned(),
    }
}

/// Undoes the usual ways to make an indicator safe.
pub fn refang(text: &str) -> String {
    if !text.contains(['[', '(', '{']) && !text.to_ascii_lowercase().contains("hxx") {
        return text.to_owned();
    }
    let mut plain = text.to_owned();
    for (safe, meant) in [
        ("[.]", "."),
        ("(.)", "."),
        ("{.}", "."),
        ("[dot]", "."),
        ("(dot)", "."),
        ("[:]", ":"),
        ("[://]", "://"),
        ("[@]", "@"),
        ("[at]", "@"),
        ("hxxp", "http"),
        ("hXXp", "http"),
        ("HXXP", "HTTP"),
    ] {
        plain = plain.replace(safe, meant);
    }
    exchanged(&plain, "hxxp", ['x', 't'], ['X', 'T'])
}

/// The text with one letter in place of another, small and capital, wherever a word stands in whatever case.
fn exchanged(text: &str, word: &str, small: [char; 2], capital: [char; 2]) -> String {
    let lower = text.to_ascii_lowercase();
    let mut result = String::with_capacity(text.len());
    let mut done = 0;
    for (at, _) in lower.match_indices(word) {
        result.push_str(&text[done..at]);
        done = at + word.len();
        result.extend(text[at..done].chars().map(|letter| match letter {
            _ if letter == small[0] => small[1],
            _ if letter == capital[0] => capital[1],
            _ => letter,
        }));
    }
    result.push_str(&text[done..]);
    result
}

const SCHEMES: [&str; 6] = ["http://", "https://", "ftp://", "tcp://", "ws://", "wss://"];

/// Whether a character may stand in a URL (RFC 3986, without the brackets that text puts around one).
fn is_url_char(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "-._~:/?#@!$&*+,;=%[]()".contains(letter)
}

fn urls(line: &str) -> Vec<(usize, usize)> {
    let lower = line.to_ascii_lowercase();
    let mut found = Vec::new();
    let (mut from, mut last_end) = (0, 0);
    while let Some(at) = lower[from..].find("://").map(|at| from + at) {
        from = at + 3;
        let Some(start) = SCHEMES
            .iter()
            .filter_map(|scheme| {
                let start = (at + 3).checked_sub(scheme.len())?;
                let before = lower.get(..start)?.chars().next_back();
                (lower.get(start..at + 3)? == *scheme
                    && (start == last_end || !before.is_some_and(|letter| letter.is_ascii_alphanumeric())))
                .then_some(start)
            })
            .min()
        else {
            continue;
        };
        let rest = &line[at + 3..];
        let mut end = at + 3 + rest.find(|letter| !is_url_char(letter)).unwrap_or(rest.len());
        // The next URL may follow without a gap, and a sentence ends with a dot.
        if let Some(next) = SCHEMES.iter().filter_map(|scheme| lower[at + 3..end].find(scheme)).min() {
            end = at + 3 + next;
        }
        end = start
            + line[start..end].trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']', '*', '&']).len();
        let host = line[at + 3..end.max(at + 3)].split(['/', '?', '#']).next().unwrap_or_default();
        let host = host.rsplit('@').next().unwrap_or(host);
        let host = host.split(':').next().unwrap_or(host);
        let is_host =
            address::is_ipv4(host) || domain::is_domain(host) || host.starts_with('[') || is_onion(host);
        if is_host && !domain::is_schema_host(host) {
            found.push((start, end));
            from = end;
            last_end = end;
        }
    }
    found
}

fn is_onion(host: &str) -> bool {
    host.strip_suffix(".onion")
        .is_some_and(|name| matches!(name.len(), 16 | 56) && name.bytes().all(|b| b.is_ascii_alphanumeric()))
}

fn emails(line: &str) -> Vec<(usize, usize)> {
    let is_local = |letter: char| letter.is_ascii_alphanumeric() || "._%+-".contains(letter);
    let mut found = Vec::new();
    for (at, _) in line.match_indices('@') {
        let start = line[..at].char_indices().rev().take_while(|(_, letter)| is_local(*letter)).last();
        let Some((start, first)) = start else { continue };
        let rest = &line[at + 1..];
        let end = rest
            .find(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '-' || letter == '.'))
            .unwrap_or(rest.len());
        let host = rest[..end].trim_end_matches('.');
        if first.is_ascii_alphanumeric() && at - start <= 64 && domain::is_domain(host) {
            found.push((start, at + 1 + host.len()));
        }
    }
    found
}

/// Registry keys, named objects and paths.
fn places(line: &str) -> Vec<(Kind, usize, usize)> {
    const HIVES: [&str; 10] = [
        "HKEY_LOCAL_MACHINE\\",
        "HKEY_CURRENT_USER\\",
        "HKEY_CLASSES_ROOT\\",
        "HKEY_USERS\\",
        "HKEY_CURRENT_CONFIG\\",
        "HKLM\\",
        "HKCU\\",
        "HKCR\\",
        "SOFTWARE\\",
        "SYSTEM\\CurrentControlSet\\",
    ];
    let mut found = Vec::new();
    let upper = line.to_ascii_uppercase();
    let stop = |start: usize| {
        let rest = &line[start..];
        start + rest.find(['"', '\'', '<', '>', '|', '\t', '*', ',', ';']).unwrap_or(rest.len())
    };
    for hive in HIVES {
        if let Some(start) = upper.find(&hive.to_ascii_uppercase()) {
            let end = stop(start);
            let free = start == 0
                || !line.as_bytes()[start - 1].is_ascii_alphanumeric() && line.as_bytes()[start - 1] != b'\\';
            if free && end - start > hive.len() {
                found.push((Kind::RegistryKey, start, end));
                break;
            }
        }
    }
    for space in ["GLOBAL\\", "LOCAL\\"] {
        if upper.starts_with(space) && line.len() > space.len() && !line[space.len()..].contains(['\\', ' '])
        {
            found.push((Kind::Mutex, 0, line.len()));
        }
    }
    let bytes = line.as_bytes();
    for (at, _) in line.match_indices(":\\") {
        let drive = at.checked_sub(1).filter(|drive| bytes[*drive].is_ascii_alphabetic());
        let Some(start) = drive.filter(|drive| *drive == 0 || !bytes[*drive - 1].is_ascii_alphanumeric())
        else {
            continue;
        };
        let end = stop(start);
        if end > at + 3 {
            found.push((Kind::Path, start, end));
            break;
        }
    }
    for root in [
        "%APPDATA%\\",
        "%TEMP%\\",
        "%PROGRAMDATA%\\",
        "%SYSTEMROOT%\\",
        "%USERPROFILE%\\",
        "%WINDIR%\\",
        "%LOCALAPPDATA%\\",
    ] {
        if let Some(start) = upper.find(root) {
            found.push((Kind::Path, start, stop(start)));
        }
    }
    for root in ["etc", "tmp", "var", "dev", "proc", "usr", "bin", "home", "root", "opt"] {
        let root = format!("/{root}/");
        let starts = line.starts_with(&root).then_some(0);
        let spaced = || line.find(&format!(" {root}")).map(|at| at + 1);
        if let Some(start) = starts.or_else(spaced) {
            let rest = &line[start..];
            let end =
                rest.find([' ', '"', '\'', '<', '>', '|', '\t', ':', ';', ',', ')']).unwrap_or(rest.len());
            if end > root.len() {
                found.push((Kind::Path, start, start + end));
                break;
            }
        }
    }
    found
}

/// Words that may be a host, an address or a wallet, with their ends.
fn words(line: &str) -> Vec<(usize, usize)> {
    let is_part = |letter: char| {
        letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | ':' | '_' | '/' | '\\' | '@' | '$')
    };
    let mut found = Vec::new();
    let mut start = None;
    for (at, letter) in line.char_indices().chain([(line.len(), ' ')]) {
        match (start, is_part(letter)) {
            (None, true) => start = Some(at),
            (Some(from), false) => {
                start = None;
                let word = line[from..at].trim_end_matches(['.', ':', '-']);
                if word.len() >= 4 {
                    found.push((from, from + word.len()));
                }
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests;
