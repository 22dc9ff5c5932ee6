//! Reports to submit to a server under load: small, valid, and each with code of its own.

use std::fmt::Write as _;

use super::body::instruction;
use super::draw::Draw;

/// Functions of a report.
const FUNCTIONS: u64 = 30;
/// Where they begin, and how far they are apart.
const BASE: u64 = 0x40_1000;
const STRIDE: u64 = 0x400;
/// Instructions of a function, at least; at most twice as many.
const INSTRUCTIONS: u64 = 12;

/// The SHA-256 text and the JSON of report `number` of a seed.
pub(crate) fn load_report(seed: u64, number: u64) -> (String, String) {
    let mut draw = Draw::of(&[seed, number, 0x10ad]);
    let mut sha256 = String::new();
    for _ in 0..4 {
        // Writing to a String cannot fail.
        let _ = write!(sha256, "{:016x}", draw.next());
    }
    let mut functions = String::new();
    let mut total = 0;
    for function in 0..FUNCTIONS {
        let offset = BASE + function * STRIDE;
        let count = INSTRUCTIONS + draw.below(INSTRUCTIONS);
        total += count;
        let (mut at, mut rows) = (offset, String::new());
        for row in 0..count {
            let (bytes, mnemonic, operands) = instruction(&mut draw, row + 1 == count);
            // Writing to a String cannot fail.
            let _ = write!(
                rows,
                "{}[{at},\"{bytes}\",\"{mnemonic}\",\"{operands}\"]",
                if row == 0 { "" } else { "," }
            );
            at += bytes.len() as u64 / 2;
        }
        let _ = write!(
            functions,
            "{}\"{offset}\":{{\"offset\":{offset},\"blocks\":{{\"{offset}\":[{rows}]}},\"apirefs\":{{}},\"blockrefs\":{{\"{offset}\":[]}},\
             \"inrefs\":[],\"outrefs\":{{}},\"stringrefs\":{{}},\"is_exported\":false,\"architecture_metadata\":{{}},\"metadata\":{{\
             \"binweight\":{},\"characteristics\":\"-----------\",\"confidence\":0.5,\"function_name\":\"\",\"nesting_depth\":0,\
             \"pic_hash\":{},\"strongly_connected_components\":[[{offset}]],\"tfidf\":-1.5}}}}",
            if function == 0 { "" } else { "," },
            at - offset,
            draw.next(),
        );
    }
    let report = format!(
        "{{\"architecture\":\"intel\",\"abi\":\"\",\"base_addr\":4194304,\"binary_size\":1048576,\"bitness\":32,\"code_areas\":[],\
         \"code_sections\":[],\"confidence_threshold\":0.0,\"disassembly_errors\":{{}},\"execution_time\":0.25,\"identified_alignment\":0,\
         \"message\":\"\",\"metadata\":{{\"binweight\":{}.0,\"component\":\"\",\"family\":\"load {}\",\"filename\":\"load-{seed}-{number}\",\
         \"is_library\":false,\"is_buffer\":false,\"language\":{{}},\"version\":\"\"}},\"sha256\":\"{sha256}\",\"smda_version\":\"5.0.1\",\
         \"status\":\"ok\",\"timestamp\":\"2026-01-02T03-04-05\",\"oep\":0,\"statistics\":{{\"num_functions\":{FUNCTIONS},\
         \"num_recursive_functions\":0,\"num_leaf_functions\":0,\"num_thunk_functions\":0,\"num_basic_blocks\":{FUNCTIONS},\
         \"num_instructions\":{total},\"num_api_calls\":0,\"num_function_calls\":0,\"num_failed_functions\":0,\
         \"num_failed_instructions\":0}},\"xcfg\":{{{functions}}}}}",
        total * 3,
        number % 50,
    );
    (sha256, report)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_valid_and_distinct() {
        let (sha256, text) = load_report(1, 0);
        let report = malkin_service::read_report(text.as_bytes()).unwrap();
        assert_eq!((report.sha256.as_str(), report.functions.len() as u64), (sha256.as_str(), FUNCTIONS));
        assert_eq!(load_report(1, 0).1, text);
        assert_ne!(load_report(1, 1).0, sha256);
        assert_ne!(load_report(2, 0).0, sha256);
    }
}
