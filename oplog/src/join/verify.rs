//! Judging one block. Pure and independent of all others, so jobs may run on as many cores as there are.

use crate::{
    access::Writers,
    cbor::Value,
    entry::{Candidate, EntryError},
    hash::Hash,
    identity::{Identity, IdentityError, VerifiedIdentity},
    javascript,
    order::Time,
    view::{KeyedOp, Operation},
};
use bytes::Bytes;
use std::{mem, sync::Arc};

/// Where this crate is stricter than JavaScript, and whether to be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Policy {
    /// Takes entries whose `key` is not the signing key of the identity they name. JavaScript does, and with it lets
    /// anybody write in the name of an allowed writer (wire document, section 4). Off unless a database must stay in step
    /// with JavaScript replicas that already hold such entries.
    pub allow_foreign_keys: bool,
}

/// Why an entry is not taken into the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The block is no well-formed entry.
    #[error(transparent)]
    Malformed(#[from] EntryError),
    /// The entry belongs to another log.
    #[error("the entry belongs to log {0}")]
    WrongLog(String),
    /// The identity that the entry names is not one.
    #[error("identity: {0}")]
    Identity(#[from] IdentityError),
    /// The identity may not write.
    #[error("identity {0} may not write to this database")]
    WriterNotAllowed(String),
    /// The entry's `key` is not its identity's signing key.
    #[error("the entry is signed with a key that is not its identity's")]
    ForeignKey,
    /// The signature is wrong.
    #[error("wrong signature")]
    Signature,
    /// The clock does not stand above a parent's.
    #[error("clock time {time} is not above {parent} of a parent")]
    ClockNotAboveParents {
        /// The entry's time.
        time: Time,
        /// The parent's.
        parent: Time,
    },
    /// An ancestor was refused.
    #[error("ancestor {0} was refused")]
    AncestorRefused(Hash),
    /// There is no room to wait for the entry's ancestors; it may be offered again.
    #[error("too many entries wait for their ancestors")]
    Backlog,
    /// It was given up because an ancestor could not be had; it may be offered again.
    #[error("ancestor {0} could not be fetched")]
    Unreachable(Hash),
}

macro_rules! labels {
    ($($variant:ident = $text:literal,)+) => {
        /// What refusals are counted under. Reasons that call for the same are one.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum RefusalLabel {
            $(#[doc = concat!("`", $text, "`")] $variant,)+
        }

        impl RefusalLabel {
            /// All of them, so that a metric can show zeros.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The text of a metric's label.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }
    };
}

labels! {
    Oversized = "oversized",
    ClockOutOfRange = "clock-out-of-range",
    Encrypted = "encrypted",
    NotCanonical = "not-canonical",
    Undecodable = "undecodable",
    WrongLog = "wrong-log",
    BadIdentity = "bad-identity",
    WriterNotAllowed = "writer-not-allowed",
    ForeignKey = "foreign-key",
    BadSignature = "bad-signature",
    ClockNotAboveParents = "clock-not-above-parents",
    AncestorRefused = "ancestor-refused",
    Backlog = "backlog",
    Unreachable = "unreachable",
}

impl Refusal {
    /// What it is counted under.
    pub const fn label(&self) -> RefusalLabel {
        match self {
            Self::Malformed(EntryError::Oversized { .. }) => RefusalLabel::Oversized,
            Self::Malformed(EntryError::Clock) => RefusalLabel::ClockOutOfRange,
            Self::Malformed(EntryError::Encrypted) => RefusalLabel::Encrypted,
            Self::Malformed(EntryError::NotCanonical) | Self::Identity(IdentityError::NotCanonical) => {
                RefusalLabel::NotCanonical
            }
            Self::Malformed(_) => RefusalLabel::Undecodable,
            Self::WrongLog(_) => RefusalLabel::WrongLog,
            Self::Identity(_) => RefusalLabel::BadIdentity,
            Self::WriterNotAllowed(_) => RefusalLabel::WriterNotAllowed,
            Self::ForeignKey => RefusalLabel::ForeignKey,
            Self::Signature => RefusalLabel::BadSignature,
            Self::ClockNotAboveParents { .. } => RefusalLabel::ClockNotAboveParents,
            Self::AncestorRefused(_) => RefusalLabel::AncestorRefused,
            Self::Backlog => RefusalLabel::Backlog,
            Self::Unreachable(_) => RefusalLabel::Unreachable,
        }
    }

    /// Whether the same block would be refused again, whatever arrives in between. What is not final passes: for want of room,
    /// or of a block that nobody gives.
    pub const fn is_final(&self) -> bool {
        !matches!(self, Self::Backlog | Self::Unreachable(_))
    }
}

/// A block to be judged. Run it anywhere and give the verdict back.
#[derive(Debug, Clone)]
pub struct Job(pub(super) Work);

#[derive(Debug, Clone)]
pub(super) enum Work {
    Identity {
        hash: Hash,
        block: Bytes,
    },
    Entry {
        candidate: Box<Candidate>,
        identity: Arc<VerifiedIdentity>,
        writers: Arc<Writers>,
        policy: Policy,
    },
}

/// What became of a [`Job`].
#[derive(Debug, Clone)]
pub struct Verdict(pub(super) Outcome);

#[derive(Debug, Clone)]
pub(super) enum Outcome {
    Identity {
        hash: Hash,
        block: Bytes,
        result: Result<Arc<VerifiedIdentity>, IdentityError>,
    },
    Entry {
        candidate: Box<Candidate>,
        identity: Arc<VerifiedIdentity>,
        result: Result<PayloadFacts, Refusal>,
    },
}

/// What a good entry's payload is to views and to JavaScript. Found here because it costs by the payload's size.
#[derive(Debug, Clone)]
pub(super) struct PayloadFacts {
    /// What it does to a view of keys.
    pub(super) keyed: Option<KeyedOp>,
    /// Whether JavaScript reads something else than what is written.
    pub(super) unreadable: bool,
}

impl PayloadFacts {
    fn of(payload: Value) -> Self {
        let unreadable = javascript::check("payload", &payload).is_err();
        Self { keyed: Operation::of(payload).keyed(), unreadable }
    }
}

impl Job {
    /// The size of the block to be judged.
    pub fn bytes(&self) -> usize {
        match &self.0 {
            Work::Identity { block, .. } => block.len(),
            Work::Entry { candidate, .. } => candidate.block.len(),
        }
    }

    /// Does the work: one or two signatures to verify, some 60 µs each.
    pub fn run(self) -> Verdict {
        Verdict(match self.0 {
            Work::Identity { hash, block } => {
                let result = Identity::decode(&block).and_then(Identity::verify).map(Arc::new);
                Outcome::Identity { hash, block, result }
            }
            Work::Entry { mut candidate, identity, writers, policy } => {
                let judged = judge(&candidate, &identity, &writers, policy);
                // The block has it still; nothing that follows asks for more of it than these facts.
                let payload = mem::replace(&mut candidate.entry.payload, Value::Null);
                let result = judged.map(|()| PayloadFacts::of(payload));
                Outcome::Entry { candidate, identity, result }
            }
        })
    }
}

/// Whether an entry is signed, by somebody who may write. The cheap checks first.
///
/// # Errors
/// Why it is not taken.
pub fn judge(
    candidate: &Candidate,
    author: &VerifiedIdentity,
    writers: &Writers,
    policy: Policy,
) -> Result<(), Refusal> {
    let identity = author.identity();
    if !writers.allow(&identity.id) {
        return Err(Refusal::WriterNotAllowed(identity.id.clone()));
    }
    let own_key = candidate.entry.key == identity.public_key;
    let signed = match (own_key, policy.allow_foreign_keys) {
        (true, _) => candidate.signed_by(author),
        (false, true) => candidate.signed_by_own_key(),
        (false, false) => return Err(Refusal::ForeignKey),
    };
    if signed { Ok(()) } else { Err(Refusal::Signature) }
}
