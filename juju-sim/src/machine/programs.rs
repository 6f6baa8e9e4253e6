//! Small programs: users, owners, the journal.

use std::io::Write;
use std::path::PathBuf;

use super::Machine;

/// Standard output, or exit code and standard error.
pub(super) type Outcome = Result<String, (i32, String)>;

impl Machine {
    fn users(&self) -> PathBuf {
        self.root.join("etc/passwd")
    }

    fn has_user(&self, name: &str) -> bool {
        let entry = format!("{name}:");
        std::fs::read_to_string(self.users())
            .is_ok_and(|text| text.lines().any(|line| line.starts_with(&entry)))
    }

    pub(super) fn useradd(&self, arguments: &[String]) -> Outcome {
        let name =
            arguments.last().filter(|name| !name.starts_with('-')).ok_or((2, "Usage: useradd".to_owned()))?;
        if self.has_user(name) {
            return Err((9, format!("useradd: user '{name}' already exists")));
        }
        let mut file = std::fs::OpenOptions::new()
            .append(true)
            .open(self.users())
            .map_err(|error| (1, error.to_string()))?;
        writeln!(file, "{name}:x:998:998::/nonexistent:/usr/sbin/nologin")
            .map_err(|error| (1, error.to_string()))?;
        Ok(String::new())
    }

    pub(super) fn chown(&mut self, arguments: &[String]) -> Outcome {
        let rest: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
        let (owner, files) = rest.split_first().ok_or((1, "chown: missing operand".to_owned()))?;
        let user = owner.split(':').next().unwrap_or_default();
        if !self.has_user(user) {
            return Err((1, format!("chown: invalid user: '{owner}'")));
        }
        for file in files {
            let path = PathBuf::from(file);
            if !path.exists() {
                return Err((1, format!("chown: cannot access '{file}': No such file or directory")));
            }
            self.owners.insert(path, (*owner).clone());
        }
        Ok(String::new())
    }

    pub(super) fn runuser(&self, arguments: &[String]) -> Outcome {
        let name = arguments.iter().skip_while(|argument| *argument != "-u").nth(1);
        let name = name.ok_or((1, "runuser: no user".to_owned()))?;
        if self.has_user(name) {
            Ok(String::new())
        } else {
            Err((1, format!("runuser: user {name} does not exist")))
        }
    }

    pub(super) fn journalctl(&self, arguments: &[String]) -> Outcome {
        let value = |flag: &str| arguments.iter().skip_while(|argument| *argument != flag).nth(1);
        let unit = value("--unit").ok_or((1, "journalctl: no unit".to_owned()))?;
        let count: usize = value("--lines").and_then(|text| text.parse().ok()).unwrap_or(10);
        let text = std::fs::read_to_string(self.log_path(unit)).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        Ok(lines.iter().skip(lines.len().saturating_sub(count)).map(|line| format!("{line}\n")).collect())
    }
}
