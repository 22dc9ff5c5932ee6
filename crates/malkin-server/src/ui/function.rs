//! Pages of one function, its flow graph, and two functions side by side.

use std::collections::{BTreeSet, HashMap, HashSet};

use http::StatusCode;
use malkin_pages::frame::Here;
use malkin_pages::function::{
    CodeBlock, CodeLine, DiffLine, DiffPage, DiffSide, FunctionPage, PlaceRow, Side,
};
use malkin_report::{Function, FunctionEntry, FunctionId, SampleEntry, SampleId, Va};
use malkin_service::questions;
use malkin_store::FunctionQuery;
use serde_json::Value;

use super::{failed, frame, missing, page as render, see_other, store_failed, view};
use crate::answer::Answer;
use crate::app::App;
use crate::call::Call;

/// Places with equal code that are listed.
const PLACES: usize = 20;
/// Functions that are called or call, and texts, that are listed.
const NEIGHBOURS: usize = 40;
/// Instructions of a listing that are shown.
const LINES: usize = 6000;
/// Lines that a comparison may have on each side: the work grows with their product.
const MOST_COMPARED: usize = 4000;

/// The function of a number.
pub(super) fn known(app: &App, call: &Call, id: FunctionId) -> Result<FunctionEntry, Answer> {
    let found = app.service.corpus.store().functions(&FunctionQuery::ByIds(vec![id]));
    let entry = found.map_err(|error| store_failed(app, call, &error))?.pop();
    entry.ok_or_else(|| missing(app, call, "function"))
}

fn number(call: &Call, position: usize) -> FunctionId {
    FunctionId::new(call.text(position).parse().unwrap_or(i64::MIN))
}

/// The disassembly of a function; none if it was dropped.
fn code(app: &App, call: &Call, id: FunctionId) -> Result<Option<Function>, Answer> {
    let bytes = app.service.corpus.disassembly(id).map_err(|error| store_failed(app, call, &error))?;
    Ok(bytes.and_then(|bytes| malkin_wire::function_from_json(&bytes).ok()))
}

fn sample_of(app: &App, call: &Call, id: SampleId) -> Result<SampleEntry, Answer> {
    let sample = app.service.corpus.store().sample(id).map_err(|error| store_failed(app, call, &error))?;
    sample.ok_or_else(|| missing(app, call, "sample"))
}

/// `GET /ui/functions/{id}`
pub(super) fn page(app: &App, call: &Call) -> Result<Answer, Answer> {
    let error = |error| store_failed(app, call, &error);
    let entry = known(app, call, number(call, 1))?;
    let sample = sample_of(app, call, entry.sample_id)?;
    let code = code(app, call, entry.function_id)?;
    let store = app.service.corpus.store();

    let mut places = if entry.pichash.get() == 0 {
        Vec::new()
    } else {
        questions::with_pichash(&app.service.corpus, entry.pichash)
    };
    places.retain(|place| place.function != entry.function_id);
    let families: BTreeSet<_> = places.iter().map(|place| place.family).collect();
    let samples: BTreeSet<_> = places.iter().map(|place| place.sample).collect();
    // One place of each family first: that is what one looks for.
    let mut seen = HashSet::new();
    places.sort_by_key(|place| !seen.insert(place.family));
    let shown: Vec<FunctionId> = places.iter().take(PLACES).map(|place| place.function).collect();
    let others = store.functions(&FunctionQuery::ByIds(shown)).map_err(error)?;
    let ids: Vec<SampleId> = others.iter().map(|other| other.sample_id).collect();
    let names: HashMap<SampleId, String> = store
        .samples_by_ids(&ids)
        .map_err(error)?
        .into_iter()
        .map(|sample| (sample.sample_id, sample.family))
        .collect();
    let rows = others.iter().map(|other| PlaceRow {
        family_id: other.family_id.get(),
        family: names.get(&other.sample_id).cloned().unwrap_or_default(),
        sample_id: other.sample_id.get(),
        function_id: other.function_id.get(),
        offset: other.offset.get(),
        name: view::name_of(other),
    });

    let neighbours = code.as_ref().map(|code| neighbours(app, &entry, code)).transpose().map_err(error)?;
    let (calls, called_by) = neighbours.unwrap_or_default();
    let apis: BTreeSet<&str> =
        code.iter().flat_map(|code| &code.apirefs).map(|(_, name)| name.as_str()).collect();
    let texts: BTreeSet<String> = code.as_ref().map(texts).unwrap_or_default().into_values().collect();
    let blocks = code.as_ref().map(|code| listing(app, &entry, code));
    render(&FunctionPage {
        frame: frame(app, &call.headers, Here::Samples, format!("Function {:#x}", entry.offset.get())),
        id: entry.function_id.get(),
        offset: entry.offset.get(),
        name: view::name_of(&entry),
        sample: view::sample(&sample),
        labels: entry
            .function_labels
            .iter()
            .map(|label| (label.function_label.clone(), label.username.clone(), label.timestamp.clone()))
            .collect(),
        num_blocks: entry.num_blocks,
        num_instructions: entry.num_instructions,
        num_bytes: entry.binweight as u64,
        pichash: Some(entry.pichash.get()).filter(|hash| *hash != 0),
        has_minhash: !entry.minhash.is_empty(),
        num_families: families.len(),
        num_samples: samples.len(),
        more_places: places.len().saturating_sub(PLACES),
        places: rows.collect(),
        calls,
        called_by,
        apis: apis.into_iter().take(NEIGHBOURS).map(str::to_owned).collect(),
        texts: texts.into_iter().take(NEIGHBOURS).collect(),
        has_graph: code.as_ref().is_some_and(|code| code.num_blocks() > 1),
        is_condensed: code
            .as_ref()
            .is_some_and(|code| code.num_blocks() > malkin_pages::graph::CONDENSE_ABOVE),
        is_cut: code.as_ref().is_some_and(|code| code.num_instructions() > LINES),
        blocks: blocks.unwrap_or_default(),
    })
}

