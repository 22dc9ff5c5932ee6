//! Black-box tests: the real binary, on real directories and over real HTTP. Nothing here looks inside.

mod changes;
mod commands;
mod comparisons;
mod durability;
mod exchange;
mod hostile;
mod report;
mod routes;
mod server;
mod upkeep;
