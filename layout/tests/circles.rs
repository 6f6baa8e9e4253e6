//! Import circles: no file takes names from one that, over whatever way, takes names from it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use paperclip_layout::{Crate, Graph, circles, members};

/// Files that still hold what files share from which they take themselves. Circles through others are found all the same.
const STILL_SHARED: [&str; 3] =
    ["paperclip-node/src/api/admit.rs", "paperclip-node/src/api/filter.rs", "paperclip-node/src/api/mod.rs"];

#[test]
fn no_crate_has_an_import_circle() {
    let mut found = String::new();
    let mut needless = BTreeSet::from(STILL_SHARED);
    for member in members() {
        for root in &member.roots {
            let graph = Crate::at(root).graph();
            let shared = |file: &Path| STILL_SHARED.iter().copied().find(|known| file == Path::new(known));
            needless.retain(|known| {
                circles(&without(&graph, |to| shared(to).is_some_and(|it| it != *known))).is_empty()
            });
            for circle in circles(&without(&graph, |to| shared(to).is_some())) {
                describe(&graph, &circle, &mut found);
            }
        }
    }
    assert!(found.is_empty(), "move what the files share into one of its own:\n{found}");
    assert!(needless.is_empty(), "these are in no circle any more, take them off the list: {needless:?}");
}

/// A graph without the arrows to some files.
fn without(graph: &Graph, left_out: impl Fn(&Path) -> bool) -> Graph {
    let mut graph = graph.clone();
    graph.values_mut().for_each(|taken| taken.retain(|to, _| !left_out(to)));
    graph
}

fn describe(graph: &Graph, circle: &BTreeSet<PathBuf>, found: &mut String) {
    found.push_str(&format!("a circle of {} files\n", circle.len()));
    for file in circle {
        for (to, names) in graph[file].iter().filter(|(to, _)| circle.contains(*to)) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let (file, to) = (file.display(), to.display());
            found.push_str(&format!("  {file} takes from {to}: {}\n", names.join(", ")));
        }
    }
}
