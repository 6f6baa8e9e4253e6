//! An engine beside a sorted map.

use crate::tree::{Bounds, Change, Engine, OpenEngine, Value};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use std::{collections::BTreeMap, ops::Bound, path::Path};

/// Pages of the engine in memory, in bytes.
const CACHE_BYTES: u64 = 4 << 20;

/// Steps of a run.
const STEPS: usize = 60;

/// Few, so that keys are met again; the last and the first byte among them.
const BYTES: [u8; 5] = [0, b'a', b'b', 0xfe, 0xff];

type Keys = BTreeMap<Value, Value>;

/// Checks what a store relies on: keys in the order of their bytes, ranges from both ends also while others write, batches of which
/// the later change of a key counts, and that all of it is there when the engine was flushed, closed and opened again.
pub fn check_engine(engine: &dyn OpenEngine, folder: &Path, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let mut keys = Keys::new();
    let mut opened = engine.open(folder, CACHE_BYTES).unwrap();
    for _ in 0..STEPS {
        match random.random_range(0..8) {
            0..4 => write(&*opened, &mut keys, changes(&mut random)),
            4 => check_ranges(&*opened, &keys, &mut random),
            5 => check_range_under_writes(&*opened, &mut keys, &mut random),
            6 => check_gets(&*opened, &keys, &mut random),
            _ => {
                opened.flush().unwrap();
                drop(opened);
                engine.wait_until_closed(folder);
                opened = engine.open(folder, CACHE_BYTES).unwrap();
            }
        }
        assert_eq!(read(&*opened, (Bound::Unbounded, Bound::Unbounded)), pairs(&keys), "all keys");
    }
}

fn write(engine: &dyn Engine, keys: &mut Keys, changes: Vec<Change>) {
    engine.apply(changes.clone()).unwrap();
    for (key, value) in changes {
        match value {
            Some(value) => drop(keys.insert(key, value)),
            None => drop(keys.remove(&key)),
        }
    }
}

fn key(random: &mut StdRng) -> Vec<u8> {
    // Those of a view are as long as a user likes, up to a kibibyte and a digest.
    let length = if random.random_bool(0.05) { 1100 } else { random.random_range(1..5) };
    (0..length).map(|_| BYTES[random.random_range(0..BYTES.len())]).collect()
}

fn changes(random: &mut StdRng) -> Vec<Change> {
    let change = |random: &mut StdRng| {
        let length = if random.random_bool(0.05) { 5000 } else { random.random_range(0..60) };
        let value = random.random_bool(0.7).then(|| vec![random.random::<u8>(); length].into());
        (key(random).into(), value)
    };
    (0..random.random_range(0..20)).map(|_| change(random)).collect()
}

fn bounds(random: &mut StdRng) -> Bounds {
    let bound = |random: &mut StdRng| match random.random_range(0..3) {
        0 => Bound::Unbounded,
        1 => Bound::Included(key(random)),
        _ => Bound::Excluded(key(random)),
    };
    (bound(random), bound(random))
}

fn is_within(bounds: &Bounds, key: &[u8]) -> bool {
    let above = match &bounds.0 {
        Bound::Unbounded => true,
        Bound::Included(start) => key >= &start[..],
        Bound::Excluded(start) => key > &start[..],
    };
    above
        && match &bounds.1 {
            Bound::Unbounded => true,
            Bound::Included(end) => key <= &end[..],
            Bound::Excluded(end) => key < &end[..],
        }
}

fn pairs(keys: &Keys) -> Vec<(Value, Value)> {
    keys.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn read(engine: &dyn Engine, bounds: Bounds) -> Vec<(Value, Value)> {
    engine.range(bounds).map(Result::unwrap).collect()
}

/// Forwards, backwards, and from both ends until they meet. Bounds that cross are an empty range.
fn check_ranges(engine: &dyn Engine, keys: &Keys, random: &mut StdRng) {
    let bounds = bounds(random);
    let mut expected = pairs(keys);
    expected.retain(|(key, _)| is_within(&bounds, key));
    assert_eq!(read(engine, bounds.clone()), expected, "{bounds:?}");
    let mut backwards: Vec<_> = engine.range(bounds.clone()).rev().map(Result::unwrap).collect();
    backwards.reverse();
    assert_eq!(backwards, expected, "backwards {bounds:?}");
    let mut range = engine.range(bounds.clone());
    let (mut first, mut last) = (Vec::new(), Vec::new());
    loop {
        let from_the_start = random.random_bool(0.5);
        let next = if from_the_start { range.next() } else { range.next_back() };
        let Some(pair) = next else { break };
        if from_the_start { first.push(pair.unwrap()) } else { last.push(pair.unwrap()) }
    }
    first.extend(last.into_iter().rev());
    assert_eq!(first, expected, "from both ends {bounds:?}");
}

/// Whoever reads a range while others write meets each key once at most, in order, and all that were there throughout.
fn check_range_under_writes(engine: &dyn Engine, keys: &mut Keys, random: &mut StdRng) {
    let mut range = engine.range((Bound::Unbounded, Bound::Unbounded));
    let mut met = Vec::new();
    let before = keys.clone();
    let mut lasting = before.clone();
    for pair in range.by_ref().take(random.random_range(0..10)) {
        met.push(pair.unwrap().0);
    }
    let changes = changes(random);
    changes.iter().for_each(|(key, _)| drop(lasting.remove(key)));
    write(engine, keys, changes);
    met.extend(range.map(|pair| pair.unwrap().0));
    assert!(met.is_sorted_by(|a, b| a < b), "a range out of order");
    assert!(lasting.keys().all(|key| met.binary_search(key).is_ok()), "a range lacks a key");
    assert!(met.iter().all(|key| before.contains_key(key) || keys.contains_key(key)), "a key of nobody");
}

fn check_gets(engine: &dyn Engine, keys: &Keys, random: &mut StdRng) {
    for _ in 0..20 {
        let key = Value::from(key(random));
        assert_eq!(engine.get(&key).unwrap().as_ref(), keys.get(&key));
    }
}
