//! Generated encodings against capstone.
use capstone::prelude::*;
use malkin_disasm::x86::{Decoder, TextWriter};
use std::collections::BTreeMap;

struct Rng(u64);
impl Rng {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
    fn below(&mut self, n: u64) -> u64 {
        (self.next() >> 32) % n
    }
    fn byte(&mut self) -> u8 {
        (self.next() >> 40) as u8
    }
}

fn encoding(rng: &mut Rng, bits: u32) -> Vec<u8> {
    let mut code = Vec::new();
    for _ in 0..rng.below(3) {
        if rng.below(3) == 0 {
            code.push(
                [0xf0, 0xf2, 0xf3, 0x2e, 0x36, 0x3e, 0x26, 0x64, 0x65, 0x66, 0x66, 0x67]
                    [rng.below(12) as usize],
            );
        }
    }
    match rng.below(10) {
        0 => {
            code.push(0xc5);
            code.push(rng.byte() | if bits == 32 { 0xc0 } else { 0 });
            code.push(rng.byte());
        }
        1 => {
            code.push(0xc4);
            code.push((rng.byte() & 0xe0) | if bits == 32 { 0xc0 } else { 0 } | (1 + rng.below(3)) as u8);
            code.push(rng.byte());
            code.push(rng.byte());
        }
        2 | 3 => {
            code.push(0x62);
            code.push((rng.byte() & 0xf0) | if bits == 32 { 0xc0 } else { 0 } | (1 + rng.below(3)) as u8);
            code.push(rng.byte() | 4);
            code.push(rng.byte());
            code.push(rng.byte());
        }
        4 => {
            code.push(0x8f);
            code.push((rng.byte() & 0xe0) | (8 + rng.below(3)) as u8);
            code.push(rng.byte());
            code.push(rng.byte());
        }
        kind => {
            if bits == 64 && rng.below(2) == 0 {
                code.push(0x40 | rng.byte() & 15);
            }
            match kind {
                5 | 6 => code.push(rng.byte()),
                7 => code.extend([0x0f, rng.byte()]),
                8 => code.extend([0x0f, 0x38, rng.byte()]),
                _ => {
                    if rng.below(4) == 0 {
                        code.extend([0x0f, 0x3a, rng.byte()])
                    } else {
                        code.extend([0x0f, rng.byte()])
                    }
                }
            }
        }
    }
    while code.len() < 16 {
        code.push(if rng.below(6) == 0 {
            [0, 0xff, 0x80, 1, 9, 0xa][rng.below(6) as usize]
        } else {
            rng.byte()
        });
    }
    code
}

#[test]
fn dev_generated() {
    let Ok(count) = std::env::var("DEV_COUNT") else { return };
    let count: u64 = count.parse().unwrap();
    let mut groups: BTreeMap<String, (usize, Vec<String>)> = BTreeMap::new();
    let (mut total, mut bad) = (0, 0);
    let mut codes: BTreeMap<String, [u64; 2]> = BTreeMap::new();
    for bits in [32u32, 64] {
        let cs = Capstone::new()
            .x86()
            .mode(if bits == 64 { arch::x86::ArchMode::Mode64 } else { arch::x86::ArchMode::Mode32 })
            .build()
            .unwrap();
        let writer = TextWriter::new(bits);
        let decoder = Decoder::new(bits);
        let mut rng =
            Rng(std::env::var("DEV_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(88172645463325252)
                + u64::from(bits));
        let address = if bits == 64 { 0x1_4000_1000 } else { 0x40_1000 };
        for _ in 0..count {
            let code = encoding(&mut rng, bits);
            let theirs = cs.disasm_count(&code, address, 1).unwrap();
            let theirs = theirs.iter().next().map(|i| {
                (
                    i.bytes().len(),
                    i.mnemonic().unwrap_or("").trim().to_owned(),
                    i.op_str().unwrap_or("").trim().to_owned(),
                )
            });
            let ours = decoder.decode(&code, address);
            total += 1;
            if let Some(i) = &ours {
                codes.entry(format!("{:?}", i.code())).or_default()[usize::from(theirs.is_some())] += 1;
            }
            let (key, detail) = match (&ours, &theirs) {
                (None, None) => continue,
                (Some(i), None) => {
                    (format!("THEY-INVALID {:?}", i.code()), format!("{} {:02x?}", bits, &code[..i.len()]))
                }
                (None, Some(t)) => {
                    (format!("WE-INVALID {}", t.1), format!("{bits} {:02x?} {} | {}", &code[..t.0], t.1, t.2))
                }
                (Some(i), Some(t)) => {
                    let bytes = &code[..i.len()];
                    let (mut m, mut o) = (String::new(), String::new());
                    writer.mnemonic(i, bytes, &mut m);
                    writer.operands(i, bytes, &mut o);
                    if i.len() != t.0 {
                        (
                            format!("LEN {:?}", i.code()),
                            format!(
                                "{bits} {:02x?} ours {} {m} | {o}  theirs {} {} | {}",
                                code,
                                i.len(),
                                t.0,
                                t.1,
                                t.2
                            ),
                        )
                    } else if m != t.1 {
                        (
                            format!("MNEM {:?} {} {}", i.mnemonic(), m, t.1),
                            format!("{bits} {:02x?} [{m} | {o}] [{} | {}]", bytes, t.1, t.2),
                        )
                    } else if o != t.2 {
                        (
                            format!("OPS {:?}", i.code()),
                            format!("{bits} {:02x?} [{m} | {o}] [{} | {}]", bytes, t.1, t.2),
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
    let mut text = String::new();
    for (k, [bad, good]) in &codes {
        text += &format!("{k} {bad} {good}\n");
    }
    std::fs::write("/tmp/dz/codes.txt", text).unwrap();
    std::fs::write("/tmp/dz/gen.txt", out).unwrap();
}
