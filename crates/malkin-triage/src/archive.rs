//! Archives, opened in memory: zip (plain, or with the password `infected` that samples are passed around with), tar and gzip, one
//! inside the other.
//!
//! Nothing is written anywhere: a member's path is text to be shown. Sizes that an archive states are not believed; what it really
//! unfolds to is bounded, for each member, in all and as a multiple of the archive.

use std::io::{Cursor, Read};

use malkin_report::Budget;

use crate::kind::kind;

/// The password of the trade.
const PASSWORD: &[u8] = b"infected";
/// Deepest nesting.
const MAX_DEPTH: usize = 4;
/// Most members that are taken, over all nested archives.
pub const MAX_MEMBERS: usize = 64;
/// Most entries of one zip whose directory is read at all.
const MAX_ENTRIES: u64 = 65_535;
/// Largest member, and all members together, in bytes.
const MAX_MEMBER: u64 = 128 << 20;
const MAX_TOTAL: u64 = 256 << 20;
/// Greatest ratio of content to archive, beyond an amount that is always allowed.
const MAX_RATIO: u64 = 200;
const FREE: u64 = 16 << 20;
/// Longest path that is shown, in characters.
const MAX_PATH: usize = 300;

/// A member.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// Path inside of the archive; `!` between nested ones. As stated: it may climb, and is never used.
    pub path: String,
    /// Content.
    pub bytes: Vec<u8>,
}

/// What an archive holds.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Unpacked {
    /// Members that are no archives themselves, or could not be opened as such.
    pub members: Vec<Member>,
    /// What was left out, with the cause.
    pub refused: Vec<String>,
}

/// Whether a file of this kind is opened.
pub fn is_archive(kind: &str) -> bool {
    matches!(kind, "zip" | "tar" | "gzip")
}

/// Units of work of an entry, whatever it holds, and of trying the password on an encrypted one: 1,000 rounds of a hash.
const ENTRY_WORK: u64 = 4 << 10;
const PASSWORD_WORK: u64 = 1 << 20;
/// Unfolded bytes for one unit of work: how many there are is bounded besides.
const BYTES_PER_UNIT: u64 = 8;

/// Most bytes that the members of an archive of `size` bytes come to, all together.
pub fn most_unpacked(size: usize) -> u64 {
    (size as u64).saturating_mul(MAX_RATIO).clamp(FREE, MAX_TOTAL)
}

/// Opens an archive within a budget. What was left out when that ended is named.
pub fn unpack(bytes: &[u8], budget: &Budget<'_>) -> Unpacked {
    let total = most_unpacked(bytes.len());
    let mut opener = Opener { left: total, budget, unpacked: Unpacked::default() };
    opener.open(bytes, "", 0);
    opener.unpacked
}

struct Opener<'b> {
    budget: &'b Budget<'b>,
    /// Bytes that may still be unfolded.
    left: u64,
    unpacked: Unpacked,
}

