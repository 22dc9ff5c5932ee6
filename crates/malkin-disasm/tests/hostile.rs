//! Damaged inputs: whatever the bytes are, the recovery ends and says what it found.

use std::cell::Cell;
use std::time::Duration;

use malkin_disasm::{Limits, disassemble};
use malkin_loader::{LoadOptions, load};
use malkin_report::Status;
use malkin_testkit::processor_time;

/// Processor time no input may take, not even without optimisation.
const HANG: Duration = Duration::from_mins(1);

/// Small deterministic generator (xorshift64*).
struct Generator(u64);

impl Generator {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16) as usize % limit.max(1)
    }
}

/// Opcodes and addresses that change where code goes.
const FRAGMENTS: [&[u8]; 20] = [
    b"\xe8",
    b"\xe9",
    b"\xeb",
    b"\xff\x25",
    b"\xff\x15",
    b"\x0f\x84",
    b"\xff\xe0",
    b"\xff\x24\x85",
    b"\xff\xd0",
    b"\x0f\x05",
    b"\xcd\x80",
    b"\xc3",
    b"\x68",
    b"\xf0",
    b"\x67",
    b"\x62",
    b"\xe2\xfe",
    b"\x74\x00",
    b"\xf3\x0f\x1e\xfa",
    b"\x55\x8b\xec",
];

fn damage(input: &mut Vec<u8>, generator: &mut Generator) {
    let keep_header = generator.below(3) > 0;
    let low = if keep_header { (input.len() / 8).min(0x400) } else { 0 };
    for _ in 0..[1, 8, 60, 500][generator.below(4)] {
        let at = low + generator.below(input.len() - low);
        match generator.below(5) {
            0 => input[at] = generator.below(256) as u8,
            1 => input[at] ^= 1 << generator.below(8),
            2 => {
                let from = generator.below(input.len());
                let count = (1 + generator.below(40)).min(input.len() - at.max(from));
                input.copy_within(from..from + count, at);
            }
            3 => {
                let fragment = FRAGMENTS[generator.below(FRAGMENTS.len())];
                let count = fragment.len().min(input.len() - at);
                input[at..at + count].copy_from_slice(&fragment[..count]);
            }
            _ => {
                let count = (1 + generator.below(24)).min(input.len() - at);
                let fill = [0, 0x90, 0xcc, 0xff, 0x66][generator.below(5)];
                input[at..at + count].fill(fill);
            }
        }
    }
    if generator.below(12) == 0 {
        input.truncate(1 + generator.below(input.len()));
    }
}

/// Number of mutations: enough for every run of the tests, or as many as `MALKIN_MUTATIONS` says.
fn mutations() -> usize {
    std::env::var("MALKIN_MUTATIONS").ok().and_then(|count| count.parse().ok()).unwrap_or(EVERY_RUN)
}

/// Mutations of every run of the tests.
const EVERY_RUN: usize = 400;

#[test]
fn damaged_inputs_are_finished_in_time() {
    let Some(folder) = malkin_testkit::shared("disasm/golden/public") else { return };
    let inputs: Vec<Vec<u8>> = malkin_testkit::files_in(&folder, ".bin.gz")
        .iter()
        .map(malkin_testkit::read_gz)
        // The largest take a second each in a test build: those of a long run only.
        .filter(|input| input.len() < 300_000 || mutations() > EVERY_RUN)
        .collect();
    let mut generator = Generator(0x5eed);
    let (mut loaded, mut functions, mut slowest) = (0, 0, Duration::ZERO);
    for _ in 0..mutations() {
        let mut input = inputs[generator.below(inputs.len())].clone();
        damage(&mut input, &mut generator);
        let options = match generator.below(5) {
            0 => {
                LoadOptions::buffer([0, 0x1_0000, 0x40_0000, 0x7ff6_0000_0000][generator.below(4)], Some(64))
            }
            1 => LoadOptions::buffer([0, 0x1000, 0x40_0000, 0xffff_0000][generator.below(4)], Some(32)),
            _ => LoadOptions::file(),
        };
        let clock = processor_time();
        let Ok(image) = load(&input, &options) else { continue };
        let report = disassemble(&image, Limits::default(), &|| true);
        slowest = slowest.max(processor_time().saturating_sub(clock));
        loaded += 1;
        functions += report.functions.len();
    }
    println!(
        "{loaded} of {} damaged inputs loaded, {functions} functions, slowest {slowest:.2?}",
        mutations()
    );
    assert!(loaded > 0 && functions > 0);
    assert!(slowest < HANG);
}

