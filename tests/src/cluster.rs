//! Several nodes with one cluster identity.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::error::{io, parse};
use crate::{Api, Link, Node, NodeOptions, Result, cli};

/// A cluster's root key, and the certificates it gives.
#[derive(Clone, Debug)]
pub struct ClusterIdentity {
    root_key: PathBuf,
    id: String,
}

impl ClusterIdentity {
    /// Makes a new root key in `folder`.
    ///
    /// # Errors
    /// The command line refuses.
    pub fn create(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder).map_err(io(format!("creating {}", folder.display())))?;
        let root_key = folder.join("root.key");
        let made = cli(&["identity", "new-root", &path(&root_key), "--json"])?.success()?.json()?;
        Ok(Self { id: parse("a cluster id", made["id"].clone())?, root_key })
    }

    /// The cluster's id: what access lists hold.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Certifies the node whose data is (or will be) in `data_dir`; the certificate's file, beside it.
    ///
    /// # Errors
    /// The command line refuses.
    pub fn certify(&self, data_dir: &Path) -> Result<PathBuf> {
        let shown =
            cli(&["identity", "show", "--data-dir", &path(data_dir), "--cluster-id", &self.id, "--json"])?;
        let request = shown.success()?.json()?["request"].take();
        let request_file = data_dir.with_extension("request.json");
        write_json(&request_file, &request)?;
        let certified = cli(&[
            "identity",
            "certify",
            &path(&request_file),
            "--root-key",
            &path(&self.root_key),
            "--json",
        ])?;
        let certificate_file = data_dir.with_extension("certificate.json");
        write_json(&certificate_file, &certified.success()?.json()?)?;
        Ok(certificate_file)
    }
}

fn path(path: &Path) -> String {
    path.display().to_string()
}

fn write_json(file: &Path, value: &Value) -> Result<()> {
    std::fs::write(file, value.to_string()).map_err(io(format!("writing {}", file.display())))
}

/// Nodes that share an identity and find each other over links that can be cut.
#[derive(Debug)]
pub struct Cluster {
    /// The nodes; every later one dials all earlier ones.
    pub nodes: Vec<Node>,
    /// What they share.
    pub identity: ClusterIdentity,
    folder: PathBuf,
    args: Vec<String>,
    links: Vec<(usize, usize, Link)>,
}

impl Cluster {
    /// Starts `count` nodes under `folder`, with `args` for each.
    ///
    /// # Errors
    /// One does not become ready.
    pub fn start(folder: &Path, count: usize, args: &[&str]) -> Result<Self> {
        let mut cluster = Self {
            nodes: Vec::with_capacity(count),
            identity: ClusterIdentity::create(folder)?,
            folder: folder.to_owned(),
            args: args.iter().map(|&arg| arg.to_owned()).collect(),
            links: Vec::new(),
        };
        for _ in 0..count {
            cluster.grow()?;
        }
        Ok(cluster)
    }

    /// Adds one node, which dials all the others.
    ///
    /// # Errors
    /// It does not become ready.
    pub fn grow(&mut self) -> Result<()> {
        let index = self.nodes.len();
        let home = self.folder.join(format!("node-{index}"));
        let certificate = self.identity.certify(&home.join("data"))?;
        let mut options = NodeOptions { args: self.args.clone(), ..NodeOptions::default() };
        for (earlier, node) in self.nodes.iter().enumerate() {
            let link = Link::to(node.listen_port())?;
            options.peers.push(format!("/ip4/127.0.0.1/tcp/{}/p2p/{}", link.port(), node.peer_id()));
            self.links.push((earlier, index, link));
        }
        options.args.extend([
            "--cluster-id".to_owned(),
            self.identity.id().to_owned(),
            "--certificate".to_owned(),
            path(&certificate),
        ]);
        self.nodes.push(Node::start(&home, options)?);
        Ok(())
    }

    /// The API of one node.
    pub fn api(&self, index: usize) -> &Api {
        self.nodes[index].api()
    }

    /// The APIs of all nodes.
    pub fn apis(&self) -> Vec<&Api> {
        self.nodes.iter().map(Node::api).collect()
    }

    /// Cuts a node off from all others.
    pub fn isolate(&self, index: usize) {
        self.links_of(index).for_each(Link::cut);
    }

    /// Joins it again.
    pub fn heal(&self, index: usize) {
        self.links_of(index).for_each(Link::heal);
    }

    fn links_of(&self, index: usize) -> impl Iterator<Item = &Link> {
        self.links.iter().filter(move |(a, b, _)| *a == index || *b == index).map(|(_, _, link)| link)
    }
}
