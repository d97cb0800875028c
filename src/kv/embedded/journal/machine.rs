//! Whether the machine may have gone down since: its boot, and which file the data is in.
//!
//! A process that was killed leaves everything that it wrote in the kernel's memory. Only a loss of power, or
//! of the machine, takes that away. The kernel draws a new number each time it boots
//! (<https://www.kernel.org/doc/html/latest/admin-guide/sysctl/kernel.html#random>). A copy of a store has
//! another device or inode.

use std::fs::Metadata;
use std::io;
use std::path::Path;

/// A boot of a machine, and the data file as it names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::kv::embedded) struct Machine {
    /// Zeros if it is not known.
    pub boot: [u8; 16],
    pub device: u64,
    pub inode: u64,
}

impl Machine {
    /// This machine, for the data file at `path`.
    pub(in crate::kv::embedded) fn of(path: &Path) -> io::Result<Self> {
        let (device, inode) = place(&std::fs::metadata(path)?);
        Ok(Self { boot: boot().unwrap_or_default(), device, inode })
    }

    /// Whether the machine has certainly not gone down since `then`, and this is the same file.
    pub(in crate::kv::embedded) fn is_still(&self, then: &Self) -> bool {
        self == then && self.boot != [0; 16]
    }
}

#[cfg(target_os = "linux")]
fn boot() -> Option<[u8; 16]> {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    number(text.trim())
}

#[cfg(target_os = "macos")]
fn boot() -> Option<[u8; 16]> {
    let mut text = [0_u8; 64];
    let mut length = text.len();
    // SAFETY: the name ends with a zero, and the buffer has the given length.
    let code = unsafe {
        let name = c"kern.bootsessionuuid".as_ptr();
        libc::sysctlbyname(name, text.as_mut_ptr().cast(), &raw mut length, std::ptr::null_mut(), 0)
    };
    let text = std::str::from_utf8(text.get(..length)?).ok()?;
    if code == 0 { number(text.trim_end_matches('\0')) } else { None }
}

/// Elsewhere every opening counts as one after a loss of power.
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn boot() -> Option<[u8; 16]> {
    None
}

/// A UUID as a number.
#[cfg(any(target_os = "linux", target_os = "macos", test))]
fn number(text: &str) -> Option<[u8; 16]> {
    let digits = text.replace('-', "");
    if digits.len() != 32 {
        return None;
    }
    u128::from_str_radix(&digits, 16).ok().map(u128::to_be_bytes)
}

#[cfg(unix)]
fn place(metadata: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    (metadata.dev(), metadata.ino())
}

#[cfg(not(unix))]
fn place(_: &Metadata) -> (u64, u64) {
    (0, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boot_is_known_by_its_number() {
        assert_eq!(number("00000000-0000-0000-0000-000000000102"), Some(0x102_u128.to_be_bytes()));
        assert_eq!(number("0102"), None);
        assert_eq!(number(&"g".repeat(32)), None);
        let file = tempfile::NamedTempFile::new().unwrap();
        let here = Machine::of(file.path()).unwrap();
        assert!(here.is_still(&here) == cfg!(any(target_os = "linux", target_os = "macos")));
        assert!(!here.is_still(&Machine { inode: here.inode + 1, ..here }));
        let unknown = Machine { boot: [0; 16], ..here };
        assert!(!unknown.is_still(&unknown));
    }
}
