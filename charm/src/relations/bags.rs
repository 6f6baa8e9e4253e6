//! Relation data of one endpoint.

use juju_hooks::databag::Bag;

/// The two bags of one endpoint.
pub(super) struct Bags {
    pub(super) unit: Bag,
    pub(super) application: Bag,
}
