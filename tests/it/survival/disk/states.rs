//! The disks that a loss of power can leave: a pure function of a recording, where it is cut, and chance.
//!
//! What a flush that ended well covers is there. Of what came after it any part may be there, in any order: each
//! write whole, or only some of its sectors, or not at all; a file as long as it was made, but without the bytes.
//! A new name is there for sure once its directory was flushed. That is less than most file systems promise, and as
//! much as POSIX does.
//!
//! After a flush that failed, nobody knows which of the writes before it are there, and no later flush makes sure of
//! them: kernels drop what they could not write, and then say that all is well.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use crate::survival::disk::record::{FileId, Op, ProcessId, Recording};

/// The least that a disk writes as one.
const SECTOR_BYTES: usize = 512;
/// What most disks write as one, and kernels hand to them.
const PAGE_BYTES: usize = 4_096;

/// A reproducible source of chance (splitmix64).
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64, index: u64) -> Self {
        Self(seed ^ index.wrapping_mul(0xD134_2543_DE82_EF95))
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ (word >> 31)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).unwrap()
    }

    pub fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

/// What becomes of the writes that no flush has covered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// All of them are lost.
    All,
    /// None is lost.
    Nothing,
    /// The newest ones are lost, from one of them on.
    Newest,
    /// All but one are lost.
    AllButOne,
    /// One is lost, and those after it are there.
    One,
    /// Each piece of this many bytes is there or not; 0: each write.
    Pieces(usize),
}

impl Loss {
    pub fn draw(chance: &mut Chance) -> Self {
        match chance.below(10) {
            0 => Self::All,
            1 => Self::Nothing,
            2 => Self::Newest,
            3 => Self::AllButOne,
            4 => Self::One,
            5 | 6 => Self::Pieces(0),
            7 | 8 => Self::Pieces(PAGE_BYTES),
            _ => Self::Pieces(SECTOR_BYTES),
        }
    }
}

/// Which operations before a cut are certain to be on the disk.
fn flushed(recording: &Recording, cut: usize) -> Vec<bool> {
    let mut done = vec![false; cut];
    let mut doubtful = HashSet::new();
    let mut open: HashMap<FileId, Vec<usize>> = HashMap::new();
    // Several processes may flush one file at the same time.
    let mut begun: HashMap<(FileId, ProcessId), Vec<usize>> = HashMap::new();
    // The directory that has to be flushed for a name to last, by the directory's path.
    let number_of: HashMap<&Path, FileId> =
        recording.paths.iter().map(|(file, path)| (path.as_path(), *file)).collect();
    for (index, op) in recording.ops[..cut].iter().enumerate() {
        let in_directory = |path: &Path| path.parent().and_then(|parent| number_of.get(parent)).copied();
        match op {
            Op::Write { file, .. } | Op::Truncate { file, .. } => open.entry(*file).or_default().push(index),
            Op::WriteSynced { flushed: true, .. } => done[index] = true,
            Op::Open { file, is_new: true } => {
                if let Some(directory) = in_directory(&recording.paths[file]) {
                    open.entry(directory).or_default().push(index);
                }
            }
            Op::MakeDirectory { path } | Op::Remove { path } => {
                if let Some(directory) = in_directory(path) {
                    open.entry(directory).or_default().push(index);
                }
            }
            Op::SyncBegin { file, process } => {
                begun.insert((*file, *process), open.get(file).cloned().unwrap_or_default());
            }
            Op::SyncEnd { file, process, flushed } => {
                for covered in begun.remove(&(*file, *process)).unwrap_or_default() {
                    if !*flushed {
                        doubtful.insert(covered);
                    }
                    done[covered] |= !doubtful.contains(&covered);
                }
                if let Some(open) = open.get_mut(file) {
                    open.retain(|index| !done[*index] && !doubtful.contains(index));
                }
            }
            // What failed to be flushed is neither there nor not, whatever is flushed later.
            Op::WriteSynced { flushed: false, .. } | Op::Open { is_new: false, .. } | Op::Mark(_) => {}
        }
    }
    done
}

/// A disk: each file by its path, with its bytes, and the directories.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Disk {
    pub files: BTreeMap<PathBuf, Vec<u8>>,
    pub directories: Vec<PathBuf>,
}

