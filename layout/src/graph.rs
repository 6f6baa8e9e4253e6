//! Import graph of a crate's files: an arrow goes to the file in which a name is defined, however many re-exports lie between.
//! Methods that a file adds to a type of another are no arrow: both are one room.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::modules::Crate;

/// How many re-exports a name may pass. A circle of them ends here.
const MOST_REEXPORTS: usize = 16;

/// For each file, the files it takes names from, with the names.
pub type Graph = BTreeMap<PathBuf, BTreeMap<PathBuf, BTreeSet<String>>>;

impl Crate {
    /// The import graph.
    pub fn graph(&self) -> Graph {
        let mut graph = Graph::new();
        for (number, module) in self.modules.iter().enumerate() {
            let arrows = graph.entry(module.file.clone()).or_default();
            let used = |name: &String| module.paths.iter().any(|path| path.first() == Some(name));
            let brought =
                module.private.iter().filter(|(name, _)| !module.extended.contains(*name) || used(name));
            for path in module.paths.iter().chain(brought.map(|(_, path)| path)) {
                let Some((home, name)) = self.home(number, path, MOST_REEXPORTS) else { continue };
                let file = &self.modules[home].file;
                if *file != module.file {
                    arrows.entry(file.clone()).or_default().insert(name);
                }
            }
        }
        graph
    }

    /// The module in which the item of a path is defined, and its name. Nothing when it is of another crate, or a module.
    fn home(&self, from: usize, path: &[String], left: usize) -> Option<(usize, String)> {
        let left = left.checked_sub(1)?;
        let (first, rest) = path.split_first()?;
        let module = &self.modules[from];
        match first.as_str() {
            "crate" => self.inside(0, rest, left),
            "super" => self.inside(module.parent?, rest, left),
            "self" => self.inside(from, rest, left),
            _ => self.inside(from, path, left),
        }
    }

    fn inside(&self, at: usize, path: &[String], left: usize) -> Option<(usize, String)> {
        let (first, rest) = path.split_first()?;
        let module = &self.modules[at];
        if first == "super" {
            return self.inside(module.parent?, rest, left);
        }
        if let Some(child) = module.children.get(first) {
            return self.inside(*child, rest, left);
        }
        if module.items.contains(first) {
            return Some((at, first.clone()));
        }
        if let Some(import) = module.imports.get(first) {
            let whole: Vec<String> = import.iter().chain(rest).cloned().collect();
            return self.home(at, &whole, left);
        }
        module.globs.iter().find_map(|glob| {
            let whole: Vec<String> = glob.iter().chain(path).cloned().collect();
            self.home(at, &whole, left)
        })
    }
}

/// The circles of a graph: each a set of files of which every one reaches every other.
pub fn circles(graph: &Graph) -> Vec<BTreeSet<PathBuf>> {
    let reach: BTreeMap<&PathBuf, BTreeSet<&PathBuf>> =
        graph.keys().map(|file| (file, reached(graph, file))).collect();
    let mut found = BTreeSet::new();
    for (file, others) in &reach {
        if others.contains(*file) {
            let together =
                others.iter().filter(|other| reach.get(**other).is_some_and(|back| back.contains(*file)));
            found.insert(together.map(|other| (*other).clone()).collect::<BTreeSet<PathBuf>>());
        }
    }
    found.into_iter().collect()
}

fn reached<'a>(graph: &'a Graph, from: &'a PathBuf) -> BTreeSet<&'a PathBuf> {
    let mut reached = BTreeSet::new();
    let mut open = vec![from];
    while let Some(file) = open.pop() {
        for next in graph.get(file).into_iter().flat_map(BTreeMap::keys) {
            if reached.insert(next) {
                open.push(next);
            }
        }
    }
    reached
}
