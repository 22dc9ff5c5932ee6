//! Reading golden data: plain or gzip, text, JSON and JSON lines. No limits: the data is ours.

use std::io::Read;
use std::path::Path;

use serde_json::Value;

/// Unpacks gzip bytes, all members of the stream. Panics on anything else.
pub fn gunzip(packed: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    gunzip_into(packed, &mut bytes);
    bytes
}

/// As [`gunzip`], into a buffer that may have been used before, which measurements over many files want: what they time then is
/// unpacking and not the first touch of fresh memory.
pub fn gunzip_into(packed: &[u8], bytes: &mut Vec<u8>) {
    bytes.clear();
    flate2::bufread::MultiGzDecoder::new(packed).read_to_end(bytes).expect("golden data is valid gzip");
}

/// The unpacked content of a gzip file.
pub fn gunzip_file(path: impl AsRef<Path>) -> Vec<u8> {
    gunzip(&read(path.as_ref()))
}

/// The content of a file, unpacked when its name ends with `.gz`.
pub fn read_gz(path: impl AsRef<Path>) -> Vec<u8> {
    let path = path.as_ref();
    let bytes = read(path);
    if path.extension().is_some_and(|extension| extension == "gz") { gunzip(&bytes) } else { bytes }
}

/// As [`read_gz`], into a buffer that may have been used before.
pub fn read_gz_into(path: impl AsRef<Path>, bytes: &mut Vec<u8>) {
    let path = path.as_ref();
    let packed = read(path);
    if path.extension().is_some_and(|extension| extension == "gz") {
        gunzip_into(&packed, bytes);
    } else {
        bytes.clear();
        bytes.extend_from_slice(&packed);
    }
}

/// The content of a UTF-8 text file, unpacked when its name ends with `.gz`.
pub fn read_text(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    String::from_utf8(read_gz(path)).unwrap_or_else(|e| panic!("{} is not UTF-8: {e}", path.display()))
}

/// The JSON document in a plain file.
pub fn json(path: impl AsRef<Path>) -> Value {
    parse(&read(path.as_ref()), path.as_ref(), 1)
}

/// The JSON document in a file, unpacked when its name ends with `.gz`.
pub fn json_gz(path: impl AsRef<Path>) -> Value {
    parse(&read_gz(path.as_ref()), path.as_ref(), 1)
}

/// One JSON document a line, unpacked when the name ends with `.gz`. Empty lines are passed over.
pub fn json_lines_gz(path: impl AsRef<Path>) -> Vec<Value> {
    let path = path.as_ref();
    let text = read_text(path);
    let numbered = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    numbered.map(|(index, line)| parse(line.as_bytes(), path, index + 1)).collect()
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|e| panic!("cannot read {}: {e}", path.display()))
}

fn parse(bytes: &[u8], path: &Path, line: usize) -> Value {
    serde_json::from_slice(bytes).unwrap_or_else(|e| panic!("{} from line {line}: {e}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn packed(text: &str) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn lines_of_json_are_read_out_of_gzip_with_whole_integers() {
        let dir = crate::TestDir::new();
        let path = dir.write("rows.jsonl.gz", &packed("{\"h\":18446744073709551615}\n\n{\"h\":2}\n"));
        let rows = json_lines_gz(path);
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0]["h"].as_u64(), Some(u64::MAX));
    }

    #[test]
    fn the_name_decides_about_unpacking() {
        let dir = crate::TestDir::new();
        let bytes = packed("[1]");
        assert_eq!(read_gz(dir.write("a.json.gz", &bytes)), b"[1]");
        assert_eq!(read_gz(dir.write("a.bin", &bytes)), bytes);
        assert_eq!(json_gz(dir.write("b.json", b"[1]")), json(dir.path().join("b.json")));
    }

    #[test]
    fn every_gzip_member_is_unpacked() {
        assert_eq!(gunzip(&[packed("a"), packed("b")].concat()), b"ab");
    }
}