/// A disk that the loss of power before the operation `cut` can leave.
pub fn disk(recording: &Recording, cut: usize, loss: Loss, chance: &mut Chance) -> Disk {
    let done = flushed(recording, cut);
    let is_change = |op: &Op| !matches!(op, Op::SyncBegin { .. } | Op::SyncEnd { .. } | Op::Mark(_));
    let pending: Vec<usize> =
        (0..cut).filter(|&index| !done[index] && is_change(&recording.ops[index])).collect();
    let chosen = pending.get(chance.below(pending.len())).copied().unwrap_or(0);
    let mut contents: HashMap<FileId, Vec<u8>> = HashMap::new();
    // By path, the file that is there; none: it was removed.
    let mut names: BTreeMap<PathBuf, Option<FileId>> = BTreeMap::new();
    let mut disk = Disk::default();
    for (index, op) in recording.ops[..cut].iter().enumerate() {
        let is_there = done[index]
            || match loss {
                Loss::All => false,
                Loss::Nothing => true,
                Loss::Newest => index < chosen,
                Loss::AllButOne => index == chosen,
                Loss::One => index != chosen,
                // Of a write its pieces are drawn below.
                Loss::Pieces(_) => chance.percent(50),
            };
        match op {
            Op::Write { file, offset, bytes } | Op::WriteSynced { file, offset, bytes, .. } => {
                let content = contents.entry(*file).or_default();
                let pieces = match loss {
                    Loss::Pieces(bytes @ 1..) if !done[index] => Some(bytes),
                    _ => None,
                };
                write(content, *offset, bytes, pieces, is_there, chance);
            }
            Op::Truncate { file, length } if is_there => {
                contents.entry(*file).or_default().resize(usize::try_from(*length).unwrap(), 0);
            }
            Op::Open { file, is_new: true } if is_there => {
                names.insert(recording.paths[file].clone(), Some(*file));
            }
            Op::MakeDirectory { path } if is_there => disk.directories.push(path.clone()),
            Op::Remove { path } if is_there => {
                names.insert(path.clone(), None);
            }
            _ => {}
        }
    }
    let is_lost = |path: &Path| {
        let above = || path.ancestors().skip(1);
        recording.ops[..cut].iter().any(|op| match op {
            Op::MakeDirectory { path } => {
                above().any(|above| above == path) && !disk.directories.contains(path)
            }
            _ => false,
        })
    };
    for (path, file) in names {
        if let Some(file) = file.filter(|file| !recording.is_lock(*file) && !is_lost(&path)) {
            disk.files.insert(path, contents.remove(&file).unwrap_or_default());
        }
    }
    disk
}

