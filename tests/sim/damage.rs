//! Bits that flip in the store, behind everybody's back, and flip back later.

use std::sync::Arc;

use batondb::kv::memory::MemoryKv;
use batondb::kv::{Decision, Isolation, KvError, Mutations, TransactionFn, View, transact};
use futures::future::{BoxFuture, FutureExt};

/// What bytes become; none if they stay.
type Change = dyn Fn(&[u8]) -> Option<Vec<u8>> + Send + Sync;

/// Replaces the bytes of a row if they are what `change` wants.
struct Replace {
    key: Vec<u8>,
    change: Box<Change>,
}

impl TransactionFn for Replace {
    type Output = Option<(Vec<u8>, Vec<u8>)>;
    type Error = KvError;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Decision<Self::Output>, KvError>> {
        async move {
            let Some(before) = view.get(&self.key, Isolation::Serializable).await? else {
                return Ok(Decision::answer(None));
            };
            let Some(after) = (self.change)(&before) else { return Ok(Decision::answer(None)) };
            let mut mutations = Mutations::new();
            mutations.put_guarded(self.key.clone(), after.clone());
            Ok(Decision::write(mutations, Some((before.to_vec(), after))))
        }
        .boxed()
    }
}

/// A row with a bit flipped.
pub struct Damage {
    key: Vec<u8>,
    before: Vec<u8>,
    after: Vec<u8>,
}

impl Damage {
    /// Flips a bit of the row, if it is there and nobody writes to it at this moment.
    pub fn inflict(kv: &MemoryKv, key: Vec<u8>, bit: u64) -> Option<Self> {
        let flip = move |bytes: &[u8]| {
            let bit = usize::try_from(bit).unwrap() % (8 * bytes.len());
            let mut damaged = bytes.to_vec();
            damaged[bit / 8] ^= 1 << (bit % 8);
            Some(damaged)
        };
        let body = Arc::new(Replace { key: key.clone(), change: Box::new(flip) });
        let (before, after) = at_once(kv, &body).ok().flatten()?;
        Some(Self { key, before, after })
    }

    /// Flips the bit back, unless the row has been written or removed since.
    pub fn mend(self, kv: &MemoryKv) {
        let Self { key, before, after } = self;
        let mend = move |bytes: &[u8]| (bytes == after).then(|| before.clone());
        let body = Arc::new(Replace { key, change: Box::new(mend) });
        while at_once(kv, &body).is_err() {}
    }
}

/// In one step of the simulation: pages are cleared without conflict detection, and one that is cleared in between would
/// come back.
fn at_once(kv: &MemoryKv, body: &Arc<Replace>) -> Result<<Replace as TransactionFn>::Output, KvError> {
    futures::executor::block_on(transact(kv, body))
}
