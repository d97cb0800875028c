//! HEAD: what is committed, and which cleanups are pending. Written by commits and stages.

use super::error::DecodeError;
use super::lineage::{self, Lineage};
use super::reader::Reader;
use super::row::Row;
use crate::types::{ActorId, PageCount, PageSize, Token, Txid};

/// How many commits a head remembers by their tokens.
///
/// A caller whose answer was lost looks for its token here. The head remembers several tokens, not only the
/// last one, so that the caller finds out the truth even after a next owner has committed.
pub const RECENT_COMMITS_MAX: usize = 8;

/// A commit as the head remembers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommitMark {
    /// Its txid.
    pub txid: Txid,
    /// The token that its caller drew.
    pub token: Token,
}

/// A commit that is being written in parts. Its rows are invisible while the head is below its txid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenStage {
    /// The txid of its rows, which the head will have.
    pub txid: Txid,
    /// Drawn by the caller that opened it.
    pub token: Token,
    /// Whether its rollback has begun. From then on it can neither grow nor be finalized: some of its rows
    /// may already be gone.
    pub aborted: bool,
}

/// What the head of an actor knows of its past, if the actor has more than one state.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HeadHistory {
    /// Whether commits keep the versions that they replace, and leave a point.
    pub keeps: bool,
    /// Whether this actor keeps no history even if its store does.
    pub off: bool,
    /// When the last commit was made that left a point, in milliseconds since 1970-01-01 UTC.
    pub time_ms: u64,
    /// Pages above this one have no row in any segment.
    pub rows_to: PageCount,
    /// States up to this one are of an earlier life of the actor: only those that a user has pinned are its own
    /// business still. The others are there for its forks.
    pub born: Txid,
    /// Where its pages come from.
    pub lineage: Lineage,
}

/// The head of an actor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The last commit.
    pub txid: Txid,
    /// The txid of the next commit or stage. Above every txid ever given out.
    pub next_txid: Txid,
    /// The size of the database.
    pub size_pages: PageCount,
    /// The size of a page. Meaningless while there are no pages.
    pub page_size: PageSize,
    /// A stage that must be finalized or rolled back before the head can move.
    pub open_stage: Option<OpenStage>,
    /// Whether finalized stages have left manifests behind, whose pages may have older versions.
    pub unswept: bool,
    /// Rows of pages above this count may remain from a larger size. They must be gone before the database
    /// grows past it again.
    pub untrimmed_above: Option<PageCount>,
    /// The last commits, oldest first.
    pub recent: Vec<CommitMark>,
    /// Its past; `None` for an actor of which only this state is there.
    pub history: Option<Box<HeadHistory>>,
}

impl Head {
    /// The head of an actor without commits. It is not stored.
    pub fn empty() -> Self {
        Self {
            txid: Txid::ZERO,
            next_txid: Txid::ZERO.next(),
            size_pages: PageCount(0),
            page_size: PageSize::DEFAULT,
            open_stage: None,
            unswept: false,
            untrimmed_above: None,
            recent: Vec::new(),
            history: None,
        }
    }

    /// Whether commits keep the versions that they replace.
    pub fn keeps(&self) -> bool {
        self.history.as_ref().is_some_and(|history| history.keeps)
    }

    /// The actor's own versions above this txid may be shown.
    pub fn floor(&self) -> Txid {
        self.history.as_ref().map_or(Txid::ZERO, |history| history.lineage.floor)
    }

    /// The last txid of the actor's earlier lives.
    pub fn born(&self) -> Txid {
        self.history.as_ref().map_or(Txid::ZERO, |history| history.born)
    }

    /// The actors of which it shows something, nearest first.
    pub fn ancestors(&self) -> Vec<ActorId> {
        let below = self.history.iter().flat_map(|history| &history.lineage.below);
        let mut ancestors: Vec<ActorId> = below.filter_map(|segment| segment.actor.clone()).collect();
        ancestors.dedup();
        ancestors
    }

    /// Whether something was committed in this life of the actor. If not, a point at the head's txid is one of an
    /// earlier life.
    pub fn has_commits(&self) -> bool {
        self.txid > self.floor()
    }

    /// Records a commit and forgets the oldest one beyond [`RECENT_COMMITS_MAX`].
    pub fn remember(&mut self, mark: CommitMark) {
        if self.recent.len() >= RECENT_COMMITS_MAX {
            self.recent.drain(..=self.recent.len() - RECENT_COMMITS_MAX);
        }
        self.recent.push(mark);
    }
}

const HAS_OPEN_STAGE: u8 = 1;
const UNSWEPT: u8 = 2;
const UNTRIMMED: u8 = 4;
const ABORTED: u8 = 8;

const KEEPS: u8 = 1;
const OFF: u8 = 2;

impl Row for Head {
    const NAME: &'static str = "head";
    const VERSION_MAX: u8 = 3;

    fn version(&self) -> u8 {
        match &self.history {
            None => 1,
            Some(history) if history.born == Txid::ZERO => 2,
            Some(_) => 3,
        }
    }

