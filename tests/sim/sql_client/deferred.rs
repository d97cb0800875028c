//! What a caller does with a deferred database: it writes on and on, on its own thread and through the queue, reads what
//! it has written, and asks now and then for the gate. Once it has heard of a loss it goes on for a while, in vain.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use batondb::database::{Answer, Behavior, Call, DatabaseError};
use batondb::env::Env;
use futures::channel::oneshot;

use super::{Called, Open, READ, SqlClient, call, sql};
use crate::burst::Burst;
use crate::scheduler::current_task;
use crate::stream::{Asked, Knowledge, Told};
use crate::world::{OpId, What};

/// Answers, each with what was durable when it came.
type Answers = oneshot::Receiver<(Called<Answer>, BTreeSet<usize>)>;

/// A call whose answer may not be there yet.
struct Waiting {
    asked: Asked,
    after_loss: bool,
    answer: Answers,
}

/// The calls of one op.
struct Stream {
    id: OpId,
    burst: Burst,
    /// The statements of each transaction.
    statements: Vec<Vec<String>>,
    /// Calls in their order, of which nobody has looked at the answer.
    waiting: Vec<Waiting>,
    knowledge: Knowledge,
}

impl SqlClient {
    /// Transactions whose answers nobody waits for before the next one, and gates.
    pub(super) async fn stream(&mut self, mut open: Open) {
        let mut stream = self.begin_stream(&open);
        let (count, mut next) = (stream.statements.len(), 0);
        // Some go on for a while after a loss.
        let mut in_vain = self.draw.between(1, 4);
        while next < count && in_vain > 0 {
            match self.draw.below(100) {
                0..30 => self.ask(&open, &mut stream, Asked::Write(next)),
                30..60 => self.ask_here(&open, &mut stream, Asked::Write(next)).await,
                60..68 => self.ask_in_steps(&open, &mut stream, next).await,
                68..76 => self.ask(&open, &mut stream, Asked::Read),
                76..82 => self.ask_here(&open, &mut stream, Asked::Read).await,
                82..88 => self.ask(&open, &mut stream, Asked::Flush),
                88..92 => {
                    self.ask(&open, &mut stream, Asked::Flush);
                    self.look(&mut stream).await;
                }
                _ => {
                    let pause = self.draw.of(&[0, 1, 10, 300, 3_000]);
                    self.env.sleep(Duration::from_millis(pause)).await;
                }
            }
            let has_written = matches!(stream.waiting.last(), Some(Waiting { asked: Asked::Write(_), .. }));
            next += usize::from(has_written);
            if self.draw.in_1000(300) {
                self.look(&mut stream).await;
            }
            in_vain -= u32::from(stream.knowledge.lost.is_some());
        }
        let stays = self.draw.in_1000(700);
        if stays {
            self.ask(&open, &mut stream, Asked::Flush);
        }
        if stays || self.draw.in_1000(500) {
            self.look(&mut stream).await;
        }
        if stays && stream.knowledge.lost.is_none() {
            self.world.end(stream.id, "all is durable");
            let (head, table) = self.world.lock().state_after(stream.id);
            (open.head, open.table) = (head.unwrap_or(open.head), Some(table));
            self.open = Some(open);
            return;
        }
        self.ask(&open, &mut stream, Asked::Close);
        self.look(&mut stream).await;
        self.world.end(stream.id, "closed");
    }

    fn begin_stream(&mut self, open: &Open) -> Stream {
        let before = open.table.clone().unwrap();
        let (mut statements, mut transactions) = (Vec::new(), Vec::new());
        for index in 0..usize::try_from(self.draw.between(2, 10)).unwrap() {
            let value = i64::try_from(self.draw.below(1 << 40)).unwrap();
            let (mut of_one, changes) = self.changes();
            let (key, pad) = (Burst::mark(index), self.draw.of(&[0, 3_000]));
            of_one.push(format!("INSERT OR REPLACE INTO t VALUES ({key}, {value}, zeroblob({pad}))"));
            statements.push(of_one);
            transactions.push((value, changes));
        }
        let (generation, base) = (open.generation, open.head);
        let burst = Burst { generation, base, before, is_deferred: true, transactions };
        let id = self.world.begin(self.env.owner, self.actor, What::Burst(burst.clone()));
        Stream { id, burst, statements, waiting: Vec::new(), knowledge: Knowledge::default() }
    }

