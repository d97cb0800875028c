//! Several transactions of SQL in flight on one database at once, which may share commits: what the table holds
//! when some of them have taken place. Each leaves a mark of its own in the table.

use std::collections::BTreeSet;
use std::io::Cursor;

use batondb::database::{Answer, DatabaseError};
use batondb::engine::StoreError;
use rusqlite::Connection;

use crate::audit::ensure;
use crate::sql_client::text;
use crate::world::{Inner, OpId, Table, What};

/// The marks lie behind all other keys.
const MARKS: i64 = 100;

/// What a transaction does to the rows: a value, or none where a row goes.
pub type Changes = Vec<(i64, Option<i64>)>;

/// Transactions in the order of their calls.
#[derive(Debug, Clone)]
pub struct Burst {
    pub generation: u64,
    /// The head that the first of their commits extends.
    pub base: u64,
    pub before: Table,
    /// Whether they are answered before they are durable.
    pub is_deferred: bool,
    /// Each with the value of its mark.
    pub transactions: Vec<(i64, Changes)>,
}

impl Burst {
    /// The key of a transaction's mark.
    pub fn mark(index: usize) -> i64 {
        MARKS + i64::try_from(index).unwrap()
    }

    /// The transactions that have left their mark.
    pub fn transactions_in(&self, table: &Table) -> BTreeSet<usize> {
        let marks = self.transactions.iter().enumerate();
        marks
            .filter(|(index, (value, _))| table.get(&Self::mark(*index)) == Some(value))
            .map(|(index, _)| index)
            .collect()
    }

    /// The table when these have taken place, in order.
    pub fn table_with(&self, done: &BTreeSet<usize>) -> Table {
        let mut table = self.before.clone();
        for index in done {
            let (value, changes) = &self.transactions[*index];
            for (key, value) in changes {
                match value {
                    Some(value) => table.insert(*key, *value),
                    None => table.remove(key),
                };
            }
            table.insert(Self::mark(*index), *value);
        }
        table
    }
}

/// What the bytes of a database hold, by another SQLite than the one that wrote them.
pub fn table_of(file: &[u8]) -> Result<Table, String> {
    let read = || {
        let mut connection = Connection::open_in_memory()?;
        connection.deserialize_read_exact("main", Cursor::new(file), file.len(), true)?;
        let check: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
        let mut statement = connection.prepare("SELECT k, v FROM t")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok((check, rows.collect::<rusqlite::Result<Table>>()?))
    };
    match read() {
        Ok((check, table)) if check == "ok" => Ok(table),
        Ok((check, _)) => Err(format!("a commit has left a damaged database: {check}")),
        Err(error) => Err(format!("a commit has left no database: {}", {
            let error: rusqlite::Error = error;
            error
        })),
    }
}

impl Inner {
    /// The answer of a transaction of a burst, or of a read among them: what it says is durable by now, and what it
    /// refuses never will be.
    pub fn judge_of_burst(
        &mut self,
        id: OpId,
        burst: &Burst,
        index: Option<usize>,
        answer: &Result<Answer, DatabaseError>,
    ) -> Result<(), String> {
        match (index, answer) {
            (Some(index), Ok(_)) => {
                let durable = &self.ops[id].durable;
                ensure!(durable.contains(&index), "answered, and only {durable:?} are durable");
            }
            (None, Ok(_)) => {
                let read = text(answer).map_err(|error| error.to_string())?.unwrap_or_default();
                let table = parsed(&read)?;
                let seen = burst.transactions_in(&table);
                ensure!(table == burst.table_with(&seen), "read parts of transactions: {read}");
                let durable = &self.ops[id].durable;
                ensure!(seen.is_subset(durable), "read {seen:?}, and only {durable:?} are durable");
            }
            (_, Err(DatabaseError::Store(StoreError::CommitUnknown { .. }))) => {
                ensure!(self.ops[id].unknown > 0, "no answer was lost, and the outcome is unknown");
            }
            (index, Err(DatabaseError::Store(error))) => {
                if let Some(index) = index {
                    ensure!(!self.ops[id].durable.contains(&index), "it took place, and was told {error}");
                    self.ops[id].refused.insert(index);
                }
                return self.judge_failure(id, error);
            }
            (_, Err(other)) => return Err(other.to_string()),
        }
        Ok(())
    }

    /// The head and the table that a burst has left.
    pub fn state_after(&self, id: OpId) -> (Option<u64>, Table) {
        let op = &self.ops[id];
        let What::Burst(burst) = &op.what else { panic!("{op:?}") };
        (op.committed.map(|(txid, _)| txid), burst.table_with(&op.durable))
    }
}

/// `key:value,key:value`
pub fn parsed(read: &str) -> Result<Table, String> {
    let pairs = read.split(',').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| {
        let (key, value) = pair.split_once(':').ok_or("not a pair")?;
        Ok((key.parse().map_err(|_| "not a key")?, value.parse().map_err(|_| "not a value")?))
    });
    pairs.collect::<Result<Table, &str>>().map_err(str::to_owned)
}
