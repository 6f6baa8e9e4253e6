//! Conformance: judges bags that were recorded in a test or on a real deployment, by the rules of the specification.
//!
//! A recording is a list of moments; each has the bags of both sides at that time, as Juju holds them (maps of texts). Record
//! one whenever a hook of either side has ended: what is gone again before the next moment is not seen.

mod bags;
mod finding;
mod recording;
mod requests;
mod turns;

use bags::Bags;
use finding::Findings;
use requests::Requests;
use turns::Turns;

pub use finding::{Finding, Rule, Side};
pub use recording::{Moment, Recording};

/// Judges a recording. None: it conforms.
#[must_use]
pub fn check(recording: &Recording) -> Vec<Finding> {
    let mut findings = Findings::default();
    let (mut requests, mut turns) = (Requests::default(), Turns::default());
    let mut earlier = Bags::default();
    for (number, moment) in recording.moments.iter().enumerate() {
        findings.moment = number;
        let bags = Bags::read(moment, &mut findings);
        bags.check(&earlier, &mut findings);
        requests.follow(moment.at, &bags, &mut findings);
        turns.follow(&bags, &mut findings);
        earlier = bags;
    }
    findings.list
}
