//! MCRIT's exports, and the base85 and archive within.

use std::io::Cursor;

use malkin_wire::mcrit::{Header, McritError, McritReader, McritWriter, SampleRecord, base85, zip};

use crate::parts::Parts;

/// A whole file: what reads completely is written, plain or packed by the length of the input, and reads as itself.
pub fn file(data: &[u8]) {
    let Ok((mut header, samples)) = read(data) else { return };
    header.content.is_compressed = data.len() % 2 == 0;
    let text = write(&header, &samples).expect("what was read can be written");
    let (same_header, same_samples) = read(&text).expect("a written file reads");
    assert_eq!(same_header, header);
    let again = write(&same_header, &same_samples).expect("what was read can be written");
    assert!(text == again, "a written file reads as itself");
}

fn read(data: &[u8]) -> Result<(Header, Vec<SampleRecord>), McritError> {
    let mut reader = McritReader::open(Cursor::new(data))?;
    let mut samples = Vec::new();
    while let Some(sample) = reader.next_sample()? {
        samples.push(sample);
    }
    Ok((reader.header().clone(), samples))
}

fn write(header: &Header, records: &[SampleRecord]) -> Result<Vec<u8>, McritError> {
    let samples: Vec<_> = records.iter().map(|record| record.sample.clone()).collect();
    let mut writer = McritWriter::new(Vec::new(), header, &samples)?;
    for record in records {
        let functions = record.functions.iter();
        writer
            .functions(functions.map(|function| {
                (&function.entry, function.xcfg.as_ref().map(|xcfg| xcfg.get().as_bytes()))
            }))?;
    }
    writer.finish()
}

/// By the first byte: text as base85; bytes as base85 and as an archive; content packed and then damaged, which is the
/// content up to a separator, then pairs of a place and a byte to put there.
pub fn archive(data: &[u8]) {
    let Some((mode, data)) = data.split_first() else { return };
    match mode % 3 {
        0 => text(data),
        1 => {
            assert_eq!(base85::decode(base85::encode(data).as_bytes()).as_deref(), Some(data));
            let _ = zip::unpack(data, "content");
        }
        _ => damaged(data),
    }
}

fn text(data: &[u8]) {
    let Some(bytes) = base85::decode(data) else { return };
    let text = base85::encode(&bytes);
    let whole = data.len() / 5 * 5;
    assert_eq!(text.as_bytes()[..whole], data[..whole], "groups of five digits have one meaning");
    let _ = zip::unpack(&bytes, "content");
}

fn damaged(data: &[u8]) {
    let mut parts = Parts::new(data);
    let content = parts.bytes();
    let mut archive = zip::pack("content", content).expect("small content can be packed");
    let changes = parts.rest();
    for change in changes.chunks_exact(2) {
        let at = usize::from(change[0]) % archive.len();
        archive[at] = change[1];
    }
    if let Ok(unpacked) = zip::unpack(&archive, "content") {
        // A single changed byte cannot match the checksum.
        assert!(changes.len() >= 4 || unpacked == content);
    }
}
