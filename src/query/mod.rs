//! Query text to results: two languages over the one way of reading points, [`engine::source`].
//!
//! [`engine::source`]: crate::engine::source

pub mod context;
mod cores;
pub mod delete_predicate;
pub mod exec;
pub mod expr;
pub mod flux;
pub mod forecast;
pub mod influxql;
pub mod memory;
mod minimise;
pub mod optimise;
pub mod plan;
pub mod running;
pub mod table;
pub mod text;
pub mod zone;
