//! Random numbers that follow from a list of numbers: SplitMix64 (Steele, Lea, Flood 2014), seeded with their hash.

/// A stream of random numbers.
#[derive(Clone, Debug)]
pub(super) struct Draw(u64);

/// The output function of SplitMix64, which mixes all bits.
pub(super) fn mix(mut value: u64) -> u64 {
    value = (value ^ value >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ value >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ value >> 31
}

/// Increment of SplitMix64: 2^64 divided by the golden ratio.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

impl Draw {
    /// The stream of these numbers.
    pub(super) fn of(numbers: &[u64]) -> Self {
        Self(
            numbers
                .iter()
                .fold(STEP, |state, number| mix(state ^ number.wrapping_mul(STEP)).wrapping_add(STEP)),
        )
    }

    /// Any number.
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mix(self.0)
    }

    /// A number below `end`, which is not 0.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }

    /// A number below `end`, small ones far more often than large ones: half of them below its square root.
    pub(super) fn skewed(&mut self, end: u64) -> u64 {
        ((end as f64).powf(self.unit()) as u64 - 1).min(end - 1)
    }

    /// A number from 0 to below 1.
    pub(super) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A normally distributed number with mean 0 and deviation 1 (the sum of twelve even ones, which is close enough).
    pub(super) fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }

    /// `words` random words as hex digits.
    pub(super) fn hex(&mut self, words: usize) -> String {
        (0..words).fold(String::new(), |text, _| text + &format!("{:016x}", self.next()))
    }
}
