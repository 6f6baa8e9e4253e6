//! Rules on turns and verdicts.

use std::collections::BTreeSet;

use super::bags::Bags;
use super::{Findings, Rule, Side};
use crate::manager::Word;
use crate::text::Name;

/// What is known of turns so far.
#[derive(Default)]
pub(super) struct Turns {
    wanted: BTreeSet<Name>,
    went: BTreeSet<Name>,
}

impl Turns {
    pub(super) fn follow(&mut self, bags: &Bags, findings: &mut Findings) {
        let wanted = bags.application.as_ref().and_then(|application| application.turn_wanted.as_ref());
        self.wanted.extend(wanted.map(|turn| turn.id.clone()));
        let Some(verdict) = bags.manager.as_ref().and_then(|manager| manager.verdict.as_ref()) else {
            return;
        };
        let turn = &verdict.turn;
        if !self.wanted.contains(turn) {
            findings.add(Side::Manager, Rule::VerdictOnTurn, format!("{turn} was never wanted"));
        }
        if verdict.word == Word::Go {
            self.went.insert(turn.clone());
        } else if self.went.contains(turn) {
            findings.add(Side::Manager, Rule::GoStays, format!("{turn} was given and is held now"));
        }
    }
}
