//! Several nodes with one cluster identity.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::error::{io, parse};
use crate::ports::free_port;
use crate::{Node, NodeOptions, Result, cli};

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
        let made = cli(&["identity", "new-root", &path(&root_key), "--json"])?
            .success()?
            .json()?;
        Ok(Self {
            id: parse("a cluster id", made["id"].clone())?,
            root_key,
        })
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
        let shown = cli(&[
            "identity",
            "show",
            "--data-dir",
            &path(data_dir),
            "--cluster-id",
            &self.id,
            "--json",
        ])?;
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

/// Nodes that know each other's addresses and share an identity.
#[derive(Debug)]
pub struct Cluster {
    /// The nodes; every later one is configured to dial all earlier ones.
    pub nodes: Vec<Node>,
    /// What they share.
    pub identity: ClusterIdentity,
}

impl Cluster {
    /// Starts `count` nodes under `folder`, with `args` for each.
    ///
    /// # Errors
    /// One does not become ready.
    pub fn start(folder: &Path, count: usize, args: &[&str]) -> Result<Self> {
        let identity = ClusterIdentity::create(folder)?;
        let mut nodes: Vec<Node> = Vec::with_capacity(count);
        for index in 0..count {
            let home = folder.join(format!("node-{index}"));
            let certificate = identity.certify(&home.join("data"))?;
            let mut options = NodeOptions {
                peers: nodes.iter().map(Node::addr).collect(),
                args: args.iter().map(|&arg| arg.to_owned()).collect(),
                token: None,
            };
            options.args.extend([
                "--cluster-id".to_owned(),
                identity.id().to_owned(),
                "--certificate".to_owned(),
                path(&certificate),
            ]);
            nodes.push(Node::start_on(&home, options, free_port()?, free_port()?)?);
        }
        Ok(Self { nodes, identity })
    }
}
