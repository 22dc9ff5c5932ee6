//! Damaged executables: bytes of real ones are changed, moved, cut out and repeated, and everything left is examined. None
//! may panic or cost more work than a file of its size may. `MALKIN_MUTANTS=10000` tries as many; the default suits every test run.

use std::time::Duration;

use malkin_report::Budget;
use malkin_testkit::{files_in, gunzip_file, shared};
use malkin_triage::yara::Rules;
use malkin_triage::{Options, archive, examine};

/// Mutants in every run.
const MUTANTS: u64 = 400;
/// Larger files are left out: they cost time and have no other structures.
const MAX_SIZE: usize = 200 << 10;
/// Greatest share of the work that a file of its size may cost; undamaged files cost less than a third.
const MAX_SHARE: f64 = 0.9;

/// A small generator (`SplitMix64`): a mutant is known by its number.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((x ^ (x >> 31)) % bound.max(1) as u64) as usize
    }
}

/// Headers get most of the damage: a changed byte of code shows nothing.
fn mutate(bytes: &mut Vec<u8>, chance: &mut Chance) {
    for _ in 0..=chance.below(8) {
        let reach = if chance.below(4) == 0 { bytes.len() } else { bytes.len().min(0x800) };
        let at = chance.below(reach);
        match chance.below(6) {
            0 => bytes[at..].iter_mut().take(1).for_each(|byte| *byte ^= 1 << chance.below(8)),
            1 => bytes[at..].iter_mut().take(4).for_each(|byte| *byte = 0xff),
            2 => bytes[at..].iter_mut().take(4).for_each(|byte| *byte = chance.below(256) as u8),
            3 => bytes.truncate(at.max(64)),
            4 => {
                // A structure that refers to another one.
                let from = chance.below(reach);
                let part: Vec<u8> = bytes[from..].iter().copied().take(4 + chance.below(64)).collect();
                bytes[at..].iter_mut().zip(part).for_each(|(byte, other)| *byte = other);
            }
            _ => {
                let end = bytes.len().min(at + chance.below(256));
                bytes.drain(at..end);
            }
        }
        if bytes.len() < 64 {
            return;
        }
    }
}

#[test]
fn damaged_executables_are_told_of_within_a_time() {
    let Some(folder) = shared("disasm/golden/public") else {
        println!("SKIPPED: ../shared is absent");
        return;
    };
    let files: Vec<Vec<u8>> = files_in(folder, ".bin.gz")
        .into_iter()
        .map(gunzip_file)
        .filter(|bytes| (64..MAX_SIZE).contains(&bytes.len()))
        .collect();
    assert!(files.len() > 20, "there are enough golden binaries");
    let rule = r#"rule any { strings: $a = "MZ" $b = { 7f 45 4c 46 } condition: any of them }"#;
    let sources = [("any".to_owned(), rule.to_owned())];
    let rules = Rules::compile(sources, Duration::from_secs(5));
    assert_eq!(rules.files, 1);
    let mutants = std::env::var("MALKIN_MUTANTS").ok().and_then(|text| text.parse().ok()).unwrap_or(MUTANTS);
    let (mut hardest, mut unread) = (0.0_f64, 0_u64);
    for number in 0..mutants {
        let mut chance = Chance(number);
        let mut bytes = files[chance.below(files.len())].clone();
        mutate(&mut bytes, &mut chance);
        let budget = Budget::for_size(bytes.len());
        let options = Options {
            now: Some(1_800_000_000),
            rules: Some(&rules),
            budget: Some(&budget),
            ..Options::default()
        };
        let facts = examine(&bytes, &options);
        archive::unpack(&bytes, &budget);
        assert_eq!(facts.size, bytes.len(), "mutant {number}");
        serde_json::to_string(&facts).unwrap_or_else(|error| panic!("mutant {number}: {error}"));
        let share = budget.used() as f64 / ((64 << 20) + 64 * bytes.len()) as f64;
        assert!(share < MAX_SHARE, "mutant {number} used {share:.2} of its work");
        hardest = hardest.max(share);
        unread += u64::from(!facts.unread.is_empty());
    }
    println!(
        "{mutants} mutants, greatest share of its work {hardest:.2}, {unread} with parts that could not be read"
    );
    assert!(unread > mutants / 20, "the damage is noticed in some: {unread} of {mutants}");
}
