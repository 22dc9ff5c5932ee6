//! Listings in pieces: functions, samples, families and places as members of an object or items of a list, in the order and
//! notation in which they would stand in one document.
//!
//! A listing shows each record as it is when its piece is read. Records that are deleted meanwhile are left out, those added
//! meanwhile are no part of a listing of functions; none is shown twice.

use std::io::Read;
use std::sync::Arc;

use malkin_report::{FamilyId, FunctionEntry, FunctionId, SampleId};
use malkin_service::Corpus;
use malkin_store::{After, Content, FunctionRun, Page, StoreError};
use serde_json::Value;

use super::shape::{function_json, function_json_with, store_failed};
use crate::answer::Answer;
use crate::answer::Pieces;

/// Bytes of a stored content that are sent at once.
const CONTENT_PIECE: u64 = 128 << 10;

/// Writes members or items with commas between them.
#[derive(Debug, Default)]
pub(super) struct Commas {
    has_written: bool,
}

impl Commas {
    /// A comma, unless this is the first.
    fn before_next(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.has_written, true) {
            out.push(b',');
        }
    }

    /// A member with a number as its name.
    pub(super) fn member(&mut self, id: i64, json: &[u8], out: &mut Vec<u8>) {
        self.before_next(out);
        out.extend_from_slice(format!("\"{id}\":").as_bytes());
        out.extend_from_slice(json);
    }

    /// An item of a list.
    pub(super) fn item(&mut self, value: &Value, out: &mut Vec<u8>) {
        self.before_next(out);
        out.extend_from_slice(value.to_string().as_bytes());
    }
}

/// Which functions a listing shows.
#[derive(Debug)]
pub(super) enum Functions {
    /// Those between two numbers, at most so many.
    Between(FunctionId, FunctionId, u64),
    /// These.
    Each(Vec<FunctionId>),
}

/// How a listing shows functions.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shown {
    /// With their disassembly.
    pub(super) with_disassembly: bool,
    /// Those with labels only.
    pub(super) labelled_only: bool,
}

/// The functions of a window over all.
pub(super) fn window(corpus: &Corpus, page: Page) -> Result<Functions, StoreError> {
    let limit = if page.limit == 0 { u64::MAX } else { page.limit };
    Ok(match corpus.store().function_window(page)? {
        Some((first, last)) => Functions::Between(first, last, limit),
        None => Functions::Each(Vec::new()),
    })
}

/// Functions as members named by number.
pub(super) struct FunctionPieces {
    corpus: Arc<Corpus>,
    functions: Functions,
    /// Of a list, how many are done with.
    at: usize,
    shown: Shown,
    commas: Commas,
}

impl FunctionPieces {
    pub(super) fn new(corpus: &Arc<Corpus>, functions: Functions, shown: Shown) -> Self {
        Self { corpus: Arc::clone(corpus), functions, at: 0, shown, commas: Commas::default() }
    }

    fn put(&mut self, function: &FunctionEntry, disassembly: Option<&[u8]>, out: &mut Vec<u8>) {
        if self.shown.labelled_only && function.function_labels.is_empty() {
            return;
        }
        let json = if self.shown.with_disassembly {
            function_json_with(function, disassembly)
        } else {
            function_json(function)
        };
        self.commas.member(function.function_id.get(), &json, out);
    }
}

impl Pieces for FunctionPieces {
    fn next(&mut self, out: &mut Vec<u8>) -> Result<bool, Answer> {
        let (run, most) = match &self.functions {
            Functions::Between(first, last, left) => (FunctionRun::Between(*first, *last), *left),
            Functions::Each(ids) => (FunctionRun::Each(ids.get(self.at..).unwrap_or_default()), u64::MAX),
        };
        let store = self.corpus.store();
        let piece = store.function_piece(run, most, self.shown.with_disassembly).map_err(store_failed)?;
        let more = match &mut self.functions {
            Functions::Between(first, last, left) => {
                *left -= (piece.functions.len() as u64).min(*left);
                let read = i64::try_from(piece.read).unwrap_or(i64::MAX);
                *first = FunctionId::new(first.get().saturating_add(read));
                *left > 0 && piece.read > 0 && *first <= *last
            }
            Functions::Each(ids) => {
                self.at = self.at.saturating_add(usize::try_from(piece.read).unwrap_or(usize::MAX));
                piece.read > 0 && self.at < ids.len()
            }
        };
        for (function, disassembly) in &piece.functions {
            self.put(function, disassembly.as_deref(), out);
        }
        Ok(more)
    }

    fn held(&self) -> usize {
        match &self.functions {
            Functions::Between(..) => 0,
            Functions::Each(ids) => ids.len() * size_of::<FunctionId>(),
        }
    }
}

/// Where a listing by number stands.
struct Place {
    after: After,
    left: u64,
}

impl Place {
    fn new(page: Page) -> Self {
        let left = if page.limit == 0 { u64::MAX } else { page.limit };
        Self { after: After { number: None, skip: page.start }, left }
    }

    /// Notes the records of a piece of which the last one has a number; how many of them are shown, and whether more follow.
    fn go_on(&mut self, records: usize, last: Option<i64>) -> (usize, bool) {
        let shown = usize::try_from(self.left).unwrap_or(usize::MAX).min(records);
        self.left -= shown as u64;
        self.after = After { number: last, skip: 0 };
        (shown, self.left > 0 && last.is_some())
    }
}

