//! Images that are not what this program wrote: refused or answered from, but nothing ends the process.

use malkin_codehash::Projection;
use malkin_index::{ImageError, IndexWriter, IndexedFunction, SampleFacts, Scratch};
use malkin_report::{BlockHash, FunctionId, PicHash, SampleId};
use proptest::prelude::*;

const LEN: usize = 64;

/// Some samples with signatures, PicHashes and blocks in common.
fn image() -> Vec<u8> {
    let mut index = IndexWriter::new(Projection::default(), LEN);
    for sample in 0..4_i64 {
        let signatures: Vec<Vec<u8>> = (0..8_u8).map(|n| vec![n % 3 + sample as u8 % 2; LEN]).collect();
        let blocks = [BlockHash::new(5), BlockHash::new(sample as u64 + 100)];
        let functions: Vec<IndexedFunction<'_>> = signatures
            .iter()
            .zip(0..)
            .map(|(minhash, n)| IndexedFunction {
                // Gaps, so that the ids are listed.
                id: FunctionId::new(100 * sample + n * (1 + sample % 2)),
                pichash: PicHash::new(n as u64 % 5),
                minhash,
                blocks: &blocks,
            })
            .collect();
        index
            .insert_sample(SampleId::new(sample), SampleFacts::default(), &functions)
            .expect("a sample can be inserted");
    }
    index.canonical().expect("the index can be merged").expect("there is something in it")
}

fn empty() -> IndexWriter {
    IndexWriter::new(Projection::default(), LEN)
}

/// Asks everything there is to ask.
fn ask(index: &mut IndexWriter) {
    let reader = index.reader();
    let mut scratch = Scratch::new();
    for byte in 0..4_u8 {
        let query = [byte; LEN];
        for number in reader.candidates(&query, 1, &mut scratch).to_vec() {
            for found in reader.functions_of(number) {
                let _ = (reader.sample_id(found.sample), reader.function_id(found));
            }
            let _ = reader.equal_positions(&query, number);
        }
        for close in reader.exact(&query, 10) {
            let _ = reader.functions_of(close.signature).count();
        }
    }
    for hash in 0..105 {
        let _ = reader.with_pichash(PicHash::new(hash)).count();
        let _ = reader.with_block(BlockHash::new(hash)).count();
    }
    for id in 0..4 {
        if let Some(number) = reader.sample_no(SampleId::new(id)) {
            reader.functions_in(number).for_each(|found| {
                let _ = reader.function_id(found);
            });
        }
    }
    let _ = index.stats();
    // Merging reads every section.
    let _ = index.canonical();
}

fn open(image: Vec<u8>) -> Result<IndexWriter, ImageError> {
    let mut index = empty();
    index.open_segment(image, 1, |_, _| Some(SampleFacts::default()))?;
    Ok(index)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn flipped_bytes_end_nothing(flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut image = image();
        for (at, value) in flips {
            let at = at.index(image.len());
            image[at] = value;
        }
        if let Ok(mut index) = open(image) {
            ask(&mut index);
        }
    }

    #[test]
    fn a_cut_image_is_refused(at in any::<prop::sample::Index>()) {
        let mut image = image();
        image.truncate(at.index(image.len()));
        prop_assert!(open(image).is_err());
    }
}

#[test]
fn the_image_itself_is_taken() {
    ask(&mut open(image()).unwrap());
}

#[test]
fn images_of_others_are_told_apart() {
    assert_eq!(open(b"GIF89a, and more than a header of a segment, so that only the first bytes tell: no segment at all.".to_vec()).unwrap_err(), ImageError::NoImage);
    let mut newer = image();
    newer[8] = 99;
    assert!(matches!(open(newer), Err(ImageError::Version { found: 99, .. })));
    let mut longer = image();
    longer.push(0);
    assert_eq!(open(longer).unwrap_err(), ImageError::Truncated);
    let told = |_, _| Some(SampleFacts::default());
    let mut other = IndexWriter::with_fingerprint(Projection::default(), LEN, "another escaper");
    assert_eq!(other.open_segment(image(), 1, told), Err(ImageError::Foreign));
    let mut other = IndexWriter::new(Projection::random(&[(4, 10)], 1, LEN).unwrap(), LEN);
    assert_eq!(other.open_segment(image(), 1, told), Err(ImageError::Foreign));
}
