//! `events`: a log of values.

use super::database_type::{DatabaseType, UNTYPED, View};
use crate::view::Op;

/// The value of every operation, whatever it does, as JavaScript's `events` shows it.
#[derive(Debug, Clone, Copy)]
pub struct Events;

impl DatabaseType for Events {
    fn name(&self) -> &str {
        UNTYPED
    }

    fn about(&self) -> &str {
        "The value of every operation"
    }

    fn view(&self) -> View {
        View::Values
    }

    fn operations(&self) -> &[Op] {
        &[Op::Add]
    }
}
