//! Links that call each other: a group of them says more than each alone.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use malkin_report::{FamilyId, Function, Va};

use super::Link;

/// Links at or below this score take no part.
const LEAST_LINK: f64 = 1.0;

/// Links of one family whose functions are connected by calls.
#[derive(Clone, PartialEq, Debug)]
pub struct LinkCluster {
    /// The family.
    pub family_id: FamilyId,
    /// The links in ascending order of their entry, one for each function.
    pub links: Vec<Link>,
    /// Those among them whose function has no link with another family.
    pub unique: Vec<Link>,
    /// Sum of the links' scores.
    pub score: f64,
    /// Their highest score.
    pub max_score: f64,
}

/// Calls between own functions.
#[derive(Clone, Debug, Default)]
pub struct CallGraph {
    neighbours: HashMap<Va, Vec<Va>>,
}

impl CallGraph {
    /// The calls (and other references) between functions given by their entry and all they refer to.
    pub fn new<'a>(functions: impl Iterator<Item = (Va, &'a [(Va, Vec<Va>)])> + Clone) -> Self {
        let entries: BTreeSet<Va> = functions.clone().map(|(entry, _)| entry).collect();
        let mut neighbours: HashMap<Va, Vec<Va>> = HashMap::new();
        for (entry, references) in functions {
            for target in references.iter().flat_map(|(_, targets)| targets) {
                if entries.contains(target) {
                    neighbours.entry(entry).or_default().push(*target);
                    neighbours.entry(*target).or_default().push(entry);
                }
            }
        }
        Self { neighbours }
    }

    /// The same from functions.
    pub fn of<'a>(functions: impl Iterator<Item = &'a Function> + Clone) -> Self {
        Self::new(functions.map(|function| (function.offset, function.outrefs.as_slice())))
    }

    /// Entries of the functions that call the one at an address or are called by it.
    fn neighbours(&self, entry: Va) -> &[Va] {
        self.neighbours.get(&entry).map_or(&[], Vec::as_slice)
    }
}

/// Clusters of links, the highest score first.
pub fn link_clusters(links: &[Link], calls: &CallGraph) -> Vec<LinkCluster> {
    let mut families: BTreeMap<Va, BTreeSet<FamilyId>> = BTreeMap::new();
    let mut nodes: BTreeMap<FamilyId, BTreeMap<Va, Link>> = BTreeMap::new();
    for link in links {
        let (entry, family) = (link.matched.offset, link.matched.found.family_id);
        families.entry(entry).or_default().insert(family);
        if link.link_score > LEAST_LINK {
            // The last link of a function stands for it.
            nodes.entry(family).or_default().insert(entry, *link);
        }
    }
    let is_unique = |link: &Link| families.get(&link.matched.offset).is_some_and(|found| found.len() == 1);
    let mut clusters = Vec::new();
    for (family_id, nodes) in nodes {
        for entries in components(&nodes, calls) {
            let links: Vec<Link> = entries.iter().filter_map(|entry| nodes.get(entry).copied()).collect();
            clusters.push(LinkCluster {
                family_id,
                unique: links.iter().copied().filter(is_unique).collect(),
                score: links.iter().map(|link| link.link_score).sum(),
                max_score: links.iter().map(|link| link.link_score).fold(0.0, f64::max),
                links,
            });
        }
    }
    clusters.sort_by(|a, b| b.score.total_cmp(&a.score));
    clusters
}

/// Entries of each connected component.
fn components(nodes: &BTreeMap<Va, Link>, calls: &CallGraph) -> Vec<BTreeSet<Va>> {
    let mut left: BTreeSet<Va> = nodes.keys().copied().collect();
    let mut components = Vec::new();
    while let Some(first) = left.pop_first() {
        let mut component = BTreeSet::from([first]);
        let mut open = vec![first];
        while let Some(entry) = open.pop() {
            for other in calls.neighbours(entry) {
                if left.remove(other) {
                    component.insert(*other);
                    open.push(*other);
                }
            }
        }
        components.push(component);
    }
    components
}
