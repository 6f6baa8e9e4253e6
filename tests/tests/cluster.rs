//! Three real nodes of one cluster.

use std::time::Duration;

use paperclip_tests::{
    Cluster, DEADLINE, JsPeer, Result, Storage, ensure, ensure_eq, eventually, folder, joined, js_agrees,
    nodes_agree,
};
use serde_json::json;

/// Waits until every node of the cluster has the database open.
fn everywhere(cluster: &Cluster, db: &str) -> Result<()> {
    eventually(DEADLINE, "every node has the database", || {
        for api in cluster.apis() {
            api.database(db)?;
        }
        Ok(())
    })
}

#[test]
fn a_database_created_on_one_node_takes_writes_on_all_three() -> Result<()> {
    const EACH: usize = 40;
    let home = folder()?;
    let cluster = Cluster::start(home.path(), 3, &[])?;
    let made = cluster.api(0).create("shared", "events", &[cluster.identity.id()])?;
    everywhere(&cluster, &made.address)?;
    assert_eq!(cluster.api(2).database("shared")?.address, made.address, "it is known by its name too");

    std::thread::scope(|scope| {
        let writers: Vec<_> = cluster
            .apis()
            .into_iter()
            .enumerate()
            .map(|(index, api)| {
                let db = &made.address;
                scope.spawn(move || -> Result<()> {
                    (0..EACH).try_for_each(|n| api.add(db, &json!(format!("node {index}, {n}"))).map(drop))
                })
            })
            .collect();
        writers.into_iter().try_for_each(joined)
    })?;
    nodes_agree(&cluster.apis(), &made.address, 3 * EACH, DEADLINE)?;

    // Writers on three nodes sign with three keys and are one identity to an access list.
    let entries = cluster.api(1).entries(&made.address, "amount=-1")?;
    let keys: std::collections::BTreeSet<_> = entries.iter().map(|entry| entry.key.as_str()).collect();
    assert_eq!(keys.len(), 3);
    Ok(())
}

#[test]
fn a_node_cut_off_keeps_serving_and_converges_when_healed() -> Result<()> {
    let home = folder()?;
    let cluster = Cluster::start(home.path(), 3, &[])?;
    let db = cluster.api(0).create("parted", "keyvalue", &[cluster.identity.id()])?.address;
    everywhere(&cluster, &db)?;
    cluster.api(1).put(&db, "before", &json!(1))?;
    nodes_agree(&cluster.apis(), &db, 1, DEADLINE)?;

    cluster.isolate(2);
    for (index, api) in cluster.apis().into_iter().enumerate() {
        api.put(&db, &format!("by {index}"), &json!(index))?;
        api.put(&db, "contested", &json!(index))?;
    }
    nodes_agree(&[cluster.api(0), cluster.api(1)], &db, 5, DEADLINE)?;
    assert_eq!(cluster.api(2).database(&db)?.entries, 3, "nothing passed the cut");
    assert_eq!(cluster.api(2).keys(&db)?.len(), 3, "it reads its own writes");

    cluster.heal(2);
    nodes_agree(&cluster.apis(), &db, 7, DEADLINE)?;
    let views: Vec<_> = cluster.apis().into_iter().map(|api| api.keys(&db)).collect::<Result<_>>()?;
    assert_eq!(views[0], views[1]);
    assert_eq!(views[1], views[2]);
    assert_eq!(views[0].len(), 5);
    Ok(())
}

