//! Serving requests: what an application's unit, or its leader for the application, does about those it reads.

use juju_hooks::UnitName;

use crate::at_most::AtMost;
use crate::operation::{MAX_REQUESTS, OperationResult, Request, State};
use crate::text::{Capability, Line};

/// What there is to do about requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Serving {
    /// What the bag should say of them.
    pub results: AtMost<OperationResult, MAX_REQUESTS>,
    /// The one to begin now. It is begun after the bag says `running`: whoever finds `running` and knows of no work begins it
    /// again, which every operation of this interface allows.
    pub begin: Option<Request>,
}

/// Decides about the requests of one relation, at a time in seconds since 1970.
///
/// `to` is the unit that serves, or `None` for the application; `offered` are its capabilities; `told` is what its bag says
/// now. Requests are begun one at a time, in the order in which they were issued.
#[must_use]
pub fn serve(
    requests: &[Request],
    to: Option<&UnitName>,
    offered: &[Capability],
    told: &[OperationResult],
    now: u64,
) -> Serving {
    let mut asked: Vec<&Request> = requests.iter().filter(|request| request.to.as_ref() == to).collect();
    asked.sort_by_key(|request| (request.issued, &request.id));
    let mut results: Vec<OperationResult> = asked
        .iter()
        .map(|request| {
            let known = told.iter().find(|result| result.id == request.id);
            let known = known.filter(|result| result.state != State::Acknowledged);
            known.cloned().unwrap_or_else(|| first_word(request, offered, now))
        })
        .collect();
    let busy = results.iter().any(|result| result.state == State::Running);
    let next = results.iter().position(|result| result.state == State::Acknowledged).filter(|_| !busy);
    let begin = next.map(|next| {
        results[next].state = State::Running;
        results[next].started = Some(now);
        asked[next].clone()
    });
    Serving { results: AtMost::first(results), begin }
}

/// What is said of a request that has not begun.
fn first_word(request: &Request, offered: &[Capability], now: u64) -> OperationResult {
    let refused = if !offered.contains(&request.op) {
        Some(format!("{} is not offered here", request.op))
    } else if now > request.deadline {
        Some(format!("the deadline was {} s ago", now - request.deadline))
    } else {
        None
    };
    match refused {
        Some(reason) => OperationResult {
            ended: Some(now),
            message: Some(Line::of(&reason)),
            ..OperationResult::of(&request.id, State::Refused)
        },
        None => OperationResult::of(&request.id, State::Acknowledged),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(id: &str, to: Option<&str>, op: &str) -> Request {
        Request {
            id: id.parse().unwrap(),
            op: op.parse().unwrap(),
            to: to.map(|unit| unit.parse().unwrap()),
            params: Default::default(),
            issued: 100,
            deadline: 200,
        }
    }

    fn states(serving: &Serving) -> Vec<(&str, State)> {
        serving.results.iter().map(|result| (result.id.as_str(), result.state)).collect()
    }

    #[test]
    fn requests_are_begun_one_at_a_time_and_once() {
        let offered = ["resync@1".parse().unwrap()];
        let unit: UnitName = "paperclip/0".parse().unwrap();
        let requests = [
            request("a", Some("paperclip/0"), "resync@1"),
            request("b", Some("paperclip/0"), "resync@1"),
            request("c", Some("paperclip/1"), "resync@1"),
            request("d", None, "resync@1"),
            request("e", Some("paperclip/0"), "explode@1"),
        ];
        let first = serve(&requests, Some(&unit), &offered, &[], 110);
        assert_eq!(first.begin, Some(requests[0].clone()));
        assert_eq!(
            states(&first),
            [("a", State::Running), ("b", State::Acknowledged), ("e", State::Refused)]
        );
        assert_eq!(first.results[2].message, Some(Line::of("explode@1 is not offered here")));

        let again = serve(&requests, Some(&unit), &offered, &first.results, 120);
        assert_eq!(again, Serving { results: first.results.clone(), begin: None }, "nothing twice");

        let mut told = first.results.to_vec();
        told[0].state = State::Done;
        let next = serve(&requests, Some(&unit), &offered, &told, 130);
        assert_eq!(next.begin, Some(requests[1].clone()));

        told[1].state = State::Acknowledged;
        let late = serve(&requests, Some(&unit), &offered, &told, 201);
        assert_eq!(late.begin, None);
        assert_eq!(states(&late), [("a", State::Done), ("b", State::Refused), ("e", State::Refused)]);

        let dropped = serve(&requests[1..2], Some(&unit), &offered, &late.results, 300);
        assert_eq!(states(&dropped), [("b", State::Refused)], "what the manager has read is forgotten");
        assert_eq!(states(&serve(&requests, None, &offered, &[], 110)), [("d", State::Running)]);
    }
}
