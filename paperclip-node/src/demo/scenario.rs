//! What is shown: nodes start, one is cut off, all write, the cut is healed, all agree.

use super::{
    args::DemoArgs,
    display::Display,
    error::{DemoError, STEP_TIMEOUT, system},
    process::{POLL, Process},
    relay::Relay,
    summary::LogSummary,
};
use crate::identity::create_key;
use oplog::Hash;
use paperclip_client::{
    db_path,
    shape::{Create, Database, Open, OpenDatabase},
};
use serde_json::json;
use std::{
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Instant,
};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

/// The name of the database.
const DATABASE: &str = "demo";

/// The nodes and what stands between them.
pub(super) struct Demo<'a> {
    args: &'a DemoArgs,
    nodes: Vec<Process>,
    relays: Vec<Relay>,
    interrupted: &'a CancellationToken,
    address: String,
}

impl<'a> Demo<'a> {
    /// Starts the nodes and a database on all of them.
    pub(super) fn start(
        args: &'a DemoArgs,
        home: &Path,
        runtime: &Runtime,
        interrupted: &'a CancellationToken,
        display: &mut Display,
    ) -> Result<Self, DemoError> {
        let root_key = home.join("root.key");
        create_key(&root_key)?;
        display.step(&format!("starting {} nodes", args.nodes));
        let mut demo =
            Self { args, nodes: Vec::new(), relays: Vec::new(), interrupted, address: String::new() };
        for number in 0..usize::try_from(args.nodes).unwrap_or_default() {
            let last = number as u64 + 1 == args.nodes;
            let mut peers = Vec::new();
            for other in &demo.nodes {
                if last {
                    let relay =
                        Relay::start(runtime, other.listen_port()).map_err(system("starting a relay"))?;
                    peers.push(relay.address());
                    demo.relays.push(relay);
                } else {
                    peers.push(other.address());
                }
            }
            demo.nodes.push(Process::start(number, home, &root_key, &peers)?);
            demo.until("a node is ready", |demo| demo.nodes[number].is_ready())?;
            display.node(&demo.nodes[number].describe()?);
        }
        let wanted = Open::Create(Create::new(DATABASE, "events"));
        let created = demo.nodes[0].client().post("/v1/databases", &wanted).and_then(|answer| answer.read());
        let created: Database = created.map_err(|source| DemoError::Node { node: 0, source })?;
        demo.address = created.address;
        display.step(&format!("created {} on node 0", demo.address));
        demo.until("every node has opened the database", |demo| {
            Ok(demo.nodes.iter().all(|node| demo.view(node).is_ok()))
        })?;
        Ok(demo)
    }

    /// The demonstration itself.
    pub(super) fn show(&mut self, display: &mut Display) -> Result<(), DemoError> {
        let cut = self.nodes.len() - 1;
        self.relays.iter().for_each(Relay::cut);
        self.until("the last node is cut off", |demo| Ok(demo.nodes[cut].peers()? == 0))?;
        display.step(&format!("cut node {cut} off; all nodes write at once"));

        let started = Instant::now();
        self.write(display)?;
        let wrote = started.elapsed();
        let connected = self.until("the connected nodes agree", |demo| {
            let views = demo.views()?;
            Ok(views[..cut].windows(2).all(|pair| pair[0] == pair[1]))
        });
        connected?;
        let apart = self.views()?;
        display.finish_bars();
        display.table(&apart, cut);

        self.relays.iter().for_each(Relay::mend);
        let healed = Instant::now();
        display.step(&format!("healed; node {cut} catches up"));
        let total = self.args.entries;
        loop {
            self.check()?;
            let views = self.views()?;
            display.progress(&views.iter().map(|view| (view.entries, total)).collect::<Vec<_>>());
            let agree = views.windows(2).all(|pair| pair[0] == pair[1]);
            if agree && views.iter().all(|view| view.entries == total) {
                break;
            }
            if healed.elapsed() > STEP_TIMEOUT {
                return Err(DemoError::Timeout("the nodes agree"));
            }
            thread::sleep(POLL);
        }
        let converged = healed.elapsed();
        display.finish_bars();
        let contents = self.nodes.iter().map(|node| self.content(node)).collect::<Result<Vec<_>, _>>()?;
        if contents.windows(2).any(|pair| pair[0] != pair[1]) {
            return Err(DemoError::Content);
        }
        let views = self.views()?;
        display.table(&views, usize::MAX);
        display.verdict(&views, &contents, total, wrote, converged);
        Ok(())
    }

