//! Measures the store: `cargo run --release -p store --example store_rates -- [ENTRIES] [CACHE_MIB]`.
//!
//! Entries are signed one by one as a node signs its own, about 1.3 KiB each, and applied 64 at a time, with a flush after
//! each commit; only the store's part is timed. Then a second process opens the same directory, so that memory and opening
//! times are those of a fresh start.

use oplog::{
    Address, Value,
    identity::Identity,
    keys::SigningKey,
    log::{LogRead as _, Writer},
    view::Operation,
};
use std::{
    error::Error,
    fs,
    io::{self, Write as _},
    path::Path,
    process::Command,
    time::{Duration, Instant},
};
use store::{Store, StoreConfig};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const COMMIT: usize = 64;
const ADDRESS: &str = "/orbitdb/zdpuAtAEwP5kN6qtBoa2v6E5G2WCZDoH4DbUtDtAqbxM8vrbe";

struct Setting {
    entries: usize,
    config: StoreConfig,
}

fn main() -> Outcome {
    let mut args = std::env::args().skip(1);
    let entries = args.next().map_or(Ok(100_000), |text| text.parse())?;
    let mut config = StoreConfig::default();
    if let Some(mebibytes) = args.next() {
        config.cache_bytes = mebibytes.parse::<u64>()? << 20;
    }
    let setting = Setting { entries, config };
    if let Some(dir) = args.next() {
        return measure_opened(Path::new(&dir), &setting);
    }
    let dir = tempfile::tempdir_in(std::env::current_dir()?)?;
    measure_filling(dir.path(), &setting)?;
    let cache = setting.config.cache_bytes >> 20;
    Command::new(std::env::current_exe()?)
        .args([entries.to_string(), cache.to_string()])
        .arg(dir.path())
        .status()?;
    Ok(())
}

fn measure_filling(dir: &Path, setting: &Setting) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let writer = writer()?;
    let store = Store::open(dir, &setting.config)?;
    let database = store.database(&address()?)?;
    let mut log = database.open_log()?;
    let (mut applying, mut computing, mut flushing) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    let mut bytes = 0;
    for start in (0..setting.entries).step_by(COMMIT) {
        let numbers = start..setting.entries.min(start + COMMIT);
        let added =
            numbers.map(|number| log.append(operation(number), &writer)).collect::<Result<Vec<_>, _>>()?;
        bytes += added.iter().map(|added| added.block.len()).sum::<usize>();
        let (began, cpu) = (Instant::now(), cpu_time()?);
        database.apply(log.commit(added, &database)?)?;
        computing += cpu_time()? - cpu;
        applying += began.elapsed();
        let began = Instant::now();
        runtime.block_on(store.flushed())?;
        flushing += began.elapsed();
    }
    say(&format!("{} entries, {} MB of blocks", setting.entries, bytes >> 20))?;
    say(&format!("apply: {}, with flushes {}", rate(setting, applying), rate(setting, applying + flushing)))?;
    say(&format!("apply, by the time on the CPU: {}", rate(setting, computing)))?;
    say(&format!("disk: {} MB; memory: {}", store.disk_bytes() >> 20, memory()?))
}

fn measure_opened(dir: &Path, setting: &Setting) -> Outcome {
    let began = Instant::now();
    let store = Store::open(dir, &setting.config)?;
    let database = store.database(&address()?)?;
    let log = database.open_log()?;
    say(&format!("open: {:?} for {} entries; memory: {}", began.elapsed(), log.len(), memory()?))?;

    let began = Instant::now();
    let newest: Vec<_> = database.newest_first(None).take(100).collect::<Result<_, _>>()?;
    for position in &newest {
        database.entry(&position.hash)?;
    }
    say(&format!("newest 100 entries, decoded: {:?}", began.elapsed()))?;

    let began = Instant::now();
    let all: Vec<_> = database.oldest_first(None).collect::<Result<_, _>>()?;
    say(&format!("all positions in order: {}", rate(setting, began.elapsed())))?;

    let began = Instant::now();
    for position in &all {
        database.contains(&position.hash)?;
    }
    say(&format!("contains: {}", rate(setting, began.elapsed())))?;

    let began = Instant::now();
    for position in &all {
        store.block(&position.hash)?;
    }
    say(&format!("block: {}", rate(setting, began.elapsed())))?;

    let began = Instant::now();
    let live = database.live_newest_first(None).count();
    say(&format!("{live} live keys: {:?}", began.elapsed()))?;

    let began = Instant::now();
    let report = database.verify(|_| {})?;
    say(&format!("verify: {}, {} differences", rate(setting, began.elapsed()), report.differences))?;

    let began = Instant::now();
    database.rebuild()?;
    say(&format!("rebuild: {}; memory: {}", rate(setting, began.elapsed()), memory()?))
}

fn operation(number: usize) -> Operation {
    let value = Value::from(format!("{number:0300}"));
    Operation::put(format!("key-{:06}", number.wrapping_mul(7919) % 50_000), value)
}

fn writer() -> Outcome<Writer> {
    let [root, signing] = [1, 2].map(|byte| SigningKey::from_bytes([byte; 32]));
    let (root, signing) = (root?, signing?);
    Ok(Writer::new(Identity::create(&root, &signing), signing))
}

fn address() -> Outcome<Address> {
    Ok(ADDRESS.parse()?)
}

fn rate(setting: &Setting, took: Duration) -> String {
    let entries = u32::try_from(setting.entries).unwrap_or(u32::MAX);
    format!("{:.0} entries/s", f64::from(entries) / took.as_secs_f64())
}

/// Resident memory, now and at most.
fn memory() -> Outcome<String> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = |name| status.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
    Ok([line("VmRSS"), line("VmHWM")].join(", ").split_whitespace().collect::<Vec<_>>().join(" "))
}

/// What this thread spent on the CPU so far: on a busy machine, the fairer clock.
fn cpu_time() -> Outcome<Duration> {
    let figures = fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds = figures.split_whitespace().next().unwrap_or_default();
    Ok(Duration::from_nanos(nanoseconds.parse()?))
}

fn say(line: &str) -> Outcome {
    Ok(writeln!(io::stdout(), "{line}")?)
}
