//! Small SMDA reports made by the tests: a few functions of plausible x86 code, different for every seed.

use serde_json::{Map, Value, json};

/// A report of `functions` functions. Two reports share the functions whose numbers and seeds agree.
pub(crate) fn report(name: &str, family: &str, seed: u64, functions: u64) -> Value {
    let base = 0x40_0000_u64;
    let mut xcfg = Map::new();
    let mut bytes = 0.0;
    let mut instructions = 0;
    for number in 0..functions {
        let offset = base + 0x1000 + number * 0x100;
        let (function, size, count) = function(offset, seed.wrapping_add(number), number);
        bytes += size;
        instructions += count;
        xcfg.insert(offset.to_string(), function);
    }
    let sha256 = malkin_report::MinHash::from_bytes([name.as_bytes(), &seed.to_be_bytes()].concat()).to_hex();
    json!({
        "architecture": "intel", "abi": "", "base_addr": base, "binary_size": 0x10_0000, "bitness": 32,
        "code_areas": [], "code_sections": [], "confidence_threshold": 0.0, "disassembly_errors": {},
        "execution_time": 0.25, "identified_alignment": 0, "message": "made by a test",
        "metadata": {"binweight": bytes, "component": "", "family": family, "filename": name,
                     "is_library": false, "is_buffer": false, "language": {}, "version": "1"},
        "sha256": format!("{:0>64}", &sha256[sha256.len().saturating_sub(64)..]),
        "smda_version": "5.0.1", "status": "ok", "timestamp": "2026-01-02T03-04-05", "oep": 0,
        "statistics": {"num_functions": functions, "num_recursive_functions": 0, "num_leaf_functions": 0,
                       "num_thunk_functions": 0, "num_basic_blocks": functions, "num_instructions": instructions,
                       "num_api_calls": 0, "num_function_calls": 0, "num_failed_functions": 0,
                       "num_failed_instructions": 0},
        "xcfg": xcfg,
    })
}

/// Instructions besides prologue and epilogue.
const STEPS: u64 = 26;

/// A run of instructions of many kinds, chosen by the seed.
fn function(offset: u64, seed: u64, number: u64) -> (Value, f64, u64) {
    let pick = |salt: u64| mixed(mixed(seed).wrapping_add(salt));
    let mut instructions =
        vec![("55".to_owned(), "push", "ebp".to_owned()), ("8bec".to_owned(), "mov", "ebp, esp".to_owned())];
    for step in 0..STEPS {
        let value = (pick(step) & 0x7f) as u8;
        instructions.push(match pick(step + 100) % 11 {
            0 => (format!("83c0{value:02x}"), "add", format!("eax, {value:#x}")),
            1 => ("33c0".to_owned(), "xor", "eax, eax".to_owned()),
            2 => (format!("8b45{value:02x}"), "mov", format!("eax, dword ptr [ebp + {value:#x}]")),
            3 => (format!("6a{value:02x}"), "push", format!("{value:#x}")),
            4 => ("50".to_owned(), "push", "eax".to_owned()),
            5 => (format!("8945{value:02x}"), "mov", format!("dword ptr [ebp + {value:#x}], eax")),
            6 => ("85c0".to_owned(), "test", "eax, eax".to_owned()),
            7 => (format!("3d{value:02x}000000"), "cmp", format!("eax, {value:#x}")),
            8 => ("d9c0".to_owned(), "fld", "st(0)".to_owned()),
            9 => ("660f6fc1".to_owned(), "movdqa", "xmm0, xmm1".to_owned()),
            _ => ("90".to_owned(), "nop", String::new()),
        });
    }
    instructions.push(("5d".to_owned(), "pop", "ebp".to_owned()));
    instructions.push(("c3".to_owned(), "ret", String::new()));
    let mut at = offset;
    let mut rows = Vec::new();
    let mut size = 0;
    for (bytes, mnemonic, operands) in &instructions {
        rows.push(json!([at, bytes, mnemonic, operands]));
        at += bytes.len() as u64 / 2;
        size += bytes.len() / 2;
    }
    let name = if number == 0 { "entry_point".to_owned() } else { String::new() };
    let function = json!({
        "offset": offset, "blocks": {offset.to_string(): rows}, "apirefs": {}, "blockrefs": {offset.to_string(): []},
        "inrefs": [], "outrefs": {}, "stringrefs": {}, "is_exported": false, "architecture_metadata": {},
        "metadata": {"binweight": size as f64, "characteristics": "-----------", "confidence": 0.5,
                     "function_name": name, "nesting_depth": 0, "pic_hash": pick(999),
                     "strongly_connected_components": [[offset]], "tfidf": -1.5},
    });
    (function, size as f64, instructions.len() as u64)
}

/// SplitMix64's finaliser: neighbouring seeds give unrelated numbers.
fn mixed(seed: u64) -> u64 {
    let mut x = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
