//! The command line as a client of an API behind TLS, whose authority is the test's own.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    crypto::ring,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use std::{
    fs::{self, Permissions},
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    process::{Command, Output, Stdio},
    sync::{Arc, mpsc},
    thread,
};
use tempfile::TempDir;

/// A server with a certificate for `localhost`, signed by an authority that nobody else knows.
struct Server {
    folder: TempDir,
    url: String,
    /// The heads of the requests that came.
    requests: mpsc::Receiver<String>,
}

impl Server {
    /// Answers every request with `status` and an empty list.
    fn start(status: &'static str) -> Self {
        let authority_key = KeyPair::generate().unwrap();
        let mut authority = CertificateParams::new([]).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = authority.self_signed(&authority_key).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let certificate = certificate.signed_by(&key, &authority, &authority_key).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der())),
            );
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("authority.pem"), authority.pem()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let (heard, requests) = mpsc::channel();
        let config = Arc::new(config.unwrap());
        thread::spawn(move || {
            for stream in listener.incoming() {
                let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
                let mut stream = BufReader::new(StreamOwned::new(connection, stream.unwrap()));
                let mut head = String::new();
                // A client that trusts us not ends the handshake; the test hears that from the client.
                while !head.ends_with("\r\n\r\n") && stream.read_line(&mut head).is_ok_and(|read| read > 0) {}
                let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 2\r\nconnection: close\r\n\r\n[]");
                drop(stream.get_mut().write_all(answer.as_bytes()));
                stream.get_mut().conn.send_close_notify();
                drop(stream.get_mut().flush());
                drop(heard.send(head));
            }
        });
        Self { folder, url, requests }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn list(&self, options: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_paperclip-node"));
        for (name, _) in
            std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PAPERCLIP_"))
        {
            command.env_remove(name);
        }
        command.args(["db", "list", "--json", "--api", &self.url]).args(options);
        command.stdin(Stdio::null()).output().unwrap()
    }

    /// What is told when it fails.
    fn refused(&self, options: &[&str]) -> String {
        let output = self.list(options);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    }
}

#[test]
fn an_authority_of_ones_own_is_trusted_when_it_is_named() {
    let server = Server::start("200 OK");
    let (authority, token) = (server.file("authority.pem"), server.file("token"));
    fs::write(&token, "open-sesame-whoever-reads-this-0").unwrap();
    fs::set_permissions(&token, Permissions::from_mode(0o600)).unwrap();
    let (authority, token) = (authority.display().to_string(), token.display().to_string());
    let output = server.list(&["--ca-file", &authority, "--token-file", &token]);
    assert!(output.status.success(), "{output:?}");
    let head = server.requests.recv().unwrap();
    assert!(head.starts_with("GET /v1/databases HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("authorization: Bearer open-sesame-whoever-reads-this-0\r\n"), "{head}");
}

#[test]
fn an_unknown_authority_is_not_trusted_and_the_way_out_is_told() {
    let server = Server::start("200 OK");
    let told = server.refused(&[]);
    assert!(told.starts_with(&format!("paperclip-node: cannot trust {}: ", server.url)), "{told}");
    assert!(told.contains("--ca-file"), "{told}");
    let head = server.requests.recv().unwrap();
    assert_eq!(head, "", "nothing is sent to whom nobody trusts");
}

#[test]
fn a_file_without_authorities_is_told() {
    let server = Server::start("200 OK");
    let file = server.file("nothing.pem");
    fs::write(&file, "nothing\n").unwrap();
    let told = server.refused(&["--ca-file", &file.display().to_string()]);
    assert!(told.contains("nothing.pem: expected certificates in PEM form"), "{told}");
}

#[test]
fn a_missing_token_is_told_with_the_option_that_names_it() {
    let server = Server::start("401 Unauthorized");
    let authority = server.file("authority.pem").display().to_string();
    let told = server.refused(&["--ca-file", &authority]);
    assert!(told.contains("--token-file or PAPERCLIP_TOKEN_FILE"), "{told}");
}

#[test]
fn an_s3_endpoint_of_an_authority_of_ones_own_is_trusted_when_it_is_named() {
    let server = Server::start("200 OK");
    let list = |bundle: Option<PathBuf>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_paperclip-node"));
        command.args(["backups", "s3://bucket/nightly/"]).stdin(Stdio::null());
        command.env("AWS_ENDPOINT_URL", &server.url).env("AWS_REGION", "here");
        command.env("AWS_ACCESS_KEY_ID", "key").env("AWS_SECRET_ACCESS_KEY", "secret");
        command.envs(bundle.map(|bundle| ("AWS_CA_BUNDLE", bundle)));
        String::from_utf8(command.output().unwrap().stderr).unwrap()
    };
    // What the server answers is no listing; that it was asked is what counts.
    list(Some(server.file("authority.pem")));
    let head = server.requests.recv().unwrap();
    assert!(head.starts_with("GET /bucket?") && head.contains("prefix=nightly"), "{head}");
    assert!(head.contains("authorization: AWS4-HMAC-SHA256 Credential=key/"), "{head}");
    let told = list(Some(server.file("missing.pem")));
    assert!(told.contains("AWS_CA_BUNDLE") && told.contains("missing.pem"), "{told}");
}
