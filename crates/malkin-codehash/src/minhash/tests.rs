//! Seeds, segments, and the algebra of signatures.

use proptest::prelude::{any, prop, prop_assert_eq, proptest};

use super::*;

fn hashes(fuzzy: &[u32], escaped: &[u32]) -> ShingleHashes {
    ShingleHashes { fuzzy: fuzzy.to_vec(), escaped: escaped.to_vec() }
}

fn signature(hasher: &MinHasher, hashes: &ShingleHashes) -> Vec<u8> {
    hasher.signature(hashes, &mut Vec::new()).as_bytes().to_vec()
}

fn wide(strategy: Strategy) -> MinHasher {
    MinHasher::new(MinHashConfig { signature_bits: 32, strategy, ..MinHashConfig::default() }).unwrap()
}

fn positions(bytes: &[u8]) -> Vec<u32> {
    bytes.as_chunks().0.iter().map(|position| u32::from_le_bytes(*position)).collect()
}

#[test]
fn seeds_are_those_of_the_reference() {
    let expected: Vec<u32> = include_str!("../../../../data/minhash_seeds.txt")
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.parse().unwrap())
        .collect();
    let hasher = MinHasher::default();
    assert_eq!(hasher.seeds(), expected);
    assert_eq!(hasher.repetitions, [0, expected[0], expected[1]]);
    assert_eq!(hasher.segments, [(Shingler::FuzzyStatPair, 16), (Shingler::EscapedBlock, 48)]);
}

#[test]
fn nothing_is_hashed_as_all_ones() {
    let hasher = wide(Strategy::Segmented);
    let inverted: Vec<u32> = hasher.seeds().iter().map(|seed| !seed).collect();
    assert_eq!(positions(&signature(&hasher, &ShingleHashes::default())), inverted);
}

#[test]
fn settings_without_signature_are_refused() {
    let refused = |config| MinHasher::new(config).unwrap_err();
    let default = MinHashConfig::default;
    assert_eq!(refused(MinHashConfig { signature_length: 0, ..default() }), ConfigError::SignatureLength(0));
    assert_eq!(refused(MinHashConfig { signature_bits: 33, ..default() }), ConfigError::SignatureBits(33));
    let mut config = default();
    config.shinglers.fuzzy_weight = 0;
    assert_eq!(refused(config), ConfigError::Weight);
}

#[test]
fn scores_count_positions_not_bytes() {
    let hasher = wide(Strategy::Segmented);
    let a = signature(&hasher, &hashes(&[1], &[2]));
    let mut b = a.clone();
    b[0] ^= 1;
    b[3] ^= 1;
    assert_eq!(hasher.score(&a, &b).to_bits(), (100.0 * 63.0 / 64.0_f64).to_bits());
    assert_eq!(hasher.score(&a, &a[4..]).to_bits(), 0.0_f64.to_bits());
}

/// The definition with weights as repetitions, position by position.
fn slow_xor_all(hasher: &MinHasher, hashes: &ShingleHashes) -> Vec<u32> {
    let values: Vec<u32> = hasher
        .segments
        .iter()
        .flat_map(|(shingler, _)| {
            let weight = hasher.config.shinglers.weight(*shingler) as usize;
            hasher.repetitions[..weight]
                .iter()
                .flat_map(|xor| hashes.of(*shingler).iter().map(move |hash| hash ^ xor))
        })
        .collect();
    hasher.seeds.iter().map(|seed| values.iter().map(|value| value ^ seed).min().unwrap()).collect()
}

proptest! {
    #[test]
    fn the_minima_of_a_union_are_the_smaller_minima(
        a in prop::collection::vec(any::<u32>(), 1..40),
        b in prop::collection::vec(any::<u32>(), 1..40),
    ) {
        for strategy in [Strategy::Segmented, Strategy::XorAll] {
            let hasher = wide(strategy);
            let joined = [a.clone(), b.clone()].concat();
            let of = |set: &[u32]| positions(&signature(&hasher, &hashes(set, set)));
            let smaller: Vec<u32> = of(&a).into_iter().zip(of(&b)).map(|(a, b)| a.min(b)).collect();
            prop_assert_eq!(of(&joined), smaller);
        }
    }

    #[test]
    fn order_and_repetition_do_not_matter(set in prop::collection::vec(any::<u32>(), 1..40)) {
        let hasher = MinHasher::default();
        let mut other = set.clone();
        other.reverse();
        other.extend_from_slice(&set);
        prop_assert_eq!(signature(&hasher, &hashes(&set, &set)), signature(&hasher, &hashes(&other, &other)));
    }

    #[test]
    fn fewer_bits_are_the_low_ones(set in prop::collection::vec(any::<u32>(), 1..40), bits in 1..=32_u32) {
        let all = positions(&signature(&wide(Strategy::Segmented), &hashes(&set, &set)));
        let config = MinHashConfig { signature_bits: bits, ..MinHashConfig::default() };
        let kept = signature(&MinHasher::new(config).unwrap(), &hashes(&set, &set));
        let kept = if bits <= 8 { kept.iter().map(|byte| u32::from(*byte)).collect() } else { positions(&kept) };
        let expected: Vec<u32> = all.iter().map(|value| (u64::from(*value) % (1 << bits)) as u32).collect();
        prop_assert_eq!(kept, expected);
    }

    #[test]
    fn xor_all_follows_its_definition(
        fuzzy in prop::collection::vec(any::<u32>(), 0..20),
        escaped in prop::collection::vec(any::<u32>(), 0..20),
    ) {
        let hasher = wide(Strategy::XorAll);
        let hashes = hashes(&fuzzy, &escaped);
        prop_assert_eq!(positions(&signature(&hasher, &hashes)), slow_xor_all(&hasher, &hashes));
    }
}
