//! A labelled set: lines as they stand in files, each with the indicators an analyst would want from it, and none where there is none.

use super::*;
use crate::strings::Encoding;

/// Line, and the values that are wanted from it.
const LABELLED: &[(&str, &[&str])] = &[
    ("http://evil.example.com/gate.php?id=1", &["http://evil.example.com/gate.php?id=1", "evil.example.com"]),
    ("POST https://203.0.113.9:8443/a HTTP/1.1", &["https://203.0.113.9:8443/a", "203.0.113.9"]),
    ("hxxps://bad[.]site[.]org/x.exe", &["https://bad.site.org/x.exe", "bad.site.org"]),
    ("connect 198.51.100.23:4444", &["198.51.100.23"]),
    ("c2=update-check.top;retry=5", &["update-check.top"]),
    ("send mail to ransom.help@protonmail.com now", &["ransom.help@protonmail.com"]),
    (
        "SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Run",
        &["SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Run"],
    ),
    (
        "HKEY_CURRENT_USER\\Software\\Classes\\ms-settings",
        &["HKEY_CURRENT_USER\\Software\\Classes\\ms-settings"],
    ),
    ("Global\\MsWinZonesCacheCounterMutexA", &["Global\\MsWinZonesCacheCounterMutexA"]),
    ("C:\\Users\\Public\\svchost.exe", &["C:\\Users\\Public\\svchost.exe"]),
    ("%APPDATA%\\Roaming\\x.dll", &["%APPDATA%\\Roaming\\x.dll"]),
    ("cat /etc/passwd", &["/etc/passwd"]),
    ("/var/.x11-unix/run", &["/var/.x11-unix/run"]),
    ("pay to 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", &["1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"]),
    ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", &["bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"]),
    ("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", &["0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"]),
    ("2001:db8::8a2e:370:7334", &["2001:db8::8a2e:370:7334"]),
    (
        "GET http://a.example.net/1http://b.example.net/2",
        &["http://a.example.net/1", "a.example.net", "http://b.example.net/2", "b.example.net"],
    ),
    (
        "ftp://user:pass@files.example.org/pub",
        &["ftp://user:pass@files.example.org/pub", "files.example.org"],
    ),
    ("(see https://blog.example.com/post).", &["https://blog.example.com/post", "blog.example.com"]),
    ("Host: cdn.discordapp.com", &["cdn.discordapp.com"]),
    ("api.telegram.org", &["api.telegram.org"]),
    ("stratum pool.minexmr.com:4444", &["pool.minexmr.com"]),
    ("xmpp jabber.example.ru", &["jabber.example.ru"]),
    ("wss://relay.example.io/socket", &["wss://relay.example.io/socket", "relay.example.io"]),
    ("EVIL.EXAMPLE.COM", &["EVIL.EXAMPLE.COM"]),
    ("8.8.8.8", &["8.8.8.8"]),
    // What only looks like one.
    ("kernel32.dll", &[]),
    ("KERNEL32.DLL", &[]),
    ("version 10.0.19041.1", &[]),
    ("v1.2.3.4", &[]),
    ("Chrome/96.0.4664.110 Safari", &[]),
    ("127.0.0.1", &[]),
    ("0.0.0.0", &[]),
    ("255.255.255.255", &[]),
    ("1.0.0.0", &[]),
    ("System.Net.Sockets", &[]),
    ("java.util.concurrent", &[]),
    ("com.android.vending", &[]),
    ("std::vector<int>::push_back", &[]),
    ("12:34:56", &[]),
    ("libc.so.6", &[]),
    ("setup.py", &[]),
    ("main.rs", &[]),
    ("http://www.w3.org/2001/XMLSchema", &[]),
    ("http://schemas.microsoft.com/SMI/2005/WindowsSettings", &[]),
    ("GLIBC_2.2.5", &[]),
    ("foo@plt", &[]),
    ("memcpy@GLIBC_2.14", &[]),
    ("abc.def", &[]),
    ("Microsoft.Windows.Common-Controls", &[]),
    (".text .rdata .data .rsrc", &[]),
    ("%s:%d: error in %s", &[]),
    ("0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed", &[]),
    ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb", &[]),
    ("a.out", &[]),
    ("README.md", &[]),
    ("index.html", &[]),
    ("co.uk", &[]),
    ("3.14159", &[]),
    ("The quick brown fox.", &[]),
];

