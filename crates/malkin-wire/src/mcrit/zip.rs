//! As much of the ZIP format as `.mcrit` files need: an archive with one member, deflated or stored, in memory.

use libdeflater::{CompressionLvl, Compressor, Decompressor};

use crate::limits::{MAX_INFLATE_RATIO, MAX_RECORD_BYTES, MAX_SAMPLE_BYTES};

// Signatures and sizes of the three records (APPNOTE.TXT of PKWARE 6.3.10, sections 4.3.7, 4.3.12 and 4.3.16). Offsets of their fields are
// counted from the signature.
const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
const LOCAL_SIZE: usize = 30;
const CENTRAL_SIZE: usize = 46;
const END_SIZE: usize = 22;
/// Methods of compression (section 4.4.5) that Python's `zipfile` writes by default and with `ZIP_DEFLATED`.
const STORED: u16 = 0;
const DEFLATED: u16 = 8;
/// First day the format can name (1980-01-01), so that equal content gives equal archives.
const DATE: u16 = 0x21;

/// Why an archive cannot be unpacked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The text around the archive is not base85.
    #[error("the text is not base85")]
    Base85,
    /// Not an archive, or cut off.
    #[error("the archive is damaged")]
    Damaged,
    /// Another number of members than one, another name, encrypted, or an unknown method.
    #[error("the archive is not of the kind MCRIT writes")]
    Foreign,
    /// The content is larger than its size or the limits allow.
    #[error("the content of the archive is too large")]
    TooLarge,
    /// The content does not have the checksum or size that the archive states.
    #[error("the content of the archive does not match its checksum")]
    Checksum,
}

/// Unpacks the only member, which has to have the given name.
///
/// The size an archive states is taken only up to [`MAX_INFLATE_RATIO`] times the size of the archive (or [`MAX_RECORD_BYTES`], if
/// that is more) and [`MAX_SAMPLE_BYTES`]; zeroed memory costs nothing before content reaches it.
pub fn unpack(archive: &[u8], name: &str) -> Result<Vec<u8>, ArchiveError> {
    let mut content = Vec::new();
    unpack_into(archive, name, &mut content).map(|()| content)
}

/// As [`unpack`], in place of what `content` holds.
pub fn unpack_into(archive: &[u8], name: &str, content: &mut Vec<u8>) -> Result<(), ArchiveError> {
    // The order of a ZIP reader: the end record names the central directory, which names the member. What lies between, and what local
    // headers say of sizes, is not relied upon: archives written to a pipe have zeros there.
    let end = find_end(archive).ok_or(ArchiveError::Damaged)?;
    if u16_at(end, 10) != Some(1) {
        return Err(ArchiveError::Foreign);
    }
    let at = u32_at(end, 16).ok_or(ArchiveError::Damaged)? as usize;
    let central =
        archive.get(at..).filter(|entry| u32_at(entry, 0) == Some(CENTRAL)).ok_or(ArchiveError::Damaged)?;
    let entry = Entry::read(central).ok_or(ArchiveError::Damaged)?;
    // Bit 0 of the flags: encrypted.
    let is_known = matches!(entry.method, STORED | DEFLATED) && entry.flags & 1 == 0;
    if entry.name != name.as_bytes() || !is_known {
        return Err(ArchiveError::Foreign);
    }
    let packed = entry.packed(archive).ok_or(ArchiveError::Damaged)?;
    // What the archive states is a wish. It is granted up to what deflate reaches on such data, so that small bytes cannot ask for
    // much memory.
    let limit = packed.len().saturating_mul(MAX_INFLATE_RATIO).clamp(MAX_RECORD_BYTES, MAX_SAMPLE_BYTES);
    if entry.size > limit {
        return Err(ArchiveError::TooLarge);
    }
    if entry.method == STORED {
        content.clear();
        content.extend_from_slice(packed);
    } else {
        inflate(packed, entry.size, content)?;
    }
    if content.len() != entry.size || libdeflater::crc32(content) != entry.checksum {
        return Err(ArchiveError::Checksum);
    }
    Ok(())
}

/// Packs content as the only member of an archive. `None` beyond 4 GiB.
pub fn pack(name: &str, content: &[u8]) -> Option<Vec<u8>> {
    let packed = deflate(content)?;
    let (packed_size, size) = (u32::try_from(packed.len()).ok()?, u32::try_from(content.len()).ok()?);
    let name_size = u16::try_from(name.len()).ok()?;

    // The part that both headers share: version needed, flags, method, time, date, checksum, sizes, length of name, extra.
    let mut shared = Vec::new();
    for half in [20, 0, DEFLATED, 0, DATE] {
        shared.extend_from_slice(&half.to_le_bytes());
    }
    for word in [libdeflater::crc32(content), packed_size, size] {
        shared.extend_from_slice(&word.to_le_bytes());
    }
    for half in [name_size, 0] {
        shared.extend_from_slice(&half.to_le_bytes());
    }

    let mut archive = LOCAL.to_le_bytes().to_vec();
    archive.extend_from_slice(&shared);
    archive.extend_from_slice(name.as_bytes());
    archive.extend_from_slice(&packed);
    let central = u32::try_from(archive.len()).ok()?;

    archive.extend_from_slice(&CENTRAL.to_le_bytes());
    archive.extend_from_slice(&20_u16.to_le_bytes());
    archive.extend_from_slice(&shared);
    // Comment, disk, internal and external attributes, offset of the local header: all zero.
    archive.extend_from_slice(&[0; 14]);
    archive.extend_from_slice(name.as_bytes());
    let central_size = u32::try_from(archive.len()).ok()? - central;

    archive.extend_from_slice(&END.to_le_bytes());
    for half in [0, 0, 1, 1_u16] {
        archive.extend_from_slice(&half.to_le_bytes());
    }
    for word in [central_size, central] {
        archive.extend_from_slice(&word.to_le_bytes());
    }
    archive.extend_from_slice(&0_u16.to_le_bytes());
    Some(archive)
}

