//! A small directed graph that finds its knots and one short cycle through each.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A cycle: `modules` begins and ends with the same name.
#[derive(Debug, PartialEq, Eq)]
pub struct Cycle {
    pub modules: Vec<String>,
    /// Where the first of its edges stands.
    pub line: usize,
    /// How many modules reach each other here.
    pub knot: usize,
}

/// Edges between names, each with the line of its first use.
#[derive(Debug, Default)]
pub struct Graph {
    edges: BTreeMap<String, BTreeMap<String, usize>>,
}

impl Graph {
    /// Adds an edge; a second one between the same two keeps the earlier line.
    pub fn add(&mut self, from: String, to: String, line: usize) {
        let lines = self.edges.entry(from).or_default();
        let known = lines.entry(to).or_insert(line);
        *known = line.min(*known);
    }

    /// One short cycle per knot (a set of nodes that all reach each other), in the order of names.
    pub fn cycles(&self) -> Vec<Cycle> {
        let reach: BTreeMap<&str, BTreeSet<&str>> =
            self.edges.keys().map(|node| (node.as_str(), self.reach(node))).collect();
        let mut done = BTreeSet::new();
        let mut cycles = Vec::new();
        for (node, reached) in &reach {
            if !reached.contains(node) || done.contains(node) {
                continue;
            }
            let meets = |other: &&&str| reach.get(**other).is_some_and(|back| back.contains(node));
            let knot: BTreeSet<&str> = reached.iter().filter(meets).copied().collect();
            done.extend(knot.iter().copied());
            cycles.push(self.shortest(node, knot.len()));
        }
        cycles
    }

    /// Everything that can be reached from a node by at least one edge.
    fn reach(&self, node: &str) -> BTreeSet<&str> {
        let mut reached = BTreeSet::new();
        let mut open: Vec<&str> = self.next(node).collect();
        while let Some(at) = open.pop() {
            if reached.insert(at) {
                open.extend(self.next(at));
            }
        }
        reached
    }

    fn next<'a>(&'a self, node: &str) -> impl Iterator<Item = &'a str> {
        self.edges.get(node).into_iter().flat_map(|to| to.keys().map(String::as_str))
    }

    /// The shortest way from a node back to itself; the caller knows that there is one.
    fn shortest(&self, node: &str, knot: usize) -> Cycle {
        let mut open: VecDeque<Vec<&str>> = VecDeque::from([vec![node]]);
        let mut seen = BTreeSet::new();
        let mut modules = Vec::new();
        while let Some(way) = open.pop_front() {
            let at = way.last().copied().unwrap_or(node);
            if at == node && way.len() > 1 {
                modules = way.iter().map(|name| name.to_string()).collect();
                break;
            }
            for to in self.next(at) {
                if seen.insert(to) {
                    open.push_back(way.iter().copied().chain([to]).collect());
                }
            }
        }
        let line = modules.get(1).and_then(|to| self.edges.get(node)?.get(to)).copied().unwrap_or(1);
        Cycle { modules, line, knot }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_knot_gives_one_short_cycle_and_a_tree_gives_none() {
        let check = |edges: &str, expect: &[(&str, usize)]| {
            let mut graph = Graph::default();
            for edge in edges.split_whitespace() {
                let (from, to) = edge.split_once('>').unwrap();
                graph.add(from.to_string(), to.to_string(), 1);
            }
            let found: Vec<(String, usize)> =
                graph.cycles().iter().map(|cycle| (cycle.modules.join(">"), cycle.knot)).collect();
            let expect: Vec<(String, usize)> = expect.iter().map(|(way, knot)| (way.to_string(), *knot)).collect();
            assert_eq!(found, expect, "{edges}");
        };
        check("a>b b>c a>c", &[]);
        check("a>b b>a", &[("a>b>a", 2)]);
        check("a>b b>c c>a c>b", &[("a>b>c>a", 3)]);
        check("a>b b>a x>a x>y y>x", &[("a>b>a", 2), ("x>y>x", 2)]);
    }
}
