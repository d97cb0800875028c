//! A database that is open at a state of the past, while its owner goes on in some process.

use std::sync::Arc;
use std::time::Duration;

use batondb::database::{Call, Database, DatabaseError, ReadOnlyOptions};
use batondb::engine::{PointRef, StoreError};
use batondb::env::Env;
use batondb::types::Txid;

use super::{READ, SqlClient, call, shown, sql, text};
use crate::world::{OpId, What};

/// As its caller has it.
pub struct Past {
    database: Arc<Database>,
    /// The state that it shows, and the operation that has pinned it.
    txid: u64,
    opened_by: OpId,
}

impl SqlClient {
    /// Something about a state of the past: opens it, reads it, or closes it.
    pub(super) async fn look_back(&mut self) {
        match self.past.take() {
            None => self.open_past().await,
            Some(past) if self.draw.in_1000(750) => self.read_past(past).await,
            Some(past) => self.close_past(past).await,
        }
    }

    fn some_state(&mut self) -> PointRef {
        let (kept, names): (Vec<u64>, Vec<String>) = {
            let world = self.world.lock();
            let kept = world.actors[self.actor].lives.kept_at(world.moment).into_iter().collect();
            let pins = world.shadow.actors[self.actor].past.pins.values();
            (kept, pins.map(|pin| pin.name.clone()).filter(|name| !name.is_empty()).collect())
        };
        match self.draw.below(10) {
            0 if !names.is_empty() => PointRef::Name(names[self.draw.index(names.len())].clone()),
            1 => PointRef::Time(self.env.now_ms() - self.draw.below(3_000)),
            2..8 if !kept.is_empty() => PointRef::Txid(Txid(self.draw.of(&kept))),
            _ => PointRef::Head,
        }
    }

    async fn open_past(&mut self) {
        let at = self.some_state();
        let id = self.world.begin(self.env.owner, self.actor, What::Pin(at.clone()));
        let options = ReadOnlyOptions {
            read_ahead: self.draw.in_1000(500),
            queue_max: 100,
            transaction_timeout_ms: 3_600_000,
            may_block: false,
        };
        let opened = self.databases.open_at(&self.name, at, &options).await;
        let told = opened.as_ref().map(|database| database.opened().meta.head_txid);
        self.world.end(id, &format!("{told:?}"));
        self.world.lock().ops[id].lets_go = told.is_err();
        let verdict = match opened {
            Ok(database) => {
                let txid = database.opened().meta.head_txid;
                self.past = Some(Past { database, txid: txid.0, opened_by: id });
                self.world.count("pasts opened");
                self.world.lock().judge_pin(id, &Ok(txid))
            }
            Err(DatabaseError::Store(error)) => self.world.lock().judge_pin(id, &Err(error)),
            Err(error) => Err(format!("cannot be opened: {error}")),
        };
        self.world.judge(&format!("operation {id}"), verdict);
    }

    async fn read_past(&mut self, past: Past) {
        let pause = self.draw.of(&[0, 20, 2_000, 25_000]);
        self.env.sleep(Duration::from_millis(pause)).await;
        let id = self.world.begin(self.env.owner, self.actor, What::Other("select from the past"));
        let expected = {
            let world = self.world.lock();
            world.copy(self.actor, past.txid).and_then(|copy| copy.table.as_ref().map(shown))
        };
        let statement = if expected.is_some() { READ } else { "SELECT count(*) FROM sqlite_schema" };
        let answer = text(&call(&past.database, 0, sql(statement)).await);
        self.world.end(id, &format!("{}: {answer:?}", past.txid));
        let verdict = match &answer {
            Ok(read) => {
                let (read, expected) = (read.clone().unwrap_or_default(), expected.unwrap_or("0".to_owned()));
                self.world.count("pasts read");
                if read == expected {
                    Ok(())
                } else {
                    Err(format!("read {read} at {} instead of {expected}", past.txid))
                }
            }
            Err(DatabaseError::Store(error @ StoreError::NotRetained { .. })) => {
                let world = self.world.lock();
                let missing = world.actors[self.actor].lives.was_missing(past.txid, world.moments(id));
                if missing { Ok(()) } else { Err(format!("{error}, and it was kept all the time")) }
            }
            Err(DatabaseError::Store(error)) => self.world.lock().judge_failure(id, error),
            Err(error) => Err(format!("cannot be read: {error}")),
        };
        self.world.judge(&format!("operation {id}"), verdict);
        if matches!(answer, Err(DatabaseError::Store(StoreError::NotRetained { .. }))) {
            self.close_past(past).await;
        } else {
            self.past = Some(past);
        }
    }

    /// Its pin goes with it, unless the store does not answer.
    pub(super) async fn close_past(&mut self, past: Past) {
        self.world.lock().ops[past.opened_by].lets_go = true;
        let id = self.world.begin(self.env.owner, self.actor, What::Unpin);
        let begun = self.env.elapsed();
        let closed = call(&past.database, 0, Call::Close).await;
        self.world.end(id, &format!("{closed:?}"));
        let verdict = {
            let world = self.world.lock();
            let pins = &world.shadow.actors[self.actor].past.pins;
            let is_held = pins.keys().any(|(_, token)| world.tokens.get(token) == Some(&past.opened_by));
            let may_be = world.ops[id].faults > 0
                || world.is_damaged(id)
                || self.env.elapsed().saturating_sub(begun) >= Duration::from_secs(5);
            match closed {
                Err(error) => Err(format!("{error:?}")),
                Ok(_) if is_held && !may_be => {
                    Err(format!("{} is held by a database that is closed", past.txid))
                }
                Ok(_) => Ok(()),
            }
        };
        self.world.judge(&format!("operation {id}"), verdict);
    }
}
