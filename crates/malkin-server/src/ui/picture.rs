//! Pictures of stored code.

use malkin_pages::flow::{Detail, Flow};
use malkin_pages::flow_svg::{FlowLook, flow_svg};
use malkin_pages::graph::CONDENSE_ABOVE;
use malkin_report::Function;

/// Most blocks of a picture with every block: a larger one takes seconds and no browser shows it well.
const MOST_BLOCKS: usize = 5000;

/// The flow graph of a function as SVG. Large ones are condensed unless all blocks are wanted; none if it is too large even so.
pub(super) fn flow_graph(name: &str, code: &Function, wants_all: bool) -> Option<String> {
    let blocks = code.num_blocks();
    let detail = match blocks {
        0..=CONDENSE_ABOVE => Detail::Full,
        _ if wants_all && blocks <= MOST_BLOCKS => Detail::Full,
        _ => Detail::Condensed(Some(code.offset)),
    };
    let mut flow = Flow::of_function(code, detail);
    if !name.is_empty() {
        flow.title = format!("function {:#x} {name}", code.offset.get());
    }
    flow_svg(&flow, &FlowLook::default()).ok()
}
