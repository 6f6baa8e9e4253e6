//! Names that the charm's YAML files and the code must agree on. A test (`tests/yaml.rs`) holds them together.

/// The service, its unit file and its binary.
pub const SERVICE: &str = "paperclip-node";
/// The system user and group that the service runs as.
pub const USER: &str = "paperclip";
/// The peer relation.
pub const CLUSTER: &str = "cluster";
/// The endpoint of application lifecycle managers.
pub const ALM: &str = "alm";
/// The endpoint of the observability collector on the same machine.
pub const COS_AGENT: &str = "cos-agent";
/// The endpoint of a Prometheus that scrapes directly.
pub const METRICS: &str = "metrics-endpoint";
/// The binding whose address the API takes with `api-address=binding`.
pub const API_BINDING: &str = "api";
/// The storage that holds the node's data.
pub const STORAGE: &str = "data";
/// Label of the application secret that holds the cluster's root key.
pub const ROOT_KEY_LABEL: &str = "paperclip.cluster";
/// The key of the root key in its secret.
pub const ROOT_KEY: &str = "root-key";
/// Label of the application secret that holds the API token.
pub const TOKEN_LABEL: &str = "paperclip.api";
/// The key of the token in its secret.
pub const TOKEN_KEY: &str = "token";
/// The version of the layout of our databags.
pub const SCHEMA: &str = "1";

/// Every endpoint of the charm with its role and interface.
pub const ENDPOINTS: [(&str, &str, &str); 4] = [
    (CLUSTER, "peers", "paperclip_cluster"),
    (ALM, "provides", "alm"),
    (COS_AGENT, "provides", "cos_agent"),
    (METRICS, "provides", "prometheus_scrape"),
];
