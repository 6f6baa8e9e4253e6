//! The task that opens and closes databases, as the catalog says.

use super::{
    catalog::{MAX_PINNED, Pin, Record},
    opener::{self, News},
    registry::{Registered, Registry, Role, State},
};
use crate::database::{Context, Database, Opening, Scanned, Settings};
use oplog::{Address, manifest::AccessAddress};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};
use store::StoreError;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

/// Results of openings that wait for the keeper.
const NEWS_QUEUE: usize = 256;

/// How far a starting node has come with the databases that its catalog pins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Boot {
    /// The catalog has not been read: what is pinned is not known.
    ReadingCatalog,
    /// Databases that the node holds are being opened.
    Opening,
    /// They are open, or have failed.
    Done,
}

/// Opens and closes databases.
pub(super) struct Keeper {
    context: Context,
    catalog: Database,
    registry: watch::Sender<Arc<Registry>>,
    /// Databases that the catalog pinned at the start and the store holds, until they are open.
    booting: BTreeSet<Address>,
    boot: watch::Sender<Boot>,
    /// What ends each database.
    stops: HashMap<Address, CancellationToken>,
    news: mpsc::Sender<News>,
    news_queue: mpsc::Receiver<News>,
    stop: CancellationToken,
}

impl Keeper {
    /// A keeper that has opened nothing but the catalog.
    pub(super) fn new(
        context: Context,
        catalog: Opening,
        stop: CancellationToken,
    ) -> (Self, watch::Receiver<Arc<Registry>>, watch::Receiver<Boot>) {
        let Opening { database, stop: catalog_stop } = catalog;
        let address = database.address();
        let first = Registered { role: Role::Catalog, state: State::Open(database.clone()) };
        let (registry, seen) = watch::channel(Arc::new(Registry::from([(address, first)])));
        let (news, news_queue) = mpsc::channel(NEWS_QUEUE);
        let stops = HashMap::from([(address, catalog_stop)]);
        let (boot, boot_seen) = watch::channel(Boot::ReadingCatalog);
        let booting = BTreeSet::new();
        let keeper =
            Self { context, catalog: database, registry, booting, boot, stops, news, news_queue, stop };
        (keeper, seen, boot_seen)
    }

    /// Follows the catalog until the node stops.
    pub(super) async fn run(mut self) {
        let stop = self.stop.clone();
        let mut catalog = self.catalog.status();
        let mut damaged = self.context.store.damaged_count();
        let mut followed = None;
        loop {
            let heads = catalog.borrow_and_update().heads.clone();
            let wanted = Some((heads, *damaged.borrow_and_update()));
            if followed != wanted {
                self.follow_catalog().await;
                if followed.is_none() {
                    self.note_booting();
                }
                followed = wanted;
            }
            tokio::select! {
                () = stop.cancelled() => return,
                Some(news) = self.news_queue.recv() => self.hear(news),
                changed = catalog.changed() => if changed.is_err() {
                    return;
                },
                changed = damaged.changed() => if changed.is_err() {
                    return;
                },
            }
        }
    }

    /// Opens what is pinned and not open, closes what is open and no longer pinned.
    async fn follow_catalog(&mut self) {
        let none: BTreeMap<Address, Record> = BTreeMap::new();
        let records = self.catalog.scan_live(None, none, |records, live| {
            records.extend(Record::from_pair(&live.key, &live.value));
            true
        });
        let (records, whole) = match records.await {
            Ok(Scanned { kept, damaged }) => (kept, damaged.is_empty()),
            Err(error) => return tracing::error!(%error, "cannot read the catalog"),
        };
        let open: Vec<Address> = self.pinned().map(|(address, _)| address).collect();
        for address in open {
            match records.get(&address) {
                Some(Record::Pinned(_)) => {}
                Some(Record::Removed) => self.close(address, true),
                // What a damaged record says is not known: it unpins nothing.
                None if whole => self.close(address, false),
                None => {}
            }
        }
        let mut count = self.pinned().count();
        for (address, record) in records {
            let Record::Pinned(pin) = record else { continue };
            let known = self.registry.borrow().get(&address).is_some_and(|known| known.role != Role::Guard);
            if known {
                self.choose(address, pin);
                continue;
            }
            count += 1;
            if count > MAX_PINNED {
                tracing::error!(%address, "not opened: more than {MAX_PINNED} databases are pinned");
                continue;
            }
            self.pin(address, pin);
        }
        self.close_idle_guards();
    }

