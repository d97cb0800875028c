//! What the store holds, decoded write by write: the auditor's own copy.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use batondb::codec::{self, ActorKeys, Fence, Head, Pin, Place, StagePart, decode_page};
use batondb::kv::{Mutation, Mutations};
use batondb::types::{ActorId, PageSize};

use crate::content::{Content, hash, page_size};
use crate::history::PastRows;

/// The sizes that pages have in a simulation.
const PAGE_SIZES: [usize; 3] = [512, 1_024, 4_096];

/// A kind of row, and where it belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Fence,
    Head,
    Page(u32, u64),
    Stage(u64, u32),
    Hints,
    Policy,
    Point(u64),
    Pin(u64, [u8; 16]),
    Line(u64),
}

/// The rows of one actor.
#[derive(Debug, Default, Clone)]
pub struct Rows {
    pub fence: Option<Fence>,
    pub head: Option<Head>,
    /// The versions of each page, newest first, with their sizes and contents.
    pub pages: BTreeMap<(u32, Reverse<u64>), (PageSize, Content)>,
    /// The pages that each part of each stage has written.
    pub manifests: BTreeMap<(u64, u32), Vec<u32>>,
    /// The rows of its history.
    pub past: PastRows,
}

/// What a transaction has changed.
#[derive(Debug, Default)]
pub struct Changes {
    /// Whose rows it touched.
    pub actors: BTreeSet<usize>,
    /// The pages of which a version at or below a head came or went.
    pub old_pages: BTreeSet<u32>,
    /// The actors of which a line came, went or changed.
    pub lines: BTreeSet<usize>,
    pub pins_set: Vec<(usize, u64, [u8; 16])>,
    pub pins_gone: Vec<(usize, u64, [u8; 16], Pin)>,
}

impl Rows {
    pub fn head(&self) -> Head {
        self.head.clone().unwrap_or_else(Head::empty)
    }
}

/// The rows of all actors.
pub struct Shadow {
    pub names: Vec<ActorId>,
    keys: Vec<ActorKeys>,
    places: BTreeMap<Vec<u8>, (usize, Kind)>,
    pub actors: Vec<Rows>,
    /// The bytes behind each content.
    bytes: BTreeMap<Content, Vec<u8>>,
}

impl Shadow {
    pub fn new(actors: &[ActorId]) -> Self {
        Self {
            names: actors.to_vec(),
            keys: actors.iter().map(ActorKeys::new).collect(),
            places: BTreeMap::new(),
            actors: vec![Rows::default(); actors.len()],
            bytes: BTreeMap::new(),
        }
    }

    /// Applies what a transaction wrote.
    pub fn apply(&mut self, mutations: &Mutations) -> Result<Changes, String> {
        let mut changes = Changes::default();
        for mutation in mutations.iter() {
            match mutation {
                Mutation::Put { key, value, .. } => {
                    let Some((actor, kind)) = self.locate(key) else { continue };
                    changes.actors.insert(actor);
                    self.note(actor, kind, &mut changes);
                    if let Kind::Pin(txid, token) = kind {
                        changes.pins_set.push((actor, txid, token));
                    }
                    self.put(actor, kind, key, value)?;
                }
                Mutation::Delete { key, .. } => self.remove(key, &mut changes),
                Mutation::ClearRange { range, .. } => {
                    let keys = self.places.range(range.start().to_vec()..range.end().to_vec());
                    let keys: Vec<Vec<u8>> = keys.map(|(key, _)| key.clone()).collect();
                    for key in &keys {
                        self.remove(key, &mut changes);
                    }
                }
            }
        }
        Ok(changes)
    }

    /// Notes what else than its head an actor shows otherwise from now on.
    fn note(&self, actor: usize, kind: Kind, changes: &mut Changes) {
        match kind {
            Kind::Page(page, txid) if txid <= self.actors[actor].head().txid.0 => {
                changes.old_pages.insert(page);
            }
            Kind::Line(_) => {
                changes.lines.insert(actor);
            }
            _ => {}
        }
    }

