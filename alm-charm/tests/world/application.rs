//! An application that keeps the interface, and breaks down when it is told to.

use std::collections::BTreeMap;

use alm_interface::application as bags;
use alm_interface::at_most::AtMost;
use alm_interface::manager::{Manager, Word};
use alm_interface::operation::{MAX_REQUESTS, OperationResult, State};
use alm_interface::prometheus::Rules;
use alm_interface::serving::serve;
use alm_interface::text::{Capability, Line};
use juju_hooks::UnitName;
use juju_hooks::databag::{self, Bag};

pub struct Application {
    pub name: String,
    pub planned: u32,
    pub versions: Vec<u16>,
    pub capabilities: Vec<Capability>,
    pub units: BTreeMap<UnitName, Unit>,
    results: Vec<OperationResult>,
    turn: Option<bags::Turn>,
    next: u32,
    next_turn: u32,
}

pub struct Unit {
    /// Whether its machine runs. A dead one keeps its bag as it was.
    pub alive: bool,
    pub ready: bool,
    pub pending: u64,
    pub results: Vec<OperationResult>,
    pub restart_wanted: Option<String>,
    /// Whether what it restarts into serves.
    pub good: bool,
    reported_at: u64,
    restarting: bool,
    /// Other units that it was connected to when it last reported.
    connected: u32,
}

impl Application {
    pub fn new(name: &str, units: u32, now: u64) -> Self {
        let capabilities = ["resync@1", "backup@1", "rotate-token@1", "refresh-turn@1"];
        let mut application = Self {
            name: name.into(),
            planned: units,
            versions: vec![1, 2],
            capabilities: capabilities.map(|one| one.parse().unwrap()).into(),
            units: BTreeMap::new(),
            results: Vec::new(),
            turn: None,
            next: 0,
            next_turn: 0,
        };
        (0..units).for_each(|_| application.add_unit(now));
        application
    }

    pub fn add_unit(&mut self, now: u64) {
        let name = self.unit_name(self.next);
        self.next += 1;
        let unit = Unit {
            alive: true,
            ready: true,
            pending: 0,
            results: Vec::new(),
            restart_wanted: None,
            good: true,
            reported_at: now,
            restarting: false,
            connected: 0,
        };
        self.units.insert(name, unit);
    }

    pub fn unit_name(&self, number: u32) -> UnitName {
        format!("{}/{number}", self.name).parse().unwrap()
    }

    pub fn unit(&mut self, number: u32) -> &mut Unit {
        let name = self.unit_name(number);
        self.units.get_mut(&name).unwrap()
    }

    pub fn refresh(&mut self, into: &str, good: bool) {
        for unit in self.units.values_mut() {
            unit.restart_wanted = Some(into.into());
            unit.good = good;
        }
    }

    /// How many units do not serve, whatever their bags say.
    pub fn down(&self) -> usize {
        self.units.values().filter(|unit| !unit.alive || !unit.ready).count()
    }

    pub fn pass(&mut self, now: u64, manager: Option<&Manager>, chance: &mut impl FnMut(u32) -> bool) {
        let requests = manager.map(|manager| manager.requests.to_vec()).unwrap_or_default();
        let capabilities = self.capabilities.clone();
        let serving =
            u32::try_from(self.units.values().filter(|unit| unit.alive && unit.ready).count()).unwrap();
        for (name, unit) in self.units.iter_mut().filter(|(_, unit)| unit.alive) {
            if !chance(80) {
                continue;
            }
            unit.reported_at = now;
            unit.connected = serving.saturating_sub(1);
            unit.results = work(&unit.results, now, chance, |id| {
                if id.starts_with("resync") {
                    unit.pending = 0;
                }
            });
            unit.results = serve(&requests, Some(name), &capabilities, &unit.results, now).results.to_vec();
            if unit.restarting && chance(70) {
                unit.restarting = false;
                unit.ready = unit.good;
                unit.restart_wanted = unit.restart_wanted.take().filter(|_| !unit.good);
            }
        }
        if chance(80) {
            self.results = work(&self.results, now, chance, |_| {});
            self.results = serve(&requests, None, &capabilities, &self.results, now).results.to_vec();
            self.turns(manager);
        }
    }

