//! scratch
use serde_json::Value;
fn main() {
    let folder = malkin_testkit::shared("codehash/golden/public/smda").unwrap();
    let mut reports: Vec<Vec<Vec<u8>>> = Vec::new();
    let mut blocks = 0; 
    for e in std::fs::read_dir(folder).unwrap() {
        let r: Value = serde_json::from_slice(&malkin_testkit::read_gz(e.unwrap().path())).unwrap();
        let Some(x) = r["xcfg"].as_object() else { continue };
        for f in x.values() { blocks += f["blocks"].as_object().unwrap().values().filter(|b| b.as_array().unwrap().len()>=4).count(); }
        reports.push(x.values().map(|f| f.to_string().into_bytes()).collect());
    }
    let n: usize = reports.iter().map(Vec::len).sum();
    println!("functions {n} blocks/function {}", blocks as f64 / n as f64);
    for chunk in [64usize, 128, 256] { for level in [1, 3, 5, 7, 9, 12] {
        let mut c = zstd::bulk::Compressor::new(level).unwrap();
        let t = std::time::Instant::now();
        let mut total = 0usize;
        for r in &reports { let mut open = Vec::new();
            for f in r { open.extend_from_slice(f); if open.len() >= chunk * 1024 { total += c.compress(&open).unwrap().len(); open.clear(); } }
            if !open.is_empty() { total += c.compress(&open).unwrap().len(); } }
        println!("chunk {chunk}k level {level}: {:.0} B/function, {:.0} functions/s", total as f64 / n as f64, n as f64 / t.elapsed().as_secs_f64());
    } }
}
