//! The rows of a [`super::remote`]'s store: a counter, and leaves that say of which count they are.

use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use batondb::kv::{Decision, Isolation, KeyRange, KvError, Mutations, ReadFn, Scan, TransactionFn, View};
use futures::future::{BoxFuture, FutureExt};

const COUNTER: &[u8] = b"counter";
const LEAF: &[u8] = b"leaf";
pub const LEAF_BYTES: usize = 4_000;

/// How a transaction stands still: it says that it has begun, and waits until it is told to go on.
type Hold = (Sender<()>, Receiver<()>);

fn holding(hold: &Mutex<Option<Hold>>) {
    // A transaction that is run again has stood still already.
    if let Some((began, go_on)) = hold.lock().unwrap().take() {
        let _ = began.send(());
        let _ = go_on.recv();
    }
}

fn new_hold() -> (Mutex<Option<Hold>>, Receiver<()>, Sender<()>) {
    let (began, has_begun) = channel();
    let (end, go_on) = channel();
    (Mutex::new(Some((began, go_on))), has_begun, end)
}

/// Counts one up, and rewrites so many leaves.
pub struct Step {
    leaves: u32,
    hold: Mutex<Option<Hold>>,
}

impl Step {
    pub fn new(leaves: u32) -> Arc<Self> {
        Arc::new(Self { leaves, hold: Mutex::new(None) })
    }

    /// One that stands still inside its transaction, what tells that it does, and what lets it go on.
    pub fn held(leaves: u32) -> (Arc<Self>, Receiver<()>, Sender<()>) {
        let (hold, has_begun, end) = new_hold();
        (Arc::new(Self { leaves, hold }), has_begun, end)
    }
}

impl TransactionFn for Step {
    type Output = u64;
    type Error = KvError;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Decision<u64>, KvError>> {
        async move {
            let count = count_of(view).await? + 1;
            holding(&self.hold);
            let mut mutations = Mutations::new();
            mutations.put(COUNTER.to_vec(), count.to_be_bytes().to_vec());
            for number in 0..self.leaves {
                mutations.put([LEAF, &number.to_be_bytes()].concat(), leaf(count, number));
            }
            Ok(Decision::write(mutations, count))
        }
        .boxed()
    }
}

/// Writes so many leaves behind those that there are and takes them away again, all in one transaction.
pub struct Churn(pub u32);

impl TransactionFn for Churn {
    type Output = u64;
    type Error = KvError;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Decision<u64>, KvError>> {
        async move {
            let count = count_of(view).await?;
            let mut mutations = Mutations::new();
            for number in 0..self.0 {
                mutations.put([LEAF, &(u32::MAX - number).to_be_bytes()].concat(), leaf(count, number));
            }
            mutations.clear_range(KeyRange::new([LEAF, &[0xFF]].concat(), [LEAF, &[0xFF; 5]].concat()));
            Ok(Decision::write(mutations, count))
        }
        .boxed()
    }
}

/// Reads everything twice out of one state, and answers with the count as text. Damage is what is not whole, or is of
/// a later count.
pub struct Keep(Mutex<Option<Hold>>);

impl Keep {
    pub fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// One that stands still between its two looks.
    pub fn held() -> (Self, Receiver<()>, Sender<()>) {
        let (hold, has_begun, end) = new_hold();
        (Self(hold), has_begun, end)
    }
}

impl ReadFn for Keep {
    type Output = String;
    type Error = KvError;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<String, KvError>> {
        async move {
            let first = look(view).await?;
            holding(&self.0);
            let second = look(view).await?;
            if first != second {
                return damaged(&format!("a state that was kept went from {first} to {second}"));
            }
            Ok(first.to_string())
        }
        .boxed()
    }
}

async fn look(view: &dyn View) -> Result<u64, KvError> {
    let count = count_of(view).await?;
    let mut wrong = None;
    let mut visit = |key: &[u8], value: &[u8]| {
        let of = value.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
        let number = u32::from_be_bytes(key[LEAF.len()..].try_into().unwrap());
        if of > count || value != leaf(of, number) {
            wrong = Some(format!("leaf {number} of count {of} at count {count}"));
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    };
    view.scan(Scan::snapshot(KeyRange::prefix(LEAF)), &mut visit).await?;
    wrong.map_or(Ok(count), |wrong| damaged(&wrong))
}

fn damaged<T>(detail: &str) -> Result<T, KvError> {
    Err(KvError::Corrupt { detail: format!("by the test: {detail}") })
}

async fn count_of(view: &dyn View) -> Result<u64, KvError> {
    let stored = view.get(COUNTER, Isolation::Serializable).await?;
    Ok(stored.map_or(0, |bytes| u64::from_be_bytes(bytes[..].try_into().unwrap())))
}

/// Bytes that say of which count and place they are, all through.
fn leaf(count: u64, number: u32) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(LEAF_BYTES + 8);
    bytes.extend(count.to_be_bytes());
    let mut noise = count.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (u64::from(number) << 32) | 1;
    while bytes.len() < LEAF_BYTES {
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        bytes.extend(noise.to_be_bytes());
    }
    bytes.truncate(LEAF_BYTES);
    bytes
}
