//! What the demo shows: bars on a terminal, plain lines elsewhere, JSON for programs.

use super::scenario::View;
use crate::cli::output::table;
use serde_json::{Value as Json, json};
use std::{
    io::{self, IsTerminal as _},
    time::{Duration, Instant},
};

/// How wide a bar is, in characters.
const BAR_WIDTH: u64 = 40;

/// How often plain lines tell of progress.
const PLAIN_INTERVAL: Duration = Duration::from_secs(1);

/// How many digits of a digest are shown.
const DIGEST_SHOWN: usize = 16;

/// Where the demo shows itself. For programs, documents go to standard output and all else to standard error.
pub(super) struct Display {
    json: bool,
    bars: bool,
    drawn: usize,
    told: Option<Instant>,
}

impl Display {
    pub(super) fn new(json: bool) -> Self {
        let bars = if json { io::stderr().is_terminal() } else { io::stdout().is_terminal() };
        Self { json, bars, drawn: 0, told: None }
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

    /// How far each node is.
    pub(super) fn bars(&mut self, done: &[u64], of: u64) {
        if !self.bars {
            if self.told.is_none_or(|told| told.elapsed() >= PLAIN_INTERVAL) {
                self.told = Some(Instant::now());
                let each: Vec<String> = done.iter().map(|done| format!("{done}/{of}")).collect();
                self.tell(&format!("  {}\n", each.join("  ")));
            }
            return;
        }
        let up = if self.drawn > 0 { format!("\x1b[{}A", self.drawn) } else { String::new() };
        let lines =
            done.iter().enumerate().map(|(number, done)| format!("\r\x1b[2K{}\n", bar(number, *done, of)));
        self.tell(&format!("{up}{}", lines.collect::<String>()));
        self.drawn = done.len();
    }

    /// What comes next stands below the bars.
    pub(super) fn finish_bars(&mut self) {
        self.drawn = 0;
        self.told = None;
    }

    /// What each node holds; `cut` is cut off.
    pub(super) fn table(&mut self, views: &[View], cut: usize) {
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
        self.tell(&table(&["NODE", "ENTRIES", "HEADS", "DIGEST", ""], rows));
    }

    /// How it went.
    pub(super) fn verdict(
        &mut self,
        views: &[View],
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
            "all {} nodes agree on heads and content: {entries} entries, written in {:.2} s, in step {:.2} s after the \
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

fn bar(number: usize, done: u64, of: u64) -> String {
    let of = of.max(1);
    let full = done.min(of).saturating_mul(BAR_WIDTH) / of;
    let bar: String = (0..BAR_WIDTH).map(|at| if at < full { '#' } else { '.' }).collect();
    format!("  node {number}  {bar}  {done}/{of}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_fill_and_never_overflow() {
        assert_eq!(bar(0, 0, 200), format!("  node 0  {}  0/200", ".".repeat(40)));
        assert_eq!(bar(1, 100, 200), format!("  node 1  {}{}  100/200", "#".repeat(20), ".".repeat(20)));
        assert!(bar(2, 300, 200).contains(&"#".repeat(40)));
        assert!(bar(2, 0, 0).contains("0/1"));
    }
}
