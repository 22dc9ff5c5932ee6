//! Unpacking a whole gzip file that is in memory: how SMDA reports mostly come.
//!
//! One call into libdeflate is more than twice as fast as a streaming inflate. Not here: files of several members, damaged ones and
//! ones beyond the limit. For these the answer is no, and the caller reads them as a stream, which can say what is wrong.

use libdeflater::Decompressor;
use memchr::memmem;

/// How every gzip member begins: magic number and the only method there is (RFC 1952, section 2.3.1).
const MEMBER: [u8; 3] = [0x1f, 0x8b, 8];
/// Greatest ratio deflate reaches, 258 bytes for 2 bits; a file that states more is not sound.
const MAX_RATIO: usize = 1032;

/// Unpacks one gzip member of at most `limit` bytes into `bytes`, which may have been used before. False when `packed` is anything
/// else than exactly that; `bytes` then holds nothing of use.
///
/// The size that the file states is allocated only below `limit` and below what deflate can reach from the packed size.
#[must_use]
pub fn unpack_whole(packed: &[u8], limit: usize, bytes: &mut Vec<u8>) -> bool {
    let Some((_, size)) = packed.split_last_chunk() else { return false };
    let size = u32::from_le_bytes(*size) as usize;
    // libdeflate ends after the first member without a word. Another one would begin like this, which chance brings about in one
    // of 16 million positions; then the slow way is not wrong either.
    let rest = packed.get(MEMBER.len()..).unwrap_or_default();
    if size > limit || size > packed.len().saturating_mul(MAX_RATIO) || memmem::find(rest, &MEMBER).is_some()
    {
        return false;
    }
    if bytes.len() < size {
        bytes.resize(size, 0);
    }
    bytes.truncate(size);
    Decompressor::new().gzip_decompress(packed, bytes).is_ok_and(|got| got == size)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    fn pack(content: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    /// What the streaming reader makes of it, all members.
    fn streamed(packed: &[u8]) -> Option<Vec<u8>> {
        let mut content = Vec::new();
        let mut reader = flate2::bufread::MultiGzDecoder::new(packed);
        std::io::Read::read_to_end(&mut reader, &mut content).ok().map(|_| content)
    }

    #[test]
    fn only_single_members_within_the_limit() {
        let (text, mut bytes) = (vec![b'a'; 1000], vec![7; 5000]);
        assert!(unpack_whole(&pack(&text), 1000, &mut bytes));
        assert_eq!(bytes, text);
        assert!(!unpack_whole(&pack(&text), 999, &mut bytes), "too large");
        let twice = [pack(&text), pack(&text)].concat();
        assert!(!unpack_whole(&twice, 5000, &mut bytes), "both members count");
        assert!(unpack_whole(&pack(b""), 0, &mut bytes) && bytes.is_empty());
        assert!(!unpack_whole(b"", 10, &mut bytes));
        assert!(!unpack_whole(b"\x1f\x8b\x08\0\xff\xff\xff\x7f", usize::MAX, &mut bytes), "a stated size");
    }

    proptest! {
        #[test]
        fn what_is_unpacked_is_what_a_stream_gives(
            content in proptest::collection::vec(0_u8..4, 0..3000),
            cut in 0_usize..40,
            changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..3),
            tail in proptest::collection::vec(any::<u8>(), 0..3),
        ) {
            let mut packed = pack(&content);
            packed.truncate(packed.len().saturating_sub(cut / 8 * 3));
            for (at, value) in changes {
                let at = at.index(packed.len());
                packed[at] = value;
            }
            packed.extend(tail);
            let mut bytes = Vec::new();
            if unpack_whole(&packed, 1 << 20, &mut bytes) {
                prop_assert_eq!(Some(bytes), streamed(&packed));
            }
        }
    }
}