/// The end record: the last place in the file where one fits with its comment.
fn find_end(archive: &[u8]) -> Option<&[u8]> {
    let last = archive.len().checked_sub(END_SIZE)?;
    let first = last.saturating_sub(usize::from(u16::MAX));
    // The record has a comment of up to 65,535 bytes behind it, which may hold the signature by chance: only where the length of the
    // comment leads to the end of the file is it the record.
    (first..=last).rev().map(|at| &archive[at..]).find(|record| {
        u32_at(record, 0) == Some(END)
            && u16_at(record, 20).is_some_and(|size| END_SIZE + usize::from(size) == record.len())
    })
}

struct Entry<'a> {
    flags: u16,
    method: u16,
    checksum: u32,
    packed_size: usize,
    size: usize,
    local: usize,
    name: &'a [u8],
}

impl<'a> Entry<'a> {
    fn read(central: &'a [u8]) -> Option<Self> {
        Some(Self {
            flags: u16_at(central, 8)?,
            method: u16_at(central, 10)?,
            checksum: u32_at(central, 16)?,
            packed_size: u32_at(central, 20)? as usize,
            size: u32_at(central, 24)? as usize,
            local: u32_at(central, 42)? as usize,
            name: central.get(CENTRAL_SIZE..CENTRAL_SIZE + usize::from(u16_at(central, 28)?))?,
        })
    }

    /// The packed content, behind the local header.
    fn packed(&self, archive: &'a [u8]) -> Option<&'a [u8]> {
        let local = archive.get(self.local..).filter(|header| u32_at(header, 0) == Some(LOCAL))?;
        let start = LOCAL_SIZE + usize::from(u16_at(local, 26)?) + usize::from(u16_at(local, 28)?);
        local.get(start..)?.get(..self.packed_size)
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2)?.try_into().ok().map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes)
}

/// Inflates to at most `size` bytes; fewer are what there is, more are damage.
fn inflate(packed: &[u8], size: usize, content: &mut Vec<u8>) -> Result<(), ArchiveError> {
    // What is there is written over; only what is behind it has to be zeroed first, and if it has to grow, nothing of it is copied.
    if content.capacity() < size {
        *content = vec![0; size];
    } else {
        content.resize(size, 0);
    }
    let got = Decompressor::new().deflate_decompress(packed, content);
    let got = got.map_err(|error| match error {
        libdeflater::DecompressionError::BadData => ArchiveError::Damaged,
        libdeflater::DecompressionError::InsufficientSpace => ArchiveError::TooLarge,
    })?;
    content.truncate(got);
    Ok(())
}

/// Deflates at zlib's default level. `None` never happens within the bound that the library states.
fn deflate(content: &[u8]) -> Option<Vec<u8>> {
    let mut compressor = Compressor::new(CompressionLvl::default());
    let mut packed = vec![0; compressor.deflate_compress_bound(content.len())];
    let size = compressor.deflate_compress(content, &mut packed).ok()?;
    packed.truncate(size);
    Some(packed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bombs_are_stopped_by_size_and_by_ratio() {
        let zeros = vec![0_u8; 3 * MAX_RECORD_BYTES];
        let mut archive = pack("content", &zeros).unwrap();
        assert!(archive.len() < zeros.len() / 900);
        assert_eq!(unpack(&archive, "content"), Err(ArchiveError::TooLarge));
        // An archive that understates the size of its content ends there.
        let small = pack("content", &vec![7; 100_000]).unwrap();
        archive.clone_from(&small);
        let central = archive.len() - END_SIZE - CENTRAL_SIZE - "content".len();
        archive[central + 24..central + 28].copy_from_slice(&10_u32.to_le_bytes());
        assert_eq!(unpack(&archive, "content"), Err(ArchiveError::TooLarge));
        // One that overstates it is refused for the size, or for what is missing.
        for (stated, error) in [(u32::MAX, ArchiveError::TooLarge), (200_000, ArchiveError::Checksum)] {
            archive.clone_from(&small);
            archive[central + 24..central + 28].copy_from_slice(&stated.to_le_bytes());
            assert_eq!(unpack(&archive, "content"), Err(error));
        }
    }

    #[test]
    fn other_archives_are_refused() {
        let archive = pack("content", b"abc").unwrap();
        assert_eq!(unpack(&archive, "buffer"), Err(ArchiveError::Foreign));
        assert_eq!(unpack(&archive[..archive.len() - 1], "content"), Err(ArchiveError::Damaged));
        assert_eq!(unpack(b"", "content"), Err(ArchiveError::Damaged));
    }

    proptest! {
        #[test]
        fn round_trip_and_damage(content in prop::collection::vec(any::<u8>(), 0..200), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let mut archive = pack("content", &content).unwrap();
            prop_assert_eq!(unpack(&archive, "content"), Ok(content.clone()));
            let at = at.index(archive.len());
            archive[at] = byte;
            if let Ok(unpacked) = unpack(&archive, "content") {
                prop_assert_eq!(unpacked, content);
            }
        }
    }
}
