//! Quality and time of the layout: `cargo run --release -p malkin-pages --example quality [PER_SIZE [LARGEST]]`.
//!
//! One line for each real function (the first `PER_SIZE` of each number of blocks up to `LARGEST`), sums by size, and generated
//! graphs that are hard for layouts. Times are processor times of the one thread, so that other work on the machine does not count.

#![expect(clippy::print_stdout, reason = "the figures are what this program is for")]

#[path = "../tests/support/graphs.rs"]
mod graphs;

use malkin_pages::graph::{Drawing, FlowGraph, lay_out, quality};

#[derive(Default)]
struct Sum {
    ms: Vec<f64>,
    quality: quality::Quality,
}

fn main() {
    let mut args = std::env::args().skip(1).map(|number| number.parse::<usize>().expect("a number"));
    let (per_size, largest) = (args.next().unwrap_or(1), args.next().unwrap_or(2_000));
    let mut sums: [Sum; 5] = std::array::from_fn(|_| Sum::default());
    println!("blocks edges ms crossings bends length size name");
    for (name, graph) in graphs::real(per_size, largest) {
        let (drawing, ms) = timed(&graph);
        let quality = quality::measure(&graph, &drawing);
        assert_eq!(
            (quality.overlaps, quality.through, quality.misplaced, quality.shared),
            (0, 0, 0, 0),
            "{name}"
        );
        let (blocks, edges) = (graph.blocks.len(), graph.edges.len());
        let quality::Quality { crossings, bends, length, .. } = quality;
        let (width, height) = (drawing.width, drawing.height);
        println!("{blocks} {edges} {ms:.1} {crossings} {bends} {length} {width}x{height} {name}");
        let class = [40, 150, 400, 1_600].partition_point(|most| *most < blocks);
        let sum = &mut sums[class];
        sum.ms.push(ms);
        sum.quality.crossings += crossings;
        sum.quality.bends += bends;
        sum.quality.length += length;
    }
    for (class, mut sum) in ["2-40", "41-150", "151-400", "401-1600", "more"].iter().zip(sums) {
        sum.ms.sort_by(f64::total_cmp);
        let at = |part: f64| {
            sum.ms.get(((sum.ms.len() as f64 - 1.0) * part).round() as usize).copied().unwrap_or(0.0)
        };
        let (count, middle, high, most) = (sum.ms.len(), at(0.5), at(0.95), at(1.0));
        println!(
            "{class} blocks: {count} functions, ms p50 {middle:.1} p95 {high:.1} max {most:.1}, {:?}",
            sum.quality
        );
    }
    for (name, graph) in [
        ("chain of 100,000", graphs::long_chain(100_000)),
        ("400 + 400 random edges", graphs::tangled_chain(400, 400)),
        ("1,600 + 1,600 random edges", graphs::tangled_chain(1_600, 1_600)),
        ("100,000 + 100,000 random edges", graphs::tangled_chain(100_000, 100_000)),
        ("50,000 branches in a row", graphs::ladder(50_000)),
    ] {
        let (drawing, ms) = timed(&graph);
        println!("{name}: {ms:.1} ms {}x{}", drawing.width, drawing.height);
    }
}

fn timed(graph: &FlowGraph) -> (Drawing, f64) {
    let start = processor_ms();
    let drawing = lay_out(graph).expect("a graph that can be drawn");
    (drawing, processor_ms() - start)
}

/// Processor time of this thread; 0 where the system does not say it as Linux does.
fn processor_ms() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|ns| ns.parse::<f64>().ok()).map_or(0.0, |ns| ns / 1e6)
}
