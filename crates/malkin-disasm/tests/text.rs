//! Compares the text layer with capstone.
use malkin_disasm::x86::{Decoder, TextWriter};
use std::collections::BTreeMap;

fn hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
}

#[test]
fn dev_python() {
    let Ok(path) = std::env::var("DEV_PY") else { return };
    let corpus = std::fs::read_to_string(path).unwrap();
    let writers = [TextWriter::new(32), TextWriter::new(64)];
    let decoders = [Decoder::new(32), Decoder::new(64)];
    let mut groups: BTreeMap<String, (usize, Vec<String>)> = BTreeMap::new();
    let (mut total, mut bad) = (0, 0);
    for line in corpus.lines() {
        let p: Vec<&str> = line.split('\t').collect();
        let which = usize::from(p[0] == "64");
        let address = u64::from_str_radix(p[1], 16).unwrap();
        let code = hex(p[2]);
        let len: usize = p[3].parse().unwrap();
        total += 1;
        let ours = decoders[which].decode(&code, address);
        let (key, detail) = match (&ours, len) {
            (None, 0) => continue,
            (Some(i), 0) => {
                (format!("THEY-INVALID {:?}", i.code()), format!("{} {:02x?}", p[0], &code[..i.len()]))
            }
            (None, len) => (
                format!("WE-INVALID {}", p[4]),
                format!("{} {:02x?} {} | {}", p[0], &code[..len], p[4], p[5]),
            ),
            (Some(i), len) => {
                let bytes = &code[..i.len()];
                let (mut m, mut o) = (String::new(), String::new());
                writers[which].mnemonic(i, bytes, &mut m);
                writers[which].operands(i, bytes, &mut o);
                if i.len() != len {
                    (
                        format!("LEN {:?}", i.code()),
                        format!(
                            "{} {:02x?} ours {} {m} | {o}  theirs {} {} | {}",
                            p[0],
                            code,
                            i.len(),
                            len,
                            p[4],
                            p[5]
                        ),
                    )
                } else if m != p[4] {
                    (
                        format!("MNEM {:?} {} {}", i.mnemonic(), m, p[4]),
                        format!("{} {:02x?} [{m} | {o}] [{} | {}]", p[0], bytes, p[4], p[5]),
                    )
                } else if o != p[5] {
                    (
                        format!("OPS {:?}", i.code()),
                        format!("{} {:02x?} [{m} | {o}] [{} | {}]", p[0], bytes, p[4], p[5]),
                    )
                } else {
                    continue;
                }
            }
        };
        bad += 1;
        let g = groups.entry(key).or_default();
        g.0 += 1;
        if g.1.len() < 3 {
            g.1.push(detail);
        }
    }
    let mut list: Vec<_> = groups.into_iter().collect();
    list.sort_by_key(|(_, (n, _))| std::cmp::Reverse(*n));
    let mut out = format!("{bad} of {total} differ, {} groups\n", list.len());
    for (k, (n, ex)) in list {
        out += &format!("{n:7} {k}\n");
        for e in ex {
            out += &format!("          {e}\n");
        }
    }
    std::fs::write("/tmp/dz/gen.txt", out).unwrap();
}

#[test]
fn dev_corpus() {
    let Ok(path) = std::env::var("DEV_CORPUS") else { return };
    let corpus = std::fs::read_to_string(path).unwrap();
    let writers = [TextWriter::new(32), TextWriter::new(64)];
    let mut groups: BTreeMap<String, (usize, Vec<String>)> = BTreeMap::new();
    let (mut total, mut bad) = (0, 0);
    for line in corpus.lines() {
        let mut parts = line.split('\t');
        let bits: u32 = parts.next().unwrap().parse().unwrap();
        let address = u64::from_str_radix(parts.next().unwrap(), 16).unwrap();
        let bytes = hex(parts.next().unwrap());
        let mnemonic = parts.next().unwrap();
        let operands = parts.next().unwrap_or("");
        total += 1;
        let want = format!("{mnemonic} | {operands}");
        let writer = &writers[usize::from(bits == 64)];
        let (key, got) = match Decoder::new(bits).decode(&bytes, address) {
            None => ("undecoded".to_owned(), String::new()),
            Some(i) => {
                let (mut m, mut o) = (String::new(), String::new());
                writer.mnemonic(&i, &bytes, &mut m);
                writer.operands(&i, &bytes, &mut o);
                let len = if i.len() != bytes.len() { format!("LEN{} ", i.len()) } else { String::new() };
                (format!("{len}{:?}", i.code()), format!("{m} | {o}"))
            }
        };
        if got != want || key.starts_with("LEN") {
            bad += 1;
            let g = groups.entry(key).or_default();
            g.0 += 1;
            if g.1.len() < 2 {
                g.1.push(format!("{bits} {:02x?} got [{got}] want [{want}]", bytes));
            }
        }
    }
    let mut list: Vec<_> = groups.into_iter().collect();
    list.sort_by_key(|(_, (n, _))| std::cmp::Reverse(*n));
    let mut out = format!("{bad} of {total} differ, {} groups\n", list.len());
    for (k, (n, ex)) in list {
        out += &format!("{n:7} {k}\n");
        for e in ex {
            out += &format!("          {e}\n");
        }
    }
    std::fs::write("/tmp/dz/diff.txt", out).unwrap();
}
