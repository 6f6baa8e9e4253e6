//! What a database refused: how often, why, and the last of it by name. A log from which everything was refused is no empty
//! log.

use crate::net::Offence;
use libp2p::PeerId;
use oplog::{
    Hash,
    entry::EntryError,
    identity::IdentityError,
    join::{Refusal, RefusalLabel, WrittenBy},
};
use std::{
    collections::{BTreeMap, VecDeque},
    time::Instant,
};

/// Refusals of a database that are kept by name.
pub const MAX_REFUSALS_LISTED: usize = 100;

/// Characters of a reason that are kept: it may repeat what the entry said.
const MAX_REASON_CHARS: usize = 200;

/// An entry that was refused.
#[derive(Debug, Clone)]
pub struct Refused {
    /// Its hash.
    pub hash: Hash,
    /// The id of the identity that it names, if that was had and is one.
    pub writer: Option<String>,
    /// The signing key in hex that it names, if it could be read.
    pub key: Option<String>,
    /// The peer that offered it, or what led to it.
    pub peer: Option<PeerId>,
    /// What it is counted under.
    pub reason: RefusalLabel,
    /// The reason in one line.
    pub detail: String,
    /// When.
    pub at: Instant,
}

/// What a database refused since it was opened.
#[derive(Debug, Clone, Default)]
pub struct Refusals {
    /// How often, all reasons together.
    pub total: u64,
    /// How often, by reason.
    pub by_reason: BTreeMap<RefusalLabel, u64>,
    /// The last [`MAX_REFUSALS_LISTED`], newest first, without those that pass ([`Refusal::is_final`]). A reason that is given
    /// very often pushes its own out, not the others'.
    pub last: VecDeque<Refused>,
}

impl Refusals {
    pub(super) fn add(&mut self, hash: Hash, written_by: &WrittenBy, peer: Option<PeerId>, reason: &Refusal) {
        self.total += 1;
        *self.by_reason.entry(reason.label()).or_default() += 1;
        if !reason.is_final() {
            return;
        }
        self.make_room();
        self.last.push_front(Refused {
            hash,
            writer: written_by.id().map(str::to_owned),
            key: written_by.key().map(|key| shortened(key.to_owned())),
            peer,
            reason: reason.label(),
            detail: shortened(reason.to_string()),
            at: Instant::now(),
        });
    }

    /// Drops the oldest with the reason that is listed most often, if the list is full; of several the one given most often.
    fn make_room(&mut self) {
        if self.last.len() < MAX_REFUSALS_LISTED {
            return;
        }
        let mut listed: BTreeMap<RefusalLabel, usize> = BTreeMap::new();
        self.last.iter().for_each(|refused| *listed.entry(refused.reason).or_default() += 1);
        let most = listed.into_iter().max_by_key(|(reason, count)| (*count, self.of(*reason)));
        let most = most.map(|(reason, _)| reason);
        if let Some(at) = self.last.iter().rposition(|refused| Some(refused.reason) == most) {
            self.last.remove(at);
        }
    }

    /// How often, for this reason.
    pub fn of(&self, reason: RefusalLabel) -> u64 {
        self.by_reason.get(&reason).copied().unwrap_or_default()
    }

    /// How often, for reasons that do not pass.
    fn lasting(&self) -> u64 {
        self.total - self.of(RefusalLabel::Backlog) - self.of(RefusalLabel::Unreachable)
    }

    /// What an operator must know, one line each, of a log that has this many entries.
    pub fn problems(&self, entries: u64) -> Vec<String> {
        let mut problems = Vec::new();
        let lasting = self.lasting();
        if entries == 0 && lasting > 0 {
            problems.push(format!("every entry was refused ({})", self.by_count()));
        }
        let rights = self.of(RefusalLabel::WriterNotAllowed);
        if entries > 0 && rights > 0 {
            problems.push(format!(
                "refused: {rights} of writers that may not write, {} that build on a refused entry; replicas that took \
                 them before a revoke keep them, this one lacks them",
                self.of(RefusalLabel::AncestorRefused)
            ));
        }
        problems
    }

    /// The reasons, most frequent first.
    fn by_count(&self) -> String {
        let mut counts: Vec<(&str, u64)> =
            self.by_reason.iter().map(|(label, count)| (label.as_str(), *count)).collect();
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let counts: Vec<String> = counts.into_iter().map(|(name, count)| format!("{name} {count}")).collect();
        counts.join(", ")
    }
}

fn shortened(text: String) -> String {
    match text.char_indices().nth(MAX_REASON_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// What a refusal says about a peer that offered the entry on its own account: `None` where an honest replica, of JavaScript
/// too, may have taken it.
pub(super) fn offence(reason: &Refusal) -> Option<Offence> {
    Some(match reason {
        Refusal::Malformed(EntryError::NotCanonical) | Refusal::Identity(IdentityError::NotCanonical) => {
            Offence::NotCanonical
        }
        Refusal::Malformed(EntryError::Undecodable(_) | EntryError::Field(_)) => Offence::Undecodable,
        Refusal::WrongLog(_) => Offence::WrongLog,
        Refusal::Signature
        | Refusal::Identity(IdentityError::IdSignature | IdentityError::PublicKeySignature) => {
            Offence::BadSignature
        }
        Refusal::Malformed(_)
        | Refusal::Identity(_)
        | Refusal::WriterNotAllowed(_)
        | Refusal::ForeignKey
        | Refusal::ClockNotAboveParents { .. }
        | Refusal::AncestorRefused(_)
        | Refusal::Backlog
        | Refusal::Unreachable(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_are_named_and_all_are_counted() {
        let mut refusals = Refusals::default();
        let hash = |n: u32| Hash::of(&n.to_be_bytes());
        for n in 0..150 {
            let reason = if n % 3 == 0 { Refusal::Signature } else { Refusal::WrongLog("x".repeat(1000)) };
            refusals.add(hash(n), &WrittenBy::Key("02ab".into()), None, &reason);
        }
        assert_eq!((refusals.total, refusals.last.len()), (150, MAX_REFUSALS_LISTED));
        assert_eq!(refusals.last[0].hash, hash(149));
        assert_eq!(refusals.of(RefusalLabel::BadSignature), 50);
        let listed =
            refusals.last.iter().filter(|refused| refused.reason == RefusalLabel::BadSignature).count();
        assert_eq!(listed, 50, "the more frequent reason pushes out its own");
        assert!(refusals.last[0].detail.chars().count() <= MAX_REASON_CHARS + 1, "{:?}", refusals.last[0]);
        assert_eq!(refusals.last[0].key.as_deref(), Some("02ab"));
        assert_eq!(refusals.problems(0), ["every entry was refused (wrong-log 100, bad-signature 50)"]);
        assert!(refusals.problems(1).is_empty());
    }

    #[test]
    fn a_replica_that_lacks_what_others_kept_after_a_revoke_says_so() {
        let mut refusals = Refusals::default();
        let writer = Refusal::WriterNotAllowed("03cd".into());
        refusals.add(Hash::of(b"a"), &WrittenBy::Unknown, None, &writer);
        refusals.add(Hash::of(b"b"), &WrittenBy::Unknown, None, &Refusal::AncestorRefused(Hash::of(b"a")));
        let problems = refusals.problems(5);
        assert!(
            problems[0].starts_with("refused: 1 of writers that may not write, 1 that build on"),
            "{problems:?}"
        );
    }
}
