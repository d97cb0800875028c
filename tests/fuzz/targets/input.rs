//! Choices out of a fuzzer's bytes: each takes the next few, and where they have run out it is the first choice.

/// What is left of the bytes.
#[derive(Debug, Clone)]
pub struct Input<'d>(&'d [u8]);

impl<'d> Input<'d> {
    pub fn new(bytes: &'d [u8]) -> Self {
        Self(bytes)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn byte(&mut self) -> u8 {
        let Some((&byte, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        byte
    }

    /// The next bytes, at most `count`.
    pub fn bytes(&mut self, count: usize) -> &'d [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// All that is left.
    pub fn rest(&mut self) -> &'d [u8] {
        std::mem::take(&mut self.0)
    }

    pub fn u64(&mut self) -> u64 {
        (0..8).fold(0, |number, _| number << 8 | u64::from(self.byte()))
    }

    pub fn u32(&mut self) -> u32 {
        (0..4).fold(0, |number, _| number << 8 | u32::from(self.byte()))
    }

    /// A number below `bound`, of as few bytes as it needs, so that a changed byte changes one choice.
    pub fn below(&mut self, bound: u32) -> u32 {
        let drawn = match bound {
            0..=0x100 => self.byte().into(),
            0x101..=0x1_0000 => u32::from(self.byte()) << 8 | u32::from(self.byte()),
            _ => self.u32(),
        };
        drawn % bound
    }

    /// True once in so many times.
    pub fn one_in(&mut self, times: u32) -> bool {
        self.below(times) == times - 1
    }

    pub fn of<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(u32::try_from(from.len()).unwrap()) as usize]
    }
}
