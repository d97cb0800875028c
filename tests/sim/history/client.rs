//! What callers do about the past.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use batondb::engine::{PinRequest, PointRef, PointsRequest, StoreError};
use batondb::env::Env;
use batondb::types::{PageNumber, Txid};

use super::setting::{Favourite, policies};
use crate::client::Client;
use crate::world::What;

const NAMES: [&str; 3] = ["one", "two", "three"];

impl Client {
    /// Something about history, of any actor.
    pub async fn history(&mut self) {
        let is_hot = self.draw.in_1000(600);
        let actor = if is_hot { 0 } else { self.draw.index(self.actors.len()) };
        let favourite = self.draw.of(&self.habits.past.most);
        let drawn = match favourite {
            _ if self.draw.in_1000(400) => self.draw.below(100),
            Favourite::Anything => self.draw.below(100),
            Favourite::Pins => self.draw.below(22),
            Favourite::Restores => 25,
            Favourite::Forks => 45,
            Favourite::Flattening => 62,
            Favourite::Thinning => 70,
            Favourite::Deletions => 99,
        };
        match drawn {
            0..14 => self.pin(actor).await,
            14..22 => self.unpin(actor).await,
            22..38 => self.restore(actor).await,
            38..56 => self.fork(actor).await,
            56..66 => self.flatten(actor).await,
            66..75 => self.thin(actor).await,
            75..79 => self.set_history(actor).await,
            79..88 => self.read_past(actor).await,
            88..91 => self.points(actor).await,
            91..94 => self.inspect(actor).await,
            94..97 => self.read_slowly(actor).await,
            _ => self.delete_any(actor).await,
        }
    }

    /// Some state: mostly one that is kept just now.
    fn some_state(&mut self, actor: usize) -> PointRef {
        let (kept, head) = {
            let world = self.world.lock();
            let kept: Vec<u64> = world.actors[actor].lives.kept_at(world.moment).into_iter().collect();
            (kept, world.shadow.actors[actor].head().txid.0)
        };
        match self.draw.below(20) {
            0..6 => PointRef::Head,
            6..8 => PointRef::Txid(Txid(self.draw.below(head + 3))),
            8..10 => PointRef::Name(self.some_name(actor)),
            10 => PointRef::Time(self.env.now_ms() - self.draw.below(3_000)),
            _ if kept.is_empty() => PointRef::Head,
            // The oldest and the newest ones are the next to go.
            11..14 => PointRef::Txid(Txid(kept[0])),
            14..16 => PointRef::Txid(Txid(kept[kept.len() - 1])),
            _ => PointRef::Txid(Txid(self.draw.of(&kept))),
        }
    }

    /// The name of a pin, mostly of one that there is.
    fn some_name(&mut self, actor: usize) -> String {
        let names: Vec<String> = {
            let world = self.world.lock();
            let pins = world.shadow.actors[actor].past.pins.values();
            pins.map(|pin| pin.name.clone()).filter(|name| !name.is_empty()).collect()
        };
        if names.is_empty() || self.draw.in_1000(100) {
            return self.draw.of(&NAMES).to_owned();
        }
        names[self.draw.index(names.len())].clone()
    }

    async fn pin(&mut self, actor: usize) {
        let at = self.some_state(actor);
        let expires_at_ms =
            if self.draw.in_1000(250) { self.env.now_ms() + self.draw.below(5_000) } else { 0 };
        let name = if self.draw.in_1000(700) { self.draw.of(&NAMES) } else { "" };
        let request = PinRequest { name: name.to_owned(), expires_at_ms };
        let id = self.world.begin(self.env.owner, actor, What::Pin(at.clone()));
        let (engine, who) = (Arc::clone(&self.engine), self.actors[actor].clone());
        let answer = self.attend(Box::pin(async move { engine.pin(&who, at, request).await })).await;
        let Some(answer) = answer else { return self.world.end(id, "given up") };
        self.world.end(id, &format!("{answer:?}"));
        let verdict = self.world.lock().judge_pin(id, &answer);
        self.world.judge(&format!("operation {id}"), verdict);
    }

