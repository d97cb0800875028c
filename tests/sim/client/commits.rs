//! Commits of a caller: small and large, on what it holds or wrongly believes to hold.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use batondb::engine::{Commit, LargeCommit, PageWrite, StoreError};
use batondb::types::{Generation, PageCount, PageNumber, Txid};

use super::{Client, Doubt, Held, Pages, number};
use crate::content::{Content, hash, page_bytes, page_size};
use crate::world::{Change, OpId, What};

impl Client {
    pub(super) async fn write(&mut self, actor: usize, mut held: Held) {
        // Some callers are wrong about what they hold.
        match self.draw.below(17) {
            0 => held.generation = held.generation.saturating_sub(1),
            1 => held.head = held.head.saturating_sub(1),
            _ => {}
        }
        let most = self.habits.pages_max;
        let size = match self.draw.below(4) {
            0 => self.draw.between(0, most),
            _ => held.size.max(self.draw.between(1, 1 + most / 4)),
        };
        let many = self.draw.in_1000(200);
        let mut numbers: BTreeSet<u32> = BTreeSet::new();
        if size > 0 {
            // The first pages tell the size of all.
            let least = u32::from(held.size == 0);
            let count = if many { size } else { self.draw.between(least, 4) };
            numbers.extend((0..count).map(|_| self.draw.between(1, size)));
        }
        if many && self.draw.in_1000(400) {
            return self.write_large(actor, held, size).await;
        }
        let pages: Pages = numbers
            .into_iter()
            .map(|page| (page, page_bytes(&mut self.draw, page, held.page_bytes)))
            .collect();
        let contents = pages.iter().map(|(page, data)| (*page, hash(data))).collect();
        let id = self.begin_commit(actor, held, size, contents);
        let (engine, name) = (Arc::clone(&self.engine), self.actors[actor].clone());
        let call = async move {
            let pages = pages.iter().map(|(page, data)| PageWrite { page: number(*page), data }).collect();
            let (generation, head_txid) = (Generation(held.generation), Txid(held.head));
            engine.commit(&name, Commit { generation, head_txid, size_pages: PageCount(size), pages }).await
        };
        let answer = self.attend(Box::pin(call)).await;
        self.end_commit(id, actor, held, size, answer);
    }

    fn begin_commit(&mut self, actor: usize, held: Held, size: u32, pages: BTreeMap<u32, Content>) -> OpId {
        let change = Change {
            generation: Some(held.generation),
            base: Some(held.head),
            size,
            page_size: page_size(held.page_bytes),
            pages,
        };
        self.world.begin(self.env.owner, actor, What::Commit(change))
    }

    fn end_commit(
        &mut self,
        id: OpId,
        actor: usize,
        held: Held,
        size: u32,
        answer: Option<Result<Txid, StoreError>>,
    ) {
        let Some(answer) = answer else {
            self.held.remove(&actor);
            return self.world.end(id, "given up");
        };
        self.world.end(id, &format!("{answer:?}"));
        match &answer {
            Ok(txid) => {
                self.held.insert(actor, Held { head: txid.0, size, ..held });
            }
            Err(StoreError::CommitUnknown { token: Some(token), .. }) => {
                self.doubts.insert(actor, Doubt { op: id, held, size, token: *token });
            }
            // Others may be as wrong the next time; this one finds out.
            Err(_) => {
                self.held.remove(&actor);
            }
        }
        let verdict = self.world.lock().judge_commit(id, &answer.map(|txid| txid.0));
        self.world.judge(&format!("operation {id}"), verdict);
    }

    /// A commit written as it grows, with pages written again and read back.
    async fn write_large(&mut self, actor: usize, held: Held, size: u32) {
        let mut rounds: Vec<Pages> = Vec::new();
        let most = self.habits.pages_max;
        for _ in 0..self.draw.between(1, 4) {
            let count = self.draw.between(0, 12);
            let numbers: BTreeSet<u32> = (0..count).map(|_| self.draw.between(1, most)).collect();
            let bytes = held.page_bytes;
            rounds.push(
                numbers.into_iter().map(|page| (page, page_bytes(&mut self.draw, page, bytes))).collect(),
            );
        }
        let contents: BTreeMap<u32, Content> =
            rounds.iter().flatten().map(|(page, data)| (*page, hash(data))).collect();
        let id = self.begin_commit(actor, held, size, contents);
        let (engine, name, world) =
            (Arc::clone(&self.engine), self.actors[actor].clone(), self.world.clone());
        let call = async move {
            let request = LargeCommit {
                generation: Generation(held.generation),
                head_txid: Txid(held.head),
                page_size: page_size(held.page_bytes),
            };
            let mut writer = engine.begin_large_commit(&name, request).await?;
            let mut staged: BTreeMap<u32, Content> = BTreeMap::new();
            for round in rounds {
                staged.extend(round.iter().map(|(page, data)| (*page, hash(data))));
                let pages =
                    round.into_iter().map(|(page, data)| (number(page), data.into_boxed_slice())).collect();
                writer.write(pages).await?;
                let some: Vec<u32> = staged.keys().copied().step_by(3).collect();
                let numbers: Vec<PageNumber> = some.iter().map(|page| number(*page)).collect();
                let read = writer.read(&numbers).await?;
                let right =
                    some.iter().all(|page| read.get(number(*page)).map(hash) == staged.get(page).copied());
                let verdict =
                    if right { Ok(()) } else { Err(format!("pages {some:?} were read back wrong")) };
                world.judge(&format!("operation {id}"), verdict);
            }
            writer.finish(PageCount(size)).await
        };
        let answer = self.attend(Box::pin(call)).await;
        self.end_commit(id, actor, held, size, answer);
    }
}
