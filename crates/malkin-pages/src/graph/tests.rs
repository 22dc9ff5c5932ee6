//! Small graphs whose drawing can be said in words.

use super::*;

fn graph(blocks: usize, edges: &[(u32, u32)]) -> FlowGraph {
    let edge = |(from, to): &(u32, u32)| Edge { from: *from, to: *to, kind: EdgeKind::Jump };
    FlowGraph {
        blocks: vec![Size { width: 64, height: 30 }; blocks],
        edges: edges.iter().map(edge).collect(),
        entry: 0,
    }
}

fn drawn(graph: &FlowGraph) -> Drawing {
    let drawing = lay_out(graph).unwrap();
    let quality = quality::measure(graph, &drawing);
    let faults = [quality.overlaps, quality.through, quality.misplaced, quality.shared];
    assert_eq!(faults, [0; 4], "{graph:?} {drawing:?}");
    drawing
}

#[test]
fn nothing_is_an_empty_drawing() {
    assert_eq!(lay_out(&FlowGraph::default()), Ok(Drawing::default()));
}

#[test]
fn a_branch_has_its_blocks_side_by_side_between_its_ends() {
    let drawing = drawn(&graph(4, &[(0, 1), (0, 2), (1, 3), (2, 3)]));
    let [top, left, right, bottom] = drawing.blocks[..] else { panic!("four blocks") };
    assert_eq!(left.y, right.y);
    assert!(left.right() < right.x && top.bottom() < left.y && left.bottom() < bottom.y);
    assert_eq!(top.center(), bottom.center());
    assert_eq!(left.center() + right.center(), 2 * top.center(), "the branch is symmetrical");
}

#[test]
fn a_chain_is_a_stack_with_straight_edges() {
    let drawing = drawn(&graph(3, &[(0, 1), (1, 2)]));
    assert!(
        drawing
            .blocks
            .windows(2)
            .all(|pair| pair[0].x == pair[1].x && pair[1].y == pair[0].bottom() + CHAIN_GAP)
    );
    assert!(drawing.routes.iter().all(|route| route.points.len() == 2));
}

#[test]
fn a_loop_goes_down_in_blocks_and_up_at_the_side() {
    let drawing = drawn(&graph(4, &[(0, 1), (1, 2), (2, 1), (1, 3)]));
    let back: Vec<&Route> = drawing.routes.iter().filter(|route| route.is_back).collect();
    let [route] = back[..] else { panic!("one edge closes the loop") };
    assert_eq!(route.edge, 2);
    assert!(drawing.blocks[0].y < drawing.blocks[1].y && drawing.blocks[1].y < drawing.blocks[2].y);
    assert_eq!(route.points.len(), 6, "down, aside, up, aside, down: {route:?}");
}

#[test]
fn the_entry_is_on_top_whatever_leads_to_it() {
    let drawing = drawn(&graph(4, &[(0, 1), (1, 0), (2, 0), (3, 2)]));
    assert!((1..4).all(|block| drawing.blocks[0].y < drawing.blocks[block].y));
}

#[test]
fn equal_edges_are_drawn_once_and_edges_of_other_kinds_beside_them() {
    let mut twice = graph(2, &[(0, 1), (0, 1), (0, 1)]);
    twice.edges[2].kind = EdgeKind::True;
    let drawing = drawn(&twice);
    assert_eq!(drawing.routes.iter().map(|route| route.edge).collect::<Vec<_>>(), [0, 2]);
}

#[test]
fn blocks_nothing_leads_to_stand_below() {
    let drawing = drawn(&graph(40, &[(0, 1), (7, 7)]));
    let lowest = drawing.blocks[0].bottom().max(drawing.blocks[1].bottom());
    assert!((2..40).all(|block| drawing.blocks[block].y > lowest));
    assert!(drawing.width < 40 * 64, "in several rows");
}

#[test]
fn what_cannot_be_drawn_is_refused_with_its_cause() {
    assert_eq!(lay_out(&graph(2, &[(0, 2)])), Err(LayoutError::NoSuchBlock(2)));
    assert_eq!(lay_out(&FlowGraph { entry: 1, ..graph(1, &[]) }), Err(LayoutError::NoSuchBlock(1)));
    let large = FlowGraph { blocks: vec![Size { width: MAX_SIDE + 1, height: 1 }], ..FlowGraph::default() };
    assert_eq!(lay_out(&large), Err(LayoutError::TooLarge(0)));
    assert_eq!(lay_out(&graph(MAX_BLOCKS + 1, &[])), Err(LayoutError::TooManyBlocks(MAX_BLOCKS + 1)));
}
