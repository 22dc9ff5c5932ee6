//! Which stored hashes are older than a change of the algorithm behind them (`docs/reference/similarity.md` 1.4 and 15.1).
//!
//! Reports state the version of the disassembler that made them. When its escaper has changed since, PicHash and nesting
//! depth are computed afresh on intake. Nothing is hashed here; this only says whether to.

use std::cmp::Ordering;

use crate::report::Architecture;

/// A version of SMDA as reports state it.
///
/// Release numbers compare as lists, so `4.3` is below `4.3.0`; a pre-release is below the release of the same numbers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Version {
    release: Vec<u64>,
    is_final: bool,
}

/// From here on a function has a nesting depth and PicHash is what it is called.
const NESTING: [u64; 3] = [1, 3, 0];
/// Intel: 64-bit immediates are escaped as a whole.
const INTEL: [u64; 3] = [4, 3, 5];
/// AArch64: immediates are masked by mnemonic.
const AARCH64: [u64; 3] = [4, 2, 0];
/// CIL: tokens and branches are masked by operand type.
const CIL: [u64; 3] = [4, 3, 8];
/// Dalvik: branches are masked in PicHash.
const DALVIK: [u64; 3] = [4, 4, 2];
/// The text escaper of Intel, and with it MinHash, changed last in this version.
const MINHASH: [u64; 3] = [4, 4, 5];

impl Version {
    /// Reads `v?N(.N)*` with an optional `aN`, `bN` or `rcN` behind; of versions by the IDA plugin, which begin with
    /// `MCRIT4IDA`, what follows the last blank. `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let text = match text.strip_prefix("MCRIT4IDA") {
            Some(_) => text.rsplit(' ').next()?,
            None => text,
        };
        let text = text.strip_prefix('v').unwrap_or(text);
        let end = text
            .find(|character: char| character != '.' && !character.is_ascii_digit())
            .unwrap_or(text.len());
        let (release, rest) = text.split_at(end);
        let is_final = rest.is_empty();
        if !is_final {
            let number = ["a", "b", "rc"].iter().find_map(|mark| rest.strip_prefix(mark))?;
            number_of(number)?;
        }
        let release = release.split('.').map(number_of).collect::<Option<Vec<u64>>>()?;
        Some(Self { release, is_final })
    }

    fn is_before(&self, release: [u64; 3]) -> bool {
        (self.release.as_slice(), self.is_final) < (release.as_slice(), true)
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        (&self.release, self.is_final).cmp(&(&other.release, other.is_final))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Digits as a number; what exceeds 64 bits counts as the greatest.
fn number_of(digits: &str) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    is_number.then(|| digits.parse().unwrap_or(u64::MAX))
}

/// Whether PicHash and nesting depth of a report have to be computed afresh: its version is missing, unreadable, or older
/// than the last change for the architecture.
pub fn is_stale(smda_version: Option<&str>, architecture: &Architecture) -> bool {
    let Some(version) = smda_version.and_then(Version::parse) else { return true };
    version.is_before(NESTING)
        || match architecture {
            Architecture::Intel => version.is_before(INTEL),
            Architecture::Aarch64 => version.is_before(AARCH64),
            Architecture::Cil => version.is_before(CIL),
            Architecture::Dalvik => version.is_before(DALVIK),
            Architecture::Arm | Architecture::Other(_) => false,
        }
}

/// The threshold of [`is_minhash_stale`] as `/status` shows it.
pub const MINHASH_COMPATIBILITY_THRESHOLD: &str = "4.4.5";

/// Whether MinHashes made under a version of SMDA have to be repaired: it is not recorded, unreadable or below 4.4.5.
pub fn is_minhash_stale(recorded: Option<&str>) -> bool {
    recorded.and_then(Version::parse).is_none_or(|version| version.is_before(MINHASH))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn version(text: &str) -> Version {
        Version::parse(text).unwrap()
    }

    #[test]
    fn versions_read_as_the_gate_does() {
        assert_eq!(version("v4.3.5"), version("4.3.5"));
        assert_eq!(version("MCRIT4IDA v1.0 (IDA 8.3) 4.2.0"), version("4.2.0"));
        assert_eq!(version("04.3"), version("4.3"));
        for text in [
            "",
            "v",
            "4.",
            ".4",
            "4..3",
            "4.3-1",
            "4.3 ",
            " 4.3",
            "4.3rc",
            "4.3c1",
            "4.3rc1x",
            "V4",
            "MCRIT4IDA",
            "vv4",
            "4.3.x",
            "unknown",
        ] {
            assert_eq!(Version::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn lists_and_pre_releases_order() {
        let ascending = [
            "1",
            "1.12.3",
            "4.3",
            "4.3.0a1",
            "4.3.0",
            "4.3.0.1",
            "4.4.5rc2",
            "4.4.5",
            "5.0.1",
            "99999999999999999999999",
        ];
        assert!(ascending.windows(2).all(|pair| version(pair[0]) < version(pair[1])));
    }

    #[test]
    fn each_architecture_has_its_threshold() {
        let cases = [
            (Architecture::Intel, "4.3.4", "4.3.5"),
            (Architecture::Aarch64, "4.2.0rc1", "4.2.0"),
            (Architecture::Cil, "4.3.7", "4.3.8"),
            (Architecture::Dalvik, "4.4.1", "4.4.2"),
            (Architecture::Arm, "1.2.15", "1.3.0"),
            (Architecture::Other(String::new()), "1.3", "1.3.0"),
        ];
        for (architecture, old, new) in cases {
            assert!(is_stale(Some(old), &architecture), "{architecture} {old}");
            assert!(!is_stale(Some(new), &architecture), "{architecture} {new}");
            assert!(is_stale(None, &architecture) && is_stale(Some("?"), &architecture));
        }
        assert!(
            is_minhash_stale(None) && is_minhash_stale(Some("4.4.4")) && is_minhash_stale(Some("4.4.5rc1"))
        );
        assert!(!is_minhash_stale(Some(MINHASH_COMPATIBILITY_THRESHOLD)) && !is_minhash_stale(Some("5.0.1")));
    }

    fn texts() -> impl Strategy<Value = String> {
        let marks = prop_oneof![Just(""), Just("a1"), Just("b2"), Just("rc1")];
        (prop::collection::vec(0_u64..12, 1..5), marks).prop_map(|(numbers, mark)| {
            let numbers: Vec<String> = numbers.iter().map(u64::to_string).collect();
            numbers.join(".") + mark
        })
    }

    proptest! {
        #[test]
        fn order_is_total(a in texts(), b in texts(), c in texts()) {
            let (a, b, c) = (version(&a), version(&b), version(&c));
            prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
            prop_assert_eq!(a == b, a.cmp(&b) == Ordering::Equal);
            if a <= b && b <= c {
                prop_assert!(a <= c);
            }
        }

        #[test]
        fn once_fresh_stays_fresh(a in texts(), b in texts()) {
            let (old, new) = if version(&a) <= version(&b) { (a, b) } else { (b, a) };
            for architecture in [Architecture::Intel, Architecture::Cil, Architecture::Other("x".into())] {
                prop_assert!(is_stale(Some(&old), &architecture) || !is_stale(Some(&new), &architecture));
            }
            prop_assert!(is_minhash_stale(Some(&old)) || !is_minhash_stale(Some(&new)));
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,30}") {
            let _ = Version::parse(&text);
        }
    }
}
