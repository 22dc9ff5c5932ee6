//! Methods of Delphi classes, found through their virtual method tables the way NCC Group's Pythia describes: in a code
//! section a pointer that points a fixed distance behind itself begins a table, if everything around it is plausible.
//! Not a reader of Delphi's newer run-time type information.

use std::collections::{BTreeMap, BTreeSet};

use crate::bytes::Bytes;
use crate::mapping::{merge_areas, round_up};
use crate::sparse::Sparse;

/// Fields of a table before its fixed methods.
const HEADER_FIELDS: u64 = 11;
/// Largest believable size of an object in bytes.
const MAX_INSTANCE: u64 = 512_000;
/// Virtual methods read of one class.
const MAX_VIRTUAL: u64 = 512;
/// Pointers read over all classes; hostile tables could otherwise name each other without end.
const MAX_READS: u64 = 16_000_000;

/// Distance of a self pointer from what it points to, in pointers, and the one fixed method that may be absent.
const PROFILES: [(bool, u64, u64); 4] =
    [(false, 0x4c, 0), (false, 0x58, 3), (true, 0x98, 0), (true, 0xc8, 3)];

/// What the scan needs to know of an image.
pub(crate) struct View<'a> {
    pub(crate) image: &'a [u8],
    pub(crate) sparse: &'a Sparse<'a>,
    pub(crate) base: u64,
    pub(crate) wide: bool,
    /// Offsets of sections with code; empty: the code areas count.
    pub(crate) code_sections: Vec<(u64, u64)>,
    /// Addresses of code; empty: all of the image.
    pub(crate) code_areas: &'a [(u64, u128)],
}

/// Methods of all classes with their names, where a method table states one.
pub(crate) fn methods(view: &View<'_>) -> BTreeMap<u64, String> {
    if view.sparse.find_from(0, b"TObject").is_none() {
        return BTreeMap::new();
    }
    let mut scan = Scan {
        view,
        bytes: Bytes::little(view.image),
        found: BTreeSet::new(),
        names: BTreeMap::new(),
        left: MAX_READS,
    };
    let ranges = scan_ranges(view);
    for &(wide, distance, optional) in PROFILES.iter().filter(|profile| profile.0 == view.wide) {
        let profile = Profile { pointer: if wide { 8 } else { 4 }, distance, optional };
        for &(start, end) in &ranges {
            scan.range(profile, start, end);
        }
    }
    let mut names = scan.names;
    scan.found.into_iter().map(|address| (address, names.remove(&address).unwrap_or_default())).collect()
}

/// Offsets to scan: sections with code, else code areas, else everything.
fn scan_ranges(view: &View<'_>) -> Vec<(u64, u64)> {
    let size = view.image.len() as u64;
    let clipped = |ranges: &[(u64, u64)]| -> Vec<(u64, u64)> {
        let clip = ranges.iter().map(|&(start, end)| (start, end.min(size)));
        merge_areas(clip.filter(|(start, end)| start < end).collect())
    };
    let sections = clipped(&view.code_sections);
    if !sections.is_empty() {
        return sections;
    }
    let offset = |address: u64| address.saturating_sub(view.base);
    let narrow = |end: u128| u64::try_from(end).unwrap_or(u64::MAX);
    let areas: Vec<_> =
        view.code_areas.iter().map(|&(start, end)| (offset(start), offset(narrow(end)))).collect();
    let areas = clipped(&areas);
    if areas.is_empty() { vec![(0, size)] } else { areas }
}

#[derive(Clone, Copy)]
struct Profile {
    pointer: u64,
    distance: u64,
    optional: u64,
}

struct Scan<'v, 'a> {
    view: &'v View<'a>,
    bytes: Bytes<'a>,
    found: BTreeSet<u64>,
    names: BTreeMap<u64, String>,
    left: u64,
}

impl Scan<'_, '_> {
    fn range(&mut self, profile: Profile, start: u64, end: u64) {
        let mut at = round_up(start, profile.pointer);
        while at + profile.pointer <= end {
            if self.pointer(at) == Some(self.view.base.wrapping_add(at + profile.distance)) {
                self.class(profile, at, end);
            }
            at += profile.pointer;
        }
    }

    fn pointer(&self, at: u64) -> Option<u64> {
        self.bytes.word(at, self.view.wide)
    }

    /// A pointer of a table, on the account of the whole scan.
    fn counted(&mut self, at: u64) -> Option<u64> {
        self.left = self.left.checked_sub(1)?;
        self.pointer(at)
    }

    fn offset(&self, address: u64) -> Option<u64> {
        address.checked_sub(self.view.base).filter(|&offset| offset < self.bytes.len())
    }

    fn is_code(&self, address: u64) -> bool {
        let range = malkin_report::ImageRange::new(self.view.base, self.bytes.len());
        crate::image::in_areas(self.view.code_areas, range, address)
    }

