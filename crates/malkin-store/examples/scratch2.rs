//! scratch
use malkin_store::{*, conformance::*};
use malkin_report::FunctionId;
use std::time::Instant;
fn main() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(dir.path(), "").unwrap();
    for s in 0..20 { store.add_sample(&sample(s, 100), &[], "", at(0)).unwrap(); }
    for _ in 0..3 {
    let t = Instant::now();
    for i in 0..50000 { store.functions(&FunctionQuery::ByIds(vec![FunctionId::new(i*7919%2000)])).unwrap(); }
    println!("by id {:.1} us", t.elapsed().as_secs_f64()*1e6/50000.0);
    let t = Instant::now();
    for i in 0..50000 { store.sample(malkin_report::SampleId::new(i%20)).unwrap(); }
    println!("sample {:.1} us", t.elapsed().as_secs_f64()*1e6/50000.0);
    let t = Instant::now();
    let ids: Vec<_> = (0..50000).map(|i| FunctionId::new(i*7919%2000)).collect();
    store.functions(&FunctionQuery::ByIds(ids)).unwrap();
    println!("5000 at once {:.1} us each", t.elapsed().as_secs_f64()*1e6/50000.0);
    let t = Instant::now();
    for i in 0..2000 { store.has_upload(malkin_report::UploadId::parse("00112233445566778899aabb").unwrap()).unwrap(); }
    println!("upload {:.1} us", t.elapsed().as_secs_f64()*1e6/2000.0);
    }
}
