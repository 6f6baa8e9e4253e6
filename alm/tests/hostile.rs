//! Whatever the other side writes is read or refused.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;

use alm_interface::conformance::{Moment, Recording, check};
use alm_interface::read;
use juju_hooks::databag::Bag;
use proptest::prelude::*;

fn bags() -> Vec<Bag> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/bags");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let read = |path: &_| -> serde_json::Value {
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    };
    files.iter().map(|path| serde_json::from_value(read(path)["bag"].clone()).unwrap()).collect()
}

/// A fixture of which one value is cut, replaced, or has something put into it.
fn mutants() -> impl Strategy<Value = Bag> {
    let cut = (0usize..1000).prop_map(|at| (at, None));
    let put = (0usize..1000, ".{0,20}").prop_map(|(at, text)| (at, Some(text)));
    (prop::sample::select(bags()), any::<prop::sample::Index>(), prop_oneof![cut, put]).prop_map(
        |(mut bag, key, (at, text))| {
            let keys = bag.len().max(1);
            if let Some(value) = bag.values_mut().nth(key.index(keys)) {
                let characters: Vec<char> = value.chars().collect();
                let at = at.min(characters.len());
                let (head, tail) = characters.split_at(at);
                let tail: String = if text.is_some() { tail.iter().collect() } else { String::new() };
                *value = format!("{}{}{tail}", head.iter().collect::<String>(), text.unwrap_or_default());
            }
            bag
        },
    )
}

proptest! {
    #[test]
    fn any_bag_is_read_or_refused(bag in mutants()) {
        let unit = "shop/0".parse().unwrap();
        let _ = (read::application(&bag), read::unit(&bag, &unit), read::manager(&bag), read::manager_unit(&bag, &unit));
        let moment = |at| Moment {
            at, application: bag.clone(), units: [(unit.clone(), bag.clone())].into(), manager: bag.clone(),
            ..Moment::default()
        };
        let _ = check(&Recording { about: String::new(), moments: vec![moment(0), moment(9000)] });
    }
}
