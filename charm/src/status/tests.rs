//! Every status fits `juju status`, whatever is in it.

use std::collections::BTreeSet;

use juju_hooks::{Port, UnitName};

use super::*;
use crate::config::Fault;
use crate::plan::Company;

/// Every condition, with the longest that there may be in it.
fn all() -> Vec<Condition> {
    let unit = |number: u32| -> UnitName { format!("paperclip-eu-1/{number}").parse().unwrap() };
    let units: BTreeSet<UnitName> = (1000..1012).map(unit).collect();
    let long = "word ".repeat(100);
    let fault = Fault { option: "extra-peers", value: long.clone(), want: long.clone() };
    let company = Company { connected: units.clone(), absent: units.clone(), ..Company::default() };
    vec![
        Condition::BadOptions(vec![fault; 3]),
        Condition::Neighbour(unit(1000)),
        Condition::PortTaken(Port::tcp(65_535), format!("{}'s", unit(1000))),
        Condition::Failing { words: long.clone() },
        Condition::NoIdentity(long.clone()),
        Condition::SecretUnreadable(long.clone()),
        Condition::Refused(unit(1000), long),
        Condition::Stuck { unit: unit(1000), awaits: BTreeSet::new() },
        Condition::Stuck { unit: unit(1000), awaits: units.clone() },
        Condition::LostKey { storage: "data/1000".into(), peer_id: "12D3KooW".repeat(7) },
        Condition::NoStorage,
        Condition::NotMounted("data/1000".into()),
        Condition::NoAddress,
        Condition::NoCluster,
        Condition::NoCertificate,
        Condition::NoToken,
        Condition::NotReady,
        Condition::PeersMissing(units.clone()),
        Condition::AwaitsPeers(units),
        Condition::AwaitsTurn,
        Condition::Stopping,
        Condition::Serving { databases: 10_000, company, remark: None },
    ]
}

/// What other programs say comes last and may be cut. The charm's own words and remedies never are.
#[test]
fn no_status_is_cut_where_it_says_what_to_do() {
    for condition in all() {
        let others_words = matches!(
            condition,
            Condition::BadOptions(_)
                | Condition::Failing { .. }
                | Condition::NoIdentity(_)
                | Condition::SecretUnreadable(_)
                | Condition::Refused(..)
        );
        let mut messages = vec![condition.message()];
        if condition.wait().is_some() {
            messages.push(format!("{} for 99999 min; {}", condition.message(), condition.remedy()));
        }
        for message in messages {
            assert!(short(&message).chars().count() <= SHOWN);
            let length = message.chars().count();
            assert!(length <= SHOWN || others_words, "{length}: {message}");
        }
    }
}