/// Number, entry and name of a function.
type Neighbour = (i64, u64, String);

/// Functions of the same sample that a function calls, and those that call it.
fn neighbours(
    app: &App,
    entry: &FunctionEntry,
    code: &Function,
) -> Result<(Vec<Neighbour>, Vec<Neighbour>), malkin_store::StoreError> {
    let store = app.service.corpus.store();
    let all = store.functions(&FunctionQuery::OfSample(entry.sample_id))?;
    let row = |other: &FunctionEntry| (other.function_id.get(), other.offset.get(), view::name_of(other));
    let targets: BTreeSet<Va> = code.outrefs.iter().flat_map(|(_, targets)| targets).copied().collect();
    let calls = all.iter().filter(|other| targets.contains(&other.offset)).take(NEIGHBOURS).map(row);
    // A caller is the last function that begins at or before the address that calls.
    let mut callers: Vec<&FunctionEntry> = code
        .inrefs
        .iter()
        .filter_map(|address| {
            let after = all.partition_point(|other| other.offset <= *address);
            all.get(after.checked_sub(1)?)
        })
        .collect();
    callers.dedup_by_key(|caller| caller.function_id);
    let called_by = callers.into_iter().take(NEIGHBOURS).map(row);
    Ok((calls.collect(), called_by.collect()))
}

/// Texts that a function refers to, by address of the instruction.
fn texts(code: &Function) -> HashMap<u64, String> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Object(members) => members.get("string").and_then(Value::as_str).map(str::to_owned),
        _ => None,
    };
    let members = code.stringrefs.as_object().into_iter().flatten();
    members.filter_map(|(address, value)| Some((address.parse().ok()?, text(value)?))).collect()
}

/// The listing, with what is known about each block.
fn listing(app: &App, entry: &FunctionEntry, code: &Function) -> Vec<CodeBlock> {
    let reader = app.service.corpus.index().reader();
    let hashes: HashMap<Va, malkin_report::BlockHash> =
        entry.picblockhashes.iter().map(|block| (block.offset, block.hash)).collect();
    let apis: HashMap<Va, &str> = code.apirefs.iter().map(|(at, name)| (*at, name.as_str())).collect();
    let texts = texts(code);
    let successors: HashMap<Va, &[Va]> =
        code.blockrefs.iter().map(|(from, to)| (*from, to.as_slice())).collect();
    let mut shown = 0;
    let mut blocks = Vec::new();
    for block in code.code.blocks() {
        if shown >= LINES {
            break;
        }
        let found = hashes.get(&block.start).map(|hash| {
            let (mut families, mut samples) = (BTreeSet::new(), BTreeSet::new());
            for found in reader.with_block(*hash) {
                families.insert(reader.sample_facts(found.sample).family_id);
                samples.insert(found.sample);
            }
            (families.len() as u64, samples.len() as u64)
        });
        let lines = code.code.instructions(block).map(|instruction| {
            let address = instruction.offset.get();
            let target = instruction.operands.trim().strip_prefix("0x");
            let target = target.and_then(|digits| u64::from_str_radix(digits, 16).ok());
            CodeLine {
                address,
                bytes: instruction.bytes.chars().take(24).collect(),
                mnemonic: instruction.mnemonic.to_owned(),
                operands: instruction.operands.to_owned(),
                note: apis
                    .get(&instruction.offset)
                    .map(|name| (*name).to_owned())
                    .or_else(|| texts.get(&address).map(|text| format!("\"{text}\"")))
                    .unwrap_or_default(),
                target: target.filter(|target| code.code.block_at(Va::new(*target)).is_some()),
            }
        });
        let lines: Vec<CodeLine> = lines.take(LINES - shown).collect();
        shown += lines.len();
        blocks.push(CodeBlock {
            start: block.start.get(),
            successors: successors
                .get(&block.start)
                .map_or(Vec::new(), |next| next.iter().take(64).map(|next| next.get()).collect()),
            families: found.map(|(families, _)| families),
            samples: found.map(|(_, samples)| samples),
            lines,
        });
    }
    blocks
}

