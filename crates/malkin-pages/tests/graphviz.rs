//! Crossings beside Graphviz, where `dot` is installed: both drawings are measured with the same count.

#[path = "support/graphs.rs"]
mod graphs;

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use malkin_pages::graph::{FlowGraph, lay_out, quality};

/// Functions compared: spread evenly over all sizes.
const FUNCTIONS: usize = 107;
/// Largest function compared, in blocks.
const LARGEST: usize = 2_000;
/// Time given to `dot` for one function.
const PATIENCE: Duration = Duration::from_secs(5);
/// Lines that stand for one curve.
const PARTS: usize = 8;

#[test]
fn crossings_are_at_most_half_more_than_those_of_graphviz() {
    if Command::new("dot").arg("-V").stderr(Stdio::null()).status().is_err() {
        eprintln!("SKIPPED: Graphviz (dot) is not installed");
        return;
    }
    let functions = graphs::real(3, LARGEST);
    let count = FUNCTIONS.min(functions.len());
    assert!(count >= 20, "{count} functions");
    let (mut ours, mut theirs, mut finished) = (0, 0, 0);
    for at in 0..count {
        let (name, graph) = &functions[at * (functions.len() - 1) / (count - 1).max(1)];
        let drawing = lay_out(graph).unwrap();
        let own = quality::measure(graph, &drawing).crossings;
        let Some(lines) = graphviz_lines(graph) else {
            eprintln!("{:4} blocks {own:6} crossings, Graphviz does not finish: {name}", graph.blocks.len());
            continue;
        };
        let other = quality::crossings(&lines);
        eprintln!("{:4} blocks {own:6} crossings, Graphviz {other:6}: {name}", graph.blocks.len());
        ours += own;
        theirs += other;
        finished += 1;
    }
    eprintln!("{finished} functions: {ours} crossings, Graphviz {theirs}");
    assert!(finished >= count / 2, "Graphviz finishes {finished} of {count}");
    assert!(2 * ours <= 3 * theirs, "{ours} crossings, Graphviz has {theirs}");
}

/// The lines of the edges as `dot` draws them; `None` if it takes too long.
fn graphviz_lines(graph: &FlowGraph) -> Option<Vec<Vec<[f64; 2]>>> {
    let mut text = "digraph { node [shape=box fixedsize=true label=\"\"];\n".to_owned();
    for (number, size) in graph.blocks.iter().enumerate() {
        let (width, height) = (f64::from(size.width) / 72.0, f64::from(size.height) / 72.0);
        let _ = writeln!(text, "{number} [width={width:.3} height={height:.3}];");
    }
    for edge in &graph.edges {
        let _ = writeln!(text, "{} -> {};", edge.from, edge.to);
    }
    text.push('}');
    let mut child = Command::new("dot")
        .arg("-Tplain")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("dot starts");
    child.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("dot reads its input");
    let output = output_in_time(child)?;
    let lines = output.lines().filter_map(|line| line.strip_prefix("edge "));
    Some(lines.map(|line| flat(&curve(line))).collect())
}

fn output_in_time(mut child: Child) -> Option<String> {
    let mut stdout = child.stdout.take().expect("a pipe");
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        stdout.read_to_string(&mut text).map(|_| text)
    });
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("dot is a child") {
            break status;
        }
        if start.elapsed() > PATIENCE {
            child.kill().expect("dot can be ended");
            child.wait().expect("dot has ended");
            return None;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    reader.join().expect("the reader ends").ok().filter(|_| status.success())
}

/// The control points of `TAIL HEAD COUNT X Y X Y ...`.
fn curve(line: &str) -> Vec<[f64; 2]> {
    let mut words = line.split(' ').skip(2);
    let count = words.next().and_then(|count| count.parse().ok()).unwrap_or(0);
    let numbers: Vec<f64> = words.take(2 * count).filter_map(|word| word.parse().ok()).collect();
    numbers.chunks_exact(2).map(|pair| [pair[0], pair[1]]).collect()
}

/// A chain of cubic curves as short lines.
fn flat(points: &[[f64; 2]]) -> Vec<[f64; 2]> {
    let mut line: Vec<[f64; 2]> = points.first().copied().into_iter().collect();
    for start in (0..points.len().saturating_sub(3)).step_by(3) {
        for part in 1..=PARTS {
            let t = part as f64 / PARTS as f64;
            let weights =
                [(1.0 - t).powi(3), 3.0 * t * (1.0 - t).powi(2), 3.0 * t * t * (1.0 - t), t.powi(3)];
            let at = |axis: usize| (0..4).map(|one| weights[one] * points[start + one][axis]).sum();
            line.push([at(0), at(1)]);
        }
    }
    line
}
