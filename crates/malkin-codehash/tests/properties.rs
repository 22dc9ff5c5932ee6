//! Properties of hashing that hold for every input, sensible or not.

use malkin_codehash::{
    BinaryContext, Escaper, FunctionEscaper, HashError, HashPath, MinHashConfig, MinHasher, SampleContext,
    Scratch, hash_function, hash_function_in, hash_function_with_report, minhash_in, pichash, shingle_texts,
};
use malkin_report::{Architecture, BlockHash, Code, CodeBuilder, Function, ImageRange, Instruction, Va};
use proptest::prelude::{Strategy, any, prop, prop_assert, prop_assert_eq, proptest};

const ESCAPERS: [Escaper; 6] =
    [Escaper::Intel, Escaper::Aarch64, Escaper::Arm, Escaper::Cil, Escaper::Dalvik, Escaper::Raw];

/// Bytes, mnemonic, operands.
type Row = (String, String, String);

/// Instructions between real ones and noise.
fn row() -> impl Strategy<Value = Row> {
    let bytes = "([0-9a-f]{2}){0,16}|e8[0-9a-f]{8}|8b05[0-9a-f]{8}";
    let mnemonic =
        "(lock |rep |)(mov|add|push|call|jne|cmp|ret|nop|vaddps|ldr|b\\.eq|invoke-static|ldstr)|\\PC{0,6}";
    let operand = "(e[a-d]x|rsp|xmm1|x0|v1|\\{v0, v1\\}|#?0x[0-9a-f]{1,8}|(dword ptr )?\\[(rip \\+ |rax - |)0x[0-9a-f]{1,9}\\]|\\PC{0,6})";
    (bytes, mnemonic, prop::collection::vec(operand, 0..4)).prop_map(|(bytes, mnemonic, operands)| {
        let operands: Vec<String> = operands;
        (bytes, mnemonic, operands.join(", "))
    })
}

fn instruction(row: &Row, offset: u64) -> Instruction<'_> {
    Instruction { offset: Va::new(offset), bytes: &row.0, mnemonic: &row.1, operands: &row.2 }
}

/// A function at address 0 whose blocks lie 4096 bytes apart.
fn function(blocks: &[Vec<Row>]) -> Function {
    let mut code = CodeBuilder::new();
    for (number, rows) in blocks.iter().enumerate() {
        let start = number as u64 * 4096;
        code.begin_block(Va::new(start));
        for (at, row) in rows.iter().enumerate() {
            code.push(instruction(row, start + at as u64)).expect("rows are short");
        }
    }
    let code: Code = code.finish().expect("blocks have different starts");
    Function { code, ..Function::default() }
}

fn context(architecture: Architecture) -> SampleContext {
    SampleContext { architecture, image: Some(ImageRange::new(0x40_0000, 0x10_0000)), bitness: 32 }
}

fn architectures() -> impl Strategy<Value = Architecture> {
    prop::sample::select(vec!["intel", "aarch64", "arm", "cil", "dalvik", "mips"])
        .prop_map(Architecture::from_text)
}

