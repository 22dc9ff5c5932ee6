//! Base85 with the alphabet of RFC 1924, as Python's `b85encode` writes it: four bytes become five digits, the last group
//! is shortened.

// Not the Base85 of Adobe, whose alphabet has quotes and backslashes: this one needs no escapes inside of JSON.
const ALPHABET: &[u8; 85] =
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~";

/// No digit.
const NONE: u8 = 0xff;

/// Value of each byte as a digit.
const VALUES: [u8; 256] = {
    let mut values = [NONE; 256];
    let mut at = 0;
    while at < ALPHABET.len() {
        values[ALPHABET[at] as usize] = at as u8;
        at += 1;
    }
    values
};

/// The text of some bytes.
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(4) * 5);
    for group in bytes.chunks(4) {
        let mut padded = [0_u8; 4];
        padded[..group.len()].copy_from_slice(group);
        let mut rest = u32::from_be_bytes(padded);
        let mut digits = [0_u8; 5];
        for digit in digits.iter_mut().rev() {
            *digit = ALPHABET[(rest % 85) as usize];
            rest /= 85;
        }
        text.extend(digits[..=group.len()].iter().map(|digit| *digit as char));
    }
    text
}

/// The bytes of a text; `None` if it holds anything but digits, or a group of them above 32 bits.
pub fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    decode_into(text, &mut bytes).map(|()| bytes)
}

/// As [`decode`], in place of what `bytes` holds.
pub fn decode_into(text: &[u8], bytes: &mut Vec<u8>) -> Option<()> {
    bytes.clear();
    bytes.reserve(text.len() / 5 * 4 + 4);
    for group in text.chunks(5) {
        let mut sum = 0_u64;
        for at in 0..5 {
            // Python fills the last group with the greatest digit, so that rounding down leaves the bytes that are there.
            let value = group.get(at).map_or(84, |digit| VALUES[usize::from(*digit)]);
            if value == NONE {
                return None;
            }
            sum = sum * 85 + u64::from(value);
        }
        // 85^5 is above 2^32: five digits can say more than four bytes hold, which Python refuses as well.
        let word = u32::try_from(sum).ok()?.to_be_bytes();
        // A last group of n digits holds n - 1 bytes.
        bytes.extend_from_slice(&word[..group.len() - 1]);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_is_that_of_python() {
        let cases: [(&[u8], &str); 6] = [
            (b"", ""),
            (b"\0", "00"),
            (b"hello", "Xk~0{Zv"),
            (b"PK\x03\x04", "P)h>@"),
            (b"\xff\xff\xff\xff", "|NsC0"),
            (b"\x01\x02\x03\x04\x05\x06\x07", "0RjUA1qKH"),
        ];
        for (bytes, text) in cases {
            assert_eq!(encode(bytes), text);
            assert_eq!(decode(text.as_bytes()).as_deref(), Some(bytes));
        }
        for text in ["Xk~0{Zv\n", "|NsC1", "\"0000", "~~~~~", "\u{e9}"] {
            assert_eq!(decode(text.as_bytes()), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn round_trip(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            prop_assert_eq!(decode(encode(&bytes).as_bytes()), Some(bytes));
        }

        #[test]
        fn any_text_is_decoded_or_refused(text in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = decode(&text);
        }
    }
}
