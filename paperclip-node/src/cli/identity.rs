//! `identity`: keys and certificates, as files.

use super::{ConfigFlags, error::CliError};
use crate::{
    identity::{IdentitySource, NodeIdentity, create_key, read_json, read_key},
    output::{Cell, Output, Text},
};
use clap::Subcommand;
use paperclip_client::certificate::Request;
use serde_json::json;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(super) enum IdentityCommand {
    /// Show a node's identity and its certificate request; create the signing key if there is none
    Show {
        #[command(flatten)]
        settings: ConfigFlags,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Certify a node's request with the cluster's root key and print the certificate
    Certify {
        /// File with the "request" that `identity show --json` prints
        request: PathBuf,
        /// File with the cluster's root key
        #[arg(long, value_name = "FILE")]
        root_key: PathBuf,
        /// Print the certificate on one line
        #[arg(long)]
        json: bool,
    },
    /// Create a cluster's root key and print the cluster's id
    NewRoot {
        /// File to create; an existing file is never overwritten
        file: PathBuf,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn execute(command: IdentityCommand) -> Result<(), CliError> {
    match command {
        IdentityCommand::Show { settings, json } => show(settings, Output::new(json)),
        IdentityCommand::Certify { request, root_key, json } => {
            let asked: Request = read_json(&request)?;
            let certified = asked.certify(&read_key(&root_key)?);
            let certificate = certified.map_err(|source| CliError::Certify { path: request, source })?;
            let certificate = serde_json::to_value(certificate).map_err(std::io::Error::from)?;
            Ok(Output::new(json).value(&certificate)?)
        }
        IdentityCommand::NewRoot { file, json } => {
            let key = create_key(&file)?;
            let document = json!({ "id": key.public_hex(), "file": file.display().to_string() });
            let told = || {
                Text::pairs(vec![
                    ("cluster id", key.public_hex().into()),
                    ("root key", file.display().to_string().into()),
                ])
            };
            Ok(Output::new(json).document(&document, told)?)
        }
    }
}

fn show(settings: ConfigFlags, output: Output) -> Result<(), CliError> {
    let config = settings.load()?;
    let node = NodeIdentity::show(IdentitySource::from(&config))?;
    let request = node.request().map(Request::from);
    let document = json!({
        "id": node.cluster_id(),
        "public_key": node.signing_key().public_hex(),
        "request": request,
        "certified": node.identity().is_some(),
        "hash": node.identity().map(|identity| identity.hash().to_string()),
    });
    let told = || {
        let standing = match (node.identity(), node.cluster_id()) {
            (Some(_), _) => Cell::good("yes"),
            (None, Some(_)) => Cell::warning("no; give the request (--json) to the holder of the root key"),
            (None, None) => Cell::from("no; the node will be its own root unless it is told --cluster-id"),
        };
        Text::pairs(vec![
            ("cluster id", node.cluster_id().unwrap_or("-").into()),
            ("signing key", node.signing_key().public_hex().into()),
            ("certified", standing),
        ])
    };
    Ok(output.document(&document, told)?)
}