    /// Checks a table at an offset and takes its methods.
    fn class(&mut self, profile: Profile, at: u64, end: u64) -> Option<()> {
        let field = |index: u64| self.pointer(at + profile.pointer * index);
        let instance_size = field(9)?;
        let metadata = [field(1), field(6), field(7), field(8), field(10)].map(Option::unwrap_or_default);
        let [interfaces, method_table, dynamic_table, name, _] = metadata;
        let table = at + profile.distance;
        let plausible = instance_size <= MAX_INSTANCE
            && table < self.bytes.len()
            && self.offset(name).is_some_and(|at| is_class_name(self.pascal_text(at)))
            && metadata.iter().all(|&address| address == 0 || self.offset(address).is_some());
        plausible.then_some(())?;
        let mut methods = self.fixed_methods(profile, at)?;
        let stops =
            [method_table, dynamic_table, name].map(|address| self.offset(address).filter(|_| address != 0));
        let stop = stops.into_iter().flatten().filter(|&stop| stop > table).min().unwrap_or(end);
        let fixed = methods.len();
        self.virtual_methods(table, stop, profile.pointer, &mut methods);
        if methods.len() == fixed && !self.is_code(self.view.base.wrapping_add(table)) {
            return None;
        }
        self.found.extend(methods);
        let _ = self.dynamic_methods(dynamic_table, profile.pointer);
        let _ = self.interface_methods(interfaces);
        let _ = self.named_methods(method_table, profile.pointer);
        Some(())
    }

    /// The methods every class has; `None` when one of them is no code.
    fn fixed_methods(&mut self, profile: Profile, at: u64) -> Option<Vec<u64>> {
        let first = at + profile.pointer * HEADER_FIELDS;
        let count = profile.distance / profile.pointer - HEADER_FIELDS;
        let slots =
            (0..count).map(|index| (index, self.pointer(first + profile.pointer * index).unwrap_or(0)));
        let slots: Vec<(u64, u64)> = slots.collect();
        let fits = |&(index, method): &(u64, u64)| {
            (method == 0 && index == profile.optional) || (method != 0 && self.is_code(method))
        };
        slots.iter().all(fits).then(|| slots.iter().map(|slot| slot.1).collect())
    }

    fn virtual_methods(&mut self, table: u64, stop: u64, pointer: u64, methods: &mut Vec<u64>) {
        for index in 0..MAX_VIRTUAL {
            let at = table + pointer * index;
            if at + pointer > stop {
                return;
            }
            match self.counted(at).filter(|&method| method != 0 && self.is_code(method)) {
                Some(method) => methods.push(method),
                None => return,
            }
        }
    }

    fn dynamic_methods(&mut self, table: u64, pointer: u64) -> Option<()> {
        let at = self.offset(table).filter(|_| table != 0)?;
        let count = u64::from(self.bytes.u16(at)?);
        for index in 0..count {
            let method = self.counted(at + 2 + 2 * count + pointer * index)?;
            if method != 0 && self.is_code(method) {
                self.found.insert(method);
            }
        }
        Some(())
    }

    /// Methods of interfaces: only the classic 32-bit layout.
    fn interface_methods(&mut self, table: u64) -> Option<()> {
        let at = self.offset(table).filter(|_| table != 0 && !self.view.wide)?;
        let first = self.pointer(at + 20).filter(|&first| first != 0)?;
        let mut at = self.offset(first)?;
        loop {
            let method = self.counted(at).filter(|&method| method != 0 && self.is_code(method))?;
            self.found.insert(method);
            at += 4;
        }
    }

    /// The table of published methods: size, address, name.
    fn named_methods(&mut self, table: u64, pointer: u64) -> Option<()> {
        let mut at = self.offset(table).filter(|_| table != 0)?;
        let count = self.bytes.u16(at)?;
        at += 2;
        for _ in 0..count {
            let size = self.bytes.u16(at).map_or(0, u64::from);
            if let Some(method) = self.counted(at + 2).filter(|&method| method != 0 && self.is_code(method)) {
                self.found.insert(method);
                let name = latin1(self.pascal_text(at + 2 + pointer));
                if !name.is_empty() {
                    self.names.insert(method, name);
                }
            }
            if size < 2 + pointer {
                return None;
            }
            at += size;
        }
        Some(())
    }

    /// A string with its length in front; empty when it leaves the image.
    fn pascal_text(&self, at: u64) -> &[u8] {
        let length = self.bytes.u8(at).map_or(0, u64::from);
        self.bytes.exact(at.saturating_add(1), length).unwrap_or_default()
    }
}

fn latin1(text: &[u8]) -> String {
    text.iter().map(|&byte| char::from(byte)).collect()
}

/// Printable, with a letter.
fn is_class_name(name: &[u8]) -> bool {
    let printable = |&byte: &u8| matches!(byte, 0x20..=0x7e | 0xa1..=0xac | 0xae..=0xff);
    name.iter().all(printable) && name.iter().any(|&byte| char::from(byte).is_alphabetic())
}