/// Samples as members named by number: all or those of a family.
pub(super) fn samples(
    corpus: &Arc<Corpus>,
    family: Option<FamilyId>,
    page: Page,
) -> impl FnMut(&mut Vec<u8>) -> Result<bool, Answer> + Send + use<> {
    let (corpus, mut place, mut commas) = (Arc::clone(corpus), Place::new(page), Commas::default());
    move |out| {
        let samples = corpus.store().sample_piece(family, place.after).map_err(store_failed)?;
        let last = samples.last().map(|sample| sample.sample_id.get());
        let (shown, more) = place.go_on(samples.len(), last);
        for sample in &samples[..shown] {
            commas.member(
                sample.sample_id.get(),
                malkin_wire::sample_entry_to_json(sample).to_string().as_bytes(),
                out,
            );
        }
        Ok(more)
    }
}

/// Samples by number, in the order given.
pub(super) fn samples_by_number(
    corpus: &Arc<Corpus>,
    ids: Vec<SampleId>,
) -> impl FnMut(&mut Vec<u8>) -> Result<bool, Answer> + Send + use<> {
    /// Samples that are read at once; their texts are short unless somebody made them long.
    const AT_ONCE: usize = 64;
    let (corpus, mut at, mut commas) = (Arc::clone(corpus), 0, Commas::default());
    move |out| {
        let end = ids.len().min(at + AT_ONCE);
        for sample in corpus.store().samples_by_ids(&ids[at..end]).map_err(store_failed)? {
            commas.member(
                sample.sample_id.get(),
                malkin_wire::sample_entry_to_json(&sample).to_string().as_bytes(),
                out,
            );
        }
        at = end;
        Ok(at < ids.len())
    }
}

/// Families as members named by number.
pub(super) fn families(
    corpus: &Arc<Corpus>,
    page: Page,
) -> impl FnMut(&mut Vec<u8>) -> Result<bool, Answer> + Send + use<> {
    let (corpus, mut place, mut commas) = (Arc::clone(corpus), Place::new(page), Commas::default());
    move |out| {
        let families = corpus.store().family_piece(place.after).map_err(store_failed)?;
        let last = families.last().map(|family| family.family_id.get());
        let (shown, more) = place.go_on(families.len(), last);
        for family in &families[..shown] {
            commas.member(
                family.family_id.get(),
                malkin_wire::family_entry_to_json(family).to_string().as_bytes(),
                out,
            );
        }
        Ok(more)
    }
}

/// Families by number, in the order given.
pub(super) fn families_by_number(
    corpus: &Arc<Corpus>,
    ids: Vec<FamilyId>,
) -> impl FnMut(&mut Vec<u8>) -> Result<bool, Answer> + Send + use<> {
    /// Families that are read at once.
    const AT_ONCE: usize = 64;
    let (corpus, mut at, mut commas) = (Arc::clone(corpus), 0, Commas::default());
    move |out| {
        let end = ids.len().min(at + AT_ONCE);
        for id in &ids[at..end] {
            if let Some(family) = corpus.store().family(*id).map_err(store_failed)? {
                commas.member(
                    id.get(),
                    malkin_wire::family_entry_to_json(&family).to_string().as_bytes(),
                    out,
                );
            }
        }
        at = end;
        Ok(at < ids.len())
    }
}

/// A stored content as it is.
pub(super) struct ContentPieces(pub(super) Content);

impl Pieces for ContentPieces {
    fn next(&mut self, out: &mut Vec<u8>) -> Result<bool, Answer> {
        let Content { size, reader, .. } = &mut self.0;
        let wanted = CONTENT_PIECE.min(*size);
        let read = reader.by_ref().take(wanted).read_to_end(out).map_err(|error| {
            let detail = error.to_string();
            store_failed(StoreError::Damaged { what: "result".to_owned(), detail })
        })? as u64;
        *size -= read;
        if read < wanted {
            let detail = format!("{size} bytes are missing");
            return Err(store_failed(StoreError::Damaged { what: "result".to_owned(), detail }));
        }
        Ok(*size > 0)
    }

    fn held(&self) -> usize {
        self.0.held
    }

    fn size(&self) -> Option<u64> {
        Some(self.0.size)
    }
}

/// Values that are found at once when the first piece is made, and written piece by piece.
pub(super) struct Rows<F, T> {
    find: Option<F>,
    found: Vec<T>,
    at: usize,
    show: fn(&T) -> Value,
    commas: Commas,
}

impl<F, T> Rows<F, T> {
    pub(super) fn new(find: F, show: fn(&T) -> Value) -> Self {
        Self { find: Some(find), found: Vec::new(), at: 0, show, commas: Commas::default() }
    }
}

impl<F, T> Pieces for Rows<F, T>
where
    F: FnOnce() -> Result<Vec<T>, Answer> + Send + 'static,
    T: Send + 'static,
{
    fn next(&mut self, out: &mut Vec<u8>) -> Result<bool, Answer> {
        /// Rows of a piece; they are numbers only.
        const AT_ONCE: usize = 4096;
        if let Some(find) = self.find.take() {
            self.found = find()?;
        }
        let end = self.found.len().min(self.at + AT_ONCE);
        for row in &self.found[self.at..end] {
            self.commas.item(&(self.show)(row), out);
        }
        self.at = end;
        Ok(self.at < self.found.len())
    }

    fn held(&self) -> usize {
        self.found.capacity() * size_of::<T>()
    }
}
