//! `paperclip-node`: the command line of the node. See `paperclip-node --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    paperclip_node::main()
}
