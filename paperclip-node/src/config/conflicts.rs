//! Conflicts between settings: what none of them shows alone.

use super::{
    fault::Fault,
    table::{Draft, SETTINGS},
};

/// The conflicts of settings that have no faults of their own.
pub(super) fn between(draft: &Draft) -> Vec<Fault> {
    let mut conflicts = Vec::new();
    if let (Some(api), Some(None)) = (draft.api, &draft.api_token_file)
        && !api.ip().to_canonical().is_loopback()
    {
        let told = format!("{api} is reachable from other machines; set api-token-file as well");
        conflicts.push(Fault::conflict(&SETTINGS.api.key, told));
    }
    if let (Some(Some(_)), Some(Some(_))) = (&draft.certificate, &draft.root_key) {
        let told = "a node has either a certificate or the root key, not both";
        conflicts.push(Fault::conflict(&SETTINGS.root_key.key, told));
    }
    if let (Some(memory), Some(entry)) = (draft.join_memory_bytes, draft.max_entry_bytes)
        && memory < entry
    {
        let told = format!("less than max-entry-bytes, {entry}");
        conflicts.push(Fault::conflict(&SETTINGS.join_memory_bytes.key, told));
    }
    conflicts
}
