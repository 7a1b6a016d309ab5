//! A small ordered key-value store for everything that is not points: the `meta` column family, or a
//! map in memory for tests.

use parking_lot::Mutex;
use std::collections::BTreeMap;

#[derive(Debug, thiserror::Error)]
pub enum MetaError {
    #[error("storage failed: {0}")]
    Storage(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MetaOp {
    Put(Vec<u8>, Vec<u8>),
    Delete(Vec<u8>),
}

/// A key and its value.
pub type Pair = (Vec<u8>, Vec<u8>);

pub trait MetaStore: Send + Sync {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, MetaError>;
    /// All pairs whose key starts with `prefix`, in key order.
    fn scan(&self, prefix: &[u8]) -> Result<Vec<Pair>, MetaError>;
    /// All or nothing, and on disk when it returns.
    fn commit(&self, ops: Vec<MetaOp>) -> Result<(), MetaError>;
}

/// For tests.
#[derive(Default)]
pub struct MemoryMetaStore(Mutex<BTreeMap<Vec<u8>, Vec<u8>>>);

impl MetaStore for MemoryMetaStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, MetaError> {
        Ok(self.0.lock().get(key).cloned())
    }

    fn scan(&self, prefix: &[u8]) -> Result<Vec<Pair>, MetaError> {
        let map = self.0.lock();
        let from = map.range(prefix.to_vec()..);
        Ok(from
            .take_while(|(key, _)| key.starts_with(prefix))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect())
    }

    fn commit(&self, ops: Vec<MetaOp>) -> Result<(), MetaError> {
        let mut map = self.0.lock();
        for op in ops {
            match op {
                MetaOp::Put(key, value) => drop(map.insert(key, value)),
                MetaOp::Delete(key) => drop(map.remove(&key)),
            }
        }
        Ok(())
    }
}
