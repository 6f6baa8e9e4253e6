//! Import circles: no file takes names from one that, over whatever way, takes names from it.

use std::collections::BTreeSet;
use std::path::PathBuf;

use paperclip_layout::{Crate, Graph, circles, members};

/// Folders with circles that are still to be cut.
const STILL_IN_ONE: [&str; 4] = ["charm/src/node", "paperclip-node/src", "store/src", "tests/src/js"];

#[test]
fn no_crate_has_an_import_circle() {
    let mut found = String::new();
    for member in members() {
        for root in &member.roots {
            let graph = Crate::at(root).graph();
            for circle in circles(&graph) {
                if circle.iter().any(|file| STILL_IN_ONE.iter().any(|known| file.starts_with(known))) {
                    continue;
                }
                describe(&graph, &circle, &mut found);
            }
        }
    }
    assert!(found.is_empty(), "move what the files share into one of its own:\n{found}");
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
