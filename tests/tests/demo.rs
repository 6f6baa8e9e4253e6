//! `paperclip-node demo`: three processes that converge, shown to a person or told to a program.

use paperclip_tests::{Result, cli};
use serde_json::Value;

#[test]
fn the_demo_converges_and_stops() -> Result<()> {
    let output = cli(&["demo", "--nodes", "3", "--entries", "60", "--json"])?.success()?;
    let lines: Vec<Value> =
        output.stdout.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let nodes: Vec<&Value> = lines.iter().filter(|line| line["node"].is_u64()).collect();
    assert_eq!(nodes.len(), 3, "{}", output.stdout);
    for node in &nodes {
        for field in ["api", "peer_id", "data_dir"] {
            assert!(node[field].is_string(), "no {field} in {node}");
        }
        assert!(node["addrs"].is_array(), "{node}");
        let data_dir = node["data_dir"].as_str().unwrap_or_default();
        assert!(!std::path::Path::new(data_dir).exists(), "without --keep nothing stays: {data_dir}");
    }
    Ok(())
}

#[test]
fn the_demo_tells_a_person_where_the_nodes_are() -> Result<()> {
    let output = cli(&["demo", "--entries", "30"])?.success()?;
    assert!(output.stdout.matches("http://127.0.0.1:").count() >= 3, "{}", output.stdout);
    Ok(())
}
