//! From the sorted contents of a segment to its image.
//!
//! The image depends on the contents alone, not on the way they were gathered: two indexes that hold the same are equal byte
//! by byte once each is merged into one segment, which is how an index is compared with a rebuilt one.

use super::buckets::{Split, Starts};
use super::image::{Facts, Writer};
use super::packed::width_of;
use super::{HASH_BITS, KEY_BITS, section};
use crate::sample::{FunctionIds, SampleRow};

/// What a segment holds apart from block hashes and bands, in its final order.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) rows: Vec<SampleRow>,
    pub(super) listed_ids: Vec<i64>,
    pub(super) num_functions: u32,
    pub(super) signatures: Vec<u8>,
    /// First class of each signature, and of the classes without one once all signatures are there.
    pub(super) signature_classes: Vec<u32>,
    pub(super) class_pichashes: Vec<u64>,
    pub(super) class_digests: Vec<u64>,
    /// Where the functions of each class start.
    pub(super) class_functions: Vec<u32>,
    pub(super) functions: Vec<u32>,
}

impl Contents {
    pub(super) fn num_signatures(&self, signature_len: usize) -> usize {
        self.signatures.len() / signature_len.max(1)
    }

    /// Starts a class and returns its number.
    pub(super) fn begin_class(&mut self, pichash: u64, digest: u64) -> u32 {
        let number = self.class_pichashes.len() as u32;
        self.class_pichashes.push(pichash);
        self.class_digests.push(digest);
        self.class_functions.push(self.functions.len() as u32);
        number
    }
}

/// Writes the image. `blocks` gives pairs of block hash and class in ascending order, in pieces; `bands` gives for the number
/// of a band its pairs of key and signature as [`super::bands::pack`] makes them, in ascending order.
pub(super) fn encode(
    contents: Contents,
    (fingerprint, signature_len, num_bands): ([u8; 32], usize, usize),
    blocks: impl Iterator<Item = Vec<(u64, u32)>>,
    mut bands: impl FnMut(usize) -> Vec<u64>,
) -> Vec<u8> {
    let num_signatures = contents.num_signatures(signature_len);
    let num_classes = contents.class_pichashes.len();
    let num_functions = contents.num_functions;
    // Measured: about 25 bytes a function and 110 a signature; too little only costs a move.
    let capacity = contents.signatures.len() + num_functions as usize * 25 + num_signatures * 110;
    let mut writer = Writer::new(section::BANDS + 3 * num_bands, capacity);
    write_samples(&mut writer, &contents);
    writer.raw(&contents.signatures, 1);
    let last = num_classes as u64;
    let mut classes = contents.signature_classes;
    classes.resize(num_signatures + 1, last as u32);
    writer.section(classes.iter().map(|class| u64::from(*class)), width_of(last));
    drop((classes, contents.signatures));
    writer.section(contents.class_pichashes.iter().copied(), 8);
    writer.section(contents.class_digests.iter().copied(), 8);
    let all = u64::from(num_functions);
    let starts = contents.class_functions.iter().map(|start| u64::from(*start));
    writer.section(starts.chain([contents.functions.len() as u64]), width_of(all));
    writer.section(contents.functions.iter().map(|function| u64::from(*function)), width_of(all));
    drop((contents.class_functions, contents.functions));
    write_pichashes(&mut writer, &contents.class_pichashes);
    drop(contents.class_pichashes);
    write_blocks(&mut writer, blocks, last);
    for band in 0..num_bands {
        write_band(&mut writer, &bands(band), num_signatures as u64);
    }
    writer.finish(&Facts {
        fingerprint,
        signature_len: signature_len as u32,
        bands: num_bands as u32,
        functions: num_functions,
    })
}

fn write_samples(writer: &mut Writer, contents: &Contents) {
    let rows = &contents.rows;
    writer.section(rows.iter().map(|row| row.id.get() as u64), 8);
    writer.section(rows.iter().map(|row| row.token), 8);
    let firsts = rows.iter().map(|row| u64::from(row.first_function));
    let all = u64::from(contents.num_functions);
    writer.section(firsts.chain([all]), width_of(all));
    writer.section(
        rows.iter().map(|row| match row.function_ids {
            FunctionIds::From(first) => first as u64,
            FunctionIds::Listed(at) => u64::from(at),
        }),
        8,
    );
    writer.section(rows.iter().map(|row| u64::from(matches!(row.function_ids, FunctionIds::Listed(_)))), 1);
    writer.section(contents.listed_ids.iter().map(|id| *id as u64), 8);
}

fn write_pichashes(writer: &mut Writer, pichashes: &[u64]) {
    let mut order: Vec<u32> =
        (0..pichashes.len() as u32).filter(|class| pichashes[*class as usize] != 0).collect();
    order.sort_unstable_by_key(|class| (pichashes[*class as usize], *class));
    let split = Split::for_keys(order.len(), HASH_BITS);
    let mut starts = Starts::new(split);
    for (at, class) in order.iter().enumerate() {
        starts.key(pichashes[*class as usize], at);
    }
    writer.section_with(starts.finish(order.len()), width_of(order.len() as u64), split.bits());
    writer.section(order.iter().map(|class| u64::from(*class)), width_of(pichashes.len() as u64));
}

fn write_blocks(writer: &mut Writer, pieces: impl Iterator<Item = Vec<(u64, u32)>>, num_classes: u64) {
    // The number of distinct hashes decides how they are divided, so all of them are gathered first.
    let (mut hashes, mut list_starts, mut lists) = (Vec::new(), Vec::new(), Vec::<u32>::new());
    let mut last = Vec::<u64>::new();
    for piece in pieces {
        for list in piece.chunk_by(|a, b| a.0 == b.0) {
            hashes.push(list[0].0);
            list_starts.push(lists.len() as u32);
            lists.extend(list.iter().map(|(_, class)| *class));
            let end = lists.len() - 1;
            last.resize(end / 64 + 1, 0);
            last[end / 64] |= 1 << (end % 64);
        }
    }
    let split = Split::for_keys(hashes.len(), HASH_BITS);
    let (mut buckets, mut starts) = (Starts::new(split), Starts::new(split));
    for (at, (hash, start)) in hashes.iter().zip(&list_starts).enumerate() {
        buckets.key(*hash, at);
        starts.key(*hash, *start as usize);
    }
    drop(list_starts);
    writer.section_with(buckets.finish(hashes.len()), width_of(hashes.len() as u64), split.bits());
    writer.section_with(starts.finish(lists.len()), width_of(lists.len() as u64), split.bits());
    writer.section(hashes.iter().map(|hash| split.rest(*hash)), width_of(split.rest_mask()));
    let is_last = |at: usize| last[at / 64] >> (at % 64) & 1;
    let items = lists.iter().enumerate().map(|(at, class)| u64::from(*class) << 1 | is_last(at));
    writer.section(items, width_of(num_classes << 1 | 1));
}

fn write_band(writer: &mut Writer, pairs: &[u64], num_signatures: u64) {
    debug_assert!(pairs.is_sorted());
    let split = Split::for_keys(pairs.len(), KEY_BITS);
    let key = |pair: u64| pair >> 32;
    let mut starts = Starts::new(split);
    for (at, pair) in pairs.iter().enumerate() {
        starts.key(key(*pair), at);
    }
    writer.section_with(starts.finish(pairs.len()), width_of(pairs.len() as u64), split.bits());
    writer.section(pairs.iter().map(|pair| split.rest(key(*pair))), width_of(split.rest_mask()));
    writer.section(pairs.iter().map(|pair| u64::from(*pair as u32)), width_of(num_signatures));
}
