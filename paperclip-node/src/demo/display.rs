//! What the demo shows: bars on a terminal, plain lines elsewhere, JSON for programs.

use super::summary::LogSummary;
use crate::output::{Screen, Text};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value as Json, json};
use std::{
    io::{self, IsTerminal as _},
    time::{Duration, Instant},
};

/// How often plain lines tell of progress.
const PLAIN_INTERVAL: Duration = Duration::from_secs(1);

/// How many digits of a digest are shown.
const DIGEST_SHOWN: usize = 16;

/// Where the demo shows itself. For programs, documents go to standard output and all else to standard error.
pub(super) struct Display {
    json: bool,
    terminal: bool,
    bars: Vec<ProgressBar>,
    told: Option<Instant>,
}

impl Display {
    pub(super) fn new(json: bool) -> Self {
        let terminal = if json { io::stderr().is_terminal() } else { io::stdout().is_terminal() };
        Self { json, terminal, bars: Vec::new(), told: None }
    }

    /// One step begins.
    pub(super) fn step(&mut self, text: &str) {
        self.finish_bars();
        self.tell(&format!("* {text}\n"));
    }

    /// A node is up.
    pub(super) fn node(&mut self, node: &Json) {
        if self.json {
            write_to(&mut io::stdout().lock(), &format!("{node}\n"));
        }
        let field = |name: &str| node.get(name).and_then(Json::as_str).unwrap_or("-");
        let number = node.get("node").map(Json::to_string).unwrap_or_default();
        self.tell(&format!("  node {number}  {}  {}\n", field("api"), field("peer_id")));
    }

    /// How far each node is: what is done, and of how much.
    pub(super) fn progress(&mut self, nodes: &[(u64, u64)]) {
        if !self.terminal {
            if self.told.is_none_or(|told| told.elapsed() >= PLAIN_INTERVAL) {
                self.told = Some(Instant::now());
                let each: Vec<String> = nodes.iter().map(|(done, of)| format!("{done}/{of}")).collect();
                self.tell(&format!("  {}\n", each.join("  ")));
            }
            return;
        }
        if self.bars.is_empty() {
            let target = if self.json { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::stdout() };
            self.bars = bars(&MultiProgress::with_draw_target(target), nodes);
        }
        for (bar, (done, _)) in self.bars.iter().zip(nodes) {
            bar.set_position(*done);
        }
    }

    /// What comes next stands below the bars.
    pub(super) fn finish_bars(&mut self) {
        self.bars.drain(..).for_each(|bar| bar.abandon());
        self.told = None;
    }

    /// What each node holds; `cut` is cut off.
    pub(super) fn table(&mut self, views: &[LogSummary], cut: usize) {
        let rows = views.iter().enumerate().map(|(number, view)| {
            let digest: String = view.digest.chars().take(DIGEST_SHOWN).collect();
            let note = if number == cut { "cut off" } else { "" };
            vec![
                number.to_string(),
                view.entries.to_string(),
                view.heads.to_string(),
                digest,
                note.to_owned(),
            ]
        });
        let table = Text::table(&["NODE", "ENTRIES", "HEADS", "DIGEST", ""], rows);
        self.tell(&table.render(Screen::stdout()));
    }

    /// How it went.
    pub(super) fn verdict(
        &mut self,
        views: &[LogSummary],
        contents: &[String],
        entries: u64,
        wrote: Duration,
        converged: Duration,
    ) {
        let digest = views.first().map(|view| view.digest.clone()).unwrap_or_default();
        if self.json {
            let document = json!({
                "converged": true,
                "entries": entries,
                "digest": digest,
                "content": contents.first(),
                "write_seconds": wrote.as_secs_f64(),
                "converge_seconds": converged.as_secs_f64(),
            });
            write_to(&mut io::stdout().lock(), &format!("{document}\n"));
        }
        self.tell(&format!(
            "all {} nodes agree on heads and content: {entries} entries, written in {:.2} s, in sync {:.2} s after the \
             cut was healed\n",
            views.len(),
            wrote.as_secs_f64(),
            converged.as_secs_f64(),
        ));
    }

    /// Where the nodes are.
    pub(super) fn apis(&mut self, apis: &[String]) {
        for (number, api) in apis.iter().enumerate() {
            self.tell(&format!("  node {number}  {api}\n"));
        }
    }

    fn tell(&self, text: &str) {
        if self.json {
            write_to(&mut io::stderr().lock(), text);
        } else {
            write_to(&mut io::stdout().lock(), text);
        }
    }
}

/// A demonstration whose output nobody reads goes on: it has nodes to stop and data to remove.
fn write_to(out: &mut impl io::Write, text: &str) {
    drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}

/// A bar for each node, drawn below one another.
fn bars(group: &MultiProgress, nodes: &[(u64, u64)]) -> Vec<ProgressBar> {
    let bar = |(number, (_, of)): (usize, &(u64, u64))| {
        let bar = group.add(ProgressBar::new(*of).with_prefix(format!("node {number}")));
        // The template is ours, and a test draws it; the library's default would do as well.
        if let Ok(style) = ProgressStyle::with_template("  {prefix}  {bar:40}  {pos}/{len}") {
            bar.set_style(style.progress_chars("##."));
        }
        bar
    };
    nodes.iter().enumerate().map(bar).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use indicatif::{InMemoryTerm, TermLike};

    #[test]
    fn bars_end_full_whatever_each_node_has_to_do() {
        let terminal = InMemoryTerm::new(10, 80);
        let target = ProgressDrawTarget::term_like(Box::new(terminal.clone()));
        let nodes = [(0, 67), (0, 66)];
        let bars = bars(&MultiProgress::with_draw_target(target), &nodes);
        bars[0].set_position(67);
        bars[1].set_position(66);
        bars.iter().for_each(|bar| bar.abandon());
        let full = "#".repeat(40);
        let drawn = terminal.contents();
        assert_eq!(
            drawn,
            format!("  node 0  {full}  67/67\n  node 1  {full}  66/66"),
            "{}",
            terminal.width()
        );
    }
}