proptest! {
    #[test]
    fn escapes_depend_on_the_instruction_alone(
        row in row(),
        noise in ("\\PC{0,20}", "\\PC{0,20}", "\\PC{0,20}"),
        flags in any::<[bool; 3]>(),
        low in any::<u64>(),
        size in any::<u64>(),
    ) {
        let [intra, decoder, thumb] = flags;
        let context =
            BinaryContext { image: Some(ImageRange::new(low, size)), bitness: 64, intra, decoder, thumb };
        for instruction in [instruction(&row, 4), instruction(&noise, 4)] {
            for escaper in ESCAPERS {
                let (mut fresh, mut appended) = (Vec::new(), b"kept".to_vec());
                escaper.escape_binary(&instruction, &context, &mut fresh);
                escaper.escape_binary(&instruction, &context, &mut appended);
                prop_assert_eq!(&appended[4..], &fresh);
                for path in [HashPath::Server, HashPath::Report] {
                    let (mut fresh, mut appended) = (String::new(), String::from("kept"));
                    escaper.escape_text(&instruction, path, thumb, &mut fresh);
                    escaper.escape_text(&instruction, path, thumb, &mut appended);
                    prop_assert_eq!(&appended[4..], &fresh);
                    prop_assert!(fresh.contains(' '));
                }
            }
        }
    }

    #[test]
    fn what_was_hashed_before_does_not_matter(
        functions in prop::collection::vec(
            prop::collection::vec(prop::collection::vec(row(), 0..9), 1..4), 1..6),
        architecture in architectures(),
    ) {
        let context = context(architecture);
        let hasher = MinHasher::default();
        let mut scratch = Scratch::new();
        for blocks in &functions {
            let function = function(blocks);
            for path in [HashPath::Server, HashPath::Report] {
                let again = hash_function_in(&function, &context, &hasher, path, &mut scratch);
                let fresh = match path {
                    HashPath::Server => hash_function(&function, &context, &hasher),
                    HashPath::Report => hash_function_with_report(&function, &context, &hasher),
                };
                prop_assert_eq!(&again, &fresh);
                let alone = minhash_in(&function, &context, &hasher, path, &mut scratch);
                prop_assert_eq!(alone, fresh.and_then(|fresh| fresh.unsigned.map_or(Ok(fresh.minhash), Err)));
            }
        }
    }

    #[test]
    fn parts_equal_the_whole(
        blocks in prop::collection::vec(prop::collection::vec(row(), 0..9), 1..5),
        architecture in architectures(),
    ) {
        let context = context(architecture);
        let function = function(&blocks);
        let config = MinHashConfig { min_instructions: 1, ..MinHashConfig::default() };
        let hashes = hash_function(&function, &context, &MinHasher::new(config).expect("a usable setting"));
        let Ok(hashes) = hashes else { return Ok(()) };
        prop_assert_eq!(hashes.pichash, pichash(&function, &context).expect("hashed a moment ago"));
        let escaper = FunctionEscaper::new(&function, &context);
        let recorded: Vec<BlockHash> = hashes.blocks.iter().map(|block| block.hash).collect();
        let expected: Vec<BlockHash> = function
            .code
            .blocks()
            .iter()
            .filter(|block| block.len() >= 4)
            .map(|block| escaper.block_hash(block))
            .collect();
        // Equal blocks are gathered where the first of them stands; otherwise the order is that of the blocks.
        let mut gathered: Vec<BlockHash> = Vec::new();
        for hash in &expected {
            if !gathered.contains(hash) {
                gathered.extend(expected.iter().filter(|other| *other == hash));
            }
        }
        prop_assert_eq!(recorded, gathered);
        let shingles = shingle_texts(&function, &context, HashPath::Server);
        prop_assert_eq!(shingles.is_ok(), !hashes.minhash.is_empty() || function.num_instructions() > 0);
    }

    #[test]
    fn small_functions_have_no_signature(rows in prop::collection::vec(row(), 0..20)) {
        let hashes = hash_function(&function(std::slice::from_ref(&rows)), &context(Architecture::Intel), &MinHasher::default());
        prop_assert_eq!(hashes.expect("ascii and an entry block").minhash.is_empty(), rows.len() <= 10);
    }
}

fn rows(count: usize) -> Vec<Row> {
    vec![("c3".to_owned(), "ret".to_owned(), String::new()); count]
}

#[test]
fn intel_functions_without_entry_block_get_no_signature() {
    let mut function = function(&[rows(11)]);
    function.offset = Va::new(1);
    let hasher = MinHasher::default();
    let hash = |architecture| hash_function(&function, &context(architecture), &hasher).expect("ascii");
    let intel = hash(Architecture::Intel);
    assert_eq!(intel.unsigned, Some(HashError::MissingEntryBlock { function: Va::new(1) }));
    assert!(
        intel.minhash.is_empty() && intel.pichash.is_some() && intel.blocks.len() == 1,
        "the other hashes stand"
    );
    let cil = hash(Architecture::Cil);
    assert!(cil.unsigned.is_none() && !cil.minhash.is_empty(), "other architectures need no entry block");
}

#[test]
fn statistics_beyond_the_table_get_no_signature() {
    let hash = |count| {
        let hashes =
            hash_function(&function(&[rows(count)]), &context(Architecture::Intel), &MinHasher::default());
        hashes.expect("ascii").unsigned
    };
    assert_eq!(hash(99_999), None);
    let error = HashError::ValueTooLarge { function: Va::new(0), field: "num_ins_C", value: 100_000 };
    assert_eq!(hash(100_000), Some(error));
}

#[test]
fn blocks_without_instructions_get_no_signature_by_their_number() {
    let config = MinHashConfig { min_blocks: 1, ..MinHashConfig::default() };
    let hasher = MinHasher::new(config).expect("a usable setting");
    let hashed = hash_function(&function(&[vec![], vec![]]), &context(Architecture::Intel), &hasher);
    let unsigned = hashed.expect("ascii").unsigned;
    assert_eq!(unsigned, Some(HashError::NoInstructions { function: Va::new(0) }));
}

#[test]
fn bytes_must_be_ascii_text() {
    let row = ("\u{e9}".to_owned(), "nop".to_owned(), String::new());
    let function = function(&[vec![row]]);
    let error = HashError::BytesNotAscii { function: Va::new(0) };
    let context = context(Architecture::Intel);
    assert_eq!(hash_function(&function, &context, &MinHasher::default()), Err(error));
    assert_eq!(pichash(&function, &context), Err(error));
}

#[test]
fn without_image_there_is_no_pichash_but_blocks_are_hashed() {
    let unknown = SampleContext { image: None, ..context(Architecture::Intel) };
    let hashes = hash_function(&function(&[rows(5)]), &unknown, &MinHasher::default()).expect("ascii");
    assert_eq!((hashes.pichash, hashes.blocks.len()), (None, 1));
    let raw = SampleContext { architecture: Architecture::Other("mips".to_owned()), ..unknown };
    let hashes = hash_function(&function(&[rows(5)]), &raw, &MinHasher::default()).expect("ascii");
    assert!(hashes.pichash.is_some());
}
