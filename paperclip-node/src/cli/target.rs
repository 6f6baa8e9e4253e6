//! The target of a command: which node, with which token, trusted by which authorities, and which of its databases.

use super::client::ClientError;
use crate::{api::Token, identity::read_secret, output::Output};
use clap::Args;
use paperclip_client::{
    Client,
    http::tls::{Certificate, PemItem, RootCerts, parse_pem},
};
use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

/// The largest file of certificate authorities, in bytes: several times all that browsers trust.
const MAX_AUTHORITY_BYTES: u64 = 1 << 20;

/// Which node to talk to, and how to print what it says.
#[derive(Debug, Clone, Args)]
pub(crate) struct ClientArgs {
    // Spaces that do not break keep each pair of brackets on one line.
    /// URL of the node's API [default: http://127.0.0.1:4748] [env: PAPERCLIP_API]
    #[arg(
        long,
        value_name = "URL",
        env = "PAPERCLIP_API",
        hide_env = true,
        default_value = "http://127.0.0.1:4748",
        hide_default_value = true
    )]
    pub(crate) api: String,
    /// File with the API token, readable by its owner only [env: PAPERCLIP_TOKEN_FILE]
    #[arg(long, value_name = "FILE", env = "PAPERCLIP_TOKEN_FILE", hide_env = true)]
    pub(crate) token_file: Option<PathBuf>,
    /// PEM file with the only certificate authorities to trust for https [env: PAPERCLIP_CA_FILE]
    #[arg(long, value_name = "FILE", env = "PAPERCLIP_CA_FILE", hide_env = true)]
    pub(crate) ca_file: Option<PathBuf>,
    /// Print one JSON document per line
    #[arg(long)]
    pub(crate) json: bool,
}

/// A database of a running node.
#[derive(Debug, Args)]
pub(super) struct AtDatabase {
    #[command(flatten)]
    pub(super) client: ClientArgs,
    /// Name or address of the database
    pub(super) db: String,
}

/// One database of a running node, or all.
#[derive(Debug, Args)]
pub(super) struct OneOrAll {
    #[command(flatten)]
    pub(super) client: ClientArgs,
    /// Name or address of a database; all databases if omitted
    pub(super) db: Option<String>,
}

impl ClientArgs {
    pub(crate) fn connect(&self) -> Result<Client, ClientError> {
        let token = match &self.token_file {
            Some(path) => Some(
                Token::new(&read_secret(path)?)
                    .ok_or_else(|| ClientError::NoToken(path.display().to_string()))?,
            ),
            None => None,
        };
        let roots = self.ca_file.as_deref().map(authorities).transpose()?;
        let client = Client::trusting(&self.api, roots)?;
        Ok(client.with_token(token.as_ref().map(Token::as_str)))
    }

    pub(super) fn output(&self) -> Output {
        Output::new(self.json)
    }
}

/// The certificates of a PEM file: at least one, and nothing that cannot be read.
pub(super) fn authorities(path: &Path) -> Result<RootCerts, ClientError> {
    let failed = |source: io::Error| ClientError::AuthorityFile { path: path.to_owned(), source };
    let mut pem = Vec::new();
    File::open(path).map_err(failed)?.take(MAX_AUTHORITY_BYTES).read_to_end(&mut pem).map_err(failed)?;
    let certificate = |item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(certificate),
        _ => None,
    };
    let read: Option<Vec<Certificate<'static>>> = parse_pem(&pem).map(certificate).collect();
    match read {
        Some(certificates) if !certificates.is_empty() => Ok(RootCerts::from(certificates)),
        _ => Err(ClientError::NoAuthority(path.to_owned())),
    }
}
