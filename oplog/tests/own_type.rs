//! A database type of one's own: all of it is in this file, and a log, a view and a node's list of types take it as they are.

#![allow(clippy::unwrap_used, reason = "tests")]

use oplog::{
    Value,
    identity::Identity,
    keys::SigningKey,
    log::{Log, LogRead as _, Writer},
    memory::MemoryLog,
    reading::{DatabaseType, Documents, Events, KeyValue, Misfit, Reading, TYPES, Types, View},
    view::{Op, Operation},
};

/// A set of texts: `PUT` of a member with the value true adds it, `DEL` removes it.
#[derive(Debug)]
struct Set;

impl DatabaseType for Set {
    fn name(&self) -> &str {
        "set"
    }

    fn about(&self) -> &str {
        "Members"
    }

    fn view(&self) -> View {
        View::Keys
    }

    fn operations(&self) -> &[Op] {
        &[Op::Put, Op::Del]
    }

    fn check(&self, operation: &Operation) -> Result<(), Misfit> {
        match operation.op {
            Op::Put if operation.value == Value::Bool(true) => Ok(()),
            Op::Put => Err(Misfit::Value("true")),
            Op::Del => Ok(()),
            Op::Add | Op::Other(_) => {
                Err(Misfit::Operation { name: self.name().to_owned(), op: operation.op.name().to_owned() })
            }
        }
    }

    fn tells_apart(&self, operation: &Operation) -> bool {
        operation.op == Op::Put && operation.value == Value::Bool(true)
    }
}

const WITH_SETS: &Types = &[&Events, &KeyValue, &Documents, &Set];

struct Database {
    log: Log,
    store: MemoryLog,
    reading: Reading,
    writer: Writer,
}

impl Database {
    fn new(reading: Reading) -> Self {
        let key = |byte| SigningKey::from_bytes([byte; 32]).unwrap();
        let writer = Writer::new(Identity::create(&key(1), &key(2)), key(2));
        let address = "/orbitdb/zdpuAtAEwP5kN6qtBoa2v6E5G2WCZDoH4DbUtDtAqbxM8vrbe".parse().unwrap();
        Self { log: Log::empty(address), store: MemoryLog::default(), reading, writer }
    }

    /// Writes what clients may write, as a node does.
    fn write(&mut self, operation: Operation) -> Result<(), Misfit> {
        self.reading.check(&operation)?;
        let added = self.log.append(operation, &self.writer).unwrap();
        self.store.apply(self.log.commit(vec![added], &self.store).unwrap());
        Ok(())
    }

    fn members(&self) -> Vec<&str> {
        let there = self.store.winners().iter().filter(|(_, winner)| !winner.deleted);
        there.map(|(key, _)| key.as_str()).collect()
    }

    fn oldest(&self) -> impl Iterator<Item = Value> {
        let positions = self.store.oldest_first(None).map(Result::unwrap);
        positions.map(|position| self.store.entry(&position.hash).unwrap().unwrap().payload)
    }
}

#[test]
fn a_type_is_one_implementation_of_one_trait() {
    let chosen = Reading::parse(WITH_SETS, "set", None).unwrap();
    let mut database = Database::new(chosen.clone());
    for member in ["ant", "bee", "cat"] {
        database.write(database.reading.put(member.into(), Value::Bool(true))).unwrap();
    }
    database.write(Operation::del("bee")).unwrap();
    assert_eq!(database.members(), ["ant", "cat"]);

    assert_eq!(database.write(Operation::put("dog", "yes".into())), Err(Misfit::Value("true")));
    let added = database.write(Operation::add("event".into())).unwrap_err();
    assert_eq!(added.to_string(), "set has no operation ADD");
    assert_eq!(database.members(), ["ant", "cat"], "what is refused is not written");

    assert_eq!((chosen.name(), chosen.view(), chosen.index_by()), ("set", View::Keys, None));
    assert_eq!(Reading::find(WITH_SETS, "events", database.oldest()), chosen, "found from its operations");
    assert_eq!(Reading::find(WITH_SETS, "set", []), chosen, "named by the manifest");
    assert_eq!(
        Reading::find(TYPES, "events", database.oldest()),
        Reading::of(&KeyValue),
        "where it is unknown"
    );
}
