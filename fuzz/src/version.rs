//! The version gate.

use malkin_report::Architecture;
use malkin_report::version_gate::{Version, is_minhash_stale, is_stale};

use crate::parts::Parts;

const ARCHITECTURES: [Architecture; 5] =
    [Architecture::Intel, Architecture::Aarch64, Architecture::Arm, Architecture::Cil, Architecture::Dalvik];

/// Two versions: they are ordered, equal to themselves, and the newer one is not stale where the older one is fresh.
pub fn gate(data: &[u8]) {
    let mut parts = Parts::new(data);
    let (first, second) = (parts.text(), parts.text());
    for text in [&first, &second] {
        let unreadable = Version::parse(text).is_none();
        for architecture in &ARCHITECTURES {
            assert!(is_stale(Some(text), architecture) || !unreadable);
        }
        assert!(is_minhash_stale(Some(text)) || !unreadable);
    }
    let (Some(a), Some(b)) = (Version::parse(&first), Version::parse(&second)) else { return };
    assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
    assert_eq!(a == b, a.cmp(&b).is_eq());
    let (old, new) = if a <= b { (&first, &second) } else { (&second, &first) };
    for architecture in &ARCHITECTURES {
        assert!(is_stale(Some(old), architecture) || !is_stale(Some(new), architecture));
    }
    assert!(is_minhash_stale(Some(old)) || !is_minhash_stale(Some(new)));
}
