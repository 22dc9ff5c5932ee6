//! The Mersenne Twister MT19937 with the draws of Python's `random` module: seeds and band projections come out of it.
//!
//! Matsumoto and Nishimura's generator, seeded by an integer through `init_by_array` as Python does. Not a source of
//! unpredictable numbers.

const SIZE: usize = 624;
const PERIOD: usize = 397;

/// A seeded generator.
pub(crate) struct Twister {
    state: [u32; SIZE],
    next: usize,
}

impl Twister {
    /// What `random.Random(seed)` makes of a non-negative integer.
    pub(crate) fn new(seed: u64) -> Self {
        let words = [seed as u32, (seed >> 32) as u32];
        let key = if words[1] == 0 { &words[..1] } else { &words[..] };
        let mut twister = Self { state: [0; SIZE], next: SIZE };
        twister.init_by_array(key);
        twister
    }

    fn init_by_array(&mut self, key: &[u32]) {
        let state = &mut self.state;
        state[0] = 19_650_218;
        for at in 1..SIZE {
            state[at] = mix(state[at - 1], 1_812_433_253).wrapping_add(at as u32);
        }
        let mut at = 1;
        let mut from = 0;
        for _ in 0..SIZE.max(key.len()) {
            state[at] =
                (state[at] ^ mix(state[at - 1], 1_664_525)).wrapping_add(key[from]).wrapping_add(from as u32);
            at = advance(state, at);
            from = (from + 1) % key.len();
        }
        for _ in 1..SIZE {
            state[at] = (state[at] ^ mix(state[at - 1], 1_566_083_941)).wrapping_sub(at as u32);
            at = advance(state, at);
        }
        state[0] = 0x8000_0000;
    }

    /// The next 32 bits.
    fn word(&mut self) -> u32 {
        if self.next == SIZE {
            self.refill();
        }
        let mut word = self.state[self.next];
        self.next += 1;
        word ^= word >> 11;
        word ^= (word << 7) & 0x9d2c_5680;
        word ^= (word << 15) & 0xefc6_0000;
        word ^ (word >> 18)
    }

    fn refill(&mut self) {
        for at in 0..SIZE {
            let joined = (self.state[at] & 0x8000_0000) | (self.state[(at + 1) % SIZE] & 0x7fff_ffff);
            let odd = if joined & 1 == 1 { 0x9908_b0df } else { 0 };
            self.state[at] = self.state[(at + PERIOD) % SIZE] ^ (joined >> 1) ^ odd;
        }
        self.next = 0;
    }

    /// `getrandbits(count)` for 1 to 64 bits: low word first, the last word shortened from the top.
    fn bits(&mut self, count: u32) -> u64 {
        if count <= 32 {
            return u64::from(self.word() >> (32 - count));
        }
        let low = u64::from(self.word());
        low | u64::from(self.word() >> (64 - count)) << 32
    }

    /// A number in `0..limit`, drawn by rejection with as many bits as `limit` has. A power of two takes one bit more than
    /// needed; that is Python's way. A limit of 0 gives 0.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        let count = u64::BITS - limit.leading_zeros();
        if count == 0 {
            return 0;
        }
        loop {
            let value = self.bits(count);
            if value < limit {
                return value;
            }
        }
    }

    /// `random.shuffle`.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.below(at as u64 + 1) as usize);
        }
    }
}

fn mix(word: u32, factor: u32) -> u32 {
    (word ^ (word >> 30)).wrapping_mul(factor)
}

/// The next place to initialise; the end wraps to 1 and carries the last word to place 0.
fn advance(state: &mut [u32; SIZE], at: usize) -> usize {
    if at + 1 < SIZE {
        return at + 1;
    }
    state[0] = state[SIZE - 1];
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_equal_those_of_python() {
        // Python 3.11: random.seed(0xDEADBEEF); [random.randint(0, 2**32 - 1) for _ in range(3)]
        let mut twister = Twister::new(0xDEAD_BEEF);
        assert_eq!([(); 3].map(|()| twister.below(1 << 32)), [82_178_386, 2_629_337_071, 4_146_086_384]);
        // random.seed(2**40 + 5); random.getrandbits(64), random.getrandbits(7); x = list(range(8)); random.shuffle(x)
        let mut twister = Twister::new((1 << 40) + 5);
        assert_eq!((twister.bits(64), twister.bits(7)), (PYTHON_64, PYTHON_7));
        let mut items = [0, 1, 2, 3, 4, 5, 6, 7];
        twister.shuffle(&mut items);
        assert_eq!(items, PYTHON_SHUFFLED);
    }

    const PYTHON_64: u64 = 9535518150286577956;
    const PYTHON_7: u64 = 34;
    const PYTHON_SHUFFLED: [u32; 8] = [6, 2, 3, 5, 1, 7, 4, 0];
}