    fn locate(&self, key: &[u8]) -> Option<(usize, Kind)> {
        self.keys.iter().enumerate().find_map(|(actor, keys)| {
            let kind = match keys.place(key) {
                Ok(Place::Page(page, txid)) => Kind::Page(page.get(), txid.0),
                Ok(Place::Stage(txid, part)) => Kind::Stage(txid.0, part),
                Ok(Place::Head) => Kind::Head,
                Ok(Place::Hints) => Kind::Hints,
                Ok(Place::History) => Kind::Policy,
                Ok(Place::Point(txid)) => Kind::Point(txid.0),
                Ok(Place::Pin(txid, token)) => Kind::Pin(txid.0, token.0),
                Ok(Place::Line(begin)) => Kind::Line(begin.0),
                Err(_) if *key == keys.fence() => Kind::Fence,
                Err(_) => return None,
            };
            Some((actor, kind))
        })
    }

    fn put(&mut self, actor: usize, kind: Kind, key: &[u8], value: &[u8]) -> Result<(), String> {
        let rows = &mut self.actors[actor];
        let unreadable = |error| format!("actor {actor}: {kind:?} was written unreadable: {error}");
        match kind {
            Kind::Fence => rows.fence = Some(codec::decode(key, value).map_err(unreadable)?),
            Kind::Head => rows.head = Some(codec::decode(key, value).map_err(unreadable)?),
            Kind::Page(page, txid) => {
                let bytes = decode(key, value).ok_or("a page was written unreadable")?;
                let content = hash(&bytes);
                rows.pages.insert((page, Reverse(txid)), (page_size(bytes.len()), content));
                self.bytes.insert(content, bytes);
            }
            Kind::Stage(txid, part) => {
                let manifest: StagePart = codec::decode(key, value).map_err(unreadable)?;
                let pages = manifest.pages().map(batondb::types::PageNumber::get).collect();
                rows.manifests.insert((txid, part), pages);
            }
            Kind::Hints | Kind::Policy => {}
            Kind::Point(txid) => {
                rows.past.points.insert(txid, codec::decode(key, value).map_err(unreadable)?);
            }
            Kind::Pin(txid, token) => {
                rows.past.pins.insert((txid, token), codec::decode(key, value).map_err(unreadable)?);
            }
            Kind::Line(begin) => {
                rows.past.lines.insert(begin, codec::decode(key, value).map_err(unreadable)?);
            }
        }
        self.places.insert(key.to_vec(), (actor, kind));
        Ok(())
    }

    fn remove(&mut self, key: &[u8], changes: &mut Changes) {
        let Some((actor, kind)) = self.places.remove(key) else { return };
        changes.actors.insert(actor);
        self.note(actor, kind, changes);
        let rows = &mut self.actors[actor];
        match kind {
            Kind::Fence => rows.fence = None,
            Kind::Head => rows.head = None,
            Kind::Page(page, txid) => {
                rows.pages.remove(&(page, Reverse(txid)));
            }
            Kind::Stage(txid, part) => {
                rows.manifests.remove(&(txid, part));
            }
            Kind::Hints | Kind::Policy => {}
            Kind::Point(txid) => {
                rows.past.points.remove(&txid);
            }
            Kind::Pin(txid, token) => {
                let pin = rows.past.pins.remove(&(txid, token));
                changes.pins_gone.extend(pin.map(|pin| (actor, txid, token, pin)));
            }
            Kind::Line(begin) => {
                rows.past.lines.remove(&begin);
            }
        }
    }

    /// The bytes of a database of these pages.
    pub fn file(&self, pages: &BTreeMap<u32, Content>, size: u32, page_bytes: usize) -> Vec<u8> {
        let mut file = Vec::new();
        for page in 1..=size {
            match pages.get(&page).and_then(|content| self.bytes.get(content)) {
                Some(bytes) => file.extend(bytes),
                None => file.resize(file.len() + page_bytes, 0),
            }
        }
        file
    }

    /// The keys of an actor's rows.
    pub fn keys(&self, actor: usize) -> Vec<Vec<u8>> {
        let own = self.places.iter().filter(|(_, (whose, _))| *whose == actor);
        own.map(|(key, _)| key.clone()).collect()
    }
}

fn decode(key: &[u8], value: &[u8]) -> Option<Vec<u8>> {
    PAGE_SIZES.into_iter().find_map(|bytes| {
        let mut out = vec![0; bytes];
        decode_page(key, value, page_size(bytes), &mut out).ok()?;
        Some(out)
    })
}
