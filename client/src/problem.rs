//! Problems: what can go wrong with a request, as problem details (RFC 9457).

use serde::{Deserialize, Serialize};
use std::fmt;

/// The media type of problem details.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// The page that describes every kind; its name is the fragment.
pub const PAGE: &str = "https://github.com/paperclip-db/paperclip/blob/main/docs/reference/http-api.md#";

/// The kinds, with what is fixed for each: name, status, title, and what to do about it, in Markdown.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal, $status:literal, $title:literal, $remedy:literal;)+) => {
        /// A kind of problem: what programs tell apart.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Kind {
            $($(#[$doc])* $kind,)+
        }

        impl Kind {
            /// All of them, in the order of the page.
            pub const ALL: &[Self] = &[$(Self::$kind),+];

            /// Its name: the fragment of `type`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$kind => $name),+ }
            }

            /// The status of the response.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$kind => $status),+ }
            }

            /// The kind in words.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$kind => $title),+ }
            }

            /// What to do about it, in Markdown; links are those of [`PAGE`].
            #[must_use]
            pub const fn remedy(self) -> &'static str {
                match self { $(Self::$kind => $remedy),+ }
            }
        }
    };
}

kinds! {
    /// The head of the request contradicts itself, or holds what no header may.
    MalformedHead = "malformed-head", 400, "The request's head is malformed",
        "See the detail: for example, two `Host` fields, `Content-Length` with `Transfer-Encoding`, or an entity \
         tag without quotes.";
    /// The path holds what is no key, hash or address.
    MalformedPath = "malformed-path", 400, "The path is malformed",
        "See the detail: for example, a `%` without two hex digits, a key that is not UTF-8, or an invalid hash.";
    /// The query holds what the route does not take.
    MalformedQuery = "malformed-query", 400, "The query is malformed",
        "See the detail: for example, an unknown parameter, or an invalid number.";
    /// The body is not the JSON document that the route takes.
    MalformedBody = "malformed-body", 400, "The body is malformed",
        "See the detail: for example, invalid JSON, or a missing or unknown field.";
    /// The token is missing or wrong.
    Unauthorized = "unauthorized", 401, "A bearer token is required",
        "Send `Authorization: Bearer <token>`.";
    /// A page of another site sent the request.
    ForeignOrigin = "foreign-origin", 403, "Requests from other sites are refused",
        "Call from the node's own origin, or from a program. There is no CORS.";
    /// The node's identity may not write to the database.
    NotAllowed = "not-allowed", 403, "This node may not write to the database",
        "Ask an admin to grant write access to the cluster's id; see `access` of the database.";
    /// No such path.
    UnknownRoute = "unknown-route", 404, "No such path",
        "See `/openapi.json`.";
    /// No database of this name or address is pinned.
    UnknownDatabase = "unknown-database", 404, "No such database",
        "List the databases; pin the address.";
    /// The key or document does not exist.
    UnknownKey = "unknown-key", 404, "No such key",
        "The key was never set, or it was deleted.";
    /// The log has no entry of this hash.
    UnknownEntry = "unknown-entry", 404, "No such entry",
        "The log does not have the entry, or not yet; try a resync.";
    /// The path does not support this method.
    MethodNotAllowed = "method-not-allowed", 405, "The path does not support this method",
        "See `/openapi.json`.";
    /// The body did not come in time.
    SlowBody = "slow-body", 408, "The body arrived too slowly",
        "Send it faster, or split it into smaller writes. Nothing was written.";
    /// The database is read another way than the operation needs.
    WrongType = "wrong-type", 409, "The database is read another way",
        "Use the paths of the database's [reading](#readings), or set it.";
    /// The log's clock stands at its maximum: nobody can append any more.
    ClockExhausted = "clock-exhausted", 409, "The log's clock has reached its maximum",
        "The log has an entry with the time 2^53 - 1, and none can follow it, here or in JavaScript. Create another \
         database and copy the values to it; grant write access only to writers you trust.";
    /// Several databases have the name.
    AmbiguousName = "ambiguous-name", 409, "Several databases have this name",
        "Use one of `addresses`.";
    /// The cluster has reached its limit of pinned databases.
    TooMany = "too-many-databases", 409, "The cluster has reached its limit of pinned databases",
        "Unpin some. A cluster pins at most 10,000.";
    /// `If-Match` or `If-None-Match` does not hold.
    PreconditionFailed = "precondition-failed", 412, "The precondition does not hold",
        "Nothing was written. Read the key again, and decide anew.";
    /// The body, or the entry it would become, is too large.
    TooLarge = "too-large", 413, "The value is too large",
        "Store smaller values, or raise `max-entry-bytes`. For a query, narrow the filter.";
    /// The body is not declared to be JSON.
    UnsupportedMediaType = "unsupported-media-type", 415, "The body must be JSON",
        "Send `Content-Type: application/json`, and no `Content-Encoding`.";
    /// `Host` names another server.
    ForeignHost = "foreign-host", 421, "The request is for another host",
        "Use `localhost` or a loopback address in the URL.";
    /// The document is well-formed JSON that cannot be stored.
    UnusableValue = "unusable-value", 422, "The value cannot be stored",
        "See the detail: for example, an integer that would be rounded, a value that [JavaScript does not \
         read](#values), a wrong use of `\"/\"`, or a document without its `_id`.";
    /// The file is no backup, or not a whole one, or holds what no peer could have sent.
    UnusableBackup = "unusable-backup", 422, "The backup is refused",
        "See the detail. Nothing was changed. Take another backup; `restore --check` checks one without restoring it.";
    /// The node failed; its log says how.
    Internal = "internal", 500, "The node failed",
        "Read the node's log.";
    /// The peer could not be reached.
    PeerUnreachable = "peer-unreachable", 502, "The peer could not be reached",
        "See the detail. The peer may be down, or may not be the expected one.";
    /// As many such requests as are allowed are under way.
    Busy = "busy", 503, "Too many requests of this kind",
        "Try again after `Retry-After` seconds.";
    /// The request took too long.
    Timeout = "timeout", 503, "The request took too long",
        "Try again. The write may have succeeded nevertheless; appending the same value again creates a second entry.";
    /// The node's signing key is not certified, so it cannot write.
    NotCertified = "not-certified", 503, "The node is not certified",
        "Certify the node: `identity show`, `identity certify`. Until then it only replicates.";
    /// The database is pinned and not open: being fetched, failed, or closed a moment ago.
    NotOpen = "not-open", 503, "The database is not open",
        "Try again. The node has just started, or no peer has provided the manifest yet. See `state` and `error` \
         of the database.";
    /// A block is damaged on this node; it is fetched again from peers.
    Damaged = "damaged", 503, "A stored block is damaged",
        "`detail` names the hash. The node fetches the block from its peers; try again. See \
         [damage](../operations/disk.md#damage).";
    /// A flush failed: no writes until restart.
    StorePoisoned = "store-poisoned", 503, "The store accepts no writes until the node restarts",
        "Repair the disk, then restart the node.";
    /// The node is shutting down.
    ShuttingDown = "shutting-down", 503, "The node is shutting down",
        "Wait for the node, or ask another one.";
    /// The disk is full.
    DiskFull = "disk-full", 507, "The disk is full, or was full when the node started",
        "Free some space. If `detail` says that the store is read-only, restart the node as well. No acknowledged \
         write is lost.";
}

