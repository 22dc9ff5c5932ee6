//! Damaged and invented inputs: the loader answers or refuses, within a bound of memory and processor time, and never panics.

use std::time::Duration;

use malkin_loader::{
    Architecture, Buffer, Format, Input, Known, LoadError, LoadOptions, detect, limits, load, stated_size,
};
use malkin_testkit::{files_in, fixture, gunzip_file, json, processor_time, shared};
use proptest::prelude::*;

/// A small generator with a fixed start (`SplitMix64`), so that every run sees the same damage.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

/// Bytes overwritten mostly in the headers, now and then the end cut off.
fn damage(original: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = original.to_vec();
    if random.below(6) == 0 {
        bytes.truncate(random.below(bytes.len()));
    }
    let reach = [64, 0x200, 0x400, bytes.len()][random.below(4)].min(bytes.len());
    for _ in 0..=random.below(12) {
        let at = random.below(reach);
        let value = [0, 1, 0x7f, 0x80, 0xff, random.next() as u8][random.below(6)];
        let width = 1 + random.below(4);
        bytes.iter_mut().skip(at).take(width).for_each(|byte| *byte = value);
    }
    bytes
}

/// Processor time no input may take, not even without optimisation. They take far less; work is bounded by a budget.
const HANG: Duration = Duration::from_mins(1);

/// What must hold for whatever was loaded.
fn check(bytes: &[u8], options: &LoadOptions) {
    let start = processor_time();
    if let Ok(image) = load(bytes, options) {
        let largest = limits::MAX_IMAGE_SIZE.next_multiple_of(0x1000).max(bytes.len() as u64);
        assert!(image.data.len() as u64 <= largest);
        assert!(image.code_areas.windows(2).all(|pair| pair[0].1 < u128::from(pair[1].0)));
        assert!(image.eh_frame_ranges.is_sorted() && image.landing_pads.is_sorted());
        assert!(image.architecture != Architecture::Intel || matches!(image.bitness, 32 | 64));
    }
    assert!(processor_time().saturating_sub(start) < HANG);
}

#[test]
fn ten_thousand_damaged_golden_inputs_are_answered() {
    let Some(folder) = shared("disasm/golden/public") else { return };
    let inputs = json(folder.join("inputs.json"));
    let names: Vec<&String> = inputs.as_object().expect("an object").keys().collect();
    let share = 10_000_usize.div_ceil(names.len());
    let mut random = Random(20_260_101);
    let mut slowest = Duration::ZERO;
    for name in names {
        let original = gunzip_file(folder.join(format!("{name}.bin.gz")));
        // The head of a large input is where damage hurts; its tail would only cost time.
        let original = &original[..original.len().min(96 * 1024)];
        for round in 0..share {
            let bytes = damage(original, &mut random);
            let start = processor_time();
            if round % 4 == 3 {
                check(&bytes, &LoadOptions::buffer(random.next() & 0xffff_f000, None));
            } else {
                check(&bytes, &LoadOptions::file());
            }
            slowest = slowest.max(processor_time().saturating_sub(start));
        }
    }
    println!("slowest damaged input: {slowest:?}");
}

