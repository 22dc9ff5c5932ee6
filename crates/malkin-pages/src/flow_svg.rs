//! The picture of a control-flow graph as SVG.
//!
//! Edges differ by colour and by arrow head: filled where the condition of a branch holds, hollow where it does not. Edges that
//! close a loop are thicker. No scripts, no links to elsewhere, and equal flows give equal text.

use std::fmt::Write as _;

use crate::flow::{Flow, FlowBlock, HEAD, LINE, Line, MAX_COMMENT, MAX_OPERANDS, MNEMONIC_WIDTH, PADDING};
use crate::graph::{self, Drawing, EdgeKind, LayoutError, Rect, Route};
use crate::palette::{self, Look, Rgb};
use crate::text::{columns, push_cut};

/// What is asked of the picture beyond the flow.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FlowLook {
    /// Colours and ids.
    pub look: Look,
    /// Colour of each box, for example how it is like a box of another function. Missing ones are plain.
    pub fills: Vec<Option<Rgb>>,
    /// Box with a marked frame.
    pub focus: Option<u32>,
}

/// Lays a flow out and draws it. The text is one `svg` element that needs nothing else unless [`palette::Theme::Page`] is asked
/// for; its length is bounded by boxes, lines and edges, whatever the texts are. Fails where [`graph::lay_out`] does.
///
/// ```
/// use malkin_pages::flow::{Flow, FlowBlock, Line};
/// use malkin_pages::flow_svg::{FlowLook, flow_svg};
/// use malkin_pages::graph::{Edge, EdgeKind, lay_out};
/// use malkin_report::Va;
///
/// let block = |start, mnemonic: &str| FlowBlock {
///     start: Va::new(start),
///     lines: vec![Line { mnemonic: mnemonic.to_owned(), ..Line::default() }],
///     num_instructions: 1,
///     ..FlowBlock::default()
/// };
/// let flow = Flow {
///     title: "function 0x1000".to_owned(),
///     blocks: vec![block(0x1000, "loop"), block(0x1002, "ret")],
///     edges: vec![
///         Edge { from: 0, to: 0, kind: EdgeKind::True },
///         Edge { from: 0, to: 1, kind: EdgeKind::False },
///     ],
///     entry: 0,
///     has_text: true,
/// };
/// let positions = lay_out(&flow.graph())?;
/// assert!(positions.blocks[0].bottom() < positions.blocks[1].y);
/// let svg = flow_svg(&flow, &FlowLook::default())?;
/// assert!(svg.starts_with("<svg ") && svg.contains("0x1002"));
/// # Ok::<(), malkin_pages::graph::LayoutError>(())
/// ```
pub fn flow_svg(flow: &Flow, look: &FlowLook) -> Result<String, LayoutError> {
    let graph = flow.graph();
    let drawing = graph::lay_out(&graph)?;
    let mut out = String::with_capacity(4096 + 120 * drawing.routes.len());
    let loops = drawing.routes.iter().filter(|route| route.is_back).count();
    let words = format!(
        "Control-flow graph of {} blocks and {} edges, {loops} of which close loops and are drawn thicker. Filled arrow heads: the \
         condition holds, or there is none; hollow ones: it does not hold.",
        drawing.blocks.len(),
        drawing.routes.len()
    );
    let size = (drawing.width.max(1), drawing.height.max(1));
    palette::open(&mut out, &look.look, size, &flow.title, &words);
    let prefix = look.look.id_prefix();
    markers(&mut out, &prefix);
    out.push_str("<g class=\"e\">\n");
    for route in &drawing.routes {
        let kind = flow.edges.get(route.edge as usize).map_or(EdgeKind::Jump, |edge| edge.kind);
        push_route(&mut out, route, kind, &prefix);
    }
    out.push_str("</g>\n");
    boxes(&mut out, flow, look, &drawing, &prefix);
    out.push_str("</svg>\n");
    Ok(out)
}

const KINDS: [EdgeKind; 5] =
    [EdgeKind::True, EdgeKind::False, EdgeKind::Jump, EdgeKind::FallThrough, EdgeKind::Exception];

/// The letter of a kind in class names and ids.
const fn letter(kind: EdgeKind) -> char {
    match kind {
        EdgeKind::True => 't',
        EdgeKind::False => 'f',
        EdgeKind::Jump => 'j',
        EdgeKind::FallThrough => 'p',
        EdgeKind::Exception => 'x',
    }
}

