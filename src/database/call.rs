//! The calls that a database accepts, and their answers.

use crate::database::error::DatabaseError;
use crate::database::sqlite::{ChangeForm, Collation, Decide, Extension, Function};

/// How a statement is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Any number of statements, whose rows are ignored.
    Exec,
    /// One statement, whose rows are ignored.
    Run,
    /// The first row.
    Get,
    /// All rows.
    All,
    /// All rows in one chunk.
    Whole,
    /// One chunk of rows after the other.
    Iterate,
}

/// How a transaction begins (<https://sqlite.org/lang_transaction.html>).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behavior {
    /// With the first statement that needs it.
    Deferred,
    /// As a writing transaction.
    Immediate,
    /// As a writing transaction, exclusively.
    Exclusive,
}

/// How many characters of a statement a message shows.
const SUBJECT_CHARS_MAX: usize = 80;

/// A statement and its parameters, in the form of `wire`.
pub type Sql = (String, Option<Vec<u8>>);

/// How the statements of a script are run, and which rows are returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScriptKind {
    /// All of them as one transaction; returns the rows of the last one.
    Together,
    /// As one transaction up to the first statement that cannot run inside a transaction, and each by itself
    /// from there on; returns the rows of the last one that has columns.
    AsFarAsMayBe,
}

/// The calls.
#[derive(Debug)]
pub enum Call {
    /// Run SQL.
    Run(Kind, Sql),
    /// Run several statements as one transaction.
    Batch(Vec<Sql>),
    /// Run the statements of one text; its parameters are those of the last statement.
    Script(ScriptKind, Sql),
    /// Run the statements of one text, each by itself, and return the answers of some statements at a time.
    Each(String),
    /// Continue such a script; `true` skips the remaining rows of the open statement.
    EachOn(u32, bool),
    /// Return the database as the bytes of a file.
    Serialize,
    /// The txid of the last commit, once everything before it is durable.
    Point,
    /// Describe a statement's parameters and columns.
    Describe(String),
    /// Define a function that SQL can call.
    Define(Box<Function>),
    /// Define a collation that SQL can use.
    Collate(Collation),
    /// Remove the collation of this name.
    DropCollation(String),
    /// Add an extension of SQLite.
    Extend(Extension),
    /// Record what changes, or apply what was recorded.
    Changes(Changes),
    /// Wait until all that was written before is durable.
    Flush,
    /// Begin a transaction, which is rolled back if it has not ended after this many milliseconds.
    Begin(Behavior, Option<u64>),
    /// End the transaction that the call belongs to; `true` commits it.
    End(bool),
    /// More rows of an iteration.
    Fetch(u32),
    /// End an iteration early.
    CloseCursor(u32),
    /// Close the database, after the calls queued before it.
    Close,
}

/// The calls about recordings of changes, which are known by number.
#[derive(Debug)]
pub enum Changes {
    /// Begin to record what changes in a database of the connection, of one table or of all.
    Record(String, Option<String>),
    /// Return what was recorded so far.
    Recorded(u32, ChangeForm),
    /// Stop recording. A recording that is gone already is not an error.
    Stop(u32),
    /// Apply a changeset or a patchset, or nothing of it.
    Apply(Vec<u8>, Box<dyn Decide>),
}

impl Call {
    /// Whether its answer leaves only when all that was written before is durable, however the database is opened.
    pub(crate) fn waits_for_all(&self) -> bool {
        matches!(self, Self::Flush | Self::Point | Self::Close)
    }

    /// Whether it runs no SQL and its turn is over soon, so that a call on its caller's thread may wait for that.
    pub(crate) fn is_brief(&self) -> bool {
        matches!(self, Self::Flush | Self::Point | Self::CloseCursor(_) | Self::Changes(Changes::Stop(_)))
    }

    /// Whether it makes room for others, and is admitted when the queue is full.
    pub(crate) fn makes_room(&self) -> bool {
        matches!(self, Self::End(_) | Self::Close | Self::Changes(Changes::Stop(_)))
    }

    /// Whether it runs the caller's statements.
    pub(crate) fn runs_sql(&self) -> bool {
        matches!(
            self,
            Self::Run(..)
                | Self::Batch(_)
                | Self::Script(..)
                | Self::Each(_)
                | Self::EachOn(..)
                | Self::Serialize
                | Self::Point
                | Self::Fetch(_)
                | Self::Changes(Changes::Recorded(..) | Changes::Apply(..))
        )
    }

    /// A short description of the call, for a message.
    pub(super) fn subject(&self) -> String {
        match self {
            Self::Run(_, (sql, _)) | Self::Script(_, (sql, _)) | Self::Each(sql) | Self::Describe(sql) => {
                shortened(sql)
            }
            Self::EachOn(..) => "a script".to_owned(),
            Self::Serialize => "a serialization".to_owned(),
            Self::Define(_) => "the definition of a function".to_owned(),
            Self::Collate(_) | Self::DropCollation(_) => "the definition of a collation".to_owned(),
            Self::Extend(_) => "the loading of an extension".to_owned(),
            Self::Changes(Changes::Apply(..)) => "the application of a changeset".to_owned(),
            Self::Changes(_) => "a session".to_owned(),
            Self::Flush => "a wait for what was written".to_owned(),
            Self::Point => "a question for the point".to_owned(),
            Self::Batch(statements) => {
                let first = statements.first().map(|(sql, _)| shortened(sql)).unwrap_or_default();
                format!("a batch that begins with {first}")
            }
            Self::Begin(..) => "the begin of a transaction".to_owned(),
            Self::End(_) => "the end of a transaction".to_owned(),
            Self::Fetch(_) | Self::CloseCursor(_) => "an iteration".to_owned(),
            Self::Close => "the close of the database".to_owned(),
        }
    }
}

/// SQL shortened to fit a line.
fn shortened(sql: &str) -> String {
    let mut text: String = sql.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = text.char_indices().nth(SUBJECT_CHARS_MAX) {
        text.truncate(end);
        text.push('…');
    }
    format!("\"{text}\"")
}

/// A column of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name in the result.
    pub name: String,
    /// The column of the table that it shows, if it shows one unchanged.
    pub column: Option<String>,
    /// That table.
    pub table: Option<String>,
    /// The type declared there.
    pub declared_type: Option<String>,
}

/// A statement's parameters and columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// The columns of its rows.
    pub columns: Vec<Column>,
    /// The names of its parameters, with their prefix; none for one without a name.
    pub parameters: Vec<Option<String>>,
    /// Whether the statement changes nothing.
    pub is_readonly: bool,
}

/// The answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Chunks of rows, in the form of `wire`; for a serialized database, its bytes.
    Rows(Vec<Vec<u8>>),
    /// One chunk for each statement of a batch; for a script that runs statement by statement, the chunks so
    /// far.
    Batch(Vec<Vec<u8>>),
    /// A statement's parameters and columns.
    Description(Description),
    /// The scope of the transaction that has begun.
    Scope(u32),
    /// The number of the recording that has begun.
    Recording(u32),
    /// Whether the changeset was applied.
    Applied(bool),
    /// The call is done and returns nothing.
    Done,
}

/// Who gets the answer.
pub(crate) type Reply = Box<dyn FnOnce(Result<Answer, DatabaseError>) + Send>;