/// `GET /ui/functions/{id}/graph.svg?all=`: large functions are condensed unless all blocks are wanted.
pub(super) fn graph(app: &App, call: &Call) -> Result<Answer, Answer> {
    let entry = known(app, call, number(call, 1))?;
    let code = code(app, call, entry.function_id)?.ok_or_else(|| missing(app, call, "disassembly"))?;
    let svg = super::picture::flow_graph(&view::name_of(&entry), &code, call.query.is_true("all"))
        .ok_or_else(|| {
            failed(app, &call.headers, StatusCode::UNPROCESSABLE_ENTITY, "The graph is too large.")
        })?;
    Ok(Answer { media_type: "image/svg+xml", ..Answer::json_text(StatusCode::OK, svg.into_bytes()) }
        .with_header("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'".to_owned())
        .with_header("cache-control", "no-store".to_owned()))
}

/// `GET /ui/diff?a=&b=`
pub(super) fn diff_form(app: &App, call: &Call) -> Result<Answer, Answer> {
    let number = |name| call.query.last(name).and_then(|text| text.trim().parse::<i64>().ok());
    match (number("a"), number("b")) {
        (Some(a), Some(b)) => Ok(see_other(&format!("/ui/diff/{a}/{b}"))),
        _ => Err(missing(app, call, "function")),
    }
}

/// `GET /ui/diff/{a}/{b}`
pub(super) fn diff(app: &App, call: &Call) -> Result<Answer, Answer> {
    let pair = questions::compare_functions(&app.service.corpus, number(call, 1), number(call, 2));
    let pair = pair.map_err(|error| store_failed(app, call, &error))?;
    let pair = pair.ok_or_else(|| missing(app, call, "function"))?;
    let [a, b] = &pair.functions;
    let codes = [code(app, call, a.function_id)?, code(app, call, b.function_id)?];
    let (mut lines, mut missing_text) = (Vec::new(), None);
    match &codes {
        [Some(a), Some(b)] if a.num_instructions().max(b.num_instructions()) <= MOST_COMPARED => {
            lines = aligned(a, b);
        }
        [Some(_), Some(_)] => missing_text = Some("The functions are too long to be laid side by side."),
        _ => missing_text = Some("The disassembly of one of the functions is not stored."),
    }
    let counts = [Side::Same, Side::Differs, Side::OnlyA, Side::OnlyB]
        .map(|side| lines.iter().filter(|line| line.side == side).count());
    let side = |function: &FunctionEntry, sample: &SampleEntry| DiffSide {
        id: function.function_id.get(),
        offset: function.offset.get(),
        name: view::name_of(function),
        sample: view::sample(sample),
        num_instructions: function.num_instructions,
        num_blocks: function.num_blocks,
    };
    render(&DiffPage {
        frame: frame(app, &call.headers, Here::Samples, "Two functions"),
        a: side(a, &pair.samples[0]),
        b: side(b, &pair.samples[1]),
        score: pair.matched.score,
        is_same_code: pair.matched.flags.contains(malkin_report::MatchFlags::PICHASH),
        lines,
        counts,
        missing: missing_text,
    })
}

/// Lines of two functions beside each other, as a longest common subsequence over mnemonics with the shape of their operands.
fn aligned(a: &Function, b: &Function) -> Vec<DiffLine> {
    let (left, right) = (lines(a), lines(b));
    let steps = malkin_pages::align::align(left.len(), right.len(), |i, j| {
        malkin_pages::align::likeness(&left[i].0, &right[j].0)
    });
    steps
        .into_iter()
        .map(|(i, j)| {
            let (one, other) = (i.map(|i| &left[i]), j.map(|j| &right[j]));
            let side = match (one, other) {
                (Some(one), Some(other)) if malkin_pages::align::is_equal(&one.0, &other.0) => Side::Same,
                (Some(_), Some(_)) => Side::Differs,
                (Some(_), None) => Side::OnlyA,
                _ => Side::OnlyB,
            };
            let begins_block = one.or(other).is_some_and(|line| line.1);
            DiffLine {
                side,
                a: one.map(|line| line.0.clone()),
                b: other.map(|line| line.0.clone()),
                begins_block,
            }
        })
        .collect()
}

/// Instructions, and whether each begins a block.
fn lines(function: &Function) -> Vec<(CodeLine, bool)> {
    let mut lines = Vec::new();
    for block in function.code.blocks() {
        for (at, instruction) in function.code.instructions(block).enumerate() {
            let line = CodeLine {
                address: instruction.offset.get(),
                mnemonic: instruction.mnemonic.to_owned(),
                operands: instruction.operands.to_owned(),
                ..CodeLine::default()
            };
            lines.push((line, at == 0));
        }
    }
    lines
}
