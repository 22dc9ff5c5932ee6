//! Numbers as bytes, seven bits to a byte, the lowest first (LEB128): small ones are short. Stored columns and the store use
//! them; what the format of a file says in such numbers is read where that format is read.

/// Appends a number in the LEB128 form.
pub fn put_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// Appends the way from one number to another, short in both directions.
pub fn put_distance(bytes: &mut Vec<u8>, from: u64, to: u64) {
    // Wrapping, so that any two addresses have a distance. The sign moves into the lowest bit (zigzag): as two's complement, a small
    // step back would take ten bytes.
    let distance = to.wrapping_sub(from) as i64;
    put_number(bytes, ((distance << 1) ^ (distance >> 63)) as u64);
}

/// Takes numbers off the front of bytes.
#[derive(Debug)]
pub struct Numbers<'a>(pub &'a [u8]);

impl Numbers<'_> {
    /// The next number; `None` if the bytes do not begin with one of 64 bits.
    pub fn take(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            let part = u64::from(byte & 0x7f);
            // Nine bytes carry 63 bits, so the tenth may add one only. More would be lost in the shift, and two spellings would
            // mean the same number.
            if shift == 63 && part > 1 {
                return None;
            }
            number |= part << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    /// Reverses [`put_distance`].
    pub fn take_from(&mut self, from: u64) -> Option<u64> {
        let zigzag = self.take()?;
        Some(from.wrapping_add((zigzag >> 1) ^ (zigzag & 1).wrapping_neg()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_and_distances_come_back(number: u64, from: u64, to: u64) {
            let mut bytes = Vec::new();
            put_number(&mut bytes, number);
            put_distance(&mut bytes, from, to);
            let mut numbers = Numbers(&bytes);
            prop_assert_eq!(numbers.take(), Some(number));
            prop_assert_eq!(numbers.take_from(from), Some(to));
            prop_assert_eq!(numbers.take(), None);
        }
    }

    #[test]
    fn what_is_longer_than_64_bits_is_refused() {
        for bytes in [
            &[0xff; 10][..],
            &[0x80; 12],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2],
            &[0x80],
        ] {
            assert_eq!(Numbers(bytes).take(), None, "{bytes:?}");
        }
    }
}