/// Writes all, nothing, or some pieces. A file may also be longer without having the bytes.
fn write(
    content: &mut Vec<u8>,
    offset: u64,
    bytes: &[u8],
    pieces: Option<usize>,
    is_there: bool,
    chance: &mut Chance,
) {
    let offset = usize::try_from(offset).unwrap();
    let mut put = |from: usize, piece: &[u8]| {
        let end = offset + from + piece.len();
        if content.len() < end {
            content.resize(end, 0);
        }
        content[end - piece.len()..end].copy_from_slice(piece);
    };
    let Some(piece_bytes) = pieces else {
        if is_there {
            put(0, bytes);
        }
        return;
    };
    let mut from = 0;
    while from < bytes.len() {
        // Pieces end where those of the disk do.
        let to = bytes.len().min((offset + from) / piece_bytes * piece_bytes + piece_bytes - offset);
        if chance.percent(50) {
            put(from, &bytes[from..to]);
        }
        from = to;
    }
    if chance.percent(25) && content.len() < offset + bytes.len() {
        content.resize(offset + bytes.len(), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIRECTORY: FileId = 1;
    const FILE: FileId = 2;

    fn recording(ops: impl IntoIterator<Item = Op>) -> Recording {
        let new = [Op::Open { file: DIRECTORY, is_new: false }, Op::Open { file: FILE, is_new: true }];
        let paths = [(DIRECTORY, "/d".into()), (FILE, "/d/f".into())];
        Recording { ops: new.into_iter().chain(ops).collect(), paths: paths.into() }
    }

    fn put(offset: u64, byte: u8, length: usize) -> Op {
        Op::Write { file: FILE, offset, bytes: vec![byte; length] }
    }

    fn sync(file: FileId, flushed: bool) -> [Op; 2] {
        [Op::SyncBegin { file, process: 1 }, Op::SyncEnd { file, process: 1, flushed }]
    }

    /// The contents that the file can have at the end; none: it is not there.
    fn ends(recording: &Recording) -> HashSet<Option<Vec<u8>>> {
        (0..400)
            .map(|index| {
                let mut chance = Chance::new(7, index);
                let loss = Loss::draw(&mut chance);
                disk(recording, recording.ops.len(), loss, &mut chance).files.remove(Path::new("/d/f"))
            })
            .collect()
    }

    #[test]
    fn what_was_flushed_is_there_and_the_name_lasts_once_its_directory_was() {
        let ops: Vec<Op> = [put(0, 1, 4)].into_iter().chain(sync(FILE, true)).collect();
        let without = ends(&recording(ops.clone()));
        assert_eq!(without, HashSet::from([None, Some(vec![1; 4])]));
        let with = ends(&recording(ops.into_iter().chain(sync(DIRECTORY, true))));
        assert_eq!(with, HashSet::from([Some(vec![1; 4])]));
    }

    #[test]
    fn what_was_not_flushed_may_be_there_in_any_order() {
        let ops = sync(DIRECTORY, true).into_iter().chain([put(0, 1, 1), put(1, 2, 1), put(0, 3, 1)]);
        let ends = ends(&recording(ops));
        for possible in [&[][..], &[1], &[3], &[0, 2], &[1, 2], &[3, 2], &[0, 0]] {
            assert!(ends.contains(&Some(possible.to_vec())), "{possible:?} of {ends:?}");
        }
    }

    #[test]
    fn a_write_may_be_torn_between_sectors_and_never_within() {
        let ops = sync(DIRECTORY, true).into_iter().chain([put(100, 1, 1_500)]);
        let ends = ends(&recording(ops));
        let sector_of = |content: &[u8], from: usize, to: usize| {
            let sector = content.get(from..to.min(content.len())).unwrap_or_default();
            assert!(sector.windows(2).all(|two| two[0] == two[1]), "torn within {from}..{to}");
            sector.first().is_some_and(|byte| *byte == 1)
        };
        let patterns: HashSet<_> = ends
            .iter()
            .flatten()
            .map(|content| {
                [(100, 512), (512, 1_024), (1_024, 1_536)].map(|(from, to)| sector_of(content, from, to))
            })
            .collect();
        assert_eq!(patterns.len(), 8, "{patterns:?}");
    }

    #[test]
    fn a_flush_covers_what_came_before_it_began() {
        let ops = [put(0, 1, 1), Op::SyncBegin { file: FILE, process: 1 }, put(1, 2, 1)];
        let ops = sync(DIRECTORY, true).into_iter().chain(ops);
        let ended = ops.clone().chain([Op::SyncEnd { file: FILE, process: 1, flushed: true }]);
        assert!(ends(&recording(ops)).contains(&Some(Vec::new())));
        assert_eq!(
            ends(&recording(ended)),
            HashSet::from([Some(vec![1]), Some(vec![1, 0]), Some(vec![1, 2])])
        );
    }

    #[test]
    fn a_flush_of_one_process_does_not_end_with_that_of_another() {
        let begin = |process| Op::SyncBegin { file: FILE, process };
        let end = |process| Op::SyncEnd { file: FILE, process, flushed: true };
        let ops = [put(0, 1, 1), begin(1), put(1, 2, 1), begin(2), end(1)];
        let ended = sync(DIRECTORY, true).into_iter().chain(ops);
        let both = ended.clone().chain([end(2)]);
        assert!(ends(&recording(ended)).contains(&Some(vec![1])));
        assert_eq!(ends(&recording(both)), HashSet::from([Some(vec![1, 2])]));
    }

    #[test]
    fn a_flush_that_failed_leaves_what_no_later_one_repairs_but_writing_again_does() {
        let failed = sync(DIRECTORY, true).into_iter().chain([put(0, 1, 1)]).chain(sync(FILE, false));
        let later = failed.clone().chain(sync(FILE, true));
        assert_eq!(ends(&recording(later)), HashSet::from([Some(vec![]), Some(vec![0]), Some(vec![1])]));
        let again = failed.chain([put(0, 2, 1)]).chain(sync(FILE, true));
        assert_eq!(ends(&recording(again)), HashSet::from([Some(vec![2])]));
    }

    #[test]
    fn a_write_that_flushes_makes_sure_of_itself_alone() {
        let synced = Op::WriteSynced { file: FILE, offset: 1, bytes: vec![2], flushed: true };
        let ops = sync(DIRECTORY, true).into_iter().chain([put(0, 1, 1), synced]);
        assert_eq!(ends(&recording(ops)), HashSet::from([Some(vec![0, 2]), Some(vec![1, 2])]));
    }

    #[test]
    fn the_same_seed_gives_the_same_disk() {
        let ops: Vec<Op> = (0..50).map(|number| put(number * 300, 1 + (number % 200) as u8, 700)).collect();
        let recording = recording(ops);
        let draw = |seed, index| {
            let mut chance = Chance::new(seed, index);
            let loss = Loss::draw(&mut chance);
            disk(&recording, 30, loss, &mut chance)
        };
        assert!((0..50).all(|index| draw(3, index) == draw(3, index)));
        assert!((0..50).any(|index| draw(3, index) != draw(4, index)));
    }
}