    /// The node is ready once what it held before is open again. Databases that it has yet to fetch do not count: their
    /// peers may be away for days.
    fn note_booting(&mut self) {
        match self.context.store.stored_databases() {
            Ok(stored) => self.booting.extend(stored),
            Err(error) => tracing::error!(%error, "cannot list the stored databases"),
        }
        let registry = Arc::clone(&self.registry.borrow());
        let opening = |address: &Address| {
            registry.get(address).is_some_and(|known| matches!(known.state, State::Opening))
        };
        self.booting.retain(opening);
        self.boot.send_replace(if self.booting.is_empty() { Boot::Done } else { Boot::Opening });
    }

    fn settled(&mut self, address: &Address) {
        if self.booting.remove(address) && self.booting.is_empty() {
            self.boot.send_replace(Boot::Done);
        }
    }

    fn pinned(&self) -> impl Iterator<Item = (Address, Pin)> + use<> {
        let registry = Arc::clone(&self.registry.borrow());
        let pinned = |(address, known): (&Address, &Registered)| match &known.role {
            Role::Pinned(pin) => Some((*address, pin.clone())),
            Role::Catalog | Role::Guard => None,
        };
        registry.iter().filter_map(pinned).collect::<Vec<_>>().into_iter()
    }

    /// Opens a database; one that is open as a guard only becomes a pinned one.
    fn pin(&mut self, address: Address, pin: Pin) {
        let settings = pin.settings.clone();
        if self.stops.contains_key(&address) {
            return self.choose(address, pin);
        }
        self.open(address, Role::Pinned(pin), settings);
    }

    /// Takes over what the catalog says of a database that is known.
    fn choose(&self, address: Address, pin: Pin) {
        let role = Role::Pinned(pin);
        if self.registry.borrow().get(&address).is_some_and(|known| known.role != role) {
            self.change(address, |known| {
                known.role = role;
                known.apply_settings();
            });
        }
    }

    fn open(&mut self, address: Address, role: Role, settings: Settings) {
        let stop = self.stop.child_token();
        self.stops.insert(address, stop.clone());
        self.registry.send_modify(|registry| {
            Arc::make_mut(registry).insert(address, Registered { role, state: State::Opening });
        });
        let opener = opener::Opener {
            address,
            settings,
            context: self.context.clone(),
            registry: self.registry.subscribe(),
            news: self.news.clone(),
            stop,
        };
        self.context.tasks.spawn(opener.run());
    }

    fn hear(&mut self, news: News) {
        match news {
            News::Opened(database) => {
                let address = database.address();
                if self.stops.contains_key(&address) {
                    tracing::info!(%address, name = database.manifest().name, "database open");
                    self.change(address, |known| {
                        known.state = State::Open(database);
                        known.apply_settings();
                    });
                }
                self.settled(&address);
            }
            News::Failed(address, reason) => {
                tracing::error!(%address, reason, "database not opened");
                self.change(address, |known| known.state = State::Failed(reason.into()));
                self.settled(&address);
            }
            News::NeedsGuard(address) => {
                if !self.stops.contains_key(&address) {
                    self.open(address, Role::Guard, Settings::default());
                }
            }
        }
    }

    fn close(&mut self, address: Address, remove: bool) {
        tracing::info!(%address, remove, "database unpinned");
        if let Some(stop) = self.stops.remove(&address) {
            stop.cancel();
        }
        self.context.metrics.forget_database(&address);
        self.settled(&address);
        self.registry.send_modify(|registry| drop(Arc::make_mut(registry).remove(&address)));
        if remove {
            let store = self.context.store.clone();
            self.context.tasks.spawn_blocking(move || match store.remove_database(&address) {
                Ok(removed) => tracing::info!(%address, ?removed, "data removed"),
                Err(error) => tell_remove(&address, &error),
            });
        }
    }

    /// Guards whose guarded databases are all gone have nothing left to do.
    fn close_idle_guards(&mut self) {
        let registry = Arc::clone(&self.registry.borrow());
        let opening = registry.values().any(|known| matches!(known.state, State::Opening));
        if opening {
            return; // one of them may be about to need a guard
        }
        let needed: BTreeSet<Address> = registry
            .values()
            .filter_map(|known| match known.open()?.manifest().access {
                AccessAddress::OrbitDb(guard) => Some(guard),
                AccessAddress::Ipfs(_) => None,
            })
            .collect();
        for (address, known) in registry.iter() {
            if known.role == Role::Guard && !needed.contains(address) {
                self.close(*address, false);
            }
        }
    }

    fn change(&self, address: Address, change: impl FnOnce(&mut Registered)) {
        self.registry.send_modify(|registry| {
            if let Some(known) = Arc::make_mut(registry).get_mut(&address) {
                change(known);
            }
        });
    }
}

fn tell_remove(address: &Address, error: &StoreError) {
    tracing::error!(%address, %error, "data not removed; unpin again after a restart");
}
