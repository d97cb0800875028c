//! What the transactions of one store share.

use super::cluster::Cluster;
use super::recent::Recent;

/// What the transactions of a store share.
pub(super) struct Shared {
    pub(super) prefix: Vec<u8>,
    pub(super) cluster: Cluster,
    pub(super) recent: Recent,
}
