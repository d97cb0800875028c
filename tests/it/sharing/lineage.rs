//! What must hold of everything that processes of a storm were told, also of those that were killed.
//!
//! Each commit extends a head and its state by a *tag*; the state chains the tags. Whoever is killed may have a commit
//! under way, of which nobody was told anything: it is in, or it is not, and whoever extends the chain next shows which.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::ownership::storm::worker::State;

/// A commit that was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Begun {
    pub generation: u64,
    /// The head that it extends, and the state of that.
    pub base: u64,
    pub state: State,
    pub tag: u64,
}

/// What a process of a storm tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// It has opened the store.
    Opened,
    /// A start won this generation at this head.
    Won { generation: u64, head: u64 },
    /// A commit is coming.
    Begun(Begun),
    /// It was acknowledged.
    Done { txid: u64 },
    /// It was refused: it is not in and never will be.
    Refused,
    /// Nobody can say what became of it.
    Unknown,
    /// It ends, having read so often.
    End { reads: u64 },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Opened => write!(f, "opened"),
            Self::Won { generation, head } => write!(f, "won {generation} {head}"),
            Self::Begun(Begun { generation, base, state, tag }) => {
                write!(f, "begun {generation} {base} {} {} {tag}", state.count, state.chain)
            }
            Self::Done { txid } => write!(f, "done {txid}"),
            Self::Refused => write!(f, "refused"),
            Self::Unknown => write!(f, "unknown"),
            Self::End { reads } => write!(f, "end {reads}"),
        }
    }
}

impl FromStr for Event {
    type Err = std::num::ParseIntError;

    fn from_str(line: &str) -> Result<Self, Self::Err> {
        let (what, numbers) = line.split_once(' ').unwrap_or((line, ""));
        let numbers: Vec<u64> = numbers.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
        Ok(match (what, numbers.as_slice()) {
            ("opened", []) => Self::Opened,
            ("won", &[generation, head]) => Self::Won { generation, head },
            ("begun", &[generation, base, count, chain, tag]) => {
                Self::Begun(Begun { generation, base, state: State { count, chain }, tag })
            }
            ("done", &[txid]) => Self::Done { txid },
            ("refused", []) => Self::Refused,
            ("unknown", []) => Self::Unknown,
            ("end", &[reads]) => Self::End { reads },
            _ => panic!("not an event: {line}"),
        })
    }
}

/// What is wrong with a storm's end.
pub type Damage = String;

/// Everything that was told, by all processes.
#[derive(Debug, Default)]
pub struct Lineage {
    /// The head at which each generation was won.
    won: BTreeMap<u64, u64>,
    /// By the head that each made.
    done: BTreeMap<u64, Begun>,
    /// Those of which nobody was told anything.
    maybe: Vec<Begun>,
    pub opened: u64,
    reads: u64,
    wrong: Vec<Damage>,
}

impl Lineage {
    /// Notes what a process says, whose commit `under_way` is.
    pub fn hear(&mut self, event: Event, under_way: &mut Option<Begun>) {
        match event {
            Event::Opened => self.opened += 1,
            Event::Won { generation, head } => {
                if self.won.insert(generation, head).is_some() {
                    self.wrong.push(format!("generation {generation} was won twice"));
                }
            }
            Event::Begun(begun) => *under_way = Some(begun),
            Event::Done { txid } => {
                let begun = under_way.take().expect("a commit begins before it ends");
                if self.done.insert(txid, begun).is_some() {
                    self.wrong.push(format!("commit {txid} was acknowledged twice"));
                }
            }
            Event::Refused => *under_way = None,
            Event::Unknown => self.ended(under_way),
            Event::End { reads } => self.reads += reads,
        }
    }

    /// Notes that a process has ended.
    pub fn ended(&mut self, under_way: &mut Option<Begun>) {
        self.maybe.extend(under_way.take());
    }

    /// Notes what went wrong in a process.
    pub fn failed(&mut self, damage: Damage) {
        self.wrong.push(damage);
    }

    /// What has gone wrong so far.
    pub fn wrong(&self) -> Option<Damage> {
        let told = || format!("after {} commits: {}", self.done.len(), self.wrong.join("; "));
        (!self.wrong.is_empty()).then(told)
    }

    pub fn commits(&self) -> usize {
        self.done.len()
    }

    /// Judges, against the head that the store has in the end and its state.
    pub fn judge(mut self, head: u64, state: State) -> Result<String, Damage> {
        let (mut at, mut reached, mut newest) = (0, State::default(), 0);
        for (&txid, begun) in &self.done {
            if begun.base != at {
                let Some(between) = self.between(at, reached, begun) else {
                    self.wrong
                        .push(format!("commit {txid} extends {}, the one before it is {at}", begun.base));
                    break;
                };
                (at, reached, newest) =
                    (begun.base, reached.then(between.tag), newest.max(between.generation));
            }
            if begun.state != reached {
                self.wrong.push(format!("commit {txid} extends another state than {at} has"));
                break;
            }
            if begun.generation < newest {
                self.wrong.push(format!("commit {txid} of {} came after {newest}", begun.generation));
            }
            (at, reached, newest) = (txid, reached.then(begun.tag), begun.generation);
        }
        let last = |last: &Begun| head > at && last.base == at && reached.then(last.tag) == state;
        if (head, state) != (at, reached) && !self.maybe.iter().any(last) {
            self.wrong.push(format!(
                "the store is at {head} with {state:?}; {at} with {reached:?} was acknowledged"
            ));
        }
        self.check_takeovers();
        if let Some(wrong) = self.wrong() {
            return Err(wrong);
        }
        let Self { won, done, maybe, opened, reads, .. } = self;
        let (won, done, maybe) = (won.len(), done.len(), maybe.len());
        Ok(format!("{opened} openings, {won} takeovers, {done} commits, {maybe} unanswered, {reads} reads"))
    }

    /// The commit of somebody who was killed that lies between a head and the one that `next` extends.
    fn between(&self, at: u64, reached: State, next: &Begun) -> Option<Begun> {
        let fits = |maybe: &&Begun| {
            maybe.base == at && maybe.state == reached && reached.then(maybe.tag) == next.state
        };
        self.maybe.iter().find(fits).copied()
    }

    /// After a takeover nothing of an earlier generation lands.
    fn check_takeovers(&mut self) {
        for (&generation, &head) in &self.won {
            if let Some((txid, late)) =
                self.done.range(head + 1..).find(|(_, begun)| begun.generation < generation)
            {
                let late = late.generation;
                self.wrong.push(format!("commit {txid} of {late} came after the takeover to {generation}"));
            }
        }
    }
}
