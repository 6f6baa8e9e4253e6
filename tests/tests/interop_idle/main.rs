//! Peers as people configure them that are left alone for longer than JavaScript's connection monitor has patience. They are
//! one program, because tests of one program wait side by side.

mod browser;
mod peers;