    fn write(&self, body: &mut Vec<u8>) {
        body.extend(self.txid.0.to_be_bytes());
        body.extend(self.next_txid.0.to_be_bytes());
        body.extend(self.size_pages.0.to_be_bytes());
        body.push(self.page_size.log2());
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        body.push(
            flag(self.open_stage.is_some(), HAS_OPEN_STAGE)
                | flag(self.open_stage.is_some_and(|stage| stage.aborted), ABORTED)
                | flag(self.unswept, UNSWEPT)
                | flag(self.untrimmed_above.is_some(), UNTRIMMED),
        );
        if let Some(stage) = self.open_stage {
            body.extend(stage.txid.0.to_be_bytes());
            body.extend(stage.token.0);
        }
        if let Some(pages) = self.untrimmed_above {
            body.extend(pages.0.to_be_bytes());
        }
        let recent = u8::try_from(self.recent.len()).expect("a head remembers a handful of commits");
        body.push(recent);
        for mark in &self.recent {
            body.extend(mark.txid.0.to_be_bytes());
            body.extend(mark.token.0);
        }
        if let Some(history) = &self.history {
            body.push(flag(history.keeps, KEEPS) | flag(history.off, OFF));
            body.extend(history.time_ms.to_be_bytes());
            body.extend(history.rows_to.0.to_be_bytes());
            if history.born > Txid::ZERO {
                body.extend(history.born.0.to_be_bytes());
            }
            lineage::write(&history.lineage, body);
        }
    }

    fn read(body: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let txid = Txid(body.u64()?);
        let next_txid = Txid(body.u64()?);
        if next_txid <= txid {
            return Err(body.field(format!("next txid {next_txid} is not above head txid {txid}")));
        }
        let size_pages = PageCount(body.u32()?);
        let page_size = body.page_size()?;
        let flags = body.u8()?;
        let aborted = flags & ABORTED != 0;
        let known = HAS_OPEN_STAGE | UNSWEPT | UNTRIMMED | ABORTED;
        if flags & !known != 0 || (aborted && flags & HAS_OPEN_STAGE == 0) {
            return Err(body.field(format!("flags {flags:08b}")));
        }
        let open_stage = (flags & HAS_OPEN_STAGE != 0)
            .then(|| Ok(OpenStage { txid: Txid(body.u64()?), token: body.token()?, aborted }))
            .transpose()?;
        let untrimmed_above = (flags & UNTRIMMED != 0).then(|| body.u32().map(PageCount)).transpose()?;
        let recent = (0..body.u8()?)
            .map(|_| Ok(CommitMark { txid: Txid(body.u64()?), token: body.token()? }))
            .collect::<Result<_, _>>()?;
        let unswept = flags & UNSWEPT != 0;
        let history = (body.version() >= 2).then(|| read_history(body).map(Box::new)).transpose()?;
        Ok(Self {
            txid,
            next_txid,
            size_pages,
            page_size,
            open_stage,
            unswept,
            untrimmed_above,
            recent,
            history,
        })
    }
}

fn read_history(body: &mut Reader<'_>) -> Result<HeadHistory, DecodeError> {
    let flags = body.u8()?;
    if flags & !(KEEPS | OFF) != 0 {
        return Err(body.field(format!("history flags {flags:08b}")));
    }
    Ok(HeadHistory {
        keeps: flags & KEEPS != 0,
        off: flags & OFF != 0,
        time_ms: body.u64()?,
        rows_to: PageCount(body.u32()?),
        born: if body.version() >= 3 { Txid(body.u64()?) } else { Txid::ZERO },
        lineage: lineage::read(body)?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::codec::lineage::testing::lineages;
    use crate::codec::testing::check_row;

    fn mark(number: u64) -> CommitMark {
        CommitMark { txid: Txid(number), token: Token([number.to_be_bytes()[7]; 16]) }
    }

    #[test]
    fn a_head_remembers_only_the_last_commits() {
        let mut head = Head::empty();
        for number in 1..=20 {
            head.remember(mark(number));
        }
        assert_eq!(
            head.recent.iter().map(|mark| mark.txid.0).collect::<Vec<_>>(),
            (13..=20).collect::<Vec<_>>()
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn a_head_comes_back_and_damage_does_not_pass(
            txid in 0..u64::MAX, size: u32, log2 in 9u8..=16, staged: Option<bool>, unswept: bool,
            untrimmed: Option<u32>, recent in 0..=8u64,
            history in prop::option::of((
                (any::<bool>(), any::<bool>()), any::<u64>(), any::<u32>(), 0..3u64, lineages(),
            )),
        ) {
            check_row(&Head {
                txid: Txid(txid),
                next_txid: Txid(txid + 1),
                size_pages: PageCount(size),
                page_size: PageSize::from_log2(log2).unwrap(),
                open_stage: staged.map(|aborted| OpenStage { txid: Txid(txid), token: Token([7; 16]), aborted }),
                unswept,
                untrimmed_above: untrimmed.map(PageCount),
                recent: (0..recent).map(mark).collect(),
                history: history.map(|((keeps, off), time_ms, rows_to, born, lineage)| {
                    let (rows_to, born) = (PageCount(rows_to), Txid(born));
                    Box::new(HeadHistory { keeps, off, time_ms, rows_to, born, lineage })
                }),
            });
        }
    }
}
