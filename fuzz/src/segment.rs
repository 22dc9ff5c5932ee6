//! Stored segments of the index.

use malkin_codehash::Projection;
use malkin_index::{IndexWriter, SampleFacts, Scratch};
use malkin_report::{BlockHash, FunctionId, PicHash, SampleId};

/// Bytes of a signature in the seeds.
const LEN: usize = 8;

/// Any bytes as a segment: refused, or everything that can be asked is answered, and merging it ends too.
pub fn open_any(data: &[u8]) {
    let Ok(projection) = Projection::linear(4, 2, LEN) else {
        return;
    };
    let mut index = IndexWriter::with_fingerprint(projection, LEN, "");
    if index.open_segment(data.to_vec(), 1, |_, _| Some(SampleFacts::default())).is_err() {
        return;
    }
    let reader = index.reader();
    let mut scratch = Scratch::new();
    let query: Vec<u8> = data.iter().rev().copied().take(LEN).collect();
    for number in reader.candidates(&query, 1, &mut scratch) {
        for found in reader.functions_of(*number) {
            let _: (SampleId, FunctionId) = (reader.sample_id(found.sample), reader.function_id(found));
        }
    }
    for close in reader.exact(&query, 1) {
        let _ = reader.functions_of(close.signature).count();
    }
    for hash in 0..8 {
        let _ = reader.with_pichash(PicHash::new(hash)).count();
        let _ = reader.with_block(BlockHash::new(hash)).count();
    }
    if let Ok(Some(image)) = index.canonical() {
        let mut again = index.emptied();
        assert!(
            again.open_segment(image, 2, |_, _| Some(SampleFacts::default())).is_ok(),
            "what we write we read"
        );
    }
}

#[cfg(test)]
mod tests {
    use malkin_index::IndexedFunction;

    use super::*;

    /// The seed is an image of this program, made anew by `WRITE_SEEDS=1 cargo test` in this folder whenever the layout
    /// changes.
    #[test]
    fn the_seed_is_an_image_of_today() {
        let projection = Projection::linear(4, 2, LEN).expect("two bands of four");
        let mut index = IndexWriter::with_fingerprint(projection, LEN, "");
        let blocks = [BlockHash::new(3), BlockHash::new(5)];
        for sample in 0..2_i64 {
            let functions: Vec<IndexedFunction<'_>> = [[1_u8; LEN], [2; LEN], [1; LEN]]
                .iter()
                .zip(0..)
                .map(|(minhash, n)| IndexedFunction {
                    id: FunctionId::new(10 * sample + n * (1 + sample)),
                    pichash: PicHash::new(n as u64 % 2 + 1),
                    minhash,
                    blocks: &blocks[..n as usize % 3],
                })
                .collect::<Vec<_>>();
            index
                .insert_sample(SampleId::new(sample), SampleFacts::default(), &functions)
                .expect("it is new");
        }
        let image = index.canonical().expect("it can be merged").expect("it is not empty");
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/seeds/segment/two_samples");
        if std::env::var_os("WRITE_SEEDS").is_some() {
            std::fs::write(path, &image).expect("the seed is written");
        }
        assert!(
            std::fs::read(path).is_ok_and(|seed| seed == image),
            "write the seed anew with WRITE_SEEDS=1"
        );
        open_any(&image);
    }
}
