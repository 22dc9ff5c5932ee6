//! Small files that state much: what the loader makes of them follows their size.

use malkin_loader::{LoadOptions, load, load_within};
use malkin_report::Budget;

fn put(bytes: &mut Vec<u8>, at: usize, part: &[u8]) {
    if bytes.len() < at + part.len() {
        bytes.resize(at + part.len(), 0);
    }
    bytes[at..at + part.len()].copy_from_slice(part);
}

fn words(bytes: &mut Vec<u8>, at: usize, words: &[u32]) {
    for (index, word) in words.iter().enumerate() {
        put(bytes, at + 4 * index, &word.to_le_bytes());
    }
}

fn long(bytes: &mut Vec<u8>, at: usize, value: u64) {
    put(bytes, at, &value.to_le_bytes());
}

/// A 64-bit Mach-O of 8.5 kB with a segment of `memory` bytes that is bound by these opcodes.
fn macho(memory: u64, opcodes: &[u8]) -> Vec<u8> {
    const BASE: u64 = 0x1_0000_0000;
    let mut bytes = vec![0; 8500];
    words(&mut bytes, 0, &[0xfeed_facf, 0x0100_0007, 3, 2, 2, 72 + 48, 0]);
    words(&mut bytes, 32, &[0x19, 72]);
    put(&mut bytes, 40, b"__TEXT");
    for (field, value) in [(24, BASE), (32, memory), (40, 0), (48, 8500)] {
        long(&mut bytes, 32 + field, value);
    }
    words(&mut bytes, 32 + 56, &[7, 3, 0]);
    words(&mut bytes, 104, &[0x8000_0022, 48, 0, 0, 0x400, opcodes.len() as u32]);
    put(&mut bytes, 0x400, opcodes);
    bytes
}

fn slots(bytes: &[u8]) -> Vec<u64> {
    let image = load(bytes, &LoadOptions::file()).expect("a valid file");
    image.tables.imported_functions.unwrap_or_default().keys().copied().collect()
}

#[test]
fn repeated_binds_end_where_their_segment_ends() {
    // Segment 0 at 0x1000, `_f`, 4,000,000 times without a gap.
    let repeated = b"\x11\x40_f\0\x70\x80\x20\xc0\x80\x92\xf4\x01\0\0";
    assert_eq!(slots(&macho(0x1020, repeated)).len(), 4, "0x20 bytes of pointers");
    assert_eq!(slots(&macho(64 << 20, repeated)).len(), 8500 / 8, "no more than the file has pointers");
    // One by one, with a step, and beyond the end from the start.
    assert_eq!(slots(&macho(0x1018, b"\x11\x40_f\0\x70\x80\x20\x90\x90\x90\x90\x90\0")).len(), 3);
    assert_eq!(slots(&macho(0x1018, b"\x11\x40_f\0\x70\x80\x20\xb0\xa0\x08\x90\0")).len(), 2);
    assert_eq!(slots(&macho(0x1018, b"\x11\x40_f\0\x70\x80\x40\x90\0")).len(), 0);
    assert_eq!(
        slots(&macho(0x1018, b"\x11\x40_f\0\x70\x80\x20\xc0\x02\x08\0")),
        [0x1_0000_1000, 0x1_0000_1010]
    );
}

#[test]
fn rows_of_commands_over_one_another_are_bounded() {
    // Each of 1,000 segment commands states 60,000 sections, which lie over the commands behind it.
    let mut bytes = vec![0; 32 + 72 * 1000 + 80 * 1000];
    words(&mut bytes, 0, &[0xfeed_facf, 0x0100_0007, 3, 2, 1000, 72_000, 0]);
    for command in 0..1000 {
        words(&mut bytes, 32 + 72 * command, &[0x19, 72]);
        words(&mut bytes, 32 + 72 * command + 64, &[60_000]);
    }
    let budget = Budget::for_size(bytes.len());
    if let Ok(image) = load_within(&bytes, &LoadOptions::file(), &budget) {
        assert!(image.sections.len() <= 65_535, "{}", image.sections.len());
    }
    assert!(budget.used() < 2_000_000, "{}", budget.used());
}

