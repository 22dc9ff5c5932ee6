//! Indicators in text: what a file may talk to, leave behind or ask for. Each with its offset, its context, and in a form that no
//! program turns into a link.
//!
//! Precision goes before recall: names of files, versions and identifiers of programs look like domains and addresses, and an
//! analyst who is shown a hundred of those stops reading.

mod address;
#[cfg(test)]
mod definition;
mod domain;
mod spans;
mod wallet;

use std::collections::HashSet;

use malkin_report::Budget;

use serde::{Deserialize, Serialize};

use crate::strings::Text;
use spans::Spans;

/// Most indicators of one kind.
const MAX_OF_KIND: usize = 500;
/// Number of kinds.
const KINDS: usize = Kind::EthereumAddress as usize + 1;
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

/// Finds indicators in texts; each value once, where it stands first. Ends early, with what was found by then, when the budget
/// is used up; a byte of text is a unit of work.
pub fn indicators(texts: &[Text], budget: &Budget<'_>) -> Vec<Indicator> {
    let mut found = Found::default();
    for text in texts {
        if !budget.work(text.text.len() as u64) {
            break;
        }
        found.search(text);
    }
    found.all.sort_by_key(|indicator| (indicator.kind, indicator.offset));
    found.all
}

#[derive(Default)]
struct Found {
    all: Vec<Indicator>,
    /// Values of each kind in small letters, by the number of the kind.
    seen: [HashSet<String>; KINDS],
}

impl Found {
    fn search(&mut self, text: &Text) {
        // What others passed on in a safe form is an indicator all the same.
        let refanged = refanged(&text.text);
        let line = refanged.as_deref().unwrap_or(&text.text);
        let mut urls_at = Spans::default();
        for (start, end) in urls(line) {
            self.add(Kind::Url, text, line, start, end);
            urls_at.push(start, end);
            // The host of a URL is an indicator of its own.
            let url = &line[start..end];
            let host_at = url.find("://").map_or(0, |at| at + 3);
            let host = url[host_at..].split(['/', '?', '#']).next().unwrap_or_default();
            let host = host.rsplit('@').next().unwrap_or(host);
            let host = host.split(':').next().unwrap_or(host);
            let at = start + url.rfind(host).unwrap_or(host_at);
            if address::is_ipv4(host) {
                self.add(Kind::Ipv4, text, line, at, at + host.len());
            } else if domain::is_domain(host) {
                self.add(Kind::Domain, text, line, at, at + host.len());
            }
        }
        let mut taken = urls_at.clone();
        let mut last_end = 0;
        for (start, end) in emails(line) {
            // Of the emails before this one only the last can reach into it.
            if start < last_end || urls_at.overlap(start, end) {
                continue;
            }
            self.add(Kind::Email, text, line, start, end);
            taken.push(start, end);
            last_end = end;
        }
        for (kind, start, end) in places(line) {
            self.add(kind, text, line, start, end);
            taken.push(start, end);
        }
        let taken = taken.merged();
        for (start, end) in words(line) {
            let word = &line[start..end];
            // Hosts and addresses have one of these, wallets neither.
            let is_host = word.contains(['.', ':']);
            if !(is_host || wallet::may_be_wallet(word)) || taken.overlap(start, end) {
                continue;
            }
            if is_host {
                self.host(text, line, start, end);
            } else if wallet::is_bitcoin(word) {
                self.add(Kind::BitcoinAddress, text, line, start, end);
            } else if wallet::is_ethereum(word) {
                self.add(Kind::EthereumAddress, text, line, start, end);
            }
        }
    }

    /// A word with dots or colons.
    fn host(&mut self, text: &Text, line: &str, start: usize, end: usize) {
        let word = &line[start..end];
        let port = word
            .rsplit_once(':')
            .filter(|(_, port)| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()));
        let host = port.map_or(word, |(host, _)| host);
        if address::is_ipv4(host) && !address::is_version(line, start) {
            self.add(Kind::Ipv4, text, line, start, start + host.len());
        } else if address::is_ipv6(word) {
            self.add(Kind::Ipv6, text, line, start, end);
        } else if !self.is_full(Kind::Domain) && domain::is_domain(host) {
            self.add(Kind::Domain, text, line, start, start + host.len());
        }
    }

    fn is_full(&self, kind: Kind) -> bool {
        self.seen[kind as usize].len() >= MAX_OF_KIND
    }

    fn add(&mut self, kind: Kind, text: &Text, line: &str, start: usize, end: usize) {
        let value = &line[start..end];
        if self.is_full(kind) || !self.seen[kind as usize].insert(value.to_ascii_lowercase()) {
            return;
        }
        let before = line[..start].char_indices().rev().nth(CONTEXT - 1).map_or(0, |(at, _)| at);
        let after = line[end..].char_indices().nth(CONTEXT).map_or(line.len(), |(at, _)| end + at);
        let context = line[before..after].to_owned();
        let defanged = defang(kind, value);
        self.all.push(Indicator { kind, value: value.to_owned(), defanged, offset: text.offset, context });
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
    refanged(text).unwrap_or_else(|| text.to_owned())
}

