//! The search for indicators as it is defined: plain, and slow on long lists. Tests compare the search that is used with it.

use std::collections::BTreeSet;

use super::{
    CONTEXT, Indicator, Kind, MAX_OF_KIND, SCHEMES, address, defang, domain, emails, exchanged, is_onion,
    is_url_char, wallet, words,
};
use crate::strings::Text;

/// Finds indicators in texts; each value once, where it stands first.
pub(super) fn indicators(texts: &[Text]) -> Vec<Indicator> {
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
            } else if is_domain(host) {
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
            if address::is_ipv4(host) && !is_version(&line, start) {
                self.add(Kind::Ipv4, text, &line, start, start + host.len());
            } else if address::is_ipv6(word) {
                self.add(Kind::Ipv6, text, &line, start, end);
            } else if is_domain(host) {
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

/// Undoes the usual ways to make an indicator safe.
pub(super) fn refang(text: &str) -> String {
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
        let is_host = address::is_ipv4(host) || is_domain(host) || host.starts_with('[') || is_onion(host);
        if is_host && !domain::is_schema_host(host) {
            found.push((start, end));
            from = end;
            last_end = end;
        }
    }
    found
}

/// Registry keys, named objects and paths.
pub(super) fn places(line: &str) -> Vec<(Kind, usize, usize)> {
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

/// Whether a text is a registrable domain name or one below it.
fn is_domain(text: &str) -> bool {
    if text.len() > 253 || text.len() < 4 || !text.contains('.') || domain::is_schema_host(text) {
        return false;
    }
    let labels: Vec<&str> = text.split('.').collect();
    let is_label = |label: &&str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if !labels.iter().all(is_label) {
        return false;
    }
    let Some((top, rest)) = labels.split_last() else { return false };
    let lower = top.to_ascii_lowercase();
    let is_top = domain::TOP_LEVEL.lines().filter(|line| !line.starts_with('#')).any(|known| known == lower);
    // Names of program parts mix their letters (`System.Net`, `Foo.Info`), names of hosts do not; a host is all small, or all capitals.
    let has_small = text.bytes().any(|byte| byte.is_ascii_lowercase());
    let has_capital = text.bytes().any(|byte| byte.is_ascii_uppercase());
    let Some(name) = rest.last() else { return false };
    let is_public_suffix = rest.len() == 1
        && lower.len() == 2
        && domain::SECOND_LEVEL.contains(&name.to_ascii_lowercase().as_str());
    is_top
        && !(has_small && has_capital)
        && !is_public_suffix
        && name.len() > 1
        && name.bytes().any(|byte| byte.is_ascii_alphabetic())
}

/// Whether what looks like an address at `start` is a version: words around it say so, or it has the form of one.
fn is_version(line: &str, start: usize) -> bool {
    let before = line.get(..start).unwrap_or_default().to_ascii_lowercase();
    let before = before.trim_end_matches([' ', '=', ':', '"', '\'', '(', '/', 'v']);
    let marks = [
        "version", "ver", "release", "assembly", "revision", "build", "chrome", "safari", "edge", "opera",
        "firefox", "upx",
    ];
    marks.iter().any(|mark| before.ends_with(mark)) || start > 0 && line.as_bytes()[start - 1] == b'v'
}