#[test]
fn the_catalog_carries_pins_and_unpins_to_every_node() -> Result<()> {
    let home = folder()?;
    let mut cluster = Cluster::start(home.path(), 2, &[])?;
    let mut js = JsPeer::start(&home.path().join("js"), Storage::Memory)?;
    js.dial(&cluster.nodes[0].addr())?;
    let foreign = js.create("foreign", "events", json!({}))?.address;
    js.add_many(&foreign, &(0..20).map(|n| json!(n)).collect::<Vec<_>>())?;
    cluster.api(0).pin(&foreign)?;
    let own = cluster.api(1).create("own", "documents", &[cluster.identity.id()])?.address;
    everywhere(&cluster, &foreign)?;
    everywhere(&cluster, &own)?;
    nodes_agree(&cluster.apis(), &foreign, 20, DEADLINE)?;

    // A node that joins later learns of both, and gets what the JavaScript peer wrote though the two never meet.
    cluster.grow()?;
    everywhere(&cluster, &own)?;
    nodes_agree(&cluster.apis(), &foreign, 20, DEADLINE)?;

    cluster.api(2).unpin(&foreign)?;
    eventually(DEADLINE, "the unpinned database is gone everywhere", || {
        for api in cluster.apis() {
            let listed: Vec<String> = api.databases()?.into_iter().map(|db| db.address).collect();
            ensure(!listed.contains(&foreign), || format!("one still has {listed:?}"))?;
            ensure(listed.contains(&own), || format!("one lost the other: {listed:?}"))?;
        }
        Ok(())
    })?;

    // Pinned again, it comes back whole.
    cluster.api(1).pin(&foreign)?;
    everywhere(&cluster, &foreign)?;
    nodes_agree(&cluster.apis(), &foreign, 20, DEADLINE)
}

#[test]
fn a_killed_node_misses_nothing() -> Result<()> {
    let home = folder()?;
    let mut cluster = Cluster::start(home.path(), 3, &[])?;
    let db = cluster.api(0).create("killed", "events", &[cluster.identity.id()])?.address;
    everywhere(&cluster, &db)?;
    for n in 0..20 {
        cluster.api(n % 3).add(&db, &json!(n))?;
    }
    nodes_agree(&cluster.apis(), &db, 20, DEADLINE)?;

    cluster.nodes[2].kill()?;
    for n in 20..40 {
        cluster.api(n % 2).add(&db, &json!(n))?;
    }
    nodes_agree(&[cluster.api(0), cluster.api(1)], &db, 40, DEADLINE)?;
    cluster.nodes[2].run()?;
    nodes_agree(&cluster.apis(), &db, 40, DEADLINE)
}

#[test]
fn a_javascript_peer_of_one_node_reads_what_another_wrote() -> Result<()> {
    let home = folder()?;
    let cluster = Cluster::start(home.path(), 3, &[])?;
    let mut js = JsPeer::start(&home.path().join("js"), Storage::Memory)?;
    js.dial(&cluster.nodes[2].addr())?;
    let made = cluster.api(0).create("far", "events", &[cluster.identity.id(), &js.identity().id.clone()])?;
    let db = made.address;
    everywhere(&cluster, &db)?;
    js.open(&db)?;
    let hash = cluster.api(0).add(&db, &json!("from the far node"))?;
    js.await_head(&db, &hash)?;
    let back = js.add(&db, &json!("from JavaScript"))?;
    nodes_agree(&cluster.apis(), &db, 2, DEADLINE)?;
    assert_eq!(cluster.api(1).heads(&db)?, [back]);
    js_agrees(&mut js, cluster.api(1), &db, 2, DEADLINE)
}

#[test]
fn missed_announcements_are_repaired_without_any_new_write() -> Result<()> {
    let home = folder()?;
    let cluster = Cluster::start(home.path(), 2, &[])?;
    let db = cluster.api(0).create("quiet", "events", &[cluster.identity.id()])?.address;
    everywhere(&cluster, &db)?;
    cluster.isolate(1);
    let hashes: Vec<String> = (0..10).map(|n| cluster.api(0).add(&db, &json!(n))).collect::<Result<_>>()?;
    cluster.heal(1);
    eventually(Duration::from_secs(90), "the other node has what it missed", || {
        let mut seen = cluster.api(1).hashes(&db)?;
        seen.reverse();
        ensure_eq(&seen, &hashes)
    })
}
