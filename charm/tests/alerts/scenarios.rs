//! Scenarios: what nodes tell over some hours, and the alerts that fire then. A scenario changes what three healthy nodes tell.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

/// The model's name.
pub(crate) const MODEL: &str = "sim";
/// Its UUID.
pub(crate) const MODEL_UUID: &str = "3f2b1c7e-5a4d-4c1b-9e0f-2a6d8b7c9e01";
/// The application.
pub(crate) const APPLICATION: &str = "paperclip";

/// Minutes of samples, one each.
const MINUTES: u32 = 250;

/// A value that stays.
fn always(value: impl std::fmt::Display) -> String {
    format!("{value}+0x{MINUTES}")
}

/// What grows by this much a minute.
fn growing(by: u32) -> String {
    format!("0+{by}x{MINUTES}")
}

/// What is there for an hour, and then no more: its machine and the collector on it have vanished.
fn vanishing() -> String {
    "1+0x60 stale".into()
}

/// A series: the metric and the labels beside those of its unit, such as `paperclip_peers` or `x{db="a"}`.
type Series = (&'static str, String);

/// What a healthy node of so many tells.
fn healthy(nodes: u32) -> BTreeMap<&'static str, String> {
    let siblings = nodes - 1;
    // A node without siblings has nobody to exchange heads with.
    let exchanged = if siblings == 0 { format!("0+60x{MINUTES}") } else { always(20) };
    let series: [Series; 27] = [
        ("up{}", always(1)),
        ("paperclip_planned_nodes{}", always(nodes)),
        ("paperclip_siblings{}", always(siblings)),
        ("paperclip_topics{}", always(2)),
        ("paperclip_topics_shared{}", always(2 * siblings)),
        (r#"paperclip_database_seconds_since_exchange{db="a"}"#, exchanged.clone()),
        (r#"paperclip_database_seconds_since_exchange{db="b"}"#, exchanged),
        (r#"paperclip_database_entries{db="a"}"#, growing(100)),
        (r#"paperclip_database_entries{db="b"}"#, always(7)),
        (r#"paperclip_database_pending_entries{db="a"}"#, format!("0+0x20 5+0x5 0+0x{MINUTES}")),
        (r#"paperclip_database_pending_entries{db="b"}"#, always(0)),
        (r#"paperclip_database_unreachable_blocks{db="a"}"#, always(0)),
        (r#"paperclip_database_unreachable_blocks{db="b"}"#, always(0)),
        (r#"paperclip_entries_refused_total{reason="bad-signature"}"#, always(3)),
        (r#"paperclip_entries_refused_total{reason="backlog"}"#, growing(5)),
        (r#"paperclip_entries_refused_total{reason="unreachable"}"#, growing(5)),
        ("paperclip_store_poisoned{}", always(0)),
        ("paperclip_store_read_only{}", always(0)),
        ("paperclip_disk_bytes{}", always(100_000)),
        ("paperclip_disk_free_bytes{}", format!("60000-1x{MINUTES}")),
        (r#"paperclip_store_flush_seconds_bucket{le="0.1"}"#, growing(99)),
        (r#"paperclip_store_flush_seconds_bucket{le="0.5"}"#, growing(100)),
        (r#"paperclip_store_flush_seconds_bucket{le="1"}"#, growing(100)),
        (r#"paperclip_store_flush_seconds_bucket{le="+Inf"}"#, growing(100)),
        ("paperclip_store_damaged_blocks{}", always(0)),
        ("paperclip_databases_failed{}", always(0)),
        ("paperclip_peers{}", always(siblings)),
    ];
    series.into()
}

/// One thing that may be the case.
struct Scenario {
    what: &'static str,
    nodes: u32,
    /// What a node tells instead, by its number.
    changes: Vec<(u32, Series)>,
    /// When it is looked, in minutes.
    at: u32,
    /// The alerts that fire, with the number of the node where it is one.
    firing: Vec<(&'static str, Option<u32>)>,
}

fn scenario(
    what: &'static str,
    changes: Vec<(u32, Series)>,
    firing: Vec<(&'static str, Option<u32>)>,
) -> Scenario {
    Scenario { what, nodes: 3, changes, at: 240, firing }
}

/// One node tells something else, and one alert fires for it.
fn one(what: &'static str, series: &'static str, values: String, alert: &'static str) -> Scenario {
    scenario(what, vec![(1, (series, values))], vec![(alert, Some(1))])
}

/// Every series of a node.
fn of_all(node: u32, values: &str, but: &[&str]) -> Vec<(u32, Series)> {
    let names = healthy(3).into_keys().filter(|name| !but.contains(name));
    names.map(|name| (node, (name, values.to_owned()))).collect()
}

/// What those that are left tell.
fn survivors() -> Vec<(u32, Series)> {
    let of = |node| {
        [(node, ("paperclip_siblings{}", always(1))), (node, ("paperclip_topics_shared{}", always(2)))]
    };
    [0, 1].into_iter().flat_map(of).collect()
}

fn all() -> Vec<Scenario> {
    let mut scenarios = silence();
    scenarios.extend(loss());
    scenarios.extend(trouble());
    scenarios
}

/// Nothing is wrong.
fn silence() -> Vec<Scenario> {
    let late = format!("0+0x1 0+100x{MINUTES}");
    let steady = (1, (r#"paperclip_database_entries{db="a"}"#, late));
    let grown = (0..3).map(|node| (node, ("paperclip_planned_nodes{}", format!("3+0x235 4+0x{MINUTES}"))));
    vec![
        scenario("three healthy nodes", vec![], vec![]),
        Scenario { nodes: 1, ..scenario("a healthy node alone", vec![], vec![]) },
        scenario("a node that is a minute late under steady writes", vec![steady], vec![]),
        scenario("a unit that was added five minutes ago", grown.collect(), vec![]),
        scenario(
            "nobody has said how many nodes are planned",
            (0..3).map(|node| (node, ("paperclip_planned_nodes{}", always(0)))).collect(),
            vec![],
        ),
    ]
}

/// Machines are lost.
fn loss() -> Vec<Scenario> {
    let missing = ("PaperClipNodesMissing", None);
    let unreachable = [
        of_all(2, &vanishing(), &["up{}"]),
        vec![(2, ("up{}", format!("1+0x60 0+0x{MINUTES}")))],
        survivors(),
    ];
    let vanished = [of_all(2, &vanishing(), &[]), survivors()];
    let isolated = vec![
        (0, ("paperclip_siblings{}", always(1))),
        (1, ("paperclip_siblings{}", always(1))),
        (2, ("paperclip_siblings{}", always(0))),
        (2, (r#"paperclip_database_seconds_since_exchange{db="a"}"#, growing(60))),
        (2, (r#"paperclip_database_seconds_since_exchange{db="b"}"#, growing(60))),
    ];
    vec![
        scenario(
            "a machine is lost, and Prometheus scrapes over the network",
            unreachable.concat(),
            vec![("PaperClipNodeDown", Some(2)), missing],
        ),
        scenario("a machine is lost with the collector on it", vanished.concat(), vec![missing]),
        scenario(
            "all machines are lost with their collectors",
            (0..3).flat_map(|node| of_all(node, &vanishing(), &[])).collect(),
            vec![("PaperClipAbsent", None)],
        ),
        scenario(
            "a node is cut off",
            isolated,
            vec![("PaperClipIsolated", Some(2)), ("PaperClipNotExchanging", Some(2)), missing],
        ),
    ]
}

/// A node has trouble.
fn trouble() -> Vec<Scenario> {
    let both =
        |series: [&'static str; 2], values: String| series.map(|name| (1, (name, values.clone()))).to_vec();
    vec![
        scenario(
            "two databases are not exchanged: one alert",
            both(
                [
                    r#"paperclip_database_seconds_since_exchange{db="a"}"#,
                    r#"paperclip_database_seconds_since_exchange{db="b"}"#,
                ],
                growing(60),
            ),
            vec![("PaperClipNotExchanging", Some(1))],
        ),
        one(
            "subscriptions are missing",
            "paperclip_topics_shared{}",
            always(3),
            "PaperClipSubscriptionsMissing",
        ),
        one("a node stands still", r#"paperclip_database_entries{db="a"}"#, always(5), "PaperClipBehind"),
        one("an entry never comes", r#"paperclip_database_entries{db="b"}"#, always(6), "PaperClipBehind"),
        one(
            "entries wait",
            r#"paperclip_database_pending_entries{db="b"}"#,
            always(4),
            "PaperClipEntriesPending",
        ),
        scenario(
            "blocks of two databases are unreachable: one alert",
            both(
                [
                    r#"paperclip_database_unreachable_blocks{db="a"}"#,
                    r#"paperclip_database_unreachable_blocks{db="b"}"#,
                ],
                always(2),
            ),
            vec![("PaperClipUnreachableBlocks", Some(1))],
        ),
        one(
            "a peer forges",
            r#"paperclip_entries_refused_total{reason="bad-signature"}"#,
            growing(1),
            "PaperClipEntriesRefused",
        ),
        one("a flush failed", "paperclip_store_poisoned{}", always(1), "PaperClipStorePoisoned"),
        one("started on a full disk", "paperclip_store_read_only{}", always(1), "PaperClipStoreReadOnly"),
        one("little room", "paperclip_disk_free_bytes{}", always(9_000), "PaperClipDiskNearlyFull"),
        one(
            "room goes fast",
            "paperclip_disk_free_bytes{}",
            format!("40000-50x{MINUTES}"),
            "PaperClipDiskFillsUp",
        ),
        scenario(
            "flushes are slow",
            both(
                [
                    r#"paperclip_store_flush_seconds_bucket{le="0.1"}"#,
                    r#"paperclip_store_flush_seconds_bucket{le="0.5"}"#,
                ],
                growing(98),
            ),
            vec![("PaperClipSlowFlush", Some(1))],
        ),
        one("damaged blocks", "paperclip_store_damaged_blocks{}", always(1), "PaperClipDamagedBlocks"),
        one("failed databases", "paperclip_databases_failed{}", always(1), "PaperClipDatabasesFailed"),
    ]
}

/// The alerts that fire in some scenario.
pub(crate) fn alerts() -> BTreeSet<String> {
    all().iter().flat_map(|scenario| &scenario.firing).map(|(alert, _)| (*alert).to_owned()).collect()
}

/// The scenarios as a document for `promtool test rules`. It looks at everything that fires, so an alert too many fails too.
pub(crate) fn document() -> Value {
    let tests: Vec<Value> = all().iter().map(test).collect();
    json!({ "rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": tests })
}

fn test(scenario: &Scenario) -> Value {
    let mut series = Vec::new();
    for node in 0..scenario.nodes {
        let mut told = healthy(scenario.nodes);
        let changes = scenario.changes.iter().filter(|(changed, _)| *changed == node);
        told.extend(changes.map(|(_, (name, values))| (*name, values.clone())));
        series.extend(
            told.into_iter()
                .map(|(name, values)| json!({ "series": labelled(name, node), "values": values })),
        );
    }
    let firing: Vec<Value> = scenario
        .firing
        .iter()
        .map(|(alert, node)| {
            let unit = node.map_or_else(String::new, |node| format!(r#", juju_unit="{APPLICATION}/{node}""#));
            json!({ "labels": format!(r#"{{alertname="{alert}"{unit}}}"#), "value": 1 })
        })
        .collect();
    json!({
        "name": scenario.what,
        "interval": "1m",
        "input_series": series,
        "promql_expr_test": [{
            "expr": r#"count by (alertname, juju_unit) (ALERTS{alertstate="firing"})"#,
            "eval_time": format!("{}m", scenario.at),
            "exp_samples": firing,
        }],
    })
}

/// A series with the labels that a collector gives those of a node.
fn labelled(name: &str, node: u32) -> String {
    let (metric, labels) = name.strip_suffix('}').and_then(|name| name.split_once('{')).unwrap_or((name, ""));
    let comma = if labels.is_empty() { "" } else { ", " };
    format!(
        r#"{metric}{{juju_model="{MODEL}", juju_model_uuid="{MODEL_UUID}", juju_application="{APPLICATION}", juju_charm="paperclip", juju_unit="{APPLICATION}/{node}", instance="10.0.0.{node}:4750"{comma}{labels}}}"#
    )
}
