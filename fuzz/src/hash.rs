//! Whole functions: hashes against their definitions, and functions of any shape to hash.

use std::cell::RefCell;

use malkin_codehash::{
    FunctionEscaper, FunctionHashes, HashError, HashPath, MIN_BLOCK_INSTRUCTIONS, MinHasher, SampleContext,
    Scratch, hash_function_in, murmur3, pichash, shingle_texts,
};
use malkin_report::{Architecture, CodeBuilder, Function, Instruction, Va, cfg};
use serde_json::json;

use crate::escaper::binary_context;
use crate::parts::Parts;

/// Blocks of one function at most.
const MAX_BLOCKS: usize = 64;

/// Positions of a default signature that sample the statistics; the others sample the blocks.
const FUZZY_POSITIONS: usize = 16;

/// Flags and architecture, then blocks: start, successor, number of instructions, and so many instructions. The two flags that
/// describe no context say what is done with the function, so that an execution stays short.
pub fn function(data: &[u8]) {
    let mut parts = Parts::new(data);
    let flags = parts.byte();
    let architecture = match parts.byte() % 6 {
        0 => Architecture::Intel,
        1 => Architecture::Aarch64,
        2 => Architecture::Arm,
        3 => Architecture::Cil,
        4 => Architecture::Dalvik,
        _ => Architecture::Other("mips".to_owned()),
    };
    let binary = binary_context(flags);
    let context = SampleContext { architecture, image: binary.image, bitness: binary.bitness };
    let Some(mut function) = build(&mut parts) else { return };
    function.architecture_metadata = json!({"thumb": binary.thumb});
    match flags >> 6 {
        0 => hashes(&function, &context, HashPath::Server),
        1 => hashes(&function, &context, HashPath::Report),
        2 => through_json(&function),
        _ => graph(&function),
    }
}

/// Every block is in one component.
fn graph(function: &Function) {
    let _ = cfg::nesting_depth(function);
    let components = cfg::strongly_connected_components(&function.blockrefs);
    let members: usize = components.iter().map(Vec::len).sum();
    assert_eq!(members, function.blockrefs.len());
}

/// A function out of the rest of the input; `None` where blocks repeat.
fn build(parts: &mut Parts<'_>) -> Option<Function> {
    let mut code = CodeBuilder::new();
    let mut function = Function { offset: Va::new(0x1000), ..Function::default() };
    for _ in 0..MAX_BLOCKS {
        if parts.is_empty() {
            break;
        }
        let start = Va::new(0x1000 + 16 * u64::from(parts.byte() % 64));
        let successor = Va::new(0x1000 + 16 * u64::from(parts.byte() % 64));
        code.begin_block(start);
        function.blockrefs.push((start, vec![successor]));
        for at in 0..u64::from(parts.byte() % 8) {
            let (bytes, mnemonic, operands) = (parts.text(), parts.text(), parts.text());
            let offset = Va::new(start.get() + at);
            code.push(Instruction { offset, bytes: &bytes, mnemonic: &mnemonic, operands: &operands })
                .ok()?;
        }
    }
    function.code = code.finish().ok()?;
    let starts: Vec<Va> = function.code.blocks().iter().map(|block| block.start).collect();
    function.blockrefs.sort();
    for (_, successors) in &mut function.blockrefs {
        successors.retain(|successor| starts.contains(successor));
    }
    Some(function)
}

/// Hashes with memory that other functions have used; they follow the definition.
pub(crate) fn hashes(function: &Function, context: &SampleContext, path: HashPath) {
    thread_local! {
        static MEMORY: RefCell<(MinHasher, Scratch)> = RefCell::default();
    }
    MEMORY.with_borrow_mut(|(hasher, scratch)| {
        if let Ok(hashed) = hash_function_in(function, context, hasher, path, scratch) {
            follows_definition(function, context, hasher, path, &hashed);
        }
    });
}

fn follows_definition(
    function: &Function,
    context: &SampleContext,
    hasher: &MinHasher,
    path: HashPath,
    hashed: &FunctionHashes,
) {
    assert_eq!(pichash(function, context), Ok(hashed.pichash));
    let escaper = FunctionEscaper::new(function, context);
    let blocks = function.code.blocks().iter().filter(|block| block.len() >= MIN_BLOCK_INSTRUCTIONS);
    let mut expected: Vec<_> = blocks.map(|block| (block.start, escaper.block_hash(block))).collect();
    let mut found: Vec<_> = hashed.blocks.iter().map(|block| (block.offset, block.hash)).collect();
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
    if hasher.config().is_eligible(function.num_instructions(), function.num_blocks()) {
        let texts = shingle_texts(function, context, path);
        assert_eq!(texts.as_ref().err(), hashed.unsigned.as_ref());
        let Ok(texts) = texts else { return };
        let signature: Vec<u8> = hasher
            .seeds()
            .iter()
            .enumerate()
            .map(|(position, seed)| {
                let fuzzy = position < FUZZY_POSITIONS;
                let shingles = if fuzzy { &texts.fuzzy_stat_pair } else { &texts.escaped_block };
                let values = shingles.iter().map(|shingle| murmur3(shingle.as_bytes()) ^ seed);
                values.min().unwrap_or(u32::MAX ^ seed) as u8
            })
            .collect();
        assert_eq!(hashed.minhash.as_bytes(), signature);
    } else {
        assert_eq!((hashed.minhash.as_bytes(), hashed.unsigned), (&[][..], None::<HashError>));
    }
}

/// What is written reads as the same function.
pub(crate) fn through_json(function: &Function) {
    let mut text = Vec::new();
    malkin_wire::function_to_json(function, &mut text);
    let read = malkin_wire::function_from_json(&text).expect("a written function reads");
    let mut again = Vec::new();
    malkin_wire::function_to_json(&read, &mut again);
    assert_eq!(text, again, "a written function reads as itself");
}
