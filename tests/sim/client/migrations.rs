//! Imports of v1 data: begun, fed, finished, given up half way, prepared and reset.

use std::sync::Arc;

use batondb::engine::{Engine, StoreError, V1Begun, V1Entry};
use batondb::types::{ActorId, Meta};

use super::Client;
use crate::content::{self, PAGE_BYTES, page_size};
use crate::world::{Change, What};

/// The rows of a database file in v1.
fn entries(file: &[u8]) -> Vec<V1Entry> {
    let bytes = u64::try_from(file.len()).unwrap();
    let size: Vec<u8> = [1, 0].into_iter().chain(bytes.to_be_bytes().into_iter().rev()).collect();
    let chunks = file.chunks(4096).zip(0u32..);
    let chunks =
        chunks.map(|(chunk, number)| ([&[8, 1, 1, 0][..], &number.to_be_bytes()].concat(), chunk.to_vec()));
    std::iter::once((vec![8, 1, 0, 0], size)).chain(chunks).collect()
}

/// As the addon does it: an import that fails is given up.
async fn migrate(engine: Arc<Engine>, actor: ActorId, entries: Vec<V1Entry>) -> Result<Meta, StoreError> {
    let mut import = match engine.begin_v1_import(&actor).await? {
        V1Begun::Import(import) => import,
        V1Begun::Finished(meta) => return Ok(meta),
    };
    let mut taken = Ok(());
    for entry in entries {
        taken = import.take(vec![entry]).await;
        if taken.is_err() {
            break;
        }
    }
    // What SQLite says to the file is no matter of the store.
    let ended = match taken {
        Ok(()) => import.finish(|_| Ok(())).await,
        Err(error) => Err(error),
    };
    if ended.is_err() {
        let _left = import.give_up().await;
    }
    ended
}

impl Client {
    /// Something about imports.
    pub(super) async fn migrations(&mut self, actor: usize) {
        match self.draw.below(10) {
            0 => self.prepare(actor).await,
            1..=3 => self.reset(actor).await,
            _ => self.migrate(actor).await,
        }
    }

    async fn migrate(&mut self, actor: usize) {
        let pages = self.draw.between(1, self.habits.pages_max);
        let (file, contents) = content::file(&mut self.draw, PAGE_BYTES, pages);
        let page_size = page_size(PAGE_BYTES);
        let change = Change { generation: None, base: None, size: pages, page_size, pages: contents };
        let id = self.world.begin(self.env.owner, actor, What::Migrate(change));
        let (engine, name) = (Arc::clone(&self.engine), self.actors[actor].clone());
        let answer = self.attend(Box::pin(migrate(engine, name, entries(&file)))).await;
        self.held.remove(&actor);
        let Some(answer) = answer else { return self.world.end(id, "given up") };
        self.world.end(id, &format!("{answer:?}"));
        let verdict = self.world.lock().judge_migration(id, &answer);
        self.world.judge(&format!("operation {id}"), verdict);
    }

    async fn prepare(&mut self, actor: usize) {
        let id = self.world.begin(self.env.owner, actor, What::Prepare);
        let (engine, name) = (Arc::clone(&self.engine), self.actors[actor].clone());
        let answer = self.attend(Box::pin(async move { engine.prepare_v1_migration(&name).await })).await;
        let Some(answer) = answer else { return self.world.end(id, "given up") };
        self.world.end(id, &format!("{answer:?}"));
        let verdict = self.world.lock().judge_reservation(id, &answer.map(|_| true));
        self.world.judge(&format!("operation {id}"), verdict);
    }

    async fn reset(&mut self, actor: usize) {
        let id = self.world.begin(self.env.owner, actor, What::Reset);
        let (engine, name) = (Arc::clone(&self.engine), self.actors[actor].clone());
        let answer = self.attend(Box::pin(async move { engine.invalidate_v1_migration(&name).await })).await;
        let Some(answer) = answer else { return self.world.end(id, "given up") };
        self.world.end(id, &format!("{answer:?}"));
        let verdict = self.world.lock().judge_reservation(id, &answer);
        self.world.judge(&format!("operation {id}"), verdict);
    }
}
