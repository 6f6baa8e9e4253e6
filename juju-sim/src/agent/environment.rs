//! The environment of a hook: exactly these variables (`juju.md` section 2).

use super::{Hook, Run, Surroundings, Variables};
use crate::{MODEL_NAME, MODEL_UUID, VERSION};

/// The variables of a run.
#[must_use]
pub fn variables(run: &Run, around: &Surroundings<'_>) -> Variables {
    let mut set = Variables::new();
    let mut put = |name: &str, value: String| drop(set.insert(name.to_owned(), value));
    let charm_dir = around.charm_dir.display().to_string();
    put("JUJU_UNIT_NAME", around.unit.to_owned());
    put("JUJU_CHARM_DIR", charm_dir.clone());
    put("CHARM_DIR", charm_dir);
    put("JUJU_CONTEXT_ID", around.context.to_owned());
    put("JUJU_AGENT_SOCKET_ADDRESS", around.socket.display().to_string());
    put("JUJU_AGENT_SOCKET_NETWORK", "unix".into());
    put("JUJU_MODEL_NAME", MODEL_NAME.into());
    put("JUJU_MODEL_UUID", MODEL_UUID.into());
    put("JUJU_API_ADDRESSES", "192.0.2.1:17070".into());
    put("JUJU_MACHINE_ID", around.machine.to_string());
    put("JUJU_VERSION", VERSION.into());
    for empty in [
        "JUJU_PRINCIPAL_UNIT",
        "JUJU_AVAILABILITY_ZONE",
        "CLOUD_API_VERSION",
        "JUJU_CHARM_HTTP_PROXY",
        "JUJU_CHARM_HTTPS_PROXY",
        "JUJU_CHARM_FTP_PROXY",
        "JUJU_CHARM_NO_PROXY",
        "JUJU_CHARM_TRACE_CONFIG_HTTP",
        "JUJU_CHARM_TRACE_CONFIG_GRPC",
        "JUJU_CHARM_TRACE_CONFIG_CA_CERT",
    ] {
        put(empty, String::new());
    }
    let path = format!("{}:{}:/usr/bin:/bin", around.tools_dir.display(), around.programs_dir.display());
    put("PATH", path);
    put("LANG", "C.UTF-8".into());
    put("TERM", "tmux-256color".into());
    put("DEBIAN_FRONTEND", "noninteractive".into());
    put("APT_LISTCHANGES_FRONTEND", "none".into());
    match run {
        Run::Action(action) => {
            put("JUJU_DISPATCH_PATH", format!("actions/{}", action.name));
            put("JUJU_HOOK_NAME", String::new());
            put("JUJU_ACTION_NAME", action.name.clone());
            put("JUJU_ACTION_UUID", action.id.to_string());
            put("JUJU_ACTION_TAG", format!("action-{}", action.id));
        }
        Run::Hook(hook) => {
            put("JUJU_DISPATCH_PATH", format!("hooks/{}", hook.name()));
            put("JUJU_HOOK_NAME", hook.name());
            of_hook(hook, &mut put);
        }
    }
    set
}

fn of_hook(hook: &Hook, put: &mut impl FnMut(&str, String)) {
    match hook {
        Hook::Lifecycle(_) | Hook::Unknown(_) => {}
        Hook::Relation { id, endpoint, application, unit, departing, .. } => {
            put("JUJU_RELATION", endpoint.clone());
            put("JUJU_RELATION_ID", format!("{endpoint}:{id}"));
            put("JUJU_REMOTE_APP", application.clone());
            put("JUJU_REMOTE_UNIT", unit.clone().unwrap_or_default());
            if let Some(departing) = departing {
                put("JUJU_DEPARTING_UNIT", departing.clone());
            }
        }
        Hook::Storage { id, location, .. } => {
            put("JUJU_STORAGE_ID", id.clone());
            put("JUJU_STORAGE_LOCATION", location.clone());
            put("JUJU_STORAGE_KIND", "filesystem".into());
        }
        Hook::Secret { phase, id, revision } => {
            put("JUJU_SECRET_ID", format!("secret:{id}"));
            put("JUJU_SECRET_LABEL", String::new());
            if matches!(*phase, "expired" | "remove") {
                put("JUJU_SECRET_REVISION", revision.to_string());
            }
        }
    }
}
