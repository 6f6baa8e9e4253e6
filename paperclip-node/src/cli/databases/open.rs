//! Opening databases: those that are created, and those that are pinned, which may wait for a peer.

use crate::{
    cli::{
        description::optional,
        error::{CliError, NotOpenYet, NotSound},
        target::ClientArgs,
    },
    output::{Progress, Text, tell},
};
use paperclip_client::{
    Client, Reply, db_path,
    shape::{Database, Open, Pin, State, Status},
};
use std::{
    thread,
    time::{Duration, Instant},
};

/// The path of all databases.
pub(super) const DATABASES: &str = "/v1/databases";

/// How often `db pin` looks while it waits.
const POLL: Duration = Duration::from_millis(250);

/// Asks for a database to be opened, and waits for the answer.
pub(super) fn open(client: &Client, request: &Open) -> Result<Reply, CliError> {
    let _waiting = Progress::waiting("waiting until the database is open");
    Ok(client.post(DATABASES, request)?)
}

/// Pins a database and prints its address, which is what people need next. A pin is kept whether a peer has the database
/// now or not; who can be misled by that is told, unless told to wait for one.
pub(super) fn pin(args: &ClientArgs, address: &str, wait: Option<Duration>) -> Result<(), CliError> {
    let client = args.connect()?;
    let mut answer = open(&client, &Open::Pin(Pin::new(address)))?;
    let mut database: Database = answer.read()?;
    if let Some(wait) = wait {
        let _waiting = Progress::waiting("waiting for a peer that has the database");
        let deadline = Instant::now() + wait;
        while database.state == State::Opening && Instant::now() < deadline {
            thread::sleep(POLL.min(deadline.saturating_duration_since(Instant::now())));
            answer = client.get(&db_path(&database.address, &[]))?;
            database = answer.read()?;
        }
    }
    args.output().document(&answer.json()?, || Text::line(database.address.as_str()))?;
    match database.state {
        State::Open => Ok(()),
        State::Opening => {
            let Status { peers, .. } = client.get("/v1/status")?.read()?;
            let told = NotOpenYet { peers };
            if wait.is_some() {
                return Err(NotSound::NotOpenYet(told).into());
            }
            tell(&told.to_string());
            Ok(())
        }
        State::Failed => {
            let why = optional(database.error.as_deref());
            Err(NotSound::CannotOpen(why).into())
        }
    }
}