impl Kind {
    /// Whether the same request may succeed a moment later.
    #[must_use]
    pub const fn passes(self) -> bool {
        matches!(self, Self::Busy | Self::Timeout | Self::NotOpen | Self::Damaged)
    }
}

/// A problem as the API gives it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The URL of the page that describes the kind; the fragment is the kind's name.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in words.
    pub title: String,
    /// The status of the response.
    pub status: u16,
    /// What is the matter with this very request.
    #[serde(default)]
    pub detail: String,
    /// For `ambiguous-name`: the addresses to choose from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<String>,
}

impl Problem {
    /// A problem of a kind.
    #[must_use]
    pub fn new(kind: Kind, detail: String) -> Self {
        Self {
            kind: format!("{PAGE}{}", kind.name()),
            title: kind.title().to_owned(),
            status: kind.status(),
            detail,
            addresses: Vec::new(),
        }
    }

    /// Its kind; `None` for one that this version does not know.
    #[must_use]
    pub fn known(&self) -> Option<Kind> {
        let (_, name) = self.kind.rsplit_once('#')?;
        Kind::ALL.iter().copied().find(|kind| kind.name() == name)
    }
}

/// As people are told.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.title)?;
        if !self.detail.is_empty() {
            write!(f, ": {}", self.detail)?;
        }
        if self.addresses.is_empty() { Ok(()) } else { write!(f, ": {}", self.addresses.join(", ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_describes_every_kind_in_this_order() {
        let page = include_str!("../../docs/reference/http-api.md");
        let (_, problems) = page.split_once("\n## Problems\n").unwrap();
        let sections = problems.split("\n### ").skip(1).map(|section| {
            let (name, text) = section.split_once('\n').unwrap();
            format!("{name} {}", text.split_whitespace().collect::<Vec<_>>().join(" "))
        });
        let section = |kind: &Kind| {
            let (name, status, title, remedy) = (kind.name(), kind.status(), kind.title(), kind.remedy());
            format!("`{name}` **{status} {title}.** {remedy}")
        };
        assert_eq!(sections.collect::<Vec<_>>(), Kind::ALL.iter().map(section).collect::<Vec<_>>());
    }

    #[test]
    fn a_problem_is_known_again_and_one_of_tomorrow_is_none() {
        for kind in Kind::ALL.iter().copied() {
            assert_eq!(Problem::new(kind, String::new()).known(), Some(kind));
        }
        let tomorrow = Problem { kind: format!("{PAGE}too-late"), ..Problem::new(Kind::Busy, String::new()) };
        assert_eq!(tomorrow.known(), None);
    }

    #[test]
    fn people_are_told_title_detail_and_choices() {
        let mut problem = Problem::new(Kind::AmbiguousName, "2 are called a".into());
        problem.addresses = vec!["x".into(), "y".into()];
        assert_eq!(problem.to_string(), "Several databases have this name: 2 are called a: x, y");
    }
}
