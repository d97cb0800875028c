//! What must hold of everything that happened in a storm.

use std::collections::BTreeMap;

use batondb::engine::Engine;

use crate::ownership::storm::worker::{Event, State, contended};
use crate::support::{first_page, page};

#[derive(Debug, Clone, Copy)]
struct Committed {
    generation: u64,
    base: u64,
    tag: u64,
}

/// Collects what the workers tell.
#[derive(Debug, Default)]
pub struct Audit {
    /// The head at which each generation was won.
    won: BTreeMap<u64, u64>,
    commits: BTreeMap<u64, Committed>,
    unknown: u64,
    reads: u64,
    /// Whether every start is a single transaction whose answer arrives. Where an answer was lost, or the
    /// fence was raised first, a loser that shares the new generation may commit before the winner learns
    /// that it has won; the head in the winner's answer then includes that commit.
    starts_are_single: bool,
}

impl Audit {
    /// An audit of starts that are single transactions.
    pub fn of_single_transactions() -> Self {
        Self { starts_are_single: true, ..Self::default() }
    }

    pub fn hear(&mut self, event: Event) {
        match event {
            Event::Won { generation, head } => {
                assert_eq!(self.won.insert(generation, head), None, "generation {generation} was won twice");
            }
            Event::Committed { txid, generation, base, tag } => {
                let earlier = self.commits.insert(txid, Committed { generation, base, tag });
                assert!(earlier.is_none(), "txid {txid} was acknowledged twice");
            }
            Event::Unknown => self.unknown += 1,
            Event::Read { count } => self.reads += count,
        }
    }

    /// Checks the lineage against what the store holds at the end.
    pub async fn finish(self, engine: &Engine) {
        println!(
            "{} takeovers, {} commits, {} reads, {} unknown",
            self.won.len(),
            self.commits.len(),
            self.reads,
            self.unknown
        );
        assert!(self.won.len() > 20 && self.commits.len() > 100 && self.reads > 100, "hardly a storm");
        self.check_fencing();
        self.check_lineage();
        // A worker that cannot know stops extending the chain there, so the rest cannot be checked.
        // The head remembers enough commits to resolve every lost answer, unless the machine is so busy that a caller asks
        // after eight others have committed: rarely, if at all.
        let unknown_max = self.commits.len() as u64 / 1_000;
        assert!(self.unknown <= unknown_max, "{} answers are unknown", self.unknown);
        if self.unknown > 0 {
            return;
        }
        let expected = self.commits.values().fold(State::default(), |state, commit| state.then(commit.tag));
        let started = engine.load_startup(&contended(), &first_page()).await.unwrap();
        let bytes = started.pages.get(page(1)).unwrap();
        let field = |at: usize| u64::from_be_bytes(bytes[at..at + 8].try_into().unwrap());
        assert_eq!(
            State { count: field(0), chain: field(8) },
            expected,
            "the store is not at the end of the lineage"
        );
        assert_eq!(Some(&started.meta.head_txid.0), self.commits.keys().next_back());
    }

    /// After a takeover nothing of an earlier generation lands, and nothing of a later one came before it.
    fn check_fencing(&self) {
        let generations: Vec<u64> = self.commits.values().map(|commit| commit.generation).collect();
        assert!(generations.is_sorted(), "a commit of an old owner landed after one of a new owner");
        for (&generation, &head) in &self.won {
            let before = self.commits.range(..=head).next_back().map(|(_, commit)| commit.generation);
            let after = self.commits.range(head + 1..).next().map(|(_, commit)| commit.generation);
            let won = format!("the takeover to {generation} at head {head}");
            let newest_before = if self.starts_are_single { generation - 1 } else { generation };
            assert!(before.is_none_or(|before| before <= newest_before), "{won} came after {before:?}");
            assert!(
                after.is_none_or(|after| after >= generation),
                "{won} was followed by generation {after:?}"
            );
        }
    }

    /// Each commit extends the one before it.
    fn check_lineage(&self) {
        let mut head = 0;
        for (&txid, commit) in &self.commits {
            assert_eq!(commit.base, head, "commit {txid} extends {} and not {head}", commit.base);
            head = txid;
        }
    }
}