/// [`refang`]; `None` if the text has none of the marks, as nearly all have.
fn refanged(text: &str) -> Option<String> {
    let has_brackets = text.contains(['[', '(', '{']);
    if !has_brackets && !contains_hxx(text.as_bytes()) {
        return None;
    }
    let mut plain = None;
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
        let now = plain.as_deref().unwrap_or(text);
        if now.contains(safe) {
            plain = Some(now.replace(safe, meant));
        }
    }
    let now = plain.as_deref().unwrap_or(text);
    if contains_hxx(now.as_bytes()) {
        plain = Some(exchanged(now, "hxxp", ['x', 't'], ['X', 'T']));
    }
    plain
}

fn contains_hxx(text: &[u8]) -> bool {
    memchr::memchr2_iter(b'x', b'X', text).any(|at| {
        at > 0
            && text[at - 1].eq_ignore_ascii_case(&b'h')
            && text.get(at + 1).is_some_and(|x| x.eq_ignore_ascii_case(&b'x'))
    })
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

/// Where schemes start and end in a text, ascending.
fn schemes(line: &str) -> Vec<(usize, usize)> {
    let bytes = line.as_bytes();
    let ends = memchr::memmem::find_iter(bytes, b"://").map(|at| at + 3);
    let scheme = |end: usize| {
        let starts = SCHEMES.iter().filter_map(|scheme| {
            let start = end.checked_sub(scheme.len())?;
            bytes[start..end].eq_ignore_ascii_case(scheme.as_bytes()).then_some(start)
        });
        starts.min().map(|start| (start, end))
    };
    ends.filter_map(scheme).collect()
}

fn urls(line: &str) -> Vec<(usize, usize)> {
    let schemes = schemes(line);
    let mut found: Vec<(usize, usize)> = Vec::new();
    let (mut from, mut last_end) = (0, 0);
    for (number, &(start, host_at)) in schemes.iter().enumerate() {
        let before = start.checked_sub(1).and_then(|at| line.as_bytes().get(at));
        let is_free = start == last_end || !before.is_some_and(u8::is_ascii_alphanumeric);
        // A scheme inside of the URL before it is a part of that.
        if host_at - 3 < from || !is_free {
            continue;
        }
        // The next URL may follow without a gap, and a sentence ends with a dot.
        let limit = schemes.get(number + 1).map_or(line.len(), |next| next.0.max(host_at));
        let rest = &line[host_at..limit];
        let end = host_at + rest.find(|letter| !is_url_char(letter)).unwrap_or(rest.len());
        let end = start
            + line[start..end].trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']', '*', '&']).len();
        from = host_at;
        let host = line[host_at..end.max(host_at)].split(['/', '?', '#']).next().unwrap_or_default();
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
    let mut found = if line.contains('\\') { places_of_windows(line) } else { Vec::new() };
    if line.contains('/') {
        found.extend(folder(line).map(|(start, end)| (Kind::Path, start, end)));
    }
    found
}

/// The first path that begins with a usual folder of Unix, at the start of the text or behind a blank.
fn folder(line: &str) -> Option<(usize, usize)> {
    const NAMES: [&str; 10] = ["etc", "tmp", "var", "dev", "proc", "usr", "bin", "home", "root", "opt"];
    NAMES.iter().find_map(|name| {
        let is_root = |at: usize| {
            let rest = line[at..].strip_prefix('/').and_then(|rest| rest.strip_prefix(name));
            rest.is_some_and(|rest| rest.starts_with('/'))
        };
        let start = if is_root(0) {
            0
        } else {
            line.match_indices(" /").map(|(at, _)| at + 1).find(|&at| is_root(at))?
        };
        let rest = &line[start..];
        let end = rest.find([' ', '"', '\'', '<', '>', '|', '\t', ':', ';', ',', ')']).unwrap_or(rest.len());
        (end > name.len() + "//".len()).then_some((start, start + end))
    })
}

fn places_of_windows(line: &str) -> Vec<(Kind, usize, usize)> {
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
        "SYSTEM\\CURRENTCONTROLSET\\",
    ];
    let mut found = Vec::new();
    let upper = line.to_ascii_uppercase();
    let stop = |start: usize| {
        let rest = &line[start..];
        start + rest.find(['"', '\'', '<', '>', '|', '\t', '*', ',', ';']).unwrap_or(rest.len())
    };
    for hive in HIVES {
        if let Some(start) = upper.find(hive) {
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