/// What fuzzing found once.
#[test]
fn former_crashes_are_answered() {
    let folder = fixture("crashes/loader");
    let names = files_in(&folder, "");
    assert!(!names.is_empty());
    for path in names {
        let bytes = std::fs::read(&path).expect("a readable fixture");
        check(&bytes, &LoadOptions::file());
        check(&bytes, &LoadOptions::buffer(0x40_0000, None));
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_behind_a_magic_are_answered(
        magic in prop::sample::select(vec![
            b"MZ".to_vec(), b"\x7fELF\x01\x01\x01".to_vec(), b"\x7fELF\x02\x01\x01".to_vec(), b"\x7fELF\x02\x02\x01".to_vec(),
            b"\xcf\xfa\xed\xfe\x07\0\0\x01".to_vec(), b"\xce\xfa\xed\xfe\x07\0\0\0".to_vec(), b"\xca\xfe\xba\xbe\0\0\0\x02".to_vec(),
            b"IDR Knowledge Base File".to_vec(), b"dex\n035\0".to_vec(), Vec::new(),
        ]),
        tail in prop::collection::vec(any::<u8>(), 0..2048),
        base in any::<u64>(),
    ) {
        let bytes = [magic, tail].concat();
        check(&bytes, &LoadOptions::file());
        check(&bytes, &LoadOptions::buffer(base, None));
        let _ = detect(&bytes);
    }
}

/// A PE header with one section row, of 0x400 bytes.
fn tiny_pe(virtual_size: u32, virtual_address: u32, raw_size: u32, raw_offset: u32) -> Vec<u8> {
    let mut bytes = vec![0_u8; 0x400];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(0, b"MZ");
    put(0x3c, &0x40_u32.to_le_bytes());
    put(0x40, b"PE\0\0\x4c\x01\x01\0");
    put(0x54, &0xe0_u16.to_le_bytes());
    put(0x58, &0x10b_u16.to_le_bytes());
    put(0x68, &0x1000_u32.to_le_bytes());
    put(0x74, &0x40_0000_u32.to_le_bytes());
    put(0x78, &[0, 0x10, 0, 0, 0, 2, 0, 0]);
    put(0x138, b".text\0\0\0");
    for (index, value) in [virtual_size, virtual_address, raw_size, raw_offset].iter().enumerate() {
        put(0x140 + 4 * index, &value.to_le_bytes());
    }
    put(0x15c, &0x6000_0020_u32.to_le_bytes());
    put(0x200, b"\x55\x8b\xec\xc3");
    bytes
}

#[test]
fn a_tiny_pe_is_mapped_by_its_section() {
    let image = load(&tiny_pe(0x10, 0x1000, 0x200, 0x200), &LoadOptions::file()).expect("a valid file");
    assert_eq!((image.format, image.base_addr, image.bitness), (Format::Pe, 0x40_0000, 32));
    assert_eq!(image.data.len(), 0x1200, "the raw size counts, nothing is rounded");
    assert_eq!(image.bytes(0x40_1000, 4), b"\x55\x8b\xec\xc3");
    assert_eq!(image.code_areas, [(0x40_1000, 0x40_2000)], "areas are rounded to pages");
    assert_eq!(image.entry_point(), Some(0x40_1000));
    assert_eq!(image.symbols.get(&0x40_1000).map(String::as_str), Some("original_entry_point"));
}

#[test]
fn sizes_a_file_only_claims_are_refused_or_cut() {
    let huge = load(&tiny_pe(0xffff_f000, 0x1000, 0x200, 0x200), &LoadOptions::file());
    assert_eq!(huge, Err(LoadError::TooLarge { size: 0x1_0000_0000, limit: limits::MAX_IMAGE_SIZE }));
    let cut =
        load(&tiny_pe(0x1000, 0x1000, 0x8000, 0x200), &LoadOptions::file()).expect("the file ends early");
    assert_eq!(cut.data.len(), 0x9000);
    assert!(cut.data[0x1200..].iter().all(|&byte| byte == 0));
}

#[test]
fn short_names_that_stand_for_long_ones_stay_short() {
    // An export table of 1,000 rows that all have one name: a type that doubles with every substitution.
    let mut mangled = "_Z1fI1A".to_owned();
    for level in 0..60 {
        let digit = |n: usize| char::from_digit((n % 36) as u32, 36).unwrap_or('0').to_ascii_uppercase();
        for part in ["PFS", "_S", "_S"] {
            mangled.push_str(part);
            mangled.push(digit(level));
        }
        mangled.push_str("_E");
    }
    mangled.push_str("EvT_\0");
    let mut bytes = tiny_pe(0x8000, 0x1000, 0x8000, 0x200);
    bytes.resize(0x200 + 0x8000, 0);
    let mut put = |rva: usize, value: u32| bytes[rva - 0xe00..][..4].copy_from_slice(&value.to_le_bytes());
    let (directory, addresses, names, ordinals, text) = (0x1100, 0x1200, 0x3000, 0x5000, 0x7000);
    for (index, value) in [1000, 1000, addresses, names, ordinals].into_iter().enumerate() {
        put(directory as usize + 20 + 4 * index, value);
    }
    for row in 0..1000 {
        put(addresses as usize + 4 * row, 0x6000 + row as u32);
        put(names as usize + 4 * row, text);
        put(ordinals as usize + 2 * row, row as u32);
    }
    bytes[text as usize - 0xe00..][..mangled.len()].copy_from_slice(mangled.as_bytes());
    bytes[0xb4..0xb8].copy_from_slice(&16_u32.to_le_bytes());
    bytes[0xb8..0xbc].copy_from_slice(&(directory as u32).to_le_bytes());
    bytes[0xbc..0xc0].copy_from_slice(&0x28_u32.to_le_bytes());
    let start = processor_time();
    let image = load(&bytes, &LoadOptions::file()).expect("a valid file");
    let names: usize = image.symbols.values().map(String::len).sum();
    assert!(image.exports.len() > 900, "{}", image.exports.len());
    assert!(names <= limits::MAX_NAME_BYTES, "{names}");
    assert!(processor_time().saturating_sub(start) < HANG);
}

#[test]
fn limits_are_the_callers_to_lower() {
    let options = LoadOptions { max_image_size: 0x1000, ..LoadOptions::file() };
    let refused = load(&tiny_pe(0x10, 0x1000, 0x200, 0x200), &options);
    assert_eq!(refused, Err(LoadError::TooLarge { size: 0x1200, limit: 0x1000 }));
}

/// A 64-bit ELF header whose program header table is behind it, with the given segments (offset, address, file size).
fn tiny_elf(machine: u16, segments: &[(u64, u64, u64)]) -> Vec<u8> {
    let mut bytes = b"\x7fELF\x02\x01\x01\x03\0\0\0\0\0\0\0\0\x02\0".to_vec();
    bytes.extend(machine.to_le_bytes());
    bytes.extend(1_u32.to_le_bytes());
    bytes.extend(0x40_0100_u64.to_le_bytes());
    bytes.extend(64_u64.to_le_bytes());
    bytes.extend([0; 12]);
    bytes.extend([64, 0, 56, 0]);
    bytes.extend((segments.len() as u16).to_le_bytes());
    bytes.resize(64, 0);
    for &(offset, address, size) in segments {
        bytes.extend([1, 0, 0, 0, 5, 0, 0, 0]);
        for value in [offset, address, address, size, size, 0x1000] {
            bytes.extend(value.to_le_bytes());
        }
    }
    bytes.resize(0x1000, 0x90);
    bytes
}

#[test]
fn many_segments_over_one_another_cost_no_more_than_the_budget() {
    let segments = vec![(0_u64, 0x40_0000_u64, 0x1000_u64); 60];
    let mut bytes = tiny_elf(62, &segments);
    bytes.resize(90 << 20, 0xcc);
    let size = 90_u64 << 20;
    for row in bytes[64..].chunks_exact_mut(56).take(60) {
        row[32..40].copy_from_slice(&size.to_le_bytes());
        row[40..48].copy_from_slice(&size.to_le_bytes());
    }
    let start = processor_time();
    let image = load(&bytes, &LoadOptions::file()).expect("90 MiB are allowed");
    assert_eq!(image.data.len() as u64, size);
    assert!(processor_time().saturating_sub(start) < HANG);
}

#[test]
fn a_tiny_elf_names_its_abi_and_entry() {
    let image = load(&tiny_elf(62, &[(0, 0x40_0000, 0x1000)]), &LoadOptions::file()).expect("a valid file");
    assert_eq!((image.format, image.abi.as_str(), image.base_addr), (Format::Elf, "LINUX", 0x40_0000));
    assert_eq!((image.oep, image.data.len()), (Some(0x100), 0x1000));
    assert!(!image.position_independent_elf);
}

#[test]
fn a_cut_file_states_more_than_it_has() {
    let elf = tiny_elf(62, &[(0, 0x40_0000, 0x1000), (0x800, 0x50_0000, 0x1800)]);
    let pe = tiny_pe(0x1000, 0x1000, 0x200, 0x200);
    let padded = tiny_pe(0x1000, 0x1000, 0x10_0000, 0x200);
    let macho = tiny_macho();
    let stated: Vec<_> = [&elf, &pe, &padded, &macho].map(|bytes| stated_size(bytes)).into();
    // Bytes of a section that are not loaded do not count.
    assert_eq!(stated, [Some(0x2000), Some(0x400), Some(0x1200), Some(0x404)]);
    assert_eq!(stated_size(&macho[..0x300]), Some(0x404));
    assert_eq!(stated_size(b"text"), None);
}

#[test]
fn instruction_sets_without_disassembler_are_named() {
    let named = |machine: u16| load(&tiny_elf(machine, &[(0, 0x40_0000, 0x1000)]), &LoadOptions::file());
    assert_eq!(named(8), Err(LoadError::UnsupportedArchitecture("mips".to_owned())));
    let unnamed = LoadError::UnknownMachine { field: "ELF machine", value: 9999, name: "" };
    assert_eq!(named(9999), Err(unnamed));
    assert_eq!(named(183).map(|image| image.architecture), Ok(Architecture::Aarch64));
    assert_eq!(load(b"text", &LoadOptions::file()), Err(LoadError::NotRecognized));
    let mips = b"\x03\xe0\x00\x08\0\0\0\0".repeat(64);
    assert_eq!(load(&mips, &LoadOptions::buffer(0, None)), Err(LoadError::ForeignCode("mips")));
    let stated = Buffer { architecture: Some(Architecture::Intel), bitness: Some(32), ..Buffer::default() };
    let options = LoadOptions { input: Input::Buffer(stated), ..LoadOptions::default() };
    assert_eq!(load(&mips, &options).map(|image| image.bitness), Ok(32));
}

/// A thin 64-bit Mach-O with one segment of one section and a `main` command.
fn tiny_macho() -> Vec<u8> {
    let word = |value: u32| value.to_le_bytes().to_vec();
    let long = |value: u64| value.to_le_bytes().to_vec();
    let name = |text: &str| [text.as_bytes(), &[0; 16][text.len()..]].concat();
    let section = [
        name("__text"),
        name("__TEXT"),
        long(0x1_0000_0400),
        long(4),
        word(0x400),
        word(4),
        word(0),
        word(0),
        word(0x8000_0400),
        word(0),
        word(0),
        word(0),
    ];
    let segment = [
        word(0x19),
        word(72 + 80),
        name("__TEXT"),
        long(0x1_0000_0000),
        long(0x1000),
        long(0),
        long(0x404),
        word(5),
        word(5),
        word(1),
        word(0),
    ];
    let entry = [word(0x8000_0028), word(24), long(0x400), long(0)];
    let header =
        [word(0xfeed_facf), word(0x0100_0007), word(3), word(2), word(2), word(152 + 24), word(0), word(0)];
    let mut bytes = [header.concat(), segment.concat(), section.concat(), entry.concat()].concat();
    bytes.resize(0x400, 0);
    bytes.extend(b"\x31\xc0\xc3\x90");
    bytes
}

/// A table that leaves its segment, or whose segment leaves the file, is not read; names of a file without a segment for them
/// are (all as lief reads them).
#[test]
fn tables_of_a_macho_are_read_inside_their_segment() {
    let word = |value: u32| value.to_le_bytes();
    let with_symbols = |file_size: u64, count: u32| {
        let mut bytes = tiny_macho();
        bytes[48 + 32..48 + 40].copy_from_slice(&file_size.to_le_bytes());
        let at = 32 + 152 + 24;
        bytes[16..20].copy_from_slice(&word(3));
        bytes[20..24].copy_from_slice(&word(152 + 24 + 24));
        let fields = [2, 24, 0x404, count, 0x414, 8];
        bytes[at..at + 24].copy_from_slice(&fields.map(word).concat());
        bytes.extend([&word(1)[..], &[0x0f, 1, 0, 0], &0x1_0000_0400_u64.to_le_bytes()].concat());
        bytes.extend(b"\0_f\0\0\0\0\0");
        let image = load(&bytes, &LoadOptions::file()).expect("a valid file");
        image.tables.symbols.unwrap_or_default().into_values().collect::<Vec<_>>()
    };
    assert_eq!(with_symbols(0x41c, 1), ["_f"], "inside");
    assert_eq!(with_symbols(0x404, 1), ["_f"], "in no segment");
    assert!(with_symbols(0x41b, 1).is_empty(), "the names leave the segment");
    assert!(with_symbols(0x41c, 2).is_empty(), "the symbols leave the segment");
    assert!(with_symbols(0x41d, 1).is_empty(), "the segment leaves the file");
}

#[test]
fn a_tiny_macho_is_mapped_thin_and_as_a_slice() {
    let thin = tiny_macho();
    let image = load(&thin, &LoadOptions::file()).expect("a valid file");
    assert_eq!((image.format, image.base_addr, image.bitness), (Format::MachO, 0x1_0000_0000, 64));
    assert_eq!((image.oep, image.bytes(0x1_0000_0400, 3)), (Some(0x400), b"\x31\xc0\xc3".as_slice()));
    assert_eq!(image.code_areas, [(0x1_0000_0400, 0x1_0000_0404)]);
    let mut fat = vec![0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 1, 1, 0, 0, 7, 0, 0, 0, 3, 0, 0, 0x10, 0];
    fat.extend((thin.len() as u32).to_be_bytes());
    fat.extend([0, 0, 0, 12]);
    fat.resize(0x1000, 0);
    fat.extend(&thin);
    let slice = load(&fat, &LoadOptions::file()).expect("a valid slice");
    assert_eq!((&slice.symbols, slice.data.len()), (&image.symbols, image.data.len()));
    assert_eq!(slice.xheader, image.xheader);
    let java = b"\xca\xfe\xba\xbe\0\0\0\x34\0\x10".repeat(8);
    assert_eq!(load(&java, &LoadOptions::file()), Err(LoadError::NotAnExecutable(Known::JavaClass)));
}

/// What each file is called that cannot be disassembled.
#[test]
fn messages_name_what_the_input_is() {
    let message = |data: &[u8]| load(data, &LoadOptions::file()).expect_err("no executable").to_string();
    assert_eq!(message(b"!<arch>\n/               "), "input is a static library archive, not an executable");
    let mut object = vec![0x64, 0x86, 1, 0];
    object.resize(20 + 40, 0);
    assert_eq!(message(&object), "input is a COFF object file for AMD64, not an executable");
    let mut foreign = tiny_pe(0x10, 0x1000, 0x200, 0x200);
    foreign[0x44..0x46].copy_from_slice(&0x5064_u16.to_le_bytes());
    assert_eq!(message(&foreign), "PE machine 0x5064 (RISC-V 64) has no disassembler");
    assert_eq!(
        message(b"\x7fELF\x02\x01"),
        "ELF header at 0x0 reaches beyond the 6 bytes of the file (truncated file?)"
    );
    let mut cut = tiny_elf(62, &[(0, 0x40_0000, 0x1000)]);
    cut.truncate(70);
    assert_eq!(
        message(&cut),
        "ELF table of sections or segments at 0x40 reaches beyond the 70 bytes of the file (truncated file?)"
    );
}

/// `e_machine` decides before `EI_DATA`, and before an `EI_CLASS` that no ABI of the machine has.
#[test]
fn a_class_or_byte_order_that_cannot_be_hides_no_code() {
    let whole = load(&tiny_elf(62, &[(0, 0x40_0000, 0x1000)]), &LoadOptions::file()).expect("a valid file");
    for (class, order) in [(0, 0), (2, 2), (7, 9), (2, 9)] {
        let mut changed = tiny_elf(62, &[(0, 0x40_0000, 0x1000)]);
        changed[4] = class;
        changed[5] = order;
        let image = load(&changed, &LoadOptions::file()).expect("the machine has one layout");
        assert_eq!((image.code_areas, image.oep), (whole.code_areas.clone(), whole.oep), "{class} {order}");
        assert_eq!(image.data.len(), whole.data.len());
    }
}

/// x32 and ILP32 programs have the 32-bit layout, so a class of 1 is believed on these machines, as lief does.
#[test]
fn a_narrow_class_is_believed_where_the_machine_has_such_an_abi() {
    for machine in [50, 62] {
        let mut changed = tiny_elf(machine, &[(0, 0x40_0000, 0x1000)]);
        changed[4] = 1;
        let image = load(&changed, &LoadOptions::file());
        assert!(!image.is_ok_and(|image| !image.code_areas.is_empty()), "{machine}");
    }
}
