//! tmp
use std::io::{Read, Write};
fn main() {
    let mut b = Vec::new();
    std::io::stdin().read_to_end(&mut b).unwrap();
    let t = std::time::Instant::now();
    let r = malkin_report::wire::read_report(&b).unwrap();
    eprintln!("{} bytes {:?}", b.len(), t.elapsed());
    std::io::stdout().write_all(&malkin_report::wire::write_report(&r)).unwrap();
}