#[test]
fn precision_and_recall_on_the_labelled_set_are_above_95_percent() {
    let (mut wanted, mut found, mut right) = (0, 0, 0);
    let mut wrong = Vec::new();
    for (line, labels) in LABELLED {
        let text = Text { offset: 0, encoding: Encoding::Ascii, text: (*line).to_owned() };
        let values: Vec<String> =
            indicators(&[text], &Budget::unlimited()).into_iter().map(|indicator| indicator.value).collect();
        wanted += labels.len();
        found += values.len();
        right += values.iter().filter(|value| labels.contains(&value.as_str())).count();
        if values.len() != labels.len() || !values.iter().all(|value| labels.contains(&value.as_str())) {
            wrong.push(format!("{line}: wanted {labels:?}, found {values:?}"));
        }
    }
    let (precision, recall) = (right as f64 / found as f64, right as f64 / wanted as f64);
    assert!(precision >= 0.95 && recall >= 0.95, "precision {precision}, recall {recall}: {wrong:#?}");
}

#[test]
fn indicators_are_told_once_with_place_and_safe_form() {
    let text = |offset, text: &str| Text { offset, encoding: Encoding::Ascii, text: text.to_owned() };
    let found = indicators(
        &[text(100, "open http://evil.example.com/a now"), text(200, "http://EVIL.example.com/a")],
        &Budget::unlimited(),
    );
    assert_eq!(found[0].kind, Kind::Url);
    assert_eq!(found[0].defanged, "hxxp://evil[.]example[.]com/a");
    assert_eq!(found[0].offset, 100);
    assert_eq!(found[0].context, "open http://evil.example.com/a now");
    assert_eq!(found.iter().filter(|indicator| indicator.kind == Kind::Url).count(), 1);
    for indicator in &found {
        assert_eq!(refang(&indicator.defanged), indicator.value);
    }
}

fn equals_the_definition(line: String) {
    let texts = [Text { offset: 0, encoding: Encoding::Ascii, text: line.clone() }];
    assert_eq!(indicators(&texts, &Budget::unlimited()), definition::indicators(&texts), "{line:?}");
    assert_eq!(refang(&line), definition::refang(&line));
}

/// Pieces of which indicators, and what only looks like them, are made.
const PIECES: &str = "(http://|HTTPS://|ftp://|wss://|://|hxxp|hXxPs://|\\[.\\]|\\(dot\\)|\\[at\\]|@|\\.|:|/| |,|\t|\"|\\\\|8\\.8\\.8\\.8|1\\.2\\.3\\.4:80|v|version |Chrome/|evil|example|com|co|uk|ru|a-b|-|x|Foo|C:\\\\|%TEMP%\\\\|HKLM\\\\|SOFTWARE\\\\|Global\\\\|/etc/| /opt/|2001:db8::1|1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa|bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4|0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed|w3\\.org|é|www|0|9|!|\\)|_)";

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(4000))]
    #[test]
    fn the_quick_search_finds_what_the_definition_finds(pieces in proptest::collection::vec(PIECES, 0..40)) {
        equals_the_definition(pieces.concat());
    }
}

#[test]
fn many_values_of_a_kind_are_cut_where_the_definition_cuts() {
    let texts: Vec<Text> = (0..600)
        .map(|number| {
            format!(
                "http://h{number}.example.com/x 8.8.{}.{} a{number}@b.org d{number}.net",
                number / 200,
                number % 200 + 1
            )
        })
        .map(|text| Text { offset: text.len(), encoding: Encoding::Ascii, text })
        .collect();
    assert_eq!(indicators(&texts, &Budget::unlimited()), definition::indicators(&texts));
}

#[test]
fn a_budget_ends_the_search_with_what_was_found() {
    let text = |offset| Text { offset, encoding: Encoding::Ascii, text: format!("a{offset}.example.com") };
    let texts: Vec<Text> = (0..10).map(text).collect();
    let budget = Budget::new(70, u64::MAX);
    assert_eq!(indicators(&texts, &budget).len(), 5);
    assert!(budget.ended().is_some());
}

proptest::proptest! {
    #[test]
    fn any_text_is_searched(line in ".{0,200}") {
        let text = Text { offset: 0, encoding: Encoding::Ascii, text: line };
        indicators(&[text], &Budget::unlimited());
    }

    #[test]
    fn text_of_separators_is_searched(line in "[a-z:/.@\\\\\\[\\]%0-9]{0,80}") {
        let text = Text { offset: 0, encoding: Encoding::Ascii, text: line };
        indicators(&[text], &Budget::unlimited());
    }
}

#[test]
fn schemes_of_any_case_are_made_safe_and_taken_back() {
    for (stated, safe) in [
        ("httP://a.com/x.y", "hxxP://a[.]com/x.y"),
        ("hTtPs://a.com", "hXxPs://a[.]com"),
        ("HTTP://a.com", "HXXP://a[.]com"),
        ("ftp://a.com", "ftp://a[.]com"),
    ] {
        assert_eq!(defang(Kind::Url, stated), safe);
        assert_eq!(refang(safe), stated);
    }
    assert_eq!(refang("hXXp://a[.]com"), "http://a.com", "the way people write it");
}
