//! What every drawing has to keep, on generated graphs of every kind and on real functions.

#[path = "support/graphs.rs"]
mod graphs;

use malkin_pages::graph::quality::{self, Quality};
use malkin_pages::graph::{FlowGraph, lay_out};

/// Generated graphs; their kinds and sizes follow from their number.
const GENERATED: u64 = 10_000;

/// Draws a graph twice, checks what holds for every drawing, and returns its measures.
fn checked(name: &str, graph: &FlowGraph) -> Quality {
    let drawing = lay_out(graph).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(lay_out(graph).as_ref(), Ok(&drawing), "{name}: another drawing the second time");
    let quality = quality::measure(graph, &drawing);
    let faults = [quality.overlaps, quality.through, quality.misplaced, quality.shared];
    assert_eq!(faults, [0; 4], "{name}: {graph:?}");
    for (block, size) in drawing.blocks.iter().zip(&graph.blocks) {
        assert!(block.width >= i64::from(size.width) && block.height == i64::from(size.height), "{name}");
        assert!(block.x >= 0 && block.y >= 0, "{name}");
        assert!(block.right() <= drawing.width && block.bottom() <= drawing.height, "{name}");
    }
    let mut distinct: Vec<_> = graph.edges.iter().map(|edge| (edge.from, edge.to, edge.kind)).collect();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(drawing.routes.len(), distinct.len(), "{name}: each distinct edge is drawn once");
    let entry = drawing.blocks.get(graph.entry as usize).map_or(0, |block| block.y);
    assert!(drawing.blocks.iter().all(|block| block.y >= entry), "{name}: the entry is on top");
    quality
}

#[test]
fn generated_graphs_are_drawn_without_overlap() {
    for seed in 0..GENERATED {
        checked(&format!("seed {seed}"), &graphs::generated(seed));
    }
}

#[test]
fn real_functions_are_drawn_without_overlap() {
    let functions = graphs::real(2, 2_000);
    assert!(functions.len() >= 20, "{} functions", functions.len());
    for (name, graph) in &functions {
        checked(name, graph);
    }
}

/// Long paths need no stack: a thread with a small one draws them.
#[test]
fn long_and_tangled_graphs_are_drawn_on_a_small_stack() {
    let draw = || {
        for (name, graph) in [
            ("chain", graphs::long_chain(100_000)),
            ("ladder", graphs::ladder(30_000)),
            ("tangle", graphs::tangled_chain(400, 400)),
            ("large tangle", graphs::tangled_chain(20_000, 20_000)),
        ] {
            let drawing = lay_out(&graph).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(drawing.blocks.len(), graph.blocks.len(), "{name}");
        }
    };
    let thread = std::thread::Builder::new().stack_size(128 << 10).spawn(draw).unwrap();
    thread.join().unwrap();
}