#[test]
fn noise_is_finished_in_time() {
    let mut generator = Generator(0xbad_5eed);
    let mut slowest = Duration::ZERO;
    for round in 0..24 {
        let alphabet: &[u8] = match round % 6 {
            0 => b"",
            1 => b"\xff\xe0\x24\x85\x10\x40\x00",
            2 => b"\x74\x75\x01\xfe\xeb",
            3 => b"\xe8\x00\x01\xff\xc3",
            4 => b"\x48\x8d\x05\x63\x04\x8a\x01\xc8\xff\xe0\x00",
            _ => b"\x90\xcc\x66\x0f\x1f\x44\x00",
        };
        let noise: Vec<u8> = (0..60_000)
            .map(|_| {
                if alphabet.is_empty() {
                    generator.below(256) as u8
                } else {
                    alphabet[generator.below(alphabet.len())]
                }
            })
            .collect();
        for bits in [32, 64] {
            let image = load(&noise, &LoadOptions::buffer(0x40_0000, Some(bits)));
            let Ok(image) = image else { continue };
            let clock = processor_time();
            let report = disassemble(&image, Limits::default(), &|| true);
            slowest = slowest.max(processor_time().saturating_sub(clock));
            assert_eq!(report.status, Status::Ok);
        }
    }
    println!("slowest {slowest:.2?}");
    assert!(slowest < HANG);
}

#[test]
fn the_caller_and_the_limits_can_stop_it() {
    let code: Vec<u8> = b"\x55\x89\xe5\x31\xc0\x85\xc0\x74\x02\x31\xc9\x5d\xc3\xcc\xcc\xcc".repeat(5_000);
    let image = load(&code, &LoadOptions::buffer(0x40_0000, Some(32))).unwrap();
    let whole = disassemble(&image, Limits::default(), &|| true);
    assert_eq!(whole.status, Status::Ok);
    assert_eq!(whole.functions.len(), 5_000);
    let asked = Cell::new(0);
    let stopped = disassemble(&image, Limits::default(), &|| {
        asked.set(asked.get() + 1);
        asked.get() < 3
    });
    assert_eq!(stopped.status, Status::Timeout);
    assert_eq!(asked.get(), 3);
    assert!(!stopped.functions.is_empty() && stopped.functions.len() < 5_000);
    let few = Limits { max_functions: 100, ..Limits::default() };
    let limited = disassemble(&image, few, &|| true);
    assert_eq!((limited.status, limited.functions.len()), (Status::Timeout, 100));
    let little = Limits { max_decoded: 10_000, ..Limits::default() };
    assert_eq!(disassemble(&image, little, &|| true).status, Status::Timeout);
}

#[test]
fn what_cannot_be_disassembled_is_named() {
    let mut image = load(b"\xc3\xc3\xc3\xc3", &LoadOptions::buffer(0x1000, Some(32))).unwrap();
    image.architecture = malkin_report::Architecture::Aarch64;
    let report = disassemble(&image, Limits::default(), &|| true);
    assert_eq!(report.status, Status::Error);
    assert!(report.message.contains("aarch64"));
    image.architecture = malkin_report::Architecture::Intel;
    image.base_addr = u64::MAX - 100;
    assert_eq!(disassemble(&image, Limits::default(), &|| true).status, Status::Error);
}