impl Opener<'_> {
    fn open(&mut self, bytes: &[u8], path: &str, depth: usize) {
        match kind(bytes) {
            "zip" => self.zip(bytes, path, depth),
            "tar" => self.tar(bytes, path, depth),
            _ => self.gzip(bytes, path, depth),
        }
    }

    /// Takes a member in, or opens it if it is an archive.
    fn take(&mut self, path: String, bytes: Vec<u8>, depth: usize) {
        if is_archive(kind(&bytes)) && depth + 1 < MAX_DEPTH {
            self.open(&bytes, &path, depth + 1);
        } else if self.is_full() {
            self.refuse(&path, "there are too many members");
        } else {
            self.unpacked.members.push(Member { path, bytes });
        }
    }

    fn is_full(&self) -> bool {
        self.unpacked.members.len() >= MAX_MEMBERS
    }

    /// Whether another entry may be opened; if not, that is noted.
    fn goes_on(&mut self, path: &str, work: u64) -> bool {
        if self.is_full() || self.left == 0 {
            self.refuse(path, "the rest is left out");
            return false;
        }
        if !self.budget.work(work) {
            let cause = self.budget.ended().map_or_else(String::new, |ended| ended.to_string());
            self.refuse(path, format_args!("the rest is left out: {cause}"));
            return false;
        }
        true
    }

    fn refuse(&mut self, path: &str, cause: impl std::fmt::Display) {
        if self.unpacked.refused.len() < MAX_MEMBERS {
            let place = if path.is_empty() { String::new() } else { format!("{path}: ") };
            self.unpacked.refused.push(format!("{place}{cause}"));
        }
    }

    /// Reads a member within what is left; `None` when it is too large or damaged, which is noted.
    fn read(&mut self, path: &str, source: impl Read) -> Option<Vec<u8>> {
        let limit = self.left.min(MAX_MEMBER);
        let mut bytes = Vec::new();
        let outcome = Metered { source: source.take(limit + 1), budget: self.budget }.read_to_end(&mut bytes);
        match outcome {
            Ok(_) if bytes.len() as u64 > limit => {
                // What was unfolded in vain counts as well: a thousand such members are no cheaper than one.
                self.left = 0;
                self.refuse(path, "it unfolds to too much");
                None
            }
            Ok(_) => {
                self.left -= bytes.len() as u64;
                Some(bytes)
            }
            Err(error) => {
                self.left = self.left.saturating_sub(bytes.len() as u64);
                self.refuse(path, error);
                None
            }
        }
    }

    fn zip(&mut self, bytes: &[u8], outer: &str, depth: usize) {
        if stated_entries(bytes).is_some_and(|entries| entries > MAX_ENTRIES) {
            self.refuse(outer, "it states too many entries");
            return;
        }
        let mut archive = match zip::ZipArchive::new(Cursor::new(bytes)) {
            Ok(archive) => archive,
            Err(error) => return self.refuse(outer, error),
        };
        for number in 0..archive.len() {
            let is_locked = archive.by_index_raw(number).is_ok_and(|entry| entry.encrypted());
            if !self.goes_on(outer, if is_locked { PASSWORD_WORK } else { ENTRY_WORK }) {
                return;
            }
            let member = archive.by_index_decrypt(number, PASSWORD);
            let (path, content) = match member {
                Ok(mut member) if !member.is_dir() => {
                    let path = joined(outer, &String::from_utf8_lossy(member.name_raw()));
                    (path.clone(), self.read(&path, &mut member))
                }
                Ok(_) => continue,
                Err(error) => {
                    self.refuse(&joined(outer, &format!("entry {number}")), error);
                    continue;
                }
            };
            if let Some(content) = content {
                self.take(path, content, depth);
            }
        }
    }

    fn tar(&mut self, bytes: &[u8], outer: &str, depth: usize) {
        let mut archive = tar::Archive::new(Cursor::new(bytes));
        let entries = match archive.entries() {
            Ok(entries) => entries,
            Err(error) => return self.refuse(outer, error),
        };
        for entry in entries {
            if !self.goes_on(outer, ENTRY_WORK) {
                return;
            }
            let mut entry = match entry {
                Ok(entry) => entry,
                Err(error) => return self.refuse(outer, error),
            };
            if !entry.header().entry_type().is_file() {
                continue;
            }
            let path = joined(outer, &String::from_utf8_lossy(&entry.path_bytes()));
            if let Some(content) = self.read(&path, &mut entry) {
                self.take(path, content, depth);
            }
        }
    }

    fn gzip(&mut self, bytes: &[u8], outer: &str, depth: usize) {
        let path = joined(outer, "content");
        if let Some(content) = self.read(&path, flate2::read::MultiGzDecoder::new(bytes)) {
            self.take(path, content, depth);
        }
    }
}

/// A reader on the account of a budget.
struct Metered<'b, R> {
    source: R,
    budget: &'b Budget<'b>,
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.source.read(buffer)?;
        if self.budget.work(count as u64 / BYTES_PER_UNIT) {
            return Ok(count);
        }
        let cause = self.budget.ended().map_or_else(String::new, |ended| ended.to_string());
        Err(std::io::Error::other(cause))
    }
}

fn joined(outer: &str, inner: &str) -> String {
    let inner = if inner.is_empty() { "unnamed" } else { inner };
    let path = if outer.is_empty() { inner.to_owned() } else { format!("{outer}!{inner}") };
    path.chars().take(MAX_PATH).collect()
}

