//! The syntax tree as JSON, in the shapes that InfluxDB's clients send and read.

mod read;
#[cfg(test)]
mod tests;
mod write;

pub use read::read_file;
pub use write::write_package;
