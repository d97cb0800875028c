//! The writes of one decision.

use super::KeyRange;

/// Whether a write takes part in conflict detection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteConflict {
    /// It fails transactions that read this key with `Isolation::Serializable`.
    Declared,
    /// It does not: another row that the same decision reads or writes guards it.
    Omitted,
}

/// One write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mutation {
    /// Sets a key.
    Put {
        /// The key.
        key: Vec<u8>,
        /// Its new value.
        value: Vec<u8>,
        /// Whether readers of the key conflict.
        conflict: WriteConflict,
    },
    /// Removes a key, if it is there.
    Delete {
        /// The key.
        key: Vec<u8>,
        /// Whether readers of the key conflict.
        conflict: WriteConflict,
    },
    /// Removes every key of a range.
    ClearRange {
        /// The keys.
        range: KeyRange,
        /// Whether readers of the range conflict.
        conflict: WriteConflict,
    },
}

impl Mutation {
    /// Whether it takes part in conflict detection.
    pub fn conflict(&self) -> WriteConflict {
        match self {
            Self::Put { conflict, .. }
            | Self::Delete { conflict, .. }
            | Self::ClearRange { conflict, .. } => *conflict,
        }
    }

    /// The bytes that count towards a transaction's limit, approximately as FoundationDB counts them.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Put { key, value, .. } => key.len() + value.len(),
            Self::Delete { key, .. } => 2 * key.len() + 1,
            Self::ClearRange { range, .. } => range.start().len() + range.end().len(),
        }
    }
}

/// How a decision affects the room that a store uses. A nearly full store first refuses decisions that take
/// more room.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RoomUse {
    /// It may take more.
    #[default]
    Grows,
    /// It replaces existing data, and takes about the same room.
    Replaces,
    /// It deletes, or rewrites a row or two that an owner needs to go on. Even a full store accepts that:
    /// there is no other way to free room.
    Frees,
}

/// The writes of one decision, applied in order and all together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mutations {
    list: Vec<Mutation>,
    room_use: RoomUse,
}

impl Mutations {
    /// No writes.
    pub fn new() -> Self {
        Self::default()
    }

    /// With capacity for `count` writes.
    pub fn with_capacity(count: usize) -> Self {
        Self { list: Vec::with_capacity(count), room_use: RoomUse::default() }
    }

    /// Sets a key and fails those who read it.
    pub fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.list.push(Mutation::Put { key, value, conflict: WriteConflict::Declared });
    }

    /// Sets a key that another row guards.
    pub fn put_guarded(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.list.push(Mutation::Put { key, value, conflict: WriteConflict::Omitted });
    }

    /// Removes a key and fails those who read it.
    pub fn delete(&mut self, key: Vec<u8>) {
        self.list.push(Mutation::Delete { key, conflict: WriteConflict::Declared });
    }

    /// Removes a key that another row guards.
    pub fn delete_guarded(&mut self, key: Vec<u8>) {
        self.list.push(Mutation::Delete { key, conflict: WriteConflict::Omitted });
    }

    /// Removes the keys of a range that another row guards.
    pub fn clear_range_guarded(&mut self, range: KeyRange) {
        self.list.push(Mutation::ClearRange { range, conflict: WriteConflict::Omitted });
    }

    /// Removes the keys of a range and fails those who read it.
    pub fn clear_range(&mut self, range: KeyRange) {
        self.list.push(Mutation::ClearRange { range, conflict: WriteConflict::Declared });
    }

    /// Sets how the writes affect the room that the store uses.
    pub fn use_room(&mut self, room_use: RoomUse) {
        self.room_use = room_use;
    }

    /// How the writes affect the room that the store uses.
    pub fn room_use(&self) -> RoomUse {
        let puts = self.list.iter().any(|mutation| matches!(mutation, Mutation::Put { .. }));
        if puts { self.room_use } else { RoomUse::Frees }
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many writes there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// The bytes that count towards a transaction's limit.
    pub fn bytes(&self) -> usize {
        self.list.iter().map(Mutation::bytes).sum()
    }

    /// The writes in order.
    pub fn iter(&self) -> impl Iterator<Item = &Mutation> {
        self.list.iter()
    }
}

impl IntoIterator for Mutations {
    type Item = Mutation;
    type IntoIter = std::vec::IntoIter<Mutation>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.into_iter()
    }
}
