//! Measures searching: fills a store with generated functions and times queries of every sort.
//!
//! `search [FUNCTIONS] [DIRECTORY]`: half of the functions have a name, and of these two in five a name of their own, the
//! others one of a heavy-tailed set of library names. Nothing but what a search looks at is of realistic size. With a
//! DIRECTORY the store is kept, and used as it is if it has functions already.

#![expect(clippy::print_stdout, reason = "an example that prints what it measured")]

use std::path::PathBuf;
use std::time::Instant;

use malkin_report::{Architecture, MinHash, PicHash, Statistics, Va};
use malkin_store::{
    Catalogue, Filter, NewFunction, NewSample, Noun, Order, Search, Searches, SqliteStore, Timestamp,
};
use malkin_wire::columns::Xcfg;

const PER_SAMPLE: u64 = 500;
const WORDS: [&str; 40] = [
    "get", "set", "init", "free", "alloc", "string", "buffer", "socket", "crypt", "hash", "key", "thread",
    "lock", "file", "path", "read", "write", "open", "close", "parse", "json", "http", "header", "request",
    "reply", "queue", "list", "tree", "node", "insert", "erase", "find", "copy", "move", "compare", "encode",
    "decode", "stream", "window", "event",
];

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn word(&mut self) -> &'static str {
        WORDS[self.next() as usize % WORDS.len()]
    }

    fn name(&mut self) -> String {
        match self.next() % 10 {
            0..5 => String::new(),
            5..7 => {
                let (a, b, c, d) = (self.word(), self.word(), self.word(), self.next());
                match d % 3 {
                    0 => format!("{a}_{b}_{c}_{:x}", d >> 40),
                    1 => format!("?{a}{b}@C{c}{:X}@@QAEXPBDI@Z", d >> 44),
                    _ => format!("_ZN{}{a}{}{b}{:x}E{c}v", a.len(), b.len() + 5, d >> 44),
                }
            }
            // A power law over about a hundred thousand names.
            _ => {
                let rank = (1.0 / ((self.next() >> 11) as f64 / (1_u64 << 53) as f64 + 1e-5)) as u64;
                format!("{}_{}{}", WORDS[rank as usize % 40], WORDS[rank as usize / 40 % 40], rank)
            }
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let functions: u64 = std::env::args().nth(1).map_or(Ok(100_000), |text| text.parse())?;
    let scratch = tempfile::tempdir()?;
    let folder = std::env::args().nth(2).map_or_else(|| scratch.path().to_owned(), PathBuf::from);
    let store = SqliteStore::open(&folder, "")?;
    if store.counts()?.functions == 0 {
        fill(&store, functions)?;
    }
    let counts = store.counts()?;
    println!("{} functions of {} samples in {} families", counts.functions, counts.samples, counts.families);
    for (query, sort_by) in [
        ("nosuchname", "function_id"),
        ("stringbufferx", "function_id"),
        ("getsetinitfree", "num_blocks"),
        ("socket_9", "function_id"),
        ("thread", "function_id"),
        ("thread", "function_name"),
        ("thread", "offset"),
        ("qz", "function_id"),
        ("#", "function_id"),
        ("ge", "function_id"),
        ("", "function_name"),
        ("", "num_blocks"),
        ("", "offset"),
        ("sample_id:77 offset:>0x401400", "offset"),
        ("num_instructions:>60", "function_id"),
        ("num_instructions:>1000000", "function_id"),
        ("function_name:get_init41", "function_id"),
        ("thread NOT lock num_blocks:>5", "num_instructions"),
    ] {
        time(&store, Noun::Function, query, sort_by)?;
    }
    for (query, sort_by) in
        [("nosuchname", "sample_id"), ("get", "filename"), ("", "family"), ("", "binary_size")]
    {
        time(&store, Noun::Sample, query, sort_by)?;
    }
    for (query, sort_by) in [("nosuchname", "family_id"), ("", "num_functions")] {
        time(&store, Noun::Family, query, sort_by)?;
    }
    Ok(())
}

fn time(
    store: &SqliteStore,
    noun: Noun,
    query: &str,
    sort_by: &str,
) -> Result<(), Box<dyn std::error::Error>> {
    let order = Order::new(noun, Some(sort_by), true)?;
    let search = Search { filter: Filter::new(noun, query)?, order, border: None, limit: 100 };
    let mut times = Vec::new();
    let mut found = 0;
    for _ in 0..5 {
        let begin = Instant::now();
        found = match noun {
            Noun::Family => store.search_families(&search)?.entries.len(),
            Noun::Sample => store.search_samples(&search)?.entries.len(),
            Noun::Function => store.search_functions(&search, None)?.entries.len(),
        };
        times.push(begin.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    println!("{noun:?} {query:?} by {sort_by}: {:.2} ms (worst {:.2}), {found} found", times[2], times[4]);
    Ok(())
}

fn fill(store: &SqliteStore, functions: u64) -> Result<(), Box<dyn std::error::Error>> {
    let mut random = Random(88_172_645_463_325_252);
    let begin = Instant::now();
    let mut last = begin;
    for number in 0..functions.div_ceil(PER_SAMPLE) {
        store.add_sample(&sample(number, &mut random), &[], "measure", Timestamp::from_millis(0))?;
        if (number + 1) % 400 == 0 {
            let rate = (400 * PER_SAMPLE) as f64 / last.elapsed().as_secs_f64();
            println!("{} functions, {rate:.0} functions/s", (number + 1) * PER_SAMPLE);
            last = Instant::now();
        }
    }
    println!("filled: {:.0} functions/s", functions as f64 / begin.elapsed().as_secs_f64());
    Ok(())
}

fn sample(number: u64, random: &mut Random) -> NewSample {
    let mut offset = [0x40_1000, 0x1000_1000, 0x1_4000_1000][(random.next() % 3) as usize];
    let functions = (0..PER_SAMPLE).map(|_| {
        offset += random.next() % 0x200 / 16 * 16 + 16;
        let signature: Vec<u8> = (0..8).flat_map(|_| random.next().to_le_bytes()).collect();
        NewFunction {
            offset: Va::new(offset),
            num_blocks: (random.next() % 40) as u32,
            num_instructions: (random.next() % 300) as u32,
            binweight: 100.0,
            function_name: random.name(),
            pichash: PicHash::new(random.next()),
            minhash: MinHash::from_bytes(signature),
            picblockhashes: Vec::new(),
            xcfg: Xcfg::default(),
            labels: Vec::new(),
        }
    });
    let functions = functions.collect();
    NewSample {
        family: format!("family {}", number % 700),
        version: format!("{}.{}", number % 7, number % 13),
        component: String::new(),
        filename: format!("{}-{}-{number:x}.exe", random.word(), random.word()),
        is_library: number.is_multiple_of(5),
        sha256: format!(
            "{:016x}{:016x}{:016x}{:016x}",
            random.next(),
            random.next(),
            random.next(),
            random.next()
        ),
        architecture: Architecture::Intel,
        bitness: 32,
        base_addr: Va::new(0x40_0000),
        binary_size: random.next() % (1 << 22),
        binweight: 0.0,
        smda_version: "5.0.1".to_owned(),
        minhash_version: "5.0.1".to_owned(),
        statistics: Statistics { num_functions: PER_SAMPLE, ..Statistics::default() },
        timestamp: "2026-01-02T03-04-05".to_owned(),
        functions,
    }
}