/// Entries as the record at the end of a zip states them; the large form has a record of its own in front.
fn stated_entries(bytes: &[u8]) -> Option<u64> {
    const LONGEST: usize = 22 + 65_535;
    let tail_at = bytes.len().saturating_sub(LONGEST + 20 + 56);
    let tail = bytes.get(tail_at..)?;
    if let Some(at) = memchr::memmem::rfind(tail, b"PK\x06\x06") {
        return tail.get(at + 32..at + 40)?.try_into().ok().map(u64::from_le_bytes);
    }
    let at = memchr::memmem::rfind(tail, b"PK\x05\x06")?;
    tail.get(at + 10..at + 12)?.try_into().ok().map(u16::from_le_bytes).map(u64::from)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn zip_of(members: &[(&str, &[u8])], password: Option<&[u8]>) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in members {
            let mut options = zip::write::SimpleFileOptions::default();
            if password.is_some() {
                options = options.with_aes_encryption(zip::AesMode::Aes256, "infected");
            }
            writer.start_file(*name, options).unwrap();
            writer.write_all(content).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn gzip_of(content: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn tar_of(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, content) in members {
            let mut header = tar::Header::new_ustar();
            header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            header.set_cksum();
            builder.append(&header, *content).unwrap();
        }
        builder.into_inner().unwrap()
    }

    fn unpack(bytes: &[u8]) -> Unpacked {
        super::unpack(bytes, &Budget::unlimited())
    }

    fn paths(unpacked: &Unpacked) -> Vec<&str> {
        unpacked.members.iter().map(|member| member.path.as_str()).collect()
    }

    #[test]
    fn archives_are_opened_with_and_without_the_password_and_inside_each_other() {
        let plain = zip_of(&[("a/b.txt", b"hello"), ("../../climb", b"x")], None);
        assert_eq!(paths(&unpack(&plain)), ["a/b.txt", "../../climb"]);
        let locked = zip_of(&[("x.exe", b"MZ")], Some(PASSWORD));
        assert_eq!(unpack(&locked).members, [Member { path: "x.exe".to_owned(), bytes: b"MZ".to_vec() }]);
        let nested = gzip_of(&tar_of(&[("inner.zip", &plain), ("note", b"n")]));
        assert_eq!(
            paths(&unpack(&nested)),
            ["content!inner.zip!a/b.txt", "content!inner.zip!../../climb", "content!note"]
        );
    }

    #[test]
    fn a_member_without_a_name_gets_one() {
        assert_eq!(paths(&unpack(&zip_of(&[("", b"hello")], None))), ["unnamed"]);
    }

    #[test]
    fn bombs_unfold_to_a_bounded_amount() {
        let bomb = gzip_of(&vec![0; 64 << 20]);
        let opened = unpack(&bomb);
        assert_eq!(opened.members, []);
        assert!(opened.refused[0].contains("unfolds to too much"), "{:?}", opened.refused);
        let zeros = vec![0; 8 << 20];
        let many: Vec<(String, &[u8])> =
            (0..20).map(|number| (format!("z{number}"), zeros.as_slice())).collect();
        let many: Vec<(&str, &[u8])> = many.iter().map(|(name, content)| (name.as_str(), *content)).collect();
        let opened = unpack(&zip_of(&many, None));
        let total: usize = opened.members.iter().map(|member| member.bytes.len()).sum();
        assert!(total as u64 <= 40 << 20, "{total}");
        assert!(!opened.refused.is_empty());
    }

    #[test]
    fn depth_and_number_are_bounded() {
        let mut nest = b"core".to_vec();
        for _ in 0..10 {
            nest = gzip_of(&nest);
        }
        let opened = unpack(&nest);
        assert_eq!(opened.members.len(), 1);
        assert_eq!(opened.members[0].path.matches('!').count(), MAX_DEPTH - 1);
        let crowd: Vec<(String, &[u8])> = (0..200).map(|number| (number.to_string(), &b"x"[..])).collect();
        let crowd: Vec<(&str, &[u8])> =
            crowd.iter().map(|(name, content)| (name.as_str(), *content)).collect();
        assert_eq!(unpack(&zip_of(&crowd, None)).members.len(), MAX_MEMBERS);
    }

    #[test]
    fn two_hundred_hostile_archives_are_answered() {
        let sound = [
            zip_of(&[("a", b"hello"), ("b", &[7; 5000])], None),
            tar_of(&[("a", b"hello")]),
            gzip_of(b"hello"),
        ];
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        for round in 0..200 {
            let mut bytes = sound[round % sound.len()].clone();
            for _ in 0..=(round % 8) {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let at = (state >> 33) as usize % bytes.len();
                bytes[at] = (state >> 20) as u8;
            }
            if round % 5 == 0 {
                bytes.truncate((state >> 40) as usize % bytes.len());
            }
            let total: usize = unpack(&bytes).members.iter().map(|member| member.bytes.len()).sum();
            assert!(total as u64 <= FREE);
        }
    }

    #[test]
    fn a_budget_ends_the_opening_and_is_named() {
        let content = vec![b'x'; 1 << 20];
        let archive = zip_of(&[("a", &content), ("b", &content)], None);
        let budget = Budget::new(200 << 10, u64::MAX);
        let opened = super::unpack(&archive, &budget);
        assert_eq!(paths(&opened), ["a"]);
        assert!(opened.refused.iter().any(|cause| cause.contains("more work")), "{:?}", opened.refused);
        // Every try of the password is work, also where it is wrong.
        let locked: Vec<(String, &[u8])> = (0..100).map(|number| (number.to_string(), &b"x"[..])).collect();
        let locked: Vec<(&str, &[u8])> =
            locked.iter().map(|(name, content)| (name.as_str(), *content)).collect();
        let budget = Budget::new(9 << 20, u64::MAX);
        assert!(super::unpack(&zip_of(&locked, Some(PASSWORD)), &budget).members.len() < 10);
    }
}
