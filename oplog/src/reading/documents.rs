//! `documents`: keys and their newest values, which hold their key.

use super::database_type::{DatabaseType, View};
use crate::view::Op;

/// The field that names a document, unless another one is chosen.
const DOCUMENT_ID: &str = "_id";

/// Documents by a field of theirs: JavaScript's `indexBy`.
#[derive(Debug, Clone, Copy)]
pub struct Documents;

impl DatabaseType for Documents {
    fn name(&self) -> &str {
        "documents"
    }

    fn about(&self) -> &str {
        "Documents by a field"
    }

    fn view(&self) -> View {
        View::Documents
    }

    fn operations(&self) -> &[Op] {
        &[Op::Put, Op::Del]
    }

    fn index_by(&self) -> Option<&str> {
        Some(DOCUMENT_ID)
    }
}
