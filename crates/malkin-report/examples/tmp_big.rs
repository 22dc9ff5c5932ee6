//! tmp
fn main() {
    let t = std::time::Instant::now();
    let mut r = malkin_report::mcrit::McritReader::open(std::fs::File::open(std::env::args().nth(1).unwrap()).unwrap()).unwrap();
    println!("open {:?}", t.elapsed());
    let mut n = 0;
    while let Some(s) = r.next_sample().unwrap() { n += s.functions.len(); }
    println!("{} samples {n} functions {:?}", r.samples().len(), t.elapsed());
    let s = std::fs::read_to_string("/proc/self/status").unwrap();
    println!("{}", s.lines().find(|l| l.starts_with("VmHWM")).unwrap());
}
