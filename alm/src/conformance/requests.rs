//! Rules on requests and results over time.

use std::collections::{BTreeMap, BTreeSet};

use juju_hooks::UnitName;

use super::bags::{Bags, speaks_managed};
use super::{Findings, Rule, Side};
use crate::operation::{ANSWER_SECONDS, OperationResult, Request, State};
use crate::text::RequestId;

/// What is known of requests so far.
#[derive(Default)]
pub(super) struct Requests {
    seen: BTreeMap<RequestId, Seen>,
}

struct Seen {
    request: Request,
    first_at: u64,
    dropped: bool,
    result: Option<OperationResult>,
}

impl Requests {
    pub(super) fn follow(&mut self, at: u64, bags: &Bags, findings: &mut Findings) {
        let empty = Vec::new();
        let asked = bags.manager.as_ref().map_or(&empty[..], |manager| &manager.requests);
        for request in asked {
            self.stands(at, request, bags, findings);
        }
        let ids = asked.iter().map(|request| &request.id);
        let standing: BTreeSet<&RequestId> =
            ids.filter(|id| self.seen.get(*id).is_some_and(|seen| !seen.dropped)).collect();
        if let Some(application) = &bags.application {
            self.results(None, &application.results, &standing, findings);
        }
        for (name, unit) in &bags.units {
            self.results(Some(name), &unit.results, &standing, findings);
        }
        self.dropped(at, asked, bags, findings);
        for id in standing {
            let Some(seen) = self.seen.get(id) else { continue };
            let there = seen.request.to.as_ref().is_none_or(|unit| bags.present.contains(unit));
            if seen.result.is_none() && there && at.saturating_sub(seen.first_at) > ANSWER_SECONDS {
                findings.add(
                    Side::Application,
                    Rule::Answered,
                    format!("{id} has stood for {ANSWER_SECONDS} s"),
                );
            }
        }
    }

    fn dropped(&mut self, at: u64, asked: &[Request], bags: &Bags, findings: &mut Findings) {
        for (id, seen) in &mut self.seen {
            if seen.dropped || asked.iter().any(|request| request.id == *id) {
                continue;
            }
            seen.dropped = true;
            let ended = seen.result.as_ref().is_some_and(|result| result.state.is_final());
            let gone = seen.request.to.as_ref().is_some_and(|unit| !bags.present.contains(unit));
            // Without a bag there is no relation any more, or its writer failed: that is another finding.
            if !ended && !gone && at <= seen.request.deadline && bags.manager.is_some() {
                findings.add(
                    Side::Manager,
                    Rule::RequestKept,
                    format!("{id} was dropped before it had ended"),
                );
            }
        }
    }

    fn stands(&mut self, at: u64, request: &Request, bags: &Bags, findings: &mut Findings) {
        let id = &request.id;
        if let Some(seen) = self.seen.get(id) {
            if seen.dropped {
                findings.add(Side::Manager, Rule::IdOnce, format!("{id} was dropped and is there again"));
            } else if seen.request != *request {
                findings.add(Side::Manager, Rule::RequestStays, format!("{id} has changed"));
            }
            return;
        }
        let offered =
            bags.application.iter().any(|application| application.capabilities.contains(&request.op));
        if !offered {
            findings.add(
                Side::Manager,
                Rule::Offered,
                format!("{id} asks for {}, which is not offered", request.op),
            );
        }
        if let Some(to) = &request.to {
            match bags.units.get(to) {
                Some(unit) if !speaks_managed(unit.schema.as_str(), &unit.versions) => {
                    findings.add(
                        Side::Manager,
                        Rule::Versions,
                        format!("{id} asks {to}, which speaks version 1"),
                    );
                }
                None if !bags.present.contains(to) => {
                    findings.add(Side::Manager, Rule::Offered, format!("{id} asks {to}, which is not there"));
                }
                _ => {}
            }
        }
        let seen = Seen { request: request.clone(), first_at: at, dropped: false, result: None };
        self.seen.insert(id.clone(), seen);
    }

    fn results(
        &mut self,
        of: Option<&UnitName>,
        told: &[OperationResult],
        standing: &BTreeSet<&RequestId>,
        findings: &mut Findings,
    ) {
        for (id, seen) in &mut self.seen {
            if seen.request.to.as_ref() != of {
                continue;
            }
            match told.iter().find(|result| result.id == *id) {
                Some(now) => {
                    advance(id, seen, now, findings);
                    seen.result = Some(now.clone());
                }
                None if seen.result.is_some() && standing.contains(id) => {
                    findings.add(
                        Side::Application,
                        Rule::ResultKept,
                        format!("{id} stands, its result has gone"),
                    );
                }
                None => {}
            }
        }
        for result in told {
            let asked = self.seen.get(&result.id).is_some_and(|seen| seen.request.to.as_ref() == of);
            if !asked {
                let of = of.map_or_else(|| "the application".to_owned(), ToString::to_string);
                let what = format!("{of} has a result of {}, which it was not asked for", result.id);
                findings.add(Side::Application, Rule::ResultAsked, what);
            }
        }
    }
}

fn advance(id: &RequestId, seen: &Seen, now: &OperationResult, findings: &mut Findings) {
    let side = Side::Application;
    if let Some(before) = &seen.result {
        if !before.state.may_become(now.state) {
            let what = format!("{id} went from {:?} to {:?}", before.state, now.state);
            findings.add(side, Rule::ResultForward, what);
        } else if before.state.is_final() && before != now {
            findings.add(side, Rule::ResultForward, format!("{id} had ended and its result has changed"));
        }
    }
    let begun = matches!(now.state, State::Running | State::Done | State::Failed);
    if (begun && now.started.is_none()) || (now.state.is_final() && now.ended.is_none()) {
        findings.add(side, Rule::Times, format!("{id} is {:?} and does not say when", now.state));
    }
    if now.started.is_some_and(|started| started > seen.request.deadline) {
        findings.add(side, Rule::Times, format!("{id} began after its deadline"));
    }
}
