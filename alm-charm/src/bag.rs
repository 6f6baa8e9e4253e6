//! What each application is told.

use alm_interface::at_most::AtMost;
use alm_interface::manager::{Manager, Policy as Told, Verdict};
use alm_interface::text::Line;
use alm_interface::version::{MANAGED, SPOKEN};

use crate::cluster::Cluster;
use crate::inputs::Inputs;
use crate::state::State;

/// The bag for one application. One that does not speak version 2 is asked for nothing.
pub(crate) fn of(state: &State, cluster: &Cluster, verdict: Option<Verdict>, inputs: &Inputs<'_>) -> Manager {
    let open = state.open.iter().filter(|operation| operation.relation == cluster.relation);
    let requests = open.filter_map(|operation| operation.request.clone());
    Manager {
        schema: Line::of(&MANAGED.to_string()),
        versions: AtMost::first(SPOKEN),
        application: inputs.manager.clone(),
        requests: AtMost::first(requests),
        policy: Some(Told {
            max_unavailable: inputs.policy.max_unavailable,
            window: inputs.policy.window,
            gates: inputs.policy.gate,
            paused: state.paused,
        }),
        verdict: verdict.filter(|_| inputs.policy.gate),
        monitoring: inputs.monitoring.cloned(),
    }
}