    /// Writes on every node at once, its share each.
    fn write(&self, display: &mut Display) -> Result<(), DemoError> {
        let count = self.nodes.len() as u64;
        let written: Vec<AtomicU64> = self.nodes.iter().map(|_| AtomicU64::new(0)).collect();
        let shares: Vec<u64> =
            (0..count).map(|number| (self.args.entries + count - 1 - number) / count).collect();
        let (address, interrupted) = (&self.address, self.interrupted);
        thread::scope(|scope| {
            let writers: Vec<_> = self
                .nodes
                .iter()
                .zip(written.iter().zip(&shares))
                .enumerate()
                .map(|(number, (node, (written, share)))| {
                    scope.spawn(move || {
                        for n in 0..*share {
                            if interrupted.is_cancelled() {
                                return Err(DemoError::Interrupted);
                            }
                            let event = json!({ "node": number, "n": n });
                            let added = node.client().post(&db_path(address, &["events"]), &event);
                            added.map_err(|source| DemoError::Node { node: number, source })?;
                            written.store(n + 1, Ordering::Relaxed);
                        }
                        Ok(())
                    })
                })
                .collect();
            let progress = || {
                let done = written.iter().map(|written| written.load(Ordering::Relaxed));
                done.zip(shares.iter().copied()).collect::<Vec<_>>()
            };
            while writers.iter().any(|writer| !writer.is_finished()) {
                display.progress(&progress());
                thread::sleep(POLL);
            }
            display.progress(&progress());
            // A thread that panicked has said so; its node is missing entries, which the next step would wait for in vain.
            writers.into_iter().try_for_each(|writer| writer.join().unwrap_or(Err(DemoError::Interrupted)))
        })
    }

    /// Leaves the nodes to the user.
    pub(super) fn keep(&mut self, keep: bool, display: &mut Display) -> Result<(), DemoError> {
        if !keep {
            return Ok(());
        }
        display.step("the nodes run until Ctrl-C");
        let apis: Vec<String> = self.nodes.iter().map(Process::api).collect();
        display.apis(&apis);
        loop {
            match self.check() {
                Ok(()) => thread::sleep(POLL),
                Err(DemoError::Interrupted) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    pub(super) fn stop(&mut self, display: &mut Display) -> Result<(), DemoError> {
        display.step("stopping the nodes and removing their data");
        self.nodes.iter_mut().try_for_each(Process::stop)
    }

    /// Whether all is well: nobody pressed Ctrl-C, no node has ended.
    fn check(&mut self) -> Result<(), DemoError> {
        if self.interrupted.is_cancelled() {
            return Err(DemoError::Interrupted);
        }
        self.nodes.iter_mut().try_for_each(Process::check)
    }

    fn until(
        &mut self,
        what: &'static str,
        happened: impl Fn(&Self) -> Result<bool, DemoError>,
    ) -> Result<(), DemoError> {
        let deadline = Instant::now() + STEP_TIMEOUT;
        loop {
            self.check()?;
            if happened(self)? {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(DemoError::Timeout(what));
            }
            thread::sleep(POLL);
        }
    }

    fn views(&self) -> Result<Vec<LogSummary>, DemoError> {
        self.nodes.iter().map(|node| self.view(node)).collect()
    }

    fn view(&self, node: &Process) -> Result<LogSummary, DemoError> {
        let shown: Database = node.read(&db_path(&self.address, &[]))?;
        let OpenDatabase { entries, heads, digest, .. } =
            shown.open.ok_or(DemoError::Timeout("the database is open"))?;
        Ok(LogSummary { entries, heads, digest })
    }

    /// A digest of every event in its order, from the first page to the last.
    fn content(&self, node: &Process) -> Result<String, DemoError> {
        let mut path = Some(db_path(&self.address, &["events"]));
        let mut text = String::new();
        while let Some(current) = path {
            let page = node.get(&current)?;
            text.push_str(&page.body);
            path = page.next;
        }
        Ok(Hash::of(text.as_bytes()).to_string())
    }
}
