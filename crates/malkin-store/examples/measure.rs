//! Measures the embedded store on real disassembly: adds reports with everything, walks over the index rows, reads single
//! functions, and says what it takes on disk.
//!
//! `measure [REPEAT] [FOLDER]`: the reports (`.json` or `.json.gz`, SMDA) of FOLDER are added REPEAT times under other
//! names. Without FOLDER those of `../shared/codehash/golden/public/smda`. Hashes are random bytes: they do not compress
//! either way.

#![expect(clippy::print_stdout, reason = "an example that prints what it measured")]

use std::path::{Path, PathBuf};
use std::time::Instant;

use malkin_report::{Architecture, BlockHash, BlockOccurrence, FunctionId, MinHash, PicHash, Statistics, Va};
use malkin_store::{Catalogue, FunctionQuery, NewFunction, NewSample, Page, SqliteStore, Timestamp};
use malkin_wire::columns::Xcfg;
use serde_json::Value;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let repeat: u64 = std::env::args().nth(1).map_or(Ok(1), |text| text.parse())?;
    let folder = std::env::args().nth(2).map(PathBuf::from);
    let Some(folder) = folder.or_else(|| malkin_testkit::shared("codehash/golden/public/smda")) else {
        return Ok(());
    };
    let mut samples = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        samples.extend(sample(&entry?.path()));
    }
    let functions: usize = samples.iter().map(|sample| sample.functions.len()).sum();
    let xcfg: usize = samples
        .iter()
        .flat_map(|sample| &sample.functions)
        .map(|function| function.xcfg.to_text().len())
        .sum();
    println!(
        "{} reports, {functions} functions, {} bytes of JSON a function",
        samples.len(),
        xcfg / functions.max(1)
    );

    let dir = tempfile::tempdir()?;
    let store = SqliteStore::open(dir.path(), "")?;
    let now = Timestamp::from_millis(0);
    let total = functions as f64 * repeat as f64;
    let begin = Instant::now();
    let mut longest = 0.0_f64;
    for round in 0..repeat {
        for sample in &mut samples {
            sample.sha256 = format!(
                "{round}{}",
                sample.sha256.get(sample.sha256.len().saturating_sub(60)..).unwrap_or("")
            );
            let one = Instant::now();
            store.add_sample(sample, &[], "measure", now)?;
            longest = longest.max(one.elapsed().as_secs_f64());
        }
    }
    let seconds = begin.elapsed().as_secs_f64();
    println!("add_sample: {:.0} functions/s, longest sample {:.0} ms", total / seconds, longest * 1000.0);

    let begin = Instant::now();
    let mut rows = 0;
    store.each_indexed_sample(&mut |_, functions| {
        rows += functions.len();
        true
    })?;
    println!("index rows: {:.0} rows/s ({rows})", rows as f64 / begin.elapsed().as_secs_f64());

    let ids: Vec<FunctionId> = (0..2000).map(|n| FunctionId::new(n * 7919 % rows.max(1) as i64)).collect();
    let begin = Instant::now();
    for id in &ids {
        store.disassembly(&[*id])?;
    }
    println!("disassembly of one function: {:.0} us", begin.elapsed().as_secs_f64() * 1e6 / ids.len() as f64);
    let begin = Instant::now();
    for id in &ids {
        store.functions(&FunctionQuery::ByIds(vec![*id]))?;
    }
    println!("record of one function: {:.1} us", begin.elapsed().as_secs_f64() * 1e6 / ids.len() as f64);
    let begin = Instant::now();
    let page = Page { start: rows as u64 * 9 / 10, limit: 100 };
    store.functions(&FunctionQuery::All(page))?;
    println!("window of 100 functions: {:.2} ms", begin.elapsed().as_secs_f64() * 1e3);
    let begin = Instant::now();
    store.counts()?;
    println!("counts: {:.2} ms", begin.elapsed().as_secs_f64() * 1e3);
    drop(store);
    let size: u64 =
        std::fs::read_dir(dir.path())?.filter_map(|entry| Some(entry.ok()?.metadata().ok()?.len())).sum();
    println!("disk: {:.0} bytes a function", size as f64 / total);
    Ok(())
}

/// A report as the store takes it.
fn sample(path: &Path) -> Option<NewSample> {
    let report: Value = serde_json::from_slice(&malkin_testkit::read_gz(path)).ok()?;
    let mut state = 88_172_645_463_325_252_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let functions = report["xcfg"].as_object()?.values().map(|function| {
        let offset = function["offset"].as_u64().unwrap_or(0);
        let blocks = function["blocks"].as_object().into_iter().flatten();
        let lengths: Vec<usize> = blocks.map(|(_, block)| block.as_array().map_or(0, Vec::len)).collect();
        let large = lengths.iter().filter(|length| **length >= 4);
        let picblockhashes = large.scan(offset, |at, length| {
            *at += 30;
            Some(BlockOccurrence {
                offset: Va::new(*at),
                length: *length as u32,
                size: 30,
                hash: BlockHash::new(random()),
            })
        });
        let picblockhashes = picblockhashes.collect();
        let instructions: usize = lengths.iter().sum();
        let signature: Vec<u8> = (0..8).flat_map(|_| random().to_le_bytes()).collect();
        NewFunction {
            offset: Va::new(offset),
            num_blocks: lengths.len() as u32,
            num_instructions: instructions as u32,
            binweight: 100.0,
            function_name: String::new(),
            pichash: PicHash::new(random()),
            minhash: if instructions > 10 { MinHash::from_bytes(signature) } else { MinHash::empty() },
            picblockhashes,
            xcfg: Xcfg::from_text(function.to_string().as_bytes()),
            labels: Vec::new(),
        }
    });
    let functions = functions.collect();
    Some(NewSample {
        family: "measured".to_owned(),
        version: String::new(),
        component: String::new(),
        filename: path.file_name()?.to_string_lossy().into_owned(),
        is_library: false,
        sha256: report["sha256"].as_str()?.to_owned(),
        architecture: Architecture::Intel,
        bitness: 32,
        base_addr: Va::new(0),
        binary_size: 0,
        binweight: 0.0,
        smda_version: "5.0.1".to_owned(),
        minhash_version: "5.0.1".to_owned(),
        statistics: Statistics::default(),
        timestamp: String::new(),
        functions,
    })
}
