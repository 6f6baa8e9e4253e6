//! Module tree of a crate, as its `mod` items spell it: what each module defines, what it imports, which paths it names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use syn::visit::Visit as _;
use syn::{Attribute, Item, UseTree, Visibility};

use crate::names::{Names, defined, is_test};
use crate::workspace::read;

/// The modules of one library or binary. The first is its root.
#[derive(Debug, Default)]
pub struct Crate {
    /// The modules, parents before children.
    pub modules: Vec<Module>,
}

/// One module. Those written inside a file count as that file.
#[derive(Debug, Default)]
pub struct Module {
    /// Its file, from the workspace's root.
    pub file: PathBuf,
    /// The module that declares it.
    pub parent: Option<usize>,
    /// The modules that it declares, by name.
    pub children: BTreeMap<String, usize>,
    /// The names of its items.
    pub items: BTreeSet<String>,
    /// What `use` brings in: the name here, and the path.
    pub imports: BTreeMap<String, Vec<String>>,
    /// The paths of `use …::*`.
    pub globs: Vec<Vec<String>>,
    /// The paths that the code names, re-exports apart.
    pub paths: BTreeSet<Vec<String>>,
    /// The names of the types that it gives methods to.
    pub extended: BTreeSet<String>,
    /// What `use` brings in for this module alone.
    pub private: BTreeMap<String, Vec<String>>,
}

impl Crate {
    /// The crate that begins in this file, without its tests.
    pub fn at(root: &Path) -> Self {
        let mut tree = Self::default();
        let folder = root.parent().map(Path::to_path_buf).unwrap_or_default();
        tree.file(root.to_path_buf(), &folder, None);
        tree
    }

    #[expect(clippy::panic, reason = "this crate is there for tests alone")]
    fn file(&mut self, file: PathBuf, folder: &Path, parent: Option<usize>) -> usize {
        let parsed =
            syn::parse_file(&read(&file)).unwrap_or_else(|fault| panic!("{}: {fault}", file.display()));
        self.module(file, folder, parent, &parsed.items)
    }

    fn module(&mut self, file: PathBuf, folder: &Path, parent: Option<usize>, items: &[Item]) -> usize {
        let own = self.modules.len();
        self.modules.push(Module { file: file.clone(), parent, ..Module::default() });
        for item in items {
            match item {
                Item::Mod(inner) if is_test(&inner.attrs) => {}
                Item::Mod(inner) => {
                    let name = inner.ident.to_string();
                    let child = match &inner.content {
                        Some((_, items)) => self.module(file.clone(), &folder.join(&name), Some(own), items),
                        None => self.declared(&inner.attrs, folder, &name, own),
                    };
                    self.modules[own].children.insert(name, child);
                }
                Item::Use(using) if !is_test(&using.attrs) => {
                    let reexported = !matches!(using.vis, Visibility::Inherited);
                    self.modules[own].import(Vec::new(), &using.tree, reexported);
                }
                other => self.modules[own].define(other),
            }
        }
        own
    }

    fn declared(&mut self, attributes: &[Attribute], folder: &Path, name: &str, parent: usize) -> usize {
        let renamed = attributes.iter().find_map(|attribute| match &attribute.meta {
            syn::Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
                syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => Some(text.value()),
                _ => None,
            },
            _ => None,
        });
        let flat = folder.join(renamed.unwrap_or_else(|| format!("{name}.rs")));
        let inner = folder.join(name);
        let root = crate::workspace::root();
        let file = if root.join(&flat).exists() { flat } else { inner.join("mod.rs") };
        self.file(file, &inner, Some(parent))
    }
}

impl Module {
    fn define(&mut self, item: &Item) {
        if let Some(name) = defined(item) {
            self.items.insert(name);
        }
        let mut names = Names::default();
        names.visit_item(item);
        self.paths.extend(names.paths);
        self.extended.extend(names.extended);
    }

    fn import(&mut self, mut before: Vec<String>, tree: &UseTree, reexported: bool) {
        let take = |module: &mut Self, name: String, path: Vec<String>| {
            if !reexported {
                module.private.insert(name.clone(), path.clone());
            }
            module.imports.insert(name, path);
        };
        match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.import(before, &path.tree, reexported);
            }
            UseTree::Name(name) if name.ident == "self" => {
                let last = before.last().cloned().unwrap_or_default();
                take(self, last, before);
            }
            UseTree::Name(name) => {
                before.push(name.ident.to_string());
                take(self, name.ident.to_string(), before);
            }
            UseTree::Rename(renamed) => {
                before.push(renamed.ident.to_string());
                take(self, renamed.rename.to_string(), before);
            }
            UseTree::Glob(_) => {
                self.globs.push(before);
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.import(before.clone(), tree, reexported);
                }
            }
        }
    }
}
