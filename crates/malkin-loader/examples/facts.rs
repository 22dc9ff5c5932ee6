//! Prints everything the loader says about files, one JSON object a line, for comparison with another implementation.
//! Arguments: `FILE` for a file, `FILE@BASE` or `FILE@BASE@BITNESS` (decimal) for a mapped buffer.

use std::time::Instant;

use malkin_loader::{ApiName, Image, LoadOptions, load};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

fn api(name: &ApiName) -> Value {
    json!([name.library, name.name])
}

fn facts(image: &Image) -> Value {
    let records = image.exception_records.iter();
    json!({
        "base": image.base_addr,
        "bitness": image.bitness,
        "architecture": image.architecture.as_str(),
        "format": format!("{:?}", image.format),
        "size": image.data.len(),
        "data": hex(&Sha256::digest(&image.data)),
        "code_areas": image.code_areas,
        "sections": image.sections.iter().map(|s| json!([s.name, s.start, s.end])).collect::<Vec<_>>(),
        "oep": image.oep.map(|oep| oep as i64),
        "abi": image.abi,
        "xheader": image.xheader.as_deref().map(hex),
        "pe_header_hash": image.pe_header_hash,
        "symbols": image.symbols,
        "exports": image.exports,
        "apis": image.apis.iter().map(|(k, v)| (k.to_string(), api(v))).collect::<serde_json::Map<_, _>>(),
        "exported_functions": image.tables.exported_functions,
        "exported_symbols": image.tables.exported_symbols,
        "imported_functions": image.tables.imported_functions.as_ref().map(|t|
            t.iter().map(|(k, v)| (k.to_string(), api(v))).collect::<serde_json::Map<_, _>>()),
        "table_symbols": image.tables.symbols,
        "stubs": image.import_stubs,
        "plt": image.plt_ranges,
        "got": image.got_bases,
        "pie": image.position_independent_elf,
        "pdata_ranges": records.clone().filter(|r| r.trusted).map(|r| json!([r.begin, r.end, r.chained])).collect::<Vec<_>>(),
        "pdata_starts": records.filter(|r| !r.chained).map(|r| r.begin).collect::<Vec<_>>(),
        "eh_frame": image.eh_frame_ranges,
        "pads": image.landing_pads,
        "language": image.language.scores.iter().map(|(k, v)| ((*k).to_owned(), json!(v))).collect::<serde_json::Map<_, _>>(),
        "guess": image.language.guess,
        "language_functions": image.language.functions,
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|half| char::from_digit(half.into(), 16))
        .collect()
}

#[expect(clippy::print_stdout, reason = "the output of the tool")]
fn main() {
    for argument in std::env::args().skip(1) {
        let mut parts = argument.split('@');
        let path = parts.next().unwrap_or_default();
        let number = |text: &str| text.parse::<u64>().ok();
        let base = parts.next().and_then(number);
        let bitness = parts.next().and_then(number).map(|bits| bits as u32);
        let Ok(data) = std::fs::read(path) else { continue };
        let options = base.map_or_else(LoadOptions::file, |base| LoadOptions::buffer(base, bitness));
        let start = Instant::now();
        let loaded = load(&data, &options);
        let seconds = start.elapsed().as_secs_f64();
        let facts = match &loaded {
            Ok(image) => facts(image),
            Err(error) => json!({ "error": error.to_string() }),
        };
        println!("{}", json!({ "name": argument, "seconds": seconds, "facts": facts }));
    }
}