    async fn unpin(&mut self, actor: usize) {
        let pinned: Vec<u64> = {
            let world = self.world.lock();
            world.shadow.actors[actor].past.pins.keys().map(|(txid, _)| *txid).collect()
        };
        let name = self.some_name(actor);
        let point = if pinned.is_empty() { None } else { Some(Txid(self.draw.of(&pinned))) };
        let point = point.filter(|_| self.draw.in_1000(500));
        let id = self.world.begin(self.env.owner, actor, What::Unpin);
        let (engine, who) = (Arc::clone(&self.engine), self.actors[actor].clone());
        let call = async move {
            match point {
                Some(point) => engine.unpin_point(&who, point).await,
                None => engine.unpin_name(&who, name).await,
            }
        };
        let answer = self.attend(Box::pin(call)).await;
        let Some(answer) = answer else { return self.world.end(id, "given up") };
        self.world.end(id, &format!("{answer:?}"));
        let verdict = self.world.lock().judge_unpin(id, &answer);
        self.world.judge(&format!("operation {id}"), verdict);
    }

    async fn restore(&mut self, actor: usize) {
        let to = self.some_state(actor);
        let id = self.world.begin(self.env.owner, actor, What::Restore(to.clone()));
        let (engine, who) = (Arc::clone(&self.engine), self.actors[actor].clone());
        let answer = self.attend(Box::pin(async move { engine.restore(&who, to).await })).await;
        let Some(answer) = answer else { return self.world.end(id, "given up") };
        self.world.end(id, &format!("{answer:?}"));
        let verdict = self.world.lock().judge_restore(id, &answer);
        self.world.judge(&format!("operation {id}"), verdict);
    }

    async fn fork(&mut self, source: usize) {
        let live = self.world.lock().live();
        let free: Vec<usize> = (0..self.habits.actors).filter(|actor| !live.contains(actor)).collect();
        let any = free.is_empty() || self.draw.in_1000(100);
        let child = if any { self.draw.index(self.habits.actors) } else { self.draw.of(&free) };
        self.fork_as(child, source).await;
    }

    /// A fork as this actor, mostly of one that has pages.
    pub async fn fork_as(&mut self, child: usize, mut source: usize) {
        let full: Vec<usize> = {
            let world = self.world.lock();
            let size = |actor: usize| world.shadow.actors[actor].head().size_pages.0;
            (0..self.actors.len()).filter(|actor| *actor != child && size(*actor) > 0).collect()
        };
        if !full.is_empty() && self.draw.in_1000(900) {
            source = self.draw.of(&full);
        }
        let at = self.some_state(source);
        let id = self.world.begin(self.env.owner, child, What::Fork(source, at.clone()));
        let engine = Arc::clone(&self.engine);
        let (from, to) = (self.actors[source].clone(), self.actors[child].clone());
        let answer = self.attend(Box::pin(async move { engine.fork(&from, &to, at).await })).await;
        let Some(answer) = answer else { return self.world.end(id, "given up") };
        self.world.end(id, &format!("{answer:?}"));
        let verdict = self.world.lock().judge_fork(id, &answer);
        self.world.judge(&format!("operation {id}"), verdict);
    }

    /// A call of which only failures can be judged: what it does, its transactions show.
    async fn attend_to<T: std::fmt::Debug>(
        &mut self,
        actor: usize,
        what: &'static str,
        call: futures::future::BoxFuture<'static, Result<T, StoreError>>,
    ) {
        let id = self.world.begin(self.env.owner, actor, What::Other(what));
        let Some(answer) = self.attend(call).await else { return self.world.end(id, "given up") };
        self.world.end(id, &format!("{answer:?}"));
        if let Err(error) = &answer {
            let verdict = self.world.lock().judge_failure(id, error);
            self.world.judge(&format!("operation {id}"), verdict);
        }
    }

    async fn flatten(&mut self, actor: usize) {
        let (engine, who) = (Arc::clone(&self.engine), self.actors[actor].clone());
        self.attend_to(actor, "flatten", Box::pin(async move { engine.flatten(&who).await })).await;
    }

    async fn thin(&mut self, actor: usize) {
        let (engine, who) = (Arc::clone(&self.engine), self.actors[actor].clone());
        self.attend_to(actor, "thin", Box::pin(async move { engine.thin(&who).await })).await;
    }

    async fn set_history(&mut self, actor: usize) {
        let policy = match self.draw.below(4) {
            0 => None,
            1 => Some(None),
            _ => Some(Some(policies()[self.draw.index(4)].clone())),
        };
        self.world.tell(format!("      {policy:?}"));
        let (engine, who) = (Arc::clone(&self.engine), self.actors[actor].clone());
        self.attend_to(actor, "set history", Box::pin(async move { engine.set_history(&who, policy).await }))
            .await;
    }

