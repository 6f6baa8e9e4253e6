//! Function lengths, from the line of the signature to the closing brace.

use std::path::Path;

use syn::visit::{self, Visit};

use crate::workspace::read;

/// One function with a body.
#[derive(Debug)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// The line of its signature.
    pub line: usize,
    /// How many lines it takes.
    pub lines: usize,
}

/// The functions of a file: free ones, methods, those inside others and inside test modules.
///
/// # Panics
///
/// When the file is no Rust.
#[expect(clippy::panic, reason = "this crate is there for tests alone")]
pub fn functions(path: &Path) -> Vec<Function> {
    let file = syn::parse_file(&read(path)).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()));
    let mut found = Found(Vec::new());
    found.visit_file(&file);
    found.0
}

struct Found(Vec<Function>);

impl Found {
    fn take(&mut self, signature: &syn::Signature, body: &syn::Block) {
        let line = signature.fn_token.span.start().line;
        let lines = body.brace_token.span.close().end().line - line + 1;
        self.0.push(Function { name: signature.ident.to_string(), line, lines });
    }
}

impl<'ast> Visit<'ast> for Found {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.take(&function.sig, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.take(&function.sig, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        if let Some(body) = &function.default {
            self.take(&function.sig, body);
        }
        visit::visit_trait_item_fn(self, function);
    }
}
