//! Presets, strategies, errors and keys of band projections.

use proptest::prelude::{Strategy as _, any, prop, prop_assert_eq, prop_assert_ne, proptest};

use super::*;

#[test]
fn presets_have_their_fingerprints() {
    assert_eq!(presets().count(), 6);
    for (name, fingerprint, bands) in presets() {
        let projection = Projection::preset(name, 64).unwrap();
        assert_eq!(projection.fingerprint(), fingerprint, "{name}");
        assert_eq!(projection.num_bands(), bands.len());
    }
}

#[test]
fn strategies_make_the_legacy_presets() {
    assert_eq!(Projection::default(), Projection::preset("legacy-random-20x4", 64).unwrap());
    assert_eq!(Projection::default(), Projection::random(&[(4, 20)], DEFAULT_SEED, 64).unwrap());
    assert_eq!(Projection::linear(4, 16, 64), Projection::preset("legacy-linear-16x4", 64));
}

#[test]
fn keys_of_the_counting_signature() {
    let signature: Vec<u8> = (0..64).collect();
    let keys: Vec<u32> = Projection::default().keys(&signature).collect();
    assert_eq!(keys.len(), 20);
    assert_eq!(keys[..3], [2_826_207_400, 1_317_109_410, 120_443_650]);
    assert_eq!(keys[19], 4_009_876_541);
}

#[test]
fn signatures_of_another_length_have_no_keys() {
    let projection = Projection::default();
    for length in [0, 1, 63, 65, 128, 255] {
        assert_eq!(projection.keys(&vec![7; length]).count(), 0, "{length}");
    }
    assert_eq!(projection.keys(&[7; 256]).count(), 20);
}

#[test]
fn errors_name_the_band() {
    let explicit = |bands: &[Vec<u64>]| Projection::explicit(bands, 64).unwrap_err();
    assert_eq!(explicit(&[]), ProjectionError::Empty);
    assert_eq!(explicit(&[vec![1], vec![]]), ProjectionError::EmptyBand(1));
    assert_eq!(
        explicit(&[vec![1, 64]]),
        ProjectionError::PositionOutside { band: 0, position: 64, length: 64 }
    );
    assert_eq!(explicit(&[vec![1, 2, 1]]), ProjectionError::PositionRepeated { band: 0, position: 1 });
    assert!(matches!(Projection::linear(4, 20, 64), Err(ProjectionError::NotLinear { .. })));
    assert!(matches!(Projection::preset("none", 64), Err(ProjectionError::UnknownPreset(_))));
    assert!(matches!(Projection::preset("segment-pure-v1", 32), Err(ProjectionError::PresetLength { .. })));
    assert_eq!(Projection::random(&[(4, usize::MAX)], 1, 64), Err(ProjectionError::TooLarge));
    assert_eq!(Projection::random(&[(4, 20)], 1, 0), Err(ProjectionError::SignatureLength(0)));
    assert_eq!(Projection::random(&[(0, 20)], 1, 64), Err(ProjectionError::EmptyBand(0)));
}

/// The definition of a key, written the slow way.
fn slow_key(band: &[u16], values: &[u32]) -> u32 {
    let text: String = band.iter().map(|position| values[usize::from(*position)].to_string()).collect();
    murmur3(text.as_bytes())
}

proptest! {
    #[test]
    fn keys_are_hashes_of_the_decimal_text(values in prop::collection::vec(any::<u32>(), 64)) {
        let projection = Projection::preset("segment-balanced-v1", 64).unwrap();
        let narrow: Vec<u8> = values.iter().map(|value| *value as u8).collect();
        let wide: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let small: Vec<u32> = narrow.iter().map(|value| u32::from(*value)).collect();
        let slow = |values: &[u32]| projection.bands().map(|band| slow_key(band, values)).collect::<Vec<_>>();
        prop_assert_eq!(projection.keys(&narrow).collect::<Vec<_>>(), slow(&small));
        prop_assert_eq!(projection.keys(&wide).collect::<Vec<_>>(), slow(&values));
    }

    #[test]
    fn the_order_of_positions_matters_and_the_order_of_bands_is_kept(
        band in prop::sample::subsequence((0..64_u64).collect::<Vec<_>>(), 4).prop_shuffle(),
    ) {
        // All positions hold two-digit values, so that different orders are different texts.
        let signature: Vec<u8> = (0..64).map(|position| 10 + position).collect();
        let mut turned = band.clone();
        turned.rotate_left(1);
        let projection = Projection::explicit(&[band.clone(), turned.clone()], 64).unwrap();
        let swapped = Projection::explicit(&[turned, band], 64).unwrap();
        let keys: Vec<u32> = projection.keys(&signature).collect();
        prop_assert_ne!(keys[0], keys[1]);
        prop_assert_eq!(swapped.keys(&signature).collect::<Vec<_>>(), vec![keys[1], keys[0]]);
        prop_assert_ne!(projection.fingerprint(), swapped.fingerprint());
    }
}
