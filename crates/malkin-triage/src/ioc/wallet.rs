//! Addresses of Bitcoin and Ethereum wallets: only those whose checksum is right.

use sha2::Digest;
use sha3::Keccak256;

/// Whether a text is a Bitcoin address: Base58Check of versions 0 and 5, or Bech32 and Bech32m (BIP 173, BIP 350).
pub(super) fn is_bitcoin(text: &str) -> bool {
    is_base58_check(text) || is_bech32(text)
}

/// Whether a text has the start and the length of a wallet's address of either kind: a cheap question in front of those below.
pub(super) fn may_be_wallet(text: &str) -> bool {
    match text.as_bytes() {
        [b'1' | b'3', ..] => (26..=35).contains(&text.len()),
        [b'b' | b'B', b'c' | b'C', b'1', ..] => (14..=90).contains(&text.len()),
        [b'0', b'x', ..] => text.len() == 42,
        _ => false,
    }
}

fn is_base58_check(text: &str) -> bool {
    const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    if !(26..=35).contains(&text.len()) || !text.starts_with(['1', '3']) {
        return false;
    }
    let mut number = [0_u8; 25];
    for byte in text.bytes() {
        let Some(digit) = ALPHABET.iter().position(|known| *known == byte) else { return false };
        let mut carry = digit as u32;
        for place in number.iter_mut().rev() {
            carry += u32::from(*place) * 58;
            *place = carry as u8;
            carry >>= 8;
        }
        if carry != 0 {
            return false;
        }
    }
    let (payload, checksum) = number.split_at(21);
    let digest = sha2::Sha256::digest(sha2::Sha256::digest(payload));
    matches!(payload[0], 0 | 5) && digest[..4] == *checksum
}

fn is_bech32(text: &str) -> bool {
    const ALPHABET: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    let lower = text.to_ascii_lowercase();
    let Some(data) = lower.strip_prefix("bc1").filter(|data| (11..=87).contains(&data.len())) else {
        return false;
    };
    if lower != text && text.to_ascii_uppercase() != text {
        return false;
    }
    let values: Option<Vec<u32>> =
        data.bytes().map(|byte| Some(ALPHABET.iter().position(|known| *known == byte)? as u32)).collect();
    let Some(values) = values else { return false };
    // The prefix `bc`, expanded: high bits, a zero, low bits.
    let checksum = [3, 3, 0, 2, 3].into_iter().chain(values).fold(1_u32, |sum, value| {
        let top = sum >> 25;
        let shifted = ((sum & 0x01ff_ffff) << 5) ^ value;
        GENERATOR
            .iter()
            .enumerate()
            .fold(shifted, |sum, (bit, term)| if top >> bit & 1 == 1 { sum ^ term } else { sum })
    });
    matches!(checksum, 1 | 0x2bc8_30a3)
}

/// Whether a text is an Ethereum address with the mixed-case checksum of EIP-55. Addresses in one case have no checksum and are not
/// told from other numbers of 20 bytes.
pub(super) fn is_ethereum(text: &str) -> bool {
    let Some(digits) = text.strip_prefix("0x").filter(|digits| digits.len() == 40) else { return false };
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return false;
    }
    let has = |test: fn(&u8) -> bool| digits.as_bytes().iter().any(test);
    if !has(u8::is_ascii_lowercase) || !has(u8::is_ascii_uppercase) {
        return false;
    }
    // Ethereum hashes with the padding of the original Keccak submission, not with that of the later standard SHA-3.
    let hash = Keccak256::digest(digits.to_ascii_lowercase());
    digits.bytes().enumerate().all(|(place, byte)| {
        let nibble = hash[place / 2] >> (4 * (1 - place % 2)) & 15;
        !byte.is_ascii_alphabetic() || byte.is_ascii_uppercase() == (nibble >= 8)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_test_vectors_hold() {
        // The empty message, from the Keccak submission.
        let empty = crate::hashes::hex(&Keccak256::digest(b""));
        assert_eq!(empty, "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
        // EIP-55.
        assert!(is_ethereum("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"));
        assert!(is_ethereum("0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"));
        assert!(!is_ethereum("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1Beaed"));
        // The first block's reward, BIP 173 and BIP 350.
        assert!(is_bitcoin("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"));
        assert!(is_bitcoin("3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy"));
        assert!(is_bitcoin("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"));
        assert!(is_bitcoin("bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0"));
        assert!(!is_bitcoin("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb"));
        assert!(!is_bitcoin("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5"));
    }
}
