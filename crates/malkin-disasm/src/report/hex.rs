//! Lower-case hex digits of bytes.

/// Lower-case hex digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(2 * bytes.len());
    push_hex(bytes, &mut out);
    out
}

/// Appends lower-case hex digits.
pub(super) fn push_hex(bytes: &[u8], out: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for chunk in bytes.chunks(16) {
        let mut digits = [0; 32];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(chunk) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        out.push_str(std::str::from_utf8(&digits[..2 * chunk.len()]).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_two_digits_whatever_the_length() {
        for length in [0, 1, 15, 16, 17, 40] {
            let bytes: Vec<u8> = (0..length).map(|at: u8| at.wrapping_mul(29)).collect();
            let digits = hex(&bytes);
            assert_eq!(digits.len(), 2 * bytes.len());
            for (at, byte) in bytes.iter().enumerate() {
                assert_eq!(digits[2 * at..2 * at + 2], format!("{byte:02x}"));
            }
        }
    }
}
