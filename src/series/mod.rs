//! Which series there are, which fields they have and of what type, and how tags find them.
//!
//! [`fields::FieldRegistry`] numbers fields, [`table::SeriesTable`] is a writer's view (it creates series),
//! [`index`] answers which series match, [`reader::Reader`] puts it together with the engine's scan into
//! the one interface that queries see.

pub mod cardinality;
pub mod fields;
pub mod ids;
pub mod index;
pub mod reader;
mod schemas;
pub mod table;
