//! What an acknowledged commit survives: kill -9, loss of power, failing disks, missing resources.

pub mod crash;
#[cfg(unix)]
pub mod disk;
#[cfg(unix)]
mod journal;
#[cfg(unix)]
mod power;
#[cfg(unix)]
mod resources;

/// Writes the newest checkpoint down once more, in place of another process. `is_suspect`: one that says that a flush of
/// its data has failed.
#[cfg(unix)]
pub fn note_again(checkpoints: &std::path::Path, is_suspect: bool) {
    use std::os::unix::fs::FileExt;
    const BLOCK: usize = 4_096;
    let file = std::fs::read(checkpoints).unwrap();
    let number =
        |slot: usize| file.get(slot * BLOCK + 8..slot * BLOCK + 16).map(|bytes| bytes.try_into().unwrap());
    let numbers = [0, 1].map(|slot| number(slot).map_or(0, u64::from_be_bytes));
    let newest = usize::from(numbers[1] > numbers[0]);
    let mut slot = file[newest * BLOCK..newest * BLOCK + 248].to_vec();
    slot[8..16].copy_from_slice(&(numbers[newest] + 1).to_be_bytes());
    slot[103] = u8::from(is_suspect);
    let hash = xxhash_rust::xxh3::xxh3_64(&slot[..240]);
    slot[240..].copy_from_slice(&hash.to_be_bytes());
    let file = std::fs::File::options().write(true).open(checkpoints).unwrap();
    file.write_all_at(&slot, ((1 - newest) * BLOCK) as u64).unwrap();
}
