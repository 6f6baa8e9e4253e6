//! Grafana dashboards, in the form that travels in databags: JSON, xz, base64.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The dashboard as it is.
const DASHBOARD: &str = include_str!("dashboard.json");

/// The dashboards, each as base64 of the xz form of its JSON.
///
/// # Errors
/// When the text cannot be compressed; there is no disk in between that could fail.
pub(super) fn encoded() -> std::io::Result<Vec<String>> {
    let mut compressed = Vec::new();
    lzma_rs::xz_compress(&mut DASHBOARD.as_bytes(), &mut compressed)?;
    Ok(vec![STANDARD.encode(compressed)])
}
