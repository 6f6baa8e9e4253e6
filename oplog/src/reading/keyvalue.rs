//! `keyvalue`: keys and their newest values.

use super::database_type::{DatabaseType, View};
use crate::view::Op;

/// Keys and their newest values.
#[derive(Debug, Clone, Copy)]
pub struct KeyValue;

impl DatabaseType for KeyValue {
    fn name(&self) -> &str {
        "keyvalue"
    }

    fn about(&self) -> &str {
        "Keys with their newest values"
    }

    fn view(&self) -> View {
        View::Keys
    }

    fn operations(&self) -> &[Op] {
        &[Op::Put, Op::Del]
    }
}
