//! Black-box tests: the real binary, on real directories and over real HTTP. Nothing here looks inside.

mod commands;
mod durability;
mod hostile;
mod report;
mod routes;
mod server;