/// One arrow head for each kind of edge.
fn markers(out: &mut String, prefix: &str) {
    out.push_str("<defs>");
    for kind in KINDS {
        let letter = letter(kind);
        // Writing to a String cannot fail.
        let _ = write!(
            out,
            "<marker id=\"{prefix}-{letter}\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"9\" \
             markerHeight=\"9\" markerUnits=\"userSpaceOnUse\" orient=\"auto\">\
             <path class=\"a{letter}\" d=\"M1 1L9 5L1 9z\"/></marker>"
        );
    }
    out.push_str("</defs>\n");
}

fn push_route(out: &mut String, route: &Route, kind: EdgeKind, prefix: &str) {
    let letter = letter(kind);
    let back = if route.is_back { " k" } else { "" };
    let _ = write!(out, "<path class=\"{letter}{back}\" marker-end=\"url(#{prefix}-{letter})\" d=\"");
    let mut before = None;
    for point in &route.points {
        let _ = match before {
            None => write!(out, "M{} {}", point.x, point.y),
            Some((x, _)) if x == point.x => write!(out, "V{}", point.y),
            Some(_) => write!(out, "H{}", point.x),
        };
        before = Some((point.x, point.y));
    }
    out.push_str("\"/>\n");
}

fn boxes(out: &mut String, flow: &Flow, look: &FlowLook, drawing: &Drawing, prefix: &str) {
    for (number, (block, place)) in flow.blocks.iter().zip(&drawing.blocks).enumerate() {
        let fill = look.fills.get(number).copied().flatten();
        let is_focus = look.focus == Some(number as u32);
        let class = if fill.is_some() { " class=\"w\"" } else { "" };
        let _ = write!(
            out,
            "<g id=\"{prefix}-b{number}\" transform=\"translate({} {})\"{class}>",
            place.x, place.y
        );
        push_box(out, flow, block, *place, fill, is_focus);
        out.push_str("</g>\n");
    }
}

fn push_box(
    out: &mut String,
    flow: &Flow,
    block: &FlowBlock,
    place: Rect,
    fill: Option<Rgb>,
    is_focus: bool,
) {
    let (width, height) = (place.width, place.height);
    let group = if block.group.is_some() { " g" } else { "" };
    let focus = if is_focus { " fo" } else { "" };
    // A style of its own goes before the class's colour; a page's policy forbids it, an attribute it allows.
    let class = if fill.is_some() { "r" } else { "b" };
    if let Some([red, green, blue]) = fill {
        let _ = write!(
            out,
            "<rect width=\"{width}\" height=\"{height}\" fill=\"#{red:02x}{green:02x}{blue:02x}\"/>"
        );
    }
    let _ = write!(out, "<rect class=\"{class}{group}{focus}\" width=\"{width}\" height=\"{height}\"/>");
    if !flow.has_text {
        let _ = write!(out, "<title>{}, {} instructions</title>", block.head(), block.num_instructions);
        return;
    }
    if fill.is_none() {
        let _ = write!(out, "<path class=\"h\" d=\"M1 1H{}V{HEAD}H1z\"/>", width - 1);
    }
    let _ = write!(out, "<text class=\"a\" x=\"{PADDING}\" y=\"13\">");
    push_cut(out, &block.head(), MAX_OPERANDS);
    out.push_str("</text>");
    if !block.note.is_empty() {
        let _ = write!(out, "<text class=\"d z\" x=\"{}\" y=\"13\">", width - i64::from(PADDING));
        push_cut(out, &block.note, MAX_COMMENT);
        out.push_str("</text>");
    }
    let mut y = HEAD + 13;
    for line in &block.lines {
        push_line(out, line, y, block.group.is_some());
        y += LINE;
    }
    if block.num_hidden > 0 {
        let _ = write!(
            out,
            "<text class=\"d\" x=\"{PADDING}\" y=\"{y}\">{} more instructions</text>",
            block.num_hidden
        );
    }
}

fn push_line(out: &mut String, line: &Line, y: u32, is_words: bool) {
    let _ =
        write!(out, "<text x=\"{PADDING}\" y=\"{y}\"><tspan class=\"{}\">", if is_words { "d" } else { "m" });
    push_cut(out, &line.mnemonic, MAX_OPERANDS);
    out.push_str("</tspan>");
    if !line.operands.is_empty() {
        let width = columns(&line.mnemonic, MAX_OPERANDS);
        let blanks = MNEMONIC_WIDTH.saturating_sub(width).max(1);
        out.extend(std::iter::repeat_n(' ', blanks));
        push_cut(out, &line.operands, MAX_OPERANDS);
    }
    if !line.comment.is_empty() {
        out.push_str("<tspan class=\"n\">  ;");
        push_cut(out, &line.comment, MAX_COMMENT);
        out.push_str("</tspan>");
    }
    out.push_str("</text>");
}
