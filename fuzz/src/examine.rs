//! Files that are triaged.

use malkin_report::Budget;
use malkin_triage::{Options, archive, examine, ioc, strings};

/// Everything that is told of any bytes, as JSON, and what they hold if they are an archive.
pub fn examine_any(data: &[u8]) {
    let facts = examine(data, &Options { report: None, now: Some(1_800_000_000), rules: None, budget: None });
    assert_eq!(facts.size, data.len());
    assert!(serde_json::to_string(&facts).is_ok(), "facts are told");
    if archive::is_archive(&facts.kind) {
        let unpacked = archive::unpack(data, &Budget::unlimited());
        assert!(unpacked.members.iter().all(|member| !member.path.is_empty()), "members have names");
    }
}

/// Bytes as an archive, whatever they begin with: bounded members with names.
pub fn unpack_any(data: &[u8]) {
    let unpacked = archive::unpack(data, &Budget::unlimited());
    assert!(unpacked.members.len() <= archive::MAX_MEMBERS, "as many as allowed at most");
    assert!(unpacked.members.iter().all(|member| !member.path.is_empty()), "members have names");
}

/// Texts of any bytes and the indicators in them: each is in the text it is said to be from, and stays itself when it is made safe
/// to pass on and taken back.
pub fn indicators_any(data: &[u8]) {
    let texts = strings::strings(data);
    for indicator in ioc::indicators(&texts, &Budget::unlimited()) {
        assert!(indicator.offset < data.len(), "{indicator:?}");
        assert!(!indicator.value.is_empty(), "{indicator:?}");
        assert_eq!(ioc::defang(indicator.kind, &indicator.value), indicator.defanged);
        // A value that reads like one made safe, such as a path with `hxxp` in it, is another one when it is taken back.
        if ioc::refang(&indicator.value) == indicator.value {
            let back = ioc::refang(&indicator.defanged);
            assert!(back.eq_ignore_ascii_case(&indicator.value), "{back:?} of {indicator:?}");
        }
    }
}
