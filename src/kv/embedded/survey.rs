//! What is said of the journal to people: how it is, and what is wrong with it.

use std::io;

use super::clock;
use super::environment::Store;
use super::errors::unavailable;
use super::journal::{CHECKPOINT_NAME, Checkpoint, Gap, Position, SEGMENT_NAMES, Slots, Survey};
use super::options::Durability;
use crate::kv::{Finding, JournalSegment, JournalStatus, KvError, Part};

fn finding(part: Part, is_error: bool, detail: String) -> Finding {
    Finding { part, is_error, may_pass: false, detail }
}

/// What is wrong with the two slots.
fn of_checkpoint(survey: &Survey, is_ours: bool, has_segments: bool) -> Vec<Finding> {
    let mut wrong = Vec::new();
    let mut tell =
        |is_error, detail: &str| wrong.push(finding(Part::Checkpoint, is_error, detail.to_owned()));
    match &survey.slots {
        Slots::Damaged => tell(
            true,
            "both of its slots are damaged: after a loss of power the store could not be opened. The next \
             checkpoint replaces them",
        ),
        Slots::None if has_segments => tell(
            true,
            "there is none, although the journal was used: after a loss of power nobody would know which pages \
             are whole. The next write makes one",
        ),
        Slots::None => {}
        Slots::Newest(_) if !is_ours => tell(
            true,
            "it is that of another store, so this one is refused after the next boot of the machine; if data.mdb \
             was put there as a complete copy, remove the checkpoint and the journal beside it",
        ),
        Slots::Newest(newest) => {
            if newest.is_suspect {
                tell(
                    true,
                    "a flush of the data has failed, so nobody knows what the disk holds; close the store in all \
                     processes and open it again",
                );
            }
            if newest.txn() > survey.newest {
                let (checkpoint, newest) = (newest.txn(), survey.newest);
                tell(true, &format!("it is of commit {checkpoint}, and the newest one is {newest}"));
            }
            if survey.damaged_slots > 0 {
                tell(false, "one of its two slots is damaged; the next checkpoint replaces it");
            }
        }
    }
    wrong
}

/// What is wrong with the records behind the checkpoint.
fn of_journal(survey: &Survey, gap: Gap) -> Finding {
    let Survey { reached, newest, .. } = survey;
    let next = reached + 1;
    let cost = format!("a loss of power now would cost the commits from {next} to {newest}");
    match gap {
        Gap::Damaged(file) => {
            finding(Part::Journal, true, format!("the record of commit {next} in {file} is damaged: {cost}"))
        }
        Gap::Missing(file) => finding(
            Part::Journal,
            true,
            format!("nothing leads on to commit {next}, although {file} has that one or later ones: {cost}"),
        ),
        // Whoever is committing without the journal makes a checkpoint soon. Nothing here may change until then.
        Gap::Ended => Finding {
            may_pass: true,
            ..finding(
                Part::Journal,
                true,
                format!(
                    "it ends at commit {reached}, and neither it nor a checkpoint has what came later: a loss of power \
                     now would cost that"
                ),
            )
        },
        Gap::NotBegun => Finding {
            may_pass: true,
            ..finding(
                Part::Journal,
                false,
                format!(
                    "what was committed after {reached} is in no checkpoint yet, and the process that did so is not \
                     at work: a loss of power now would cost it, as `relaxed` allows"
                ),
            )
        },
    }
}

impl Store {
    fn survey(&self) -> io::Result<Option<Survey>> {
        let Some(id) = self.id else { return Ok(None) };
        Survey::of(self.place.directory(), id, &|| self.env.info().last_txn as u64)
    }

    /// How the journal is; `None` if the store has none, or none that can be read.
    pub(super) fn journal_status(&self) -> Option<JournalStatus> {
        let survey = self.survey().ok()??;
        let checkpoint = survey.checkpoint(self.id?).map(Checkpoint::txn);
        let segment = |&(file_bytes, start): &(u64, Option<_>)| {
            start.map(|start: Position| JournalSegment { number: start.segment, file_bytes })
        };
        let mut segments: Vec<JournalSegment> = survey.files.iter().filter_map(segment).collect();
        segments.sort_by_key(|segment| segment.number);
        Some(JournalStatus {
            segments,
            checkpoint,
            checkpoint_age: survey.noted.filter(|_| checkpoint.is_some()).map(clock::since),
            newest: survey.newest,
            records: survey.records,
            bytes: survey.bytes,
        })
    }

    /// What is wrong with the checkpoint and the journal.
    pub(super) fn check(&self) -> Result<Vec<Finding>, KvError> {
        let (Some(id), directory) = (self.id, self.place.directory()) else { return Ok(Vec::new()) };
        let failed = |error| unavailable(&directory.join(CHECKPOINT_NAME), &error);
        let Some(survey) = self.survey().map_err(failed)? else { return Ok(self.missing_files()) };
        let is_ours = survey.checkpoint(id).is_some();
        let has_segments = survey.files.iter().any(|(_, start)| start.is_some());
        let mut findings = of_checkpoint(&survey, is_ours, has_segments);
        // What this process commits without the journal is in its next checkpoint, within a second or so.
        let is_at_work = self.journal.is_some() && self.settings.durability == Durability::Relaxed;
        let is_expected = |gap: &Gap| is_at_work && matches!(gap, Gap::Ended | Gap::NotBegun);
        findings.extend(survey.gap.filter(|gap| !is_expected(gap)).map(|gap| of_journal(&survey, gap)));
        for finding in &mut findings {
            finding.may_pass |= !survey.is_steady;
        }
        Ok(findings)
    }

    /// A copy of the data alone is whole. Its journal is made by the first process that may write.
    fn missing_files(&self) -> Vec<Finding> {
        let is_there = |name: &&str| self.place.directory().join(name).exists();
        let names = [CHECKPOINT_NAME, SEGMENT_NAMES[0], SEGMENT_NAMES[1]];
        let (there, missing): (Vec<_>, Vec<_>) = names.into_iter().partition(is_there);
        if there.is_empty() {
            return Vec::new();
        }
        let detail = format!(
            "{} is not there, but {} is: after a loss of power what was committed since the last checkpoint could not \
             be found",
            missing.join(" and "),
            there.join(" and ")
        );
        // Whoever makes them makes one after the other.
        vec![Finding { may_pass: true, ..finding(Part::Journal, true, detail) }]
    }
}
