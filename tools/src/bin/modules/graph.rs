//! A directed graph of named modules, and its cycles.

use std::collections::{BTreeMap, BTreeSet};

use crate::uses::Edge;

/// Dependencies between names, each with the lines that cause it.
pub(crate) struct Graph {
    edges: BTreeMap<String, BTreeMap<String, Vec<String>>>,
}

impl Graph {
    /// The graph of the modules' names. Modules that share a name are one.
    pub(crate) fn new(edges: &[Edge], name: impl Fn(usize) -> String) -> Self {
        let mut graph: BTreeMap<String, BTreeMap<String, Vec<String>>> = BTreeMap::new();
        for edge in edges {
            let (from, to) = (name(edge.from), name(edge.to));
            graph.entry(to.clone()).or_default();
            let out = graph.entry(from.clone()).or_default();
            if from != to {
                out.entry(to).or_default().push(edge.place.clone());
            }
        }
        Self { edges: graph }
    }

    /// The number of dependencies: pairs of a module and one that it uses.
    pub(crate) fn pairs(&self) -> usize {
        self.edges.values().map(BTreeMap::len).sum()
    }

    /// The strongly connected components of more than one module: each module of one reaches all others of it.
    pub(crate) fn cycles(&self) -> Vec<Vec<String>> {
        let reached: BTreeMap<&String, BTreeSet<&String>> =
            self.edges.keys().map(|name| (name, self.reached_from(name))).collect();
        let mut cycles: Vec<Vec<String>> = Vec::new();
        for (name, reaches) in &reached {
            let cycle: Vec<String> =
                reaches.iter().filter(|other| reached[*other].contains(*name)).map(|other| (*other).clone()).collect();
            // a module that reaches itself is in a cycle with others, for no edge leads from a module to itself
            if !cycle.is_empty() && !cycles.contains(&cycle) {
                cycles.push(cycle);
            }
        }
        cycles
    }

    fn reached_from(&self, start: &String) -> BTreeSet<&String> {
        let (mut reached, mut open) = (BTreeSet::new(), vec![start]);
        while let Some(name) = open.pop() {
            for next in self.edges[name].keys() {
                if reached.insert(next) {
                    open.push(next);
                }
            }
        }
        reached
    }

    /// The dependencies between modules of a cycle, with the first lines that cause each.
    pub(crate) fn inside(&self, cycle: &[String]) -> Vec<String> {
        const SHOWN: usize = 3;
        let mut lines = Vec::new();
        for from in cycle {
            for (to, places) in self.edges[from].iter().filter(|(to, _)| cycle.contains(to)) {
                let mut places = places.clone();
                places.dedup();
                let more = places.len().saturating_sub(SHOWN);
                let more = if more > 0 { format!("; and {more} more") } else { String::new() };
                lines.push(format!("{from} -> {to}  ({}{more})", places[..places.len().min(SHOWN)].join("; ")));
            }
        }
        lines
    }
}
