//! Pictures of hostile texts: nothing of a name, an operand or a comment becomes markup, and all of it stays short.

use malkin_pages::flow::{Flow, FlowBlock, Line};
use malkin_pages::flow_svg::{FlowLook, flow_svg};
use malkin_pages::graph::{Edge, EdgeKind};
use malkin_pages::palette::{Look, Theme};
use malkin_report::Va;
use proptest::prelude::*;

/// Two blocks whose every text is the same.
fn flow(text: &str) -> Flow {
    let line = Line { mnemonic: text.to_owned(), operands: text.to_owned(), comment: text.to_owned() };
    let block = FlowBlock { note: text.to_owned(), lines: vec![line], num_hidden: 7, ..FlowBlock::default() };
    let second = FlowBlock { start: Va::new(u64::MAX), ..block.clone() };
    let edge = |from, to, kind| Edge { from, to, kind };
    Flow {
        title: text.to_owned(),
        blocks: vec![block, second],
        edges: vec![edge(0, 1, EdgeKind::False), edge(0, 0, EdgeKind::True), edge(1, 0, EdgeKind::Jump)],
        entry: 0,
        has_text: true,
    }
}

fn look(theme: Theme, prefix: &str) -> FlowLook {
    FlowLook { look: Look { theme, prefix: prefix.to_owned() }, ..FlowLook::default() }
}

/// Names of the elements, and of closed ones, in their order.
fn elements(svg: &str) -> Vec<String> {
    let name = |part: &str| part.split([' ', '>']).next().unwrap_or_default().to_owned();
    svg.split('<').skip(1).map(name).collect()
}

#[test]
fn a_picture_by_itself_has_its_colours_and_one_on_a_page_has_none() {
    let svg = flow_svg(&flow("mov"), &look(Theme::Auto, "m")).unwrap();
    assert!(svg.contains("prefers-color-scheme:dark") && !svg.contains("var("));
    assert!(svg.contains("7 more instructions") && svg.contains("<title ") && svg.contains("<desc "));
    for outside in ["<script", "<image", "href", "@import", "style=", "onload"] {
        assert!(!svg.contains(outside), "{outside}");
    }
    let page = flow_svg(&flow("mov"), &look(Theme::Page, "m")).unwrap();
    assert!(!page.contains("<style"));
    assert_eq!(page.matches("<path class=\"t k\"").count(), 1, "the loop of the first block");
}

#[test]
fn a_prefix_cannot_leave_its_attribute() {
    let svg = flow_svg(&flow("mov"), &look(Theme::Page, "a\"><script>-1")).unwrap();
    assert_eq!(elements(&svg), elements(&flow_svg(&flow("mov"), &look(Theme::Page, "m")).unwrap()));
    assert!(svg.contains("id=\"ascript-1-b0\""));
}

#[test]
fn long_texts_are_cut() {
    let svg = flow_svg(&flow(&"\u{202e}<".repeat(100_000)), &FlowLook::default()).unwrap();
    assert!(svg.len() < 20_000, "{} bytes", svg.len());
    assert!(svg.contains('\u{2026}'));
}

proptest! {
    #[test]
    fn texts_never_become_markup(text in any::<String>()) {
        prop_assume!(!text.is_empty());
        let look = look(Theme::Light, "m");
        let svg = flow_svg(&flow(&text), &look).unwrap();
        prop_assert_eq!(elements(&svg), elements(&flow_svg(&flow("mov"), &look).unwrap()));
    }
}
