//! The task that opens and closes databases, as the catalog says.

use super::{
    catalog::{MAX_PINNED, Pin, Record},
    opener::{self, News},
    registry::{Registered, Registry, Role, State},
};
use crate::database::{Change, Context, Database, Opening, Scanned, Settings};
use oplog::{
    Address, Entry,
    manifest::AccessAddress,
    view::{KeyedOp, Operation},
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};
use store::StoreError;
use tokio::sync::{broadcast::error::RecvError, mpsc, watch};
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
        // Whatever comes in from here on is seen, at worst twice.
        let mut changes = self.catalog.changes();
        let mut damaged = self.context.store.damaged_count();
        damaged.mark_unchanged();
        self.read_catalog().await;
        self.note_booting();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                Some(news) = self.news_queue.recv() => self.hear(news),
                change = changes.recv() => match change {
                    Ok(change) => self.follow(&change),
                    // Too many at once, as when a node joins a cluster that pins thousands.
                    Err(RecvError::Lagged(_)) => self.read_catalog().await,
                    Err(RecvError::Closed) => return,
                },
                changed = damaged.changed() => match changed {
                    Ok(()) => self.read_catalog().await,
                    Err(_) => return,
                },
            }
        }
    }

    /// Does what an entry of the catalog says, or one that stands above it. Reading the whole catalog for each would take
    /// longer the more it pins.
    fn follow(&mut self, change: &Change) {
        let keyed = Entry::decode(&change.block).ok().and_then(|entry| Operation::of(entry.payload).keyed());
        let Some(KeyedOp { key, .. }) = keyed else { return };
        let Ok(address) = key.parse::<Address>() else { return };
        let current = tokio::task::block_in_place(|| self.catalog.get(&key));
        match current {
            Ok(Some((_, value))) => {
                if let Some((address, record)) = Record::from_pair(&key, &value) {
                    self.apply(address, record);
                }
            }
            Ok(None) => self.unpinned(&address, false),
            // What a damaged record says is not known: it unpins nothing.
            Err(error) => tracing::error!(%error, "cannot read the catalog"),
        }
        self.close_idle_guards();
    }

    /// Opens what is pinned and not open, closes what is open and no longer pinned.
    async fn read_catalog(&mut self) {
        let none: BTreeMap<Address, Record> = BTreeMap::new();
        let records = self.catalog.scan_live(None, none, |records, live| {
            records.extend(Record::from_pair(&live.key, &live.value));
            true
        });
        let (records, whole) = match records.await {
            Ok(Scanned { kept, damaged }) => (kept, damaged.is_empty()),
            Err(error) => return tracing::error!(%error, "cannot read the catalog"),
        };
        if whole {
            let registry = Arc::clone(&self.registry.borrow());
            let gone = registry.keys().filter(|address| !records.contains_key(*address));
            gone.for_each(|address| self.unpinned(address, false));
        }
        let (pinned, removed): (Vec<_>, Vec<_>) =
            records.into_iter().partition(|(_, record)| matches!(record, Record::Pinned(_)));
        removed.into_iter().chain(pinned).for_each(|(address, record)| self.apply(address, record));
        self.close_idle_guards();
    }

    /// Does what the catalog says of one database.
    fn apply(&mut self, address: Address, record: Record) {
        let Record::Pinned(pin) = record else { return self.unpinned(&address, true) };
        let role = self.registry.borrow().get(&address).map(|known| known.role.clone());
        match role {
            Some(Role::Catalog) => {}
            Some(Role::Pinned(_)) => self.choose(address, pin),
            None | Some(Role::Guard) if self.pinned() >= MAX_PINNED => {
                tracing::error!(%address, "not opened: more than {MAX_PINNED} databases are pinned");
            }
            None | Some(Role::Guard) => self.pin(address, pin),
        }
    }

    /// Closes a database that is pinned no longer.
    fn unpinned(&mut self, address: &Address, remove: bool) {
        let is_pinned = |known: &Registered| matches!(known.role, Role::Pinned(_));
        if self.registry.borrow().get(address).is_some_and(is_pinned) {
            self.close(*address, remove);
        }
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

    fn pinned(&self) -> usize {
        self.registry.borrow().values().filter(|known| matches!(known.role, Role::Pinned(_))).count()
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
            News::Failed(address, failure) => {
                tracing::error!(%address, reason = %failure, "database not opened");
                self.change(address, |known| known.state = State::Failed(Arc::new(failure)));
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
        let guards: Vec<Address> = registry
            .iter()
            .filter(|(_, known)| known.role == Role::Guard)
            .map(|(address, _)| *address)
            .collect();
        if guards.is_empty() || registry.values().any(|known| matches!(known.state, State::Opening)) {
            return; // one that is opening may be about to need a guard
        }
        let needed: BTreeSet<Address> = registry
            .values()
            .filter_map(|known| match known.open()?.manifest().access {
                AccessAddress::OrbitDb(guard) => Some(guard),
                AccessAddress::Ipfs(_) => None,
            })
            .collect();
        drop(registry);
        guards.into_iter().filter(|guard| !needed.contains(guard)).for_each(|guard| self.close(guard, false));
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
