//! Which edges close loops: those that lead to a unit on the depth-first path they are met on. Without them the graph has no circle.

use super::units::Units;

/// For each link whether it closes a loop. Searched from the entry, then from what nothing enters, then from what is left.
pub(super) fn closing_edges(units: &Units) -> Vec<bool> {
    #[derive(Clone, Copy, PartialEq, Eq)]
    enum State {
        Unseen,
        OnPath,
        Done,
    }
    let mut entered = vec![false; units.len()];
    units.links.iter().for_each(|link| entered[link.to] = true);
    let mut state = vec![State::Unseen; units.len()];
    let mut closing = vec![false; units.links.len()];
    let mut path: Vec<(usize, usize)> = Vec::new();
    let sources = (0..units.len()).filter(|unit| !entered[*unit]);
    for root in std::iter::once(0).chain(sources).chain(0..units.len()) {
        if state[root] != State::Unseen {
            continue;
        }
        state[root] = State::OnPath;
        path.push((root, units.leaving(root).start));
        while let Some((unit, next)) = path.last_mut() {
            if *next == units.leaving(*unit).end {
                state[*unit] = State::Done;
                path.pop();
                continue;
            }
            let link = *next;
            *next += 1;
            let to = units.links[link].to;
            match state[to] {
                State::Unseen => {
                    state[to] = State::OnPath;
                    path.push((to, units.leaving(to).start));
                }
                State::OnPath => closing[link] = true,
                // Nothing stands above the entry, not even code that nothing reaches.
                State::Done => closing[link] = to == 0,
            }
        }
    }
    closing
}
