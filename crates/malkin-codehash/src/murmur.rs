//! MurmurHash3, the 32-bit variant for x86, with seed 0: the hash of shingles and bands.
//!
//! Austin Appleby's public-domain algorithm; all constants are his. Not for anything an attacker must not steer.

/// Hash of the bytes.
pub fn murmur3(data: &[u8]) -> u32 {
    let (blocks, tail) = data.as_chunks::<4>();
    let mut hash = 0_u32;
    for block in blocks {
        hash ^= scramble(u32::from_le_bytes(*block));
        hash = hash.rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
    }
    if !tail.is_empty() {
        let mut last = [0; 4];
        for (to, from) in last.iter_mut().zip(tail) {
            *to = *from;
        }
        hash ^= scramble(u32::from_le_bytes(last));
    }
    finish(hash ^ data.len() as u32)
}

fn scramble(block: u32) -> u32 {
    block.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593)
}

fn finish(mut hash: u32) -> u32 {
    hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
    hash ^ (hash >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reference_values() {
        for (text, expected) in [
            ("", 0),
            ("a", 1_009_084_850),
            ("ab", 2_613_040_991),
            ("abc", 3_017_643_002),
            ("abcd", 1_139_631_978),
            ("abcde", 3_902_511_862),
            ("C ", 950_347_586),
            ("M REG, REG", 508_843_308),
            ("C CONST;M REG, PTR;S REG", 4_207_327_210),
            ("num_ins_C=1:0", 2_540_846_345),
        ] {
            assert_eq!(murmur3(text.as_bytes()), expected, "{text}");
        }
    }
}