    fn call_of(stream: &Stream, asked: Asked) -> Call {
        match asked {
            Asked::Write(index) => {
                let statements = stream.statements[index].iter().cloned();
                Call::Batch(statements.map(|statement| (statement, None)).collect())
            }
            Asked::Read => sql(READ),
            Asked::Flush => Call::Flush,
            Asked::Close => Call::Close,
        }
    }

    /// Puts a call into the queue.
    fn ask(&self, open: &Open, stream: &mut Stream, asked: Asked) {
        let (sender, answer) = oneshot::channel();
        let (world, id) = (self.world.clone(), stream.id);
        open.database.submit(0, 0, Self::call_of(stream, asked), move |answer| {
            let durable = world.lock().ops[id].durable.clone();
            // Its caller may have died.
            let _ = sender.send((answer, durable));
        });
        stream.wait_for(asked, answer);
    }

    /// Makes a call on a thread of its own, and waits for its end.
    async fn ask_here(&self, open: &Open, stream: &mut Stream, asked: Asked) {
        let (sender, answer) = oneshot::channel();
        let (done, is_done) = oneshot::channel();
        let (world, id, client) = (self.world.clone(), stream.id, current_task());
        let (database, call) = (Arc::clone(&open.database), Self::call_of(stream, asked));
        let thread = async move {
            world.work_for(client);
            let answer = database.call_here(0, call);
            let durable = world.lock().ops[id].durable.clone();
            let _ = sender.send((answer, durable));
            let _ = done.send(());
        };
        self.env.scheduler().spawn_thread(self.env.owner, Box::pin(thread));
        let _ = is_done.await;
        stream.wait_for(asked, answer);
    }

    /// Makes the calls of a transaction one after the other.
    async fn ask_in_steps(&mut self, open: &Open, stream: &mut Stream, index: usize) {
        let (sender, answer) = oneshot::channel();
        let told = self.transact_in_steps(open, stream.statements[index].clone()).await;
        let durable = self.world.lock().ops[stream.id].durable.clone();
        sender.send((told, durable)).unwrap();
        stream.wait_for(Asked::Write(index), answer);
    }

    async fn transact_in_steps(&mut self, open: &Open, statements: Vec<String>) -> Called<Answer> {
        let begun = call(&open.database, 0, Call::Begin(Behavior::Deferred, Some(3_600_000))).await?;
        let Answer::Scope(scope) = begun else { panic!("{begun:?}") };
        let mut ran = Ok(Answer::Done);
        for statement in statements {
            ran = call(&open.database, scope, sql(&statement)).await;
            if ran.is_err() {
                break;
            }
            let pause = self.draw.of(&[0, 0, 5, 100]);
            self.env.sleep(Duration::from_millis(pause)).await;
        }
        let ended = call(&open.database, scope, Call::End(ran.is_ok())).await;
        ran.and(ended)
    }

    /// Looks at the answers so far, once they are there.
    async fn look(&self, stream: &mut Stream) {
        for Waiting { asked, after_loss, answer } in std::mem::take(&mut stream.waiting) {
            let died = || (Err(DatabaseError::Closed("nobody answered".to_owned())), BTreeSet::new());
            let (answer, durable) = answer.await.unwrap_or_else(|_| died());
            let answer = match answer {
                Err(DatabaseError::Batch { error, .. }) => Err(*error),
                other => other,
            };
            let id = stream.id;
            self.world.tell(format!("      {id}: {asked:?} after loss {after_loss}: {answer:?}"));
            let told = Told { asked, answer, durable, after_loss };
            let Stream { burst, knowledge, .. } = stream;
            let verdict = self.world.lock().judge_of_stream(id, burst, knowledge, &told);
            self.world.judge(&format!("operation {id}, {asked:?}"), verdict);
        }
    }
}

impl Stream {
    fn wait_for(&mut self, asked: Asked, answer: Answers) {
        let after_loss = self.knowledge.lost.is_some();
        self.waiting.push(Waiting { asked, after_loss, answer });
    }
}
