//! Files that are triaged.

use malkin_triage::{Options, archive, examine};

/// Everything that is told of any bytes, as JSON, and what they hold if they are an archive.
pub fn examine_any(data: &[u8]) {
    let facts = examine(data, &Options { report: None, now: Some(1_800_000_000), rules: None });
    assert_eq!(facts.size, data.len());
    assert!(serde_json::to_string(&facts).is_ok(), "facts are told");
    if archive::is_archive(&facts.kind) {
        let unpacked = archive::unpack(data);
        assert!(unpacked.members.iter().all(|member| !member.path.is_empty()), "members have names");
    }
}
