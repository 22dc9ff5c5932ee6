//! tmp
use malkin_report::mcrit::*;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let bytes = std::fs::read(&a[1]).unwrap();
    let mut reader = McritReader::open(std::io::Cursor::new(&bytes)).unwrap();
    let mut header = reader.header().clone();
    header.content.is_compressed = a[3] == "c";
    let mut writer = McritWriter::new(std::fs::File::create(&a[2]).unwrap(), &header, reader.samples()).unwrap();
    while let Some(record) = reader.next_sample().unwrap() {
        writer.functions(record.functions.iter().map(|one| (&one.entry, one.xcfg.as_deref().map(|t| t.get().as_bytes())))).unwrap();
    }
    writer.finish().unwrap();
}