    /// The application's leader: one turn after the other, each by the manager's verdict.
    fn turns(&mut self, manager: Option<&Manager>) {
        let verdict = manager.and_then(|manager| manager.verdict.as_ref());
        if let Some(turn) = &self.turn {
            let Some(unit) = self.units.get_mut(&turn.unit) else {
                self.turn = None;
                return;
            };
            if unit.restart_wanted.as_deref() != Some(turn.into.as_str()) {
                self.turn = None;
            } else if verdict.is_some_and(|verdict| verdict.turn == turn.id && verdict.word == Word::Go) {
                unit.restarting = true;
                unit.ready = false;
                self.turn = None;
            } else {
                return;
            }
        }
        let next = self
            .units
            .iter()
            .find(|(_, unit)| unit.restart_wanted.is_some() && !unit.restarting && unit.ready);
        self.turn = next.map(|(name, unit)| bags::Turn {
            id: format!("turn-{}", self.next_turn).parse().unwrap(),
            unit: name.clone(),
            into: Line::of(unit.restart_wanted.as_deref().unwrap_or_default()),
            rollback: Some(Line::of("juju refresh paperclip --revision=7")),
        });
        self.next_turn += 1;
    }

    pub fn bag(&self) -> Bag {
        let bag = bags::Application {
            schema: Line::of("1"),
            versions: AtMost::first(self.versions.clone()),
            application: self.name.parse().unwrap(),
            charm: "paperclip".parse().unwrap(),
            charm_revision: None,
            model: "prod".parse().unwrap(),
            model_uuid: "3f2b1c7e".parse().unwrap(),
            cluster_id: None,
            version: None,
            planned_units: Some(self.planned),
            capabilities: AtMost::first(self.capabilities.clone()),
            api_ca: None,
            token_secret: None,
            scrape_jobs: AtMost::default(),
            alert_rules: Rules::default(),
            log_rules: None,
            dashboards: AtMost::default(),
            measures: AtMost::first([bags::Measure {
                name: Line::of("flush p99"),
                query: "x".parse().unwrap(),
                tolerated_percent: 200,
                slack_thousandths: 10,
            }]),
            turn_wanted: self.turn.clone(),
            results: AtMost::<_, MAX_REQUESTS>::first(self.results.clone()),
        };
        databag::encode(&bag).unwrap()
    }

    pub fn unit_bags(&self) -> BTreeMap<UnitName, Bag> {
        let others =
            u32::try_from(self.units.values().filter(|unit| unit.alive && unit.ready).count()).unwrap();
        let bag = |(name, unit): (&UnitName, &Unit)| {
            // A dead unit's bag stays as it was.
            let connected = if unit.alive { others.saturating_sub(1) } else { unit.connected };
            let bag = bags::Unit {
                schema: Line::of("1"),
                versions: AtMost::first(self.versions.clone()),
                unit: name.clone(),
                ready: unit.ready,
                version: None,
                peer_id: None,
                health_url: None,
                metrics_url: None,
                heads_digest: None,
                reported_at: self.versions.contains(&2).then_some(unit.reported_at),
                conditions: AtMost::default(),
                replication: self.versions.contains(&2).then_some(bags::Replication {
                    connected,
                    in_step: connected,
                    pending: unit.pending,
                }),
                counts: AtMost::first([bags::Count { name: "databases".parse().unwrap(), count: 12 }]),
                disk: None,
                api_url: None,
                targets: AtMost::default(),
                restart_wanted: unit.restart_wanted.as_deref().map(Line::of),
                results: AtMost::first(unit.results.clone()),
            };
            (name.clone(), databag::encode(&bag).unwrap())
        };
        self.units.iter().map(bag).collect()
    }
}

/// Ends what runs, most of it well.
fn work(
    results: &[OperationResult],
    now: u64,
    chance: &mut impl FnMut(u32) -> bool,
    mut done: impl FnMut(&str),
) -> Vec<OperationResult> {
    let mut results = results.to_vec();
    for result in results.iter_mut().filter(|result| result.state == State::Running) {
        if chance(60) {
            let well = chance(85);
            result.state = if well { State::Done } else { State::Failed };
            result.ended = Some(now);
            result.message = Some(Line::of(if well { "as asked" } else { "the disk is full" }));
            if well {
                done(result.id.as_str());
            }
        }
    }
    results
}