/// An ELF whose version rows, a byte apart from one another, each state 65,535 versions.
#[test]
fn version_rows_over_one_another_are_bounded() {
    const BASE: u64 = 0x40_0000;
    let mut bytes = vec![0; 0x2_0000];
    put(&mut bytes, 0, b"\x7fELF\x02\x01\x01");
    words(&mut bytes, 16, &[62 << 16 | 2, 1]);
    long(&mut bytes, 32, 64);
    put(&mut bytes, 52, &[64, 0, 56, 0, 2, 0]);
    for (row, kind, offset, size) in [(0, 1, 0_u64, 0x2_0000_u64), (1, 2, 0x200, 0x100)] {
        let at = 64 + 56 * row;
        words(&mut bytes, at, &[kind, 5]);
        for (field, value) in [(8, offset), (16, BASE + offset), (32, size), (40, size), (48, 0x1000)] {
            long(&mut bytes, at + field, value);
        }
    }
    let entries = [
        (5, BASE + 0x300),
        (6, BASE + 0x340),
        (0x6fff_fff0, BASE + 0x380),
        (0x6fff_fffe, BASE + 0x1000),
        (0x6fff_ffff, 0xffff),
    ];
    for (index, (tag, value)) in entries.into_iter().enumerate() {
        long(&mut bytes, 0x200 + 16 * index, tag);
        long(&mut bytes, 0x208 + 16 * index, value);
    }
    // vn_cnt, vn_aux and vn_next, and vna_next, are all made of these bytes.
    bytes[0x1000..].fill(1);
    let budget = Budget::for_size(bytes.len());
    let image = load_within(&bytes, &LoadOptions::file(), &budget);
    assert!(image.is_ok() && budget.used() < 2_000_000, "{}", budget.used());
}

#[test]
fn one_long_name_of_all_sections_is_kept_as_often_as_the_file_allows() {
    const COUNT: usize = 20_000;
    let mut bytes = vec![0; 64 + 64 * COUNT + 17_000];
    put(&mut bytes, 0, b"\x7fELF\x02\x01\x01");
    words(&mut bytes, 16, &[62 << 16 | 2, 1]);
    long(&mut bytes, 40, 64);
    put(&mut bytes, 58, &[64, 0, COUNT as u8, (COUNT >> 8) as u8, 1, 0]);
    let names = 64 + 64 * COUNT;
    for row in 0..COUNT {
        let at = 64 + 64 * row;
        words(&mut bytes, at, &[0, 1]);
        long(&mut bytes, at + 16, 0x40_0000);
        long(&mut bytes, at + 24, names as u64);
    }
    bytes[names..names + 16_000].fill(b'a');
    let image = load(&bytes, &LoadOptions::file()).expect("a valid file");
    let kept: usize = image.sections.iter().map(|section| section.name.len()).sum();
    assert!(image.sections.len() == COUNT && kept <= 4 * bytes.len(), "{kept} of {}", bytes.len());
}

#[test]
fn sections_of_a_pe_over_one_another_are_placed_as_far_as_the_image_allows() {
    const COUNT: usize = 65_535;
    let mut bytes = vec![0; 0x138 + 40 * COUNT];
    put(&mut bytes, 0, b"MZ");
    words(&mut bytes, 0x3c, &[0x40]);
    put(&mut bytes, 0x40, b"PE\0\0\x4c\x01\xff\xff");
    put(&mut bytes, 0x54, &[0xe0, 0]);
    words(&mut bytes, 0x58, &[0x10b]);
    let size = bytes.len() as u32;
    for row in 0..COUNT {
        words(&mut bytes, 0x138 + 40 * row + 8, &[0, 0x1000, size, 0]);
    }
    // 65,535 times 2.6 MB would be 170 GB.
    let image = load(&bytes, &LoadOptions::file()).expect("a valid file");
    assert_eq!(image.data.len(), 0x1000 + size as usize);
}

/// 68 kB that claim 64 MiB of code: only what is there is looked at, and the rest takes no memory.
#[test]
fn claimed_code_is_zeros_that_nothing_looks_at() {
    const BASE: u64 = 0x40_0000;
    let mut bytes = vec![0x90; 68_000];
    bytes[..0x200].fill(0);
    put(&mut bytes, 0, b"\x7fELF\x02\x01\x01");
    words(&mut bytes, 16, &[62 << 16 | 2, 1]);
    long(&mut bytes, 24, BASE + 0x400);
    long(&mut bytes, 32, 64);
    put(&mut bytes, 52, &[64, 0, 56, 0, 1, 0]);
    words(&mut bytes, 64, &[1, 5]);
    for (field, value) in [(8, 0), (16, BASE), (32, 68_000), (40, 64 << 20), (48, 0x1000)] {
        long(&mut bytes, 64 + field, value);
    }
    let image = load(&bytes, &LoadOptions::file()).expect("a valid file");
    assert_eq!(image.data.len(), 64 << 20);
    let sparse = malkin_loader::Sparse::new(&image.data);
    assert!(sparse.len_filled() < 80_000, "{}", sparse.len_filled());
}
