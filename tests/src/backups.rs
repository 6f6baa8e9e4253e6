//! What backups are tested against: a server that speaks S3 (s3rver, from npm), and IPLD's own reader of CAR files.

use std::fs::{self, File};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::error::io;
use crate::js::{Release, packages, runtime};
use crate::ports::free_port;
use crate::{DEADLINE, HarnessError, Result, eventually, not_yet};

/// The key, and the secret, that the server takes.
const KEY: &str = "S3RVER";

/// Its bucket.
const BUCKET: &str = "backups";

/// The folder of what backups are tested against.
fn tools() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("backups")
}

/// What IPLD's own reader of CAR files says of a backup, every block's hash checked.
///
/// # Errors
/// No npm, or it refuses the file.
pub fn read_car(file: &Path) -> Result<Value> {
    packages(&tools())?;
    let output = Command::new(runtime(Release::default())?)
        .arg(tools().join("read-car.mjs"))
        .arg(file)
        .output()
        .map_err(io("reading a CAR file"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let what = format!("read-car.mjs: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_str(&text).map_err(|source| HarnessError::Shape { what, text, source })
}

/// The server. It ends when this is dropped.
#[derive(Debug)]
pub struct S3Server {
    child: Child,
    endpoint: String,
}

impl S3Server {
    /// Starts a server whose bucket is in a folder.
    ///
    /// # Errors
    /// No npm, or the server does not answer.
    pub fn start(folder: &Path) -> Result<Self> {
        let modules = packages(&tools())?;
        let port = free_port()?;
        fs::create_dir_all(folder).map_err(io("making a folder for S3"))?;
        let log = File::create(folder.join("server.log")).map_err(io("the log of the S3 server"))?;
        let data = folder.join("data");
        fs::create_dir_all(&data).map_err(io("making a folder for S3"))?;
        let child = Command::new(runtime(Release::default())?)
            .arg(modules.join(".bin/s3rver"))
            .args(["--address", "127.0.0.1", "--port", &port.to_string(), "--configure-bucket", BUCKET])
            .arg("--directory")
            .arg(&data)
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(io("the log of the S3 server"))?)
            .stderr(log)
            .spawn()
            .map_err(io("starting the S3 server"))?;
        let server = Self { child, endpoint: format!("http://127.0.0.1:{port}") };
        eventually(DEADLINE, "the S3 server answers", || match TcpStream::connect(("127.0.0.1", port)) {
            Ok(_) => Ok(()),
            Err(error) => not_yet(format!("{error}")),
        })?;
        Ok(server)
    }

    /// The environment of a client that may use it.
    #[must_use]
    pub fn environment(&self) -> Vec<(&str, &str)> {
        vec![
            ("AWS_ACCESS_KEY_ID", KEY),
            ("AWS_SECRET_ACCESS_KEY", KEY),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ENDPOINT_URL", &self.endpoint),
            ("AWS_ALLOW_HTTP", "true"),
        ]
    }

    /// The place of something in its bucket.
    #[must_use]
    pub fn place(&self, key: &str) -> String {
        format!("s3://{BUCKET}/{key}")
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