    fn some_pages(&mut self) -> BTreeSet<u32> {
        let most = self.habits.pages_max + 2;
        (0..self.draw.of(&[1, 5, 60])).map(|_| self.draw.between(1, most)).collect()
    }

    async fn read_past(&mut self, actor: usize) {
        let txid = match self.some_state(actor) {
            PointRef::Txid(txid) => txid.0,
            _ => self.world.lock().shadow.actors[actor].head().txid.0,
        };
        let wanted = self.some_pages();
        self.read_point(actor, txid, &wanted).await;
    }

    async fn read_point(&mut self, actor: usize, txid: u64, wanted: &BTreeSet<u32>) {
        let numbers: Vec<PageNumber> = wanted.iter().filter_map(|page| PageNumber::new(*page)).collect();
        let id = self.world.begin(self.env.owner, actor, What::Other("read the past"));
        let (engine, who) = (Arc::clone(&self.engine), self.actors[actor].clone());
        let call = async move { engine.get_pages_at(&who, Txid(txid), &numbers).await };
        let Some(answer) = self.attend(Box::pin(call)).await else { return self.world.end(id, "given up") };
        self.world.end(id, &format!("{txid}: {:?}", answer.as_ref().map(|pages| pages.pages.len())));
        let verdict = self.world.lock().judge_past(id, txid, &answer, wanted);
        self.world.judge(&format!("operation {id}"), verdict);
    }

    /// A reader that holds its state, as a database that is opened in the past does.
    async fn read_slowly(&mut self, actor: usize) {
        let at = self.some_state(actor);
        let id = self.world.begin(self.env.owner, actor, What::Pin(at.clone()));
        let token = self.env.token();
        let answer = self.engine.hold_for_reader(&self.actors[actor], at, token).await;
        self.world.end(id, &format!("{answer:?}"));
        let verdict = self.world.lock().judge_pin(id, &answer);
        self.world.judge(&format!("operation {id}"), verdict);
        let Ok(txid) = answer else { return };
        for _ in 0..self.draw.between(1, 3) {
            let wanted = self.some_pages();
            self.read_point(actor, txid.0, &wanted).await;
            let pause = self.draw.of(&[1, 20, 2_000]);
            self.env.sleep(Duration::from_millis(pause)).await;
        }
        let id = self.world.begin(self.env.owner, actor, What::Unpin);
        let answer = self.engine.release_reader(&self.actors[actor], txid, token).await;
        self.world.end(id, &format!("{answer:?}"));
        if let Err(error) = &answer {
            let verdict = self.world.lock().judge_failure(id, error);
            self.world.judge(&format!("operation {id}"), verdict);
        }
    }

    async fn points(&mut self, actor: usize) {
        let id = self.world.begin(self.env.owner, actor, What::Other("points"));
        let answer = self.engine.points(&self.actors[actor], &PointsRequest::default()).await;
        let told = answer.as_ref().map(|points| points.iter().map(|point| point.txid.0).collect::<Vec<_>>());
        self.world.end(id, &format!("{told:?}"));
        let verdict = self.world.lock().judge_points(id, &answer);
        self.world.judge(&format!("operation {id}"), verdict);
    }

    /// A check of the actor finds nothing, whatever else is going on.
    async fn inspect(&mut self, actor: usize) {
        let id = self.world.begin(self.env.owner, actor, What::Other("inspect"));
        let answer = self.engine.inspect(&self.actors[actor]).await;
        self.world.end(id, &format!("{:?}", answer.as_ref().map(Option::is_some)));
        let verdict = match answer {
            Ok(Some(audited)) if audited.problems.told.is_empty() || self.world.lock().is_damaged(id) => {
                Ok(())
            }
            Ok(Some(audited)) => Err(format!("a sound actor has problems: {:?}", audited.problems.told)),
            Ok(None) => Ok(()),
            Err(error) => self.world.lock().judge_failure(id, &error),
        };
        self.world.judge(&format!("operation {id}"), verdict);
    }

    /// The source of forks, among others. Databases with SQL are deleted by their own callers.
    async fn delete_any(&mut self, actor: usize) {
        self.delete(actor % self.habits.actors).await;
    }
}
